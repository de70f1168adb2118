"""The hooks that are shipped: a snapshot of each disk when the guest is stopped, none left of a checkpoint that failed or went, and the way back."""
import os
import pathlib
import shutil
import subprocess

import hosts
from hosts import expect

HOOKS = hosts.ROOT / "examples/hooks"
POINT, STATE = "000017-20261126T070616Z-before_tmeta.pvf", "3f2a91c0" + 24 * "0"
NAME = "000017-20261126T070616Z-3f2a91c0"

# In the place of LVM's commands and of zfs: what there is are files below $HAVE, and each call is a line of $CALLS. A call that
# ends with $REFUSED fails.
STUB = r"""#!/bin/sh
printf '%s' "${0##*/}" >>"$CALLS"; for word; do printf ' <%s>' "$word" >>"$CALLS"; done; echo >>"$CALLS"
case "${0##*/} $*" in *"${REFUSED:-no such words}") echo refused >&2; exit 5 ;; esac
for last; do :; done
cd "$HAVE" || exit 9
case "${0##*/} $1 $2 $3 $4 $5" in
"lvs --noheadings --separator / -o vg_name,lv_name") [ -e "${last#/dev/}" ] && [ "${last#/dev/}" != "$last" ] && echo "  ${last#/dev/}" ;;
"lvs --noheadings -o lv_name"*) ls "$last" | sed 's/^/  /' ;;
lvs*) [ -e "$1" ] ;;
lvcreate*) while [ "$1" != --name ]; do shift; done; [ ! -e "${last%/*}/$2" ] && cp "$last" "${last%/*}/$2" ;;
lvremove*) [ -e "$last" ] && rm "$last" ;;
lvrename*) mv "$2/$3" "$2/$4" ;;
"zfs snapshot"*) shift; for each; do cp "${each%@*}" "$each" || exit; done ;;
"zfs list -H -t snapshot -o"*) ls -d "$last"@* 2>/dev/null ;;
"zfs list -H -t snapshot"*) [ -e "$last" ] ;;
"zfs destroy"*) [ -e "$last" ] && rm "$last" ;;
"zfs rollback"*) cp "$last" "${last%@*}" ;;
*) echo "no such call: ${0##*/} $*" >&2; exit 9 ;;
esac
"""


class Case:
    def __init__(self, stage, hook, *disks, stubs=()):
        self.hook, self.disks, self.folder = hook, [str(disk) for disk in disks], stage.folder / hook
        self.have, self.calls = self.folder / "have", self.folder / "calls"
        (self.folder / "bin").mkdir(parents=True)
        for name in stubs:
            (self.folder / "bin" / name).write_text(STUB)
            (self.folder / "bin" / name).chmod(0o755)

    def run(self, *words, refused="", disks=None):
        """As hook.c runs it; returns its status, what it said, and the calls that it made."""
        self.calls.write_text("")
        lines = "".join(f"xvd{chr(97 + n)} {disk}\n" for n, disk in enumerate(self.disks if disks is None else disks))
        run = subprocess.run([HOOKS / self.hook, *words], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=hosts.DEADLINE, check=False,
                             env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HAVE": str(self.have), "CALLS": str(self.calls),
                                  "REFUSED": refused, "PVFERRY_CHECKPOINT": POINT, "PVFERRY_STATE_ID": STATE, "PVFERRY_DISKS": lines})
        expect("no such call" not in run.stderr, f"{self.hook} {words}: {run.stderr}")
        expect(not (self.folder / "evil").exists(), f"{self.hook} {words}: a name was run")
        return run.returncode, run.stderr, self.calls.read_text().splitlines()

    def must(self, *words, **how):
        status, said, calls = self.run(*words, **how)
        expect(status == 0 and not said, f"{self.hook} {words}: {status} {said}")
        return calls

    def common(self):
        """What each hook does alike."""
        self.must("done")
        self.must("stopped", disks=())
        for words in (), ("nonsense",), ("restore", POINT):
            expect(self.run(*words)[0] == 2, f"{self.hook} {words}")
        status, said, _ = self.run("stopped", disks=("/dev/vg0/$(touch evil)`touch evil`",))
        expect(status not in (0, 2) and "is not a" in said, f"{self.hook}: {status} {said}")


def nothing_alone(case, other):
    """A disk without a snapshot comes last: those before it are as they were."""
    status, said, calls = case.run("restore", POINT, *case.disks, other)
    expect(status == 1 and f"{other} has no " in said and said.count("\n") == 1, f"{case.hook}: {status} {said}")
    expect(not [call for call in calls if not call.startswith(("lvs", "zfs <list>"))], f"{case.hook}: one is put back alone: {calls}")


def lvm(stage):
    case = Case(stage, "lvm-thin", "/dev/vg0/web1", "/dev/vg0/web1.data", stubs=("lvs", "lvcreate", "lvremove", "lvrename"))
    group = case.have / "vg0"
    group.mkdir(parents=True)
    for name in "web1", "web1.data", "web10":
        (group / name).write_text(f"{name} then")
    case.common()
    made = [call for call in case.must("stopped") if call.startswith("lvcreate")]
    expect(made == [f"lvcreate <--quiet> <--snapshot> <--setactivationskip> <y> <--name> <{name}-{NAME}> <vg0/{name}>"
                    for name in ("web1", "web1.data")], made)
    for name in "web1", "web1.data":
        (group / name).write_text(f"{name} now")
    nothing_alone(case, "/dev/vg0/web10")
    case.must("restore", POINT, *case.disks)
    left = {path.name: path.read_text() for path in group.iterdir()}
    whole = dict({name + end: f"{name} then" for name in ("web1", "web1.data") for end in ("", f"-{NAME}")}, web10="web10 then")
    expect(left == whole, f"restored: {left}")
    # The old volume cannot go: it stays, and nothing beside it.
    status, said, _ = case.run("restore", POINT, "/dev/vg0/web1", refused="--yes vg0/web1")
    expect(status == 1 and said == "refused\n" and {path.name for path in group.iterdir()} == set(whole), f"in use: {status} {said}")
    status, said, _ = case.run("restore", "000018-20261126T070616Z.pvf", "/dev/vg0/web1")
    expect(status == 1 and "has no snapshot for 000018" in said, said)
    case.must("pruned")
    expect(sorted(path.name for path in group.iterdir()) == ["web1", "web1.data", "web10"], "pruned")
    # The second cannot be made: the first goes again.
    expect(case.run("stopped", refused="--name web1.data-%s vg0/web1.data" % NAME)[0] == 1 and (group / f"web1-{NAME}").exists(), "refused")
    case.must("failed")
    expect(not (group / f"web1-{NAME}").exists(), "failed")


def zfs(stage):
    case = Case(stage, "zfs", "/dev/zvol/tank/web1", "/dev/zvol/tank/my data", stubs=("zfs",))
    tank = case.have / "tank"
    tank.mkdir(parents=True)
    for name in "web1", "my data":
        (tank / name).write_text("then")
    case.common()
    made = [call for call in case.must("stopped") if call.startswith("zfs <snapshot>")]
    expect(made == [f"zfs <snapshot> <tank/web1@{NAME}> <tank/my data@{NAME}>"], f"not at once: {made}")
    for name in "web1", "my data":
        (tank / name).write_text("now")
    (tank / "other").write_text("now")
    nothing_alone(case, "/dev/zvol/tank/other")
    (tank / "other").unlink()
    calls = case.must("restore", POINT, *case.disks)
    expect([call for call in calls if "rollback" in call] == [f"zfs <rollback> <tank/{name}@{NAME}>" for name in ("web1", "my data")], calls)
    expect(all((tank / name).read_text() == "then" for name in ("web1", "my data")), "restored")
    status, said, _ = case.run("restore", "000018-20261126T070616Z.pvf", "/dev/zvol/tank/web1")
    expect(status == 1 and "has no snapshot for 000018" in said, said)
    for phase in "pruned", "failed":    # the second time there is nothing left
        case.must(phase)
        expect(sorted(path.name for path in tank.iterdir()) == ["my data", "web1"], phase)
    expect(case.run("stopped", refused=f"my data@{NAME}")[0] not in (0, 2), "a snapshot that fails")


def with_reflinks(stage, case):
    """XFS in a file; without its tools or leave to mount, cp without the option that only such a file system knows."""
    disks, image, stub = case.folder / "disks", case.folder / "xfs.img", case.folder / "bin/cp"
    disks.mkdir()
    stub.write_text('#!/bin/sh\ntest "$1" = --reflink=always && exec /bin/cp "$@"\n')
    stub.chmod(0o755)
    if stage.is_private and shutil.which("mkfs.xfs") and shutil.which("losetup"):
        with open(image, "wb") as file:
            file.truncate(320 << 20)
        for words in ("mkfs.xfs", "-q", image), ("mount", "-o", "loop", image, disks):
            if subprocess.run(words, capture_output=True, timeout=hosts.DEADLINE, check=False).returncode:
                break
        else:
            stage.mounts.append(disks)
            return disks, "XFS"
    stub.write_text('#!/bin/sh\ntest "$1" = --reflink=always && shift && exec /bin/cp "$@"\n')
    return disks, "cp"


def in_the_way(case, disks):
    """Nothing is put back where a copy lacks or two fit, or a file is in use. A link stays one."""
    web1, other, fuser = disks / "web1.img", disks / "other", case.folder / "bin/fuser"
    now = web1.read_bytes()

    def refused(words, *paths):
        status, said, _ = case.run("restore", POINT, *paths)
        expect(status == 1 and words in said and said.count("\n") == 1 and web1.read_bytes() == now, f"{words}: {status} {said}")
    other.write_text("now")
    nothing_alone(case, str(other))
    refused("other has no copy", web1, other)
    twin = disks / f"web1.img.{NAME[:-8]}00000000"
    twin.write_text("twin")
    refused("has two copies", web1)
    twin.unlink()
    fuser.write_text("#!/bin/sh\n")
    fuser.chmod(0o755)
    refused("is in use", web1)
    fuser.unlink()
    link = disks / "link"
    link.symlink_to("other")
    case.must("stopped", disks=(link,))
    other.write_text("later")
    case.must("restore", POINT, link)
    expect(link.is_symlink() and not other.is_symlink() and other.read_text() == "now", "a link was replaced")
    case.must("pruned", disks=(link,))
    link.unlink()
    other.unlink()


def reflink(stage):
    case = Case(stage, "reflink")
    disks, kind = with_reflinks(stage, case)
    names = "web1.img", "it's $(touch evil) \\n *.img", "ends with a blank "
    case.disks = [str(disks / name) for name in names]
    for path in map(pathlib.Path, case.disks):
        path.write_bytes(b"then" * 20000)
        path.chmod(0o600)
    case.common()
    case.must("stopped")
    for path in map(pathlib.Path, case.disks):
        with open(path, "r+b") as file:
            file.write(b"now!")
        copy = pathlib.Path(f"{path}.{NAME}")
        expect(copy.read_bytes() == b"then" * 20000 and copy.stat().st_mode & 0o777 == 0o600, f"{copy}")
    in_the_way(case, disks)
    case.must("restore", f"/srv/{POINT}", *case.disks)
    expect(all(pathlib.Path(path).read_bytes() == b"then" * 20000 for path in case.disks), "restored")
    status, said, _ = case.run("restore", "000018-20261126T070616Z.pvf", case.disks[0])
    expect(status == 1 and "has no copy for 000018" in said, said)
    for phase in "pruned", "failed":
        case.must(phase)
        expect(sorted(path.name for path in disks.iterdir()) == sorted(names), phase)
    # Of these qemu holds a part in its memory.
    for content in b"QFI\xfb\0\0\0\3" + bytes(4096), b"QED\0" + bytes(4096), b"conectix" + bytes(4096), bytes(4096) + b"conectix" + bytes(504):
        (disks / "web1.img").write_bytes(content)
        status, said, _ = case.run("stopped", disks=case.disks[:1])
        expect(status == 1 and "of which qemu holds a part" in said and not list(disks.glob("web1.img.*")), f"{content[:8]}: {said}")
    return kind


def run(stage):
    lvm(stage)
    zfs(stage)
    stage.figure(reflink(stage))

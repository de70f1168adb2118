"""What a scenario may use. A scenario is a file in scenarios/: its first line of text says what it shows, FLAVOUR names
the host it wants ("noshadow", "shadow"; None: runs outside), HOSTS = 2 asks for a pair of them, PRODUCT = False says
that it needs no pvferry, and run(stage) is the story. It passes by returning. Failure: the subject is broken; Skip: it
cannot be told here, and why; anything else that is raised means that the test itself is broken."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time

import parts
from guests import Guest
from host import LabError, Result

BUILD = parts.HERE.parent.parent / "build"
VERIFY_STREAM = f"{parts.XEN_BIN}/verify-stream-v2"
PYTHON_LIBS = str(pathlib.Path(parts.XEN_BIN).parent / "lib/python")


class Failure(Exception):
    """The subject did not do what the scenario demands."""


class Skip(Exception):
    """The scenario cannot run here; the text says why."""


def expect(condition, text):
    if not condition:
        raise Failure(str(text))


class Stage:
    """Hosts (none, one or a pair; `host` is the first) and a folder outside, for the length of one scenario. What
    scenarios of one run tell each other is in `told`."""

    def __init__(self, hosts, told):
        self.hosts, self.host, self.told, self.figures = hosts, hosts[0] if hosts else None, told, []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pvferry-xenlab-"))

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def clean(self):
        """Take away whatever domains and files the scenario left in dom0."""
        for host in self.hosts:
            host.must("for d in $(xl list | awk 'NR>1 && $2>0 {print $2}'); do xl destroy $d; done; "
                      "umount /tmp/small /tmp/readonly 2>/dev/null; "
                      "rm -rf /tmp/* /lab/common/* /var/log/xen/console/guest-* /var/lib/pvferry; "
                      "for l in $(losetup -a | cut -d: -f1); do losetup -d $l; done; test $(xl list | wc -l) = 2", 120)

    # ---- figures

    def figure(self, text):
        self.figures.append(text)

    # ---- guests and commands in dom0

    def guest(self, name="guest", timeout=240, **how):
        return Guest(self.host, name, **how).create(timeout)

    def idle_guest(self, name, **how):
        """A guest's configuration, not yet a domain."""
        return Guest(self.host, name, **how)

    def sibling(self, guest, name):
        """The domain that was restored from guest's image under another name."""
        return Guest(self.host, name, mib=guest.mib)

    def sh(self, command, timeout=180):
        return self.host.sh(command, timeout)

    def ok(self, command, timeout=180):
        """Run the subject's (or its peer's) command, which has to succeed."""
        result = self.sh(command, timeout)
        expect(result.status == 0, result)
        return result

    def refused(self, command, *says, timeout=180):
        """The command must end with an ordinary non-zero status, and one clear line that holds all these words."""
        result = self.sh(command, timeout)
        expect(0 < result.status < 126, result)
        lines = [line for line in result.text().splitlines() if line]
        expect(len(lines) == 1, f"not one clear line, but {len(lines)}: {result}")
        for word in says:
            expect(word.lower() in lines[0].lower(), f"does not name {word!r}: {result}")
        return result

    def domains(self, host=None):
        """Names of all domains but Domain-0, in order."""
        return sorted(line.split()[0] for line in (host or self.host).must("xl list").splitlines()[2:])

    def state(self, name, host=None):
        """The letters of xl list: r b p s c d."""
        lines = (host or self.host).must("xl list").splitlines()
        found = [line.split()[4] for line in lines if line.split()[0] == name]
        return found[0] if found else None

    def goes_on(self, guest, before, timeout=300):
        """The guest ticks on from where it was (before: a tick line's numbers) and finds nothing wrong."""
        try:
            after = guest.await_ticks(before[0], 3, timeout)
        except LabError as silent:
            raise Failure(silent) from None
        expect(after[0] < before[0] + 5000, f"{guest.name} began anew or jumped: tick {before[0]}, then {after[0]}")
        expect(after[5] == 0 and not guest.corrupt(), f"{guest.name}: {guest.corrupt()}")
        return after

    def no_leftovers(self, folder, *names):
        """Nothing is in the folder but these names: no temporary file was left behind."""
        found = sorted(self.host.must(f"ls -A {folder}").split())
        expect(found == sorted(names), f"{folder} holds {found}, should hold {sorted(names)}")

    # ---- images, seen from outside

    def fetch(self, path):
        """Bring a file of dom0 out; its path here."""
        target = self.folder / os.path.basename(path)
        self.host.get(path, target, 300)
        return target

    def here(self, command, timeout=180):
        """Run a shell command outside, with this build's pvferry as `pvferry`; a Result."""
        began = time.monotonic()
        done = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, cwd=self.folder,
                              env={**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}"})
        return Result(command, done.returncode, done.stdout, time.monotonic() - began)

    def verified(self, image):
        """pvferry verify finds the image sound; so does Xen's own verify-stream-v2."""
        result = self.here(f"pvferry verify {shlex.quote(str(image))}")
        expect(result.status == 0, result)
        self.verified_by_stock(image)

    def verified_by_stock(self, image):
        plain = image
        if is_zstd(image):      # it reads whole records at once, which a pipe does not give
            plain = self.folder / "plain"
            expand = self.here(f"zstd -dcq {shlex.quote(str(image))} >{plain}")
            expect(expand.status == 0, expand)
        result = self.here(f"PYTHONPATH={PYTHON_LIBS} python3 {VERIFY_STREAM} -v -f xl -i {shlex.quote(str(plain))}")
        expect(result.status == 0, result)

    def found_bad(self, image, name):
        """verify finds a defect, quickly and without dying of it."""
        result = self.here(f"pvferry verify {shlex.quote(str(image))}", 60)
        expect(0 < result.status < 126 and result.text(), f"{name}: {result}")

    def inspect(self, image):
        result = self.here(f"pvferry inspect --json {shlex.quote(str(image))}")
        expect(result.status == 0, result)
        return json.loads(result.output)


def is_zstd(image):
    with open(image, "rb") as f:
        magic = int.from_bytes(f.read(4), "little")
    return magic == 0xFD2FB528 or 0x184D2A50 <= magic <= 0x184D2A5F

"""Checkpoints go by rules, and each that stays holds what it held: whenever prune is killed, and after a second run."""
import fcntl
import json
import shutil
import signal
import sys

import hosts
from hosts import Skip, expect

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image  # noqa: E402

RULES = ("--keep-last", 2)
CHANGES = "renameat2", "unlinkat"    # the calls by which the directory changes


def states(source, where, what):
    """{number: the state that it holds} of all there are, each of which can be restored; nothing else is in there."""
    points = json.loads(source.must("checkpoints", "--json", where).out)
    expect(all(point["restorable"] for point in points), f"{what}: {points}")
    return {point["number"]: point["state"] for point in points}


def are_sound(source, where, what):
    """Every byte, every page against its digest, all of them against the root of the state."""
    verdict = source.pvferry("verify", where)
    expect(verdict.status == 0, f"{what}: {verdict} {verdict.out}")


def prune(source, where, *rules):
    return json.loads(source.must("prune", "--json", *rules, where).out)


def copy_of(stage, origin):
    where = stage.folder / "copy"
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(origin, where)
    return where


def killed(stage, source, strace, call, origin, kept):
    """Before each such call; how many there were."""
    for tries in range(1, 100):
        where = copy_of(stage, origin)
        result = source.end(source.start(strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                         f"inject={call}:signal=KILL:when={tries}", source.program, "prune", *RULES, where))
        expect(result.status in (0, -signal.SIGKILL, 128 + signal.SIGKILL), f"{call} {tries}: {result}")
        now = states(source, where, f"{call} {tries}")
        expect(all(now.get(number) == state for number, state in kept.items()), f"{call} {tries}: {now}")
        are_sound(source, where, f"{call} {tries}")
        if result.status == 0:
            return tries - 1
        prune(source, where, *RULES)
        expect(states(source, where, f"after {call} {tries}") == kept, f"after {call} {tries}")
        expect(not list(where.glob(".0*")), f"after {call} {tries}: {list(where.iterdir())}")
    raise hosts.Failure("prune comes to no end")


def by_tags(stage, source, origin, all_states):
    """What stays between others leans on the one before that stays: increments of several become one."""
    kept = {number: all_states[number] for number in (1, 4, 7, 8)}
    where = copy_of(stage, origin)
    (where / ".lock").unlink()
    (where / ".000099-20261126T070616Z.pvf.abcdef").touch()    # as one that was killed leaves it
    before = {f.name: f.read_bytes() for f in where.iterdir()}
    trial = prune(source, where, *RULES, "--dry-run")
    expect({f.name: f.read_bytes() for f in where.iterdir()} == before, "--dry-run has changed something")
    done = prune(source, where, *RULES)
    expect(trial == dict(done, **{"dry-run": True}) and (done["removed"], done["merged"], done["left"]) == (4, 2, 4), f"{trial} {done}")
    expect(states(source, where, "pruned") == kept, "other states than before")
    are_sound(source, where, "pruned")
    files = sorted(where.glob("0*"))
    for n, path in enumerate(files):
        index = read_image.find_index(path.read_bytes())
        expect(any(index.parent) == (n > 0), f"{path.name}: {index.parent}")
        status, summary = read_image.read(path.read_bytes(), others=[other.read_bytes() for other in files if other != path])
        expect(status == 0, f"{path.name}: the second reader says {summary}")
    expect(prune(source, where, *RULES)["removed"] == 0, "a second run finds more")
    return kept, where


def whole(stage, source, origin, all_states):
    """Without tags the oldest that stays becomes a full image."""
    where = copy_of(stage, origin)
    for path in where.glob("0*-*-*.pvf"):
        path.rename(where / ("-".join(path.name.split("-")[:2]) + ".pvf"))
    done = prune(source, where, *RULES)
    expect((done["removed"], done["merged"]) == (6, 1), done)
    expect(states(source, where, "whole") == {number: all_states[number] for number in (7, 8)}, "whole: other states")
    are_sound(source, where, "whole")


def while_they_are_made(source, number, where):
    """By checkpoint itself: what stays is merged, and the next still goes on from the newest, of which no index is read again."""
    done = [json.loads(line) for line in source.must("checkpoint", "--json", "--level", 1, "--every", "0", "--count", 5, "--keep-last", 2,
                                                     number, where).out.splitlines()]
    expect([bool(line.get("parent")) for line in done] == [False, True, True, True, True], done)
    expect(states(source, where, "kept") == {line["number"]: line["state"] for line in done[-2:]}, f"{states(source, where, 'kept')}")
    are_sound(source, where, "kept")


def refused(source, origin):
    before = {f.name for f in origin.iterdir()}
    nothing = source.pvferry("prune", origin)
    expect(nothing.status == 2 and "takes at least one rule" in nothing.err, nothing)
    with open(origin / ".lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        busy = source.pvferry("prune", *RULES, origin)
        expect(busy.status == 1 and "another pvferry process" in busy.err and busy.is_one_line(), busy)
    expect({f.name for f in origin.iterdir()} == before, "what was refused has removed something")


def what_is_broken_stays(stage, source, origin):
    """A damaged one and what leans on it are not judged, and the newest that can be restored stays."""
    where = copy_of(stage, origin)
    files = sorted(where.glob("0*"))
    data = bytearray(files[5].read_bytes())
    data[data.rindex(b"PVFINDX\0") + 9] ^= 1
    files[5].write_bytes(data)
    prune(source, where, "--keep-last", 1)
    left = [int(f.name[:6]) for f in sorted(where.glob("0*"))]
    expect(left == [1, 4, 5, 6, 7, 8], f"with a damaged one: {left}")
    # Bytes of many pages, as a later increment may have all of one frame anew: that shows only when they are read to be merged.
    where = copy_of(stage, origin)
    files = sorted(where.glob("0*"))
    data = bytearray(files[4].read_bytes())
    for at in range(len(data) // 4, len(data) // 2, 256):
        data[at] ^= 1
    files[4].write_bytes(data)
    done = source.must("prune", "--json", *RULES, where)
    left = [int(f.name[:6]) for f in sorted(where.glob("0*"))]
    expect(left == [1, 4, 5, 6, 7, 8] and files[6].name in done.err, f"with a damaged page: {left} {done}")


def unreadable(stage, source, strace, origin):
    """A file or a directory that cannot be read just now is not one that is damaged: nothing goes."""
    where = copy_of(stage, origin)
    before = {f.name: f.read_bytes() for f in where.iterdir()}
    for call, path in ("pread64", sorted(where.glob("0*"))[5]), ("getdents64", where):
        result = source.end(source.start(strace, "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", f"trace={call}", "-e",
                                         f"inject={call}:error=EIO", source.program, "prune", *RULES, where))
        expect(result.status and "Input/output error" in result.err and path.name in result.err, f"{call}: {result}")
        expect({f.name: f.read_bytes() for f in where.iterdir()} == before, f"{call}: something has changed")


def run(stage):
    source, to = stage.host("from", 64), stage.host("to", 64)
    origin, number = stage.folder / "points", source.guest(4, workload="mix")
    for tag in ("a", None, None, "b", None, None, None, None):
        source.must("checkpoint", "--level", 1, *(("--tag", tag) if tag else ()), number, origin)
    while_they_are_made(source, number, stage.folder / "kept")
    source.destroy(number)
    all_states = states(source, origin, "at first")
    kept, where = by_tags(stage, source, origin, all_states)
    for which in "@a", "@latest":
        copy = to.restore(f"{where}{which}", "--name", "copy")
        to.goes_on(copy, which)
        to.destroy(copy)
    whole(stage, source, origin, all_states)
    what_is_broken_stays(stage, source, origin)
    refused(source, origin)
    strace = shutil.which("strace")
    if not strace:
        raise Skip("no strace to kill prune with")
    unreadable(stage, source, strace, origin)
    deaths = sum(killed(stage, source, strace, call, origin, kept) for call in CHANGES)
    expect(deaths == 8, f"{deaths} calls change the directory: two files are replaced, their old contents and four more go")
    stage.figure(f"{deaths} deaths")

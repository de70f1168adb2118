"""Between two checkpoints the guest is renamed, moves, and the clock is set back; the disk is full at each write: the chain goes on, whole."""
import contextlib
import json
import os
import sys

import hosts
import moves
from hosts import expect

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image  # noqa: E402


def points(where):
    return sorted(path for path in where.iterdir() if path.name != ".lock")


def take(host, number, where, *options):
    """The new file, an increment of the one before if there is one."""
    before = points(where) if where.exists() else []
    host.must("checkpoint", "--level", 1, *options, number, where)
    new, = set(points(where)) - set(before)
    expect(any(read_image.find_index(new.read_bytes()).parent) == bool(before), f"{new.name} after {before}")
    return new


def are_sound(host, where, count):
    verdict = host.must("verify", where)
    expect(verdict.out.count(": sound: ") == 1 and len(points(where)) == count, f"one chain: {verdict.out}")


def renamed_and_moved(stage, source, to, where):
    """What the guest is called and where it runs does not matter: what is in memory is compared."""
    number = source.guest(4, workload="mix")
    take(source, number, where)
    source.store.write(f"/local/domain/{number}/name", "another")
    take(source, number, where)
    move = moves.Move(source, to, number)
    result, taken = move.end()
    expect(result.status == 0 and taken.status == 0, f"{result}; {taken}")
    there, = to.domains()
    take(to, there, where)
    are_sound(to, where, 3)
    return there


def clock_set_back(host, number, where):
    """The number gives the order, whatever the clock says: the next goes on from the newest, and is the newest then."""
    files = points(where)
    for n, path in enumerate(files):
        path.rename(where / f"{path.name[:7]}{2099 - n}{path.name[11:]}")
    new = take(host, number, where)
    listed = json.loads(host.must("checkpoints", "--json", where).out)
    expect([point["number"] for point in listed] == [1, 2, 3, 4] and listed[-1]["file"] == new.name, listed)
    shown = json.loads(host.must("inspect", "--json", where).out)
    expect(shown["state"] == listed[-1]["state"], f"the newest: {shown['state']} of {listed}")
    # By time only the last is within an hour of it; the others are of a time to come, and stay.
    trial = json.loads(host.must("prune", "--json", "--keep-within", "1h", "--dry-run", where).out)
    expect(trial["removed"] == 0, trial)
    are_sound(host, where, 4)


def contents(where):
    return {path.name: path.read_bytes() for path in points(where) if path.name != "filler"}


@contextlib.contextmanager
def room(where, pages):
    """The disk has so many pages left."""
    facts = os.statvfs(where)
    (where.parent / "filler").write_bytes(bytes((facts.f_bavail - pages) * facts.f_bsize))
    yield
    (where.parent / "filler").unlink()


def with_room(host, pages, number, where, *options):
    """True if there was not enough. Either the checkpoint is whole, or it is not there."""
    before = contents(where)
    with room(where, pages):
        result = host.pvferry("checkpoint", "--level", 1, *options, number, where)
    host.goes_on(number)
    for name in set(contents(where)) - set(before):
        expect(result.status == 0, f"{pages} pages: {name}, {result}")
        host.must("verify", where / name)
        (where / name).unlink()
    expect(contents(where) == before and not list(where.glob(".0*")), f"{pages} pages: {list(where.iterdir())}")
    if result.status:
        expect(result.status == 1 and "No space left" in result.err and result.is_one_line() and
               ("the domain runs on" in result.err or "was not stopped" in result.err), f"{pages} pages: {result}")
    return result.status == 1


def full_at_each_write(host, number, where):
    """The head, pages, the index, the seal: a checkpoint that cannot be written whole is not there at all."""
    for more in (), ("--full",):
        host.must("checkpoint", "--level", 1, *more, number, where)
        made = points(where)[-1]
        pages = made.stat().st_size // 4096
        made.unlink()
        failed = [with_room(host, room, number, where, *more) for room in (0, 1, pages // 3, pages * 2 // 3)]
        # The guest changes meanwhile, and with it the size: of these some may do.
        failed += [with_room(host, room, number, where, *more) for room in range(pages - 2, pages + 1)]
        expect(all(failed[:4]) and pages > 6, f"{pages} pages: {failed}")


def full_while_pruned(host, where):
    """What cannot be merged for want of room stays as it was, and can be restored."""
    before = contents(where)
    for pages in 0, 8:
        with room(where, pages):
            result = host.pvferry("prune", "--keep-last", 1, where)
        expect(result.status == 1 and "No space left" in result.err and result.is_one_line(), result)
        expect(contents(where) == before and not list(where.glob(".0*")), "a prune that failed has changed something")
    are_sound(host, where, len(before))
    host.must("prune", "--keep-last", 1, where)
    are_sound(host, where, 1)


def run(stage):
    source, to, disk = stage.host("from", 48), stage.host("to", 48), stage.small_disk("disk", "size=48m")
    where = (disk or stage.folder) / "points"
    number = renamed_and_moved(stage, source, to, where)
    clock_set_back(to, number, where)
    if disk:
        full_at_each_write(to, number, where)
        full_while_pruned(to, where)

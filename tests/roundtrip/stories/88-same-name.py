"""Two guests of one name arrive at once: one is taken, the other is refused before anything was done, and runs on where it is."""
import json
import os

import hosts
import moves
from hosts import expect, poll

NAME = "twin"
ACCEPTED = ("destination", "ACCEPT")


def uuid_of(host, number):
    image = host.path / "image-for-uuid"
    host.save(number, image, "-c", "--level", "0", "--force")
    return json.loads(image.read_bytes()[52:].split(b"\0", 1)[0])["c_info"]["uuid"]


class Trio:
    """Two sources with a guest each, both called the same, and one destination."""

    def __init__(self, stage, what):
        self.what = what
        self.sources = [stage.host(f"{side}-{what}", 24) for side in "ab"]
        self.destination = stage.host(f"to-{what}", 48)
        self.numbers = [source.guest(4, name=NAME) for source in self.sources]

    def begin(self, which, watch=None):
        return moves.Move(self.sources[which], self.destination, self.numbers[which], watch)

    def during(self, place, act):
        """Moves the first; once it has come to this place, act(move) is called, and it waits for that."""
        def watch(move, sender, kind, number):
            return act(move) if (sender, kind, number) == (*place, 1) else None
        return self.begin(0, watch).end()[0]

    def second(self):
        return self.begin(1).end()[0]

    def is_refused(self, result, words):
        expect(result.status == 1 and words in result.err, f"{self.what}: {result}")
        self.sources[1].goes_on(self.numbers[1], self.what)

    def one_arrived(self):
        there, = self.destination.domains()
        self.destination.goes_on(there, self.what)
        expect(self.destination.store.read(f"/local/domain/{there}/name") == NAME, f"{self.what}: its name")
        expect(not moves.locks(self.destination), f"{self.what}: {moves.locks(self.destination)} is left")
        return there


def at_once(stage):
    """The first is accepted, and there is nothing of it yet that could be seen."""
    trio = Trio(stage, "at-once")
    seen = []
    first = trio.during(ACCEPTED, lambda _move: seen.append(trio.second()))
    trio.is_refused(seen[0], "another job is at work on domain \"twin\"")
    expect(first.status == 0, f"at once: {first}")
    there = trio.one_arrived()
    trio.is_refused(trio.second(), "there is a domain \"twin\" already")
    trio.destination.destroy(there)
    later = trio.second()
    expect(later.status == 0, f"the name is free again: {later}")
    trio.one_arrived()


def restored_meanwhile(stage):
    """An image of one of that name, when the guest is complete and waits."""
    trio = Trio(stage, "restored")
    path = stage.folder / "image"
    trio.sources[1].save(trio.numbers[1], path, "-c")
    seen = []
    first = trio.during(("destination", "READY"), lambda _move: seen.append(trio.destination.pvferry("restore", path)))
    expect(seen[0].status == 1 and "another job is at work on domain \"twin\"" in seen[0].err, f"restored: {seen[0]}")
    expect(first.status == 0, f"restored: {first}")
    trio.one_arrived()


def others_may_come(stage):
    """Another name is another matter."""
    trio = Trio(stage, "other")
    trio.sources[1].destroy(trio.numbers[1])
    trio.numbers[1] = trio.sources[1].guest(4, name="other")
    seen = []
    first = trio.during(ACCEPTED, lambda _move: seen.append(trio.second()))
    expect(first.status == 0 and seen[0].status == 0, f"other: {first} {seen}")
    expect(len(trio.destination.domains()) == 2, "other")


def who_died_holds_no_name(stage):
    trio = Trio(stage, "died")

    def die(move):
        move.kill("destination")
        return "cut"
    first = trio.during(ACCEPTED, die)
    expect(first.status == 1, f"died: {first}")
    trio.sources[0].goes_on(trio.numbers[0], "died")
    second = trio.second()
    expect(second.status == 0, f"died: {second}")
    trio.destination.must("resolve", "--recover")
    trio.one_arrived()


def restored_at_once(stage):
    """Two restores of one image, the first of which waits before the domain is entered. Other names are no matter, but one UUID is."""
    source, host = stage.host("image-a", 24), stage.host("image-b", 96)
    path, fifo = stage.folder / "image-twice", stage.folder / "fifo"
    source.save(source.guest(4, name=NAME), path)
    os.mkfifo(fifo)
    first = host.start(hosts.PVFERRY, "restore", fifo)
    data = path.read_bytes()
    with open(fifo, "wb", buffering=0) as slow:
        slow.write(data[:len(data) // 2])
        poll("the first restore has looked for the name", lambda: any("uuid" in name for name in moves.locks(host)))
        second = host.pvferry("restore", path)
        expect(second.status == 1 and second.is_one_line() and "another job is at work on domain \"twin\"" in second.err,
               f"at once: {second}")
        other = host.restore(path, "--name", "other")
        slow.write(data[len(data) // 2:])
    expect(host.end(first).status == 0, "the first")
    twin, = set(host.domains()) - {other}
    expect(uuid_of(host, twin) != uuid_of(host, other), "two domains have one UUID")
    expect(not moves.locks(host), moves.locks(host))


def one_uuid(stage):
    """A guest and its copy arrive at once from two hosts, under other names: the second is refused."""
    trio = Trio(stage, "uuid")
    path = stage.folder / "image-uuid"
    trio.sources[1].destroy(trio.numbers[1])
    trio.sources[0].save(trio.numbers[0], path, "-c")
    trio.numbers[1] = trio.sources[1].restore(path, "--name", "copy")
    expect(uuid_of(trio.sources[0], trio.numbers[0]) == uuid_of(trio.sources[1], trio.numbers[1]), "a copy elsewhere keeps it")
    seen = []
    first = trio.during(ACCEPTED, lambda _move: seen.append(trio.second()))
    trio.is_refused(seen[0], "another job makes a domain of UUID")
    expect(first.status == 0, f"uuid: {first}")
    trio.one_arrived()
    trio.is_refused(trio.second(), "the guest's UUID already")


def run(stage):
    at_once(stage)
    restored_meanwhile(stage)
    others_may_come(stage)
    who_died_holds_no_name(stage)
    restored_at_once(stage)
    one_uuid(stage)

"""The line is cut, or processes of either side die, at each message of a move: never two running guests, never none.

The line holds a message while the blow falls, so each blow falls at a known place of the handover's table. A guest that
waits suspended while the journal says "go" counts once `pvferry resolve` has settled it."""
import signal

import faults
import moves
from hosts import expect, poll

PLACES = [("source", "HELLO"), ("source", "OFFER"), ("destination", "ACCEPT"), ("source", "DATA"), ("source", "END"),
          ("destination", "READY"), ("source", "GO"), ("destination", "RUNNING")]
AFTER_GO = {("source", "GO"), ("destination", "RUNNING")}
# Who dies: of which side, which of its processes; all of them, if none is named.
DEATHS = [("source", "middle"), ("source", "front"), ("source", "guard"), ("source", "memory"), ("source", "guard", "middle"), ("source",),
          ("destination", "middle"), ("destination", "guard"), ("destination", "memory"), ("destination", "front"),
          ("destination", "expander"),
          ("destination", "guard", "middle"), ("destination",)]


class Bench:
    """Two hosts and one guest, which is at one of them."""

    def __init__(self, stage):
        self.stage = stage
        self.source, self.destination = stage.host("a", 24), stage.host("b", 24)
        self.empty = faults.Before(self.destination, faults.folder_of(stage))
        self.number, self.counts = None, {}

    def prepare(self):
        if self.number is None:
            self.number = self.source.guest(4, vcpus=2)
            self.name = self.source.store.read(f"/local/domain/{self.number}/name")
            self.before = faults.Before(self.source, faults.folder_of(self.stage, f"files-{self.number}"))

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def running(self):
        return len(moves.running(self.source)) + len(moves.running(self.destination))

    def settled(self, what):
        """Of a guest that suspended: somebody's order may be on its way still."""
        def look():
            domains = self.source.domains()
            return self.number not in domains or domains[self.number][:3] in ("r--", "--s")
        poll(f"{what}: the source", look)

    def check(self, what):
        """It runs at one of the two, whole and under its name, and the other has nothing of it."""
        there = self.destination.domains()
        if there:
            expect(not self.source.domains(), f"{what}: it is on both: {self.source.domains()} {there}")
            number, = there
            self.destination.goes_on(number, what)
            name = self.destination.store.read(f"/local/domain/{number}/name")
            expect(name == self.name, f"{what}: it is called {name}")
            self.destination.destroy(number)
            self.number = None
            self.count("moved")
        else:
            expect(self.number in self.source.domains(), f"{what}: it is nowhere")
            self.source.goes_on(self.number, what)
            self.before.is_as_it_was(what)
            self.count("kept")
        self.empty.is_as_it_was(what)
        for host in (self.source, self.destination):
            expect(not moves.locks(host), f"{what}: {moves.locks(host)} is left")
            moves.forget_jobs(host)

    def attempt(self, what, blow, place, options=("--no-live",), certain=True):
        """blow(move) falls when the place is reached; it may return what the line is to do."""
        self.prepare()
        struck = []

        def watch(move, sender, name, number):
            if (sender, name) != place[:2] or number != (place[2] if len(place) > 2 else 1):
                return None
            struck.append(True)
            return blow(move)

        move = moves.Move(self.source, self.destination, self.number, watch, options)
        result, _ = move.end()
        expect(struck or not certain, f"{what}: it never came to that: {result}")
        self.settled(what)
        expect(self.running() <= 1, f"{what}: two run: {self.source.domains()} {self.destination.domains()}")
        expect(result.status in (0, 1, 3, -signal.SIGKILL), f"{what}: {result}")
        if result.status == 1:
            faults.says_one_line(result, what)
        job = move.event("job")["job"] if move.event("job") else None
        if result.status in (0, 1):
            expect(self.running() == 1 or "could not be resumed" in result.err, f"{what}: none runs: {result}")
        if moves.settle(self.source, self.destination, job):
            self.count("resolved")
        self.check(f"{what}: {result}")
        return bool(struck)


def cuts(bench):
    for place in PLACES:
        for how in ("cut", "half"):
            bench.attempt(f"{how} at {place}", lambda _move, how=how: how, place)
    for place in PLACES[4:]:    # whoever sent it has no news of the cut until the other side has done what follows
        bench.attempt(f"cut behind {place}", lambda move: move.line.cut(), (*place[:2], 1))
    return 2 * len(PLACES) + len(PLACES[4:])


def deaths(bench):
    for place in PLACES:
        for side, *roles in DEATHS:
            bench.attempt(f"{side} {roles} killed at {place}", lambda move: move.kill(side, *roles), place)
    return len(PLACES) * len(DEATHS)


def both_die(bench):
    """At once, every process of both."""
    for place in PLACES:
        bench.attempt(f"all killed at {place}", lambda move: (move.kill("source"), move.kill("destination"))[0], place)
    return len(PLACES)


def cancels(bench):
    """SIGTERM to the guard, as the daemon sends it. Past GO it changes nothing."""
    for place in PLACES:
        for side in ("source", "destination"):
            what = f"{side} stopped at {place}"
            bench.attempt(what, lambda move: move.kill(side, "guard", number=signal.SIGTERM), place)
    return 2 * len(PLACES)


def run(stage):
    bench = Bench(stage)
    tried = cuts(bench) + deaths(bench) + both_die(bench) + cancels(bench)
    expect({"moved", "kept", "resolved"} <= set(bench.counts), f"not all of it was met: {bench.counts}")
    stage.figure(f"{tried} blows: " + ", ".join(f"{n} {what}" for what, n in sorted(bench.counts.items())))

"""A guest with devices moves, and the line is cut or processes of either side die at each step: one guest, whole with its
devices, and nothing of it at the other host."""
import os
import signal

import faults
import moves
import travels
from hosts import expect, poll

PLACES = [("source", "DATA"), ("source", "END"), ("destination", "READY"), ("source", "GO"), ("destination", "RUNNING")]
MAY_ADD = {"READY", "GO", "RUNNING"}    # by then the source's devices are at rest
EARLY = ("--devices", "early")


def attempt(bench, what, blow, place, options):
    """blow(move) falls when a message of that name is on its way; it may return what the line is to do."""
    source, destination, number = bench.source(), bench.destination(), bench.number
    before, struck = faults.Before(source.host, faults.folder_of(bench.stage, what.replace(" ", "-"))), []

    def watch(move, sender, name, count):
        if (sender, name, count) != (*place, 1)[:3]:
            return None
        added = [each for each in bench.has_run() if each[0] == destination.host.path.name]
        if options != EARLY:
            expect(name in MAY_ADD or not added, f"{what}: devices are made too early: {added}")
        elif name in ("END", *MAY_ADD):
            expect(len(added) == 3, f"{what}: devices are made too late: {added}")
        struck.append(True)
        return blow(move)

    move = moves.Move(source.host, destination.host, number, watch, options=options, receives=travels.ALLOW)
    result, _ = move.end()
    expect(struck, f"{what}: it never came to that: {result}")
    for each in bench.hosts:
        poll(f"{what}: all processes end", lambda: not each.processes())
    running = moves.running(source.host) + moves.running(destination.host)
    expect(len(running) <= 1, f"{what}: two run: {result}")
    moves.settle(source.host, destination.host, move.event("job")["job"] if move.event("job") else None)
    there = destination.host.domains()
    expect(bool(there) != (number in source.host.domains()), f"{what}: {source.host.domains()} {there}: {result}")
    if there:
        bench.at, (bench.number,) = bench.hosts.index(destination), there
        bench.is_away(source, what)
    else:
        before.is_as_it_was(what)
        bench.is_away(destination, what)
    bench.is_whole(bench.source(), bench.number, what)
    return bool(there)


def kill_toolstack(target):
    for pid in poll("there is a toolstack", lambda: [int(pid) for pid, comm in target.processes() if comm == "pvferry-toolsta"]):
        os.kill(pid, signal.SIGKILL)


def run(stage):
    bench = travels.Bench(stage)
    bench.begin()
    moved = []
    for what, places, blow in (
            ("cut", PLACES, lambda _move: "cut"),
            ("source killed", PLACES[1:], lambda move: move.kill("source")),
            ("taker killed", PLACES[1:], lambda move: move.kill("destination", "middle")),
            ("destination killed", PLACES[1:4], lambda move: move.kill("destination")),
            ("toolstack killed", [("source", "DATA", 3), PLACES[1]], lambda _move: kill_toolstack(bench.destination())),
            ("source stopped", PLACES[2:3], lambda move: move.kill("source", "guard", number=signal.SIGTERM)),
            ("destination stopped", PLACES[1:3], lambda move: move.kill("destination", "guard", number=signal.SIGTERM))):
        moved += [attempt(bench, f"{what} at {place[1]}", blow, place, ("--no-live",)) for place in places]
    for what, places, blow in (
            ("cut early", [("destination", "PROGRESS"), *PLACES[1:]], lambda _move: "cut"),
            ("source killed early", [("destination", "PROGRESS")], lambda move: move.kill("source")),
            ("taker killed early", [("source", "END")], lambda move: move.kill("destination", "middle")),
            ("destination killed early", [("destination", "PROGRESS")], lambda move: move.kill("destination")),
            ("toolstack killed early", [("source", "END")], lambda _move: kill_toolstack(bench.destination()))):
        moved += [attempt(bench, f"{what} at {place[1]}", blow, place, EARLY) for place in places]
    expect(True in moved and False in moved, f"not all of it was met: {moved}")
    stage.figure(f"{len(moved)} blows, moved {sum(moved)} times")

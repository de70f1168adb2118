"""A destination that keeps the source waiting, in the last round or before READY: when the time is over the guest is resumed, and the job says why."""
import threading

import moves
from hosts import expect, poll

HOLDS = (("destination", "READY"), ("source", "DATA"))


def held(stage, place, options):
    """The line holds a message back; the one from the source when the guest is stopped."""
    what = f"{place} {options}"
    source, destination = stage.host(f"a-{place[1]}", 24), stage.host(f"b-{place[1]}", 24)
    number = source.guest(4)
    ended = threading.Event()

    def watch(_move, who, kind, _n):
        if (who, kind) == place:
            ended.wait(120)

    move = moves.Move(source, destination, number, watch, options)
    result = source.end(move.process)
    source.goes_on(number, what)
    ended.set()
    move.receiver.end()
    move.line.close()
    expect(result.status == 1 and "suspended for 1 s" in result.err and "runs on" in result.err, f"{what}: {result}")
    expect(move.event("end", result.out)["status"] == "failed", f"{what}: {result.out}")
    expect([j["stage"] for j in moves.jobs(source).values()] == ["kept"], f"{what}: {moves.jobs(source)}")
    poll("nothing at the destination", lambda: not destination.domains())


def run(stage):
    for place in HOLDS:
        held(stage, place, ("--no-live", "--max-suspended", 1))

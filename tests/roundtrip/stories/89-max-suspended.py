"""A destination that keeps the source waiting, in the last round or before READY; the reader of an image that stops reading: when the time is over the guest is resumed, and the job says why."""
import os
import threading

import moves
from hosts import PVFERRY, expect, poll
from libxl import Libxl

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


def unread(host):
    """An image into a pipe that is not read; a stream of libxl's helper, too."""
    number = host.guest(4)
    out, to = os.pipe()
    process = host.start(PVFERRY, "save", "--force", "--max-suspended", 1, number, "-", stdout=to)
    result = host.end(process)
    host.goes_on(number, "an image that is not read")
    expect(result.status == 1 and result.is_one_line() and "suspended for 1 s" in result.err and "runs on" in result.err
           and not moves.jobs(host) and not moves.locks(host), f"save: {result}")
    run = Libxl.save(host, number, to, env={"PVFERRY_HELPER": "max-suspended=1", "PVFERRY_HELPER_CONF": "/nonexistent"})
    complete, _ = run.run()
    expect(complete and "suspended for 1 s" in run.errors()[-1], f"helper: {complete}, {run.log()}")
    os.close(out)
    os.close(to)
    host.driver("resume", number)
    host.goes_on(number, "a helper's stream that is not read")


def run(stage):
    unread(stage.host("unread", 24))
    for place in HOLDS:
        held(stage, place, ("--no-live", "--max-suspended", 1))

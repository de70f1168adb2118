"""Whichever process of a save ends by whichever signal, the guest runs on; a guest that all have left suspended is listed, resumed and recovered, but only if no process works on it."""
import contextlib
import json
import os
import signal

import faults
import moves
from hosts import PVFERRY, expect, poll

ENDING = ("KILL", "TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "XCPU", "STKFLT",
          "SEGV", "ABRT", "RTMIN", "RTMAX")


def suspended(host, number):
    return host.domains()[number][:3] == "--s"


@contextlib.contextmanager
def stopped_save(host, number, *options):
    """A save in the middle of its memory: no process reads the pipe. Yields its processes, the parent first."""
    r, w = os.pipe()
    process = host.start(PVFERRY, "save", "--force", *options, number, "-", stdout=w)
    os.close(w)
    poll("a guest that is suspended", lambda: suspended(host, number))
    pids = [process.pid, *moves.children(process.pid)]
    expect(len(pids) == 2, f"two processes: {pids}")
    for pid in pids:
        moves.wait_idle(pid)
    try:
        yield pids
    finally:
        os.close(r)
        process.wait()
        host.started.discard(process)
        process.stderr.close()
        poll("the end of its processes", lambda: not any(moves.is_alive(p) for p in pids))


def signal_all(pids, what):
    """They stand still meanwhile: none sees the other's end before it has its own."""
    for kind in (signal.SIGSTOP, what):
        for pid in pids:
            os.kill(pid, kind)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def one_ends(host, number):
    """One of the two, or both where they hear of it: the guest runs, and no journal is left."""
    tried = 0
    for name in ENDING:
        what = getattr(signal, f"SIG{name}")
        for which in (0, 1) if name in ("KILL", "TERM", "USR1") else (0,):
            with stopped_save(host, number, "-p") as pids:
                os.kill(pids[which], what)
                poll(f"SIG{name} to process {which}: it runs", lambda: not suspended(host, number))
            host.goes_on(number, f"SIG{name} to process {which}")
            expect(not moves.jobs(host), f"SIG{name}: {moves.jobs(host)} is left")
            tried += 1
    for name in ("QUIT", "USR1"):
        with stopped_save(host, number, "-p") as pids:
            signal_all(pids, getattr(signal, f"SIG{name}"))
        host.goes_on(number, f"SIG{name} to both")
    return tried + 2


def row_of(host, number):
    row, = [r for r in json.loads(host.must("list", "--json").out) if r["domid"] == number]
    return row


def kill_all(host, number):
    with stopped_save(host, number) as pids:
        row = row_of(host, number)
        expect(row["suspended"] and not row["resumable"] and "is saving or moving it" in row["reason"], row)
        refused = host.pvferry("resume", number)
        expect(refused.status == 1 and refused.is_one_line() and "is saving or moving it" in refused.err, refused)
        host.must("resolve", "--recover")
        expect(suspended(host, number), "recovery resumes a guest that is being saved")
        signal_all(pids, signal.SIGKILL)
    # The last of a process's threads may hold its locks a little longer than the first.
    poll("free locks", lambda: row_of(host, number)["resumable"])
    expect(suspended(host, number), f"{host.domains()}")


def all_are_killed(host, number, folder):
    image = folder / "later"

    def by_hand():
        row = row_of(host, number)
        expect(row["resumable"] and "no process" in row["reason"] and row["state"] == "interrupted" and "pvferry resume" in row["reason"], row)
        host.must("resume", number)

    def by_recovery():
        out = host.must("resolve", "--recover").out
        expect("was not saved and runs" in out, repr(out) + str(moves.jobs(host)))

    def by_next_save():
        result = host.must("save", "-c", number, image)
        expect("it runs again" in result.err, result)
        image.unlink()

    for way in (by_hand, by_recovery, by_next_save):
        kill_all(host, number)
        way()
        host.goes_on(number, way.__name__)
        expect(not moves.jobs(host) and not moves.locks(host), f"{way.__name__}: {moves.jobs(host)}, {moves.locks(host)}")


def others_are_left_alone(host, number):
    """One that runs; one that another tool has stopped, of which no journal speaks; one that was resumed meanwhile."""
    refused = host.pvferry("resume", number)
    expect(refused.status == 1 and refused.is_one_line() and "not suspended" in refused.err, refused)
    kill_all(host, number)
    host.driver("resume", number)
    host.must("resolve", "--recover")
    host.goes_on(number, "resumed by another")
    expect(not moves.jobs(host), f"{moves.jobs(host)}")
    host.store.write(f"/local/domain/{number}/control/shutdown", "suspend")
    poll("a guest that is suspended", lambda: suspended(host, number))
    host.must("resolve", "--recover")
    expect(suspended(host, number), "recovery resumes a guest that another tool has stopped")
    host.must("resume", number)
    host.goes_on(number, "stopped by another")


def one_in_doubt(stage):
    """It may run on the other host: only resolve may settle that."""
    source, destination = stage.host("doubt", 24), stage.host("doubt-to", 24)
    number = source.guest(4)
    move = moves.Move(source, destination, number,
                      lambda _move, who, kind, _n: "cut" if (who, kind) == ("source", "GO") else None)
    result, _ = move.end()
    expect(result.status == 3, result)
    refused = source.pvferry("resume", number)
    expect(refused.status == 1 and refused.is_one_line() and "pvferry resolve" in refused.err, refused)
    row = row_of(source, number)
    expect("pvferry resolve" in row["reason"] and not row["resumable"], row)
    expect(suspended(source, number), f"{source.domains()}")


def run(stage):
    host, folder = stage.host("host", 64), faults.folder_of(stage)
    number = host.guest(16, workload="mix")
    tried = one_ends(host, number)
    all_are_killed(host, number, folder)
    others_are_left_alone(host, number)
    one_in_doubt(stage)
    stage.figure(f"{tried} signals")

"""At both ends of a move the process that hears the other host has no privileges and a filter; if it is killed, one line says so and the guest stays."""
import os
import signal

import faults
import moves
import pki
from hosts import expect
from privileges import has_no_privileges, status_of

PLACE = ("source", "DATA", 2)


def move(source, destination, number, side, then):
    """Looks at that side's process in the middle of the image, and then does that to it. (result, taken, was it looked at)"""
    looked = []

    def watch(attempt, *place):
        if place == PLACE:
            pid = attempt.processes(side)["front"]
            expect(status_of(pid)["Seccomp"].strip() == "2", f"the {side}'s has no filter")
            has_no_privileges(pid, f"the {side}'s")
            looked.append(pid)
            then(pid)

    attempt = moves.Move(source, destination, number, watch)
    return (*attempt.end(), looked)


def by_tls(stage, source, destination):
    """The key was read before: neither it nor anything else is open."""
    folder = pki.make(stage.folder / "pki", "sender", "localhost")
    number = source.guest(8)
    receiver = moves.Receiver(destination, "--pki", folder / "localhost", "--allow", "sender", plain=False)
    process = source.start(moves.hosts.PVFERRY, "migrate", "--pki", folder / "sender", "--port", receiver.port, "--bandwidth", "1",
                           number, "localhost")
    pid = moves.poll("a receiver with a filter", lambda: filtered(receiver.process.pid))
    has_no_privileges(pid, "the receiver by TLS")
    process.terminate()
    source.end(process)
    receiver.end()
    source.goes_on(number, "by TLS")


def filtered(guard):
    for pid in moves.children(guard):
        try:
            if status_of(pid)["Seccomp"].strip() == "2":
                return pid
        except OSError:
            pass    # it has ended meanwhile
    return None


def run(stage):
    source, destination = stage.host("a", 48), stage.host("b", 48)
    number = source.guest(4, vcpus=2)
    empty = faults.Before(destination, faults.folder_of(stage))
    for side, kind in (("source", signal.SIGSYS), ("destination", signal.SIGSYS), ("destination", signal.SIGKILL)):
        result, taken, looked = move(source, destination, number, side, lambda pid, kind=kind: os.kill(pid, kind))
        expect(looked, f"the {side}'s was not looked at: {result}")
        expect(result.status == 1 and result.is_one_line(), f"{kind.name}: {result}")
        expect(taken.status == 1 and taken.is_one_line(), f"{kind.name}: {taken}")
        expect(kind.name in (result if side == "source" else taken).err, f"{side}, {kind.name}: {result} {taken}")
        source.goes_on(number, kind.name)
        empty.is_as_it_was(kind.name)
        expect(not moves.locks(destination), f"{kind.name}: {moves.locks(destination)}")
        moves.forget_jobs(destination)
    result, taken, looked = move(source, destination, number, "source", lambda pid: None)
    expect(looked and result.status == 0 and taken.status == 0, f"untouched: {result}, {taken}")
    by_tls(stage, source, destination)
    stage.figure("killed three times")

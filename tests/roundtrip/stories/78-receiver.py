"""At both ends of a move, and when it is asked about later, the process that hears the other host has no privileges and a filter; if it is killed, one line says so and the guest stays."""
import json
import os
import pathlib
import signal
import socket
import threading

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


def keeps_locks(source, destination, number):
    """What builds holds the job's locks, too: no other job is begun before it has ended, whatever becomes of its parents."""
    held = []

    def watch(attempt, *place):
        if place == PLACE:
            pid = moves.poll("a builder", lambda: attempt.processes("destination").get("memory"))
            opened = [os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
            held.extend(sorted(name.split(".")[-2] for name in opened if name.endswith(".lock")))
            attempt.kill("destination", "middle")

    result, taken = moves.Move(source, destination, number, watch).end()
    expect(held == ["destination", "name", "uuid"], f"the builder holds {held}: {result}, {taken}")


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


def though_term_is_ignored(source, destination):
    """As when a source that hears no signals starts the receiver itself: what builds stops all the same when it is told to, or its parent dies."""
    number, before = source.guest(8), set(destination.domains())
    for killed in (False, True):
        receiver = moves.Receiver(destination, preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
        process = source.start(moves.hosts.PVFERRY, "migrate", "--no-live", "--via", "tcp", "--port", receiver.port, "--bandwidth", "1",
                               number, "127.0.0.1")
        pid = moves.poll("a builder", lambda: next((p for p in moves.children(receiver.process.pid) if moves.program(p) == "pvferry-builder"), None))
        moves.poll("a domain", lambda: set(destination.domains()) != before)
        if killed:
            os.kill(receiver.process.pid, signal.SIGSTOP)
            os.kill(moves.children(receiver.process.pid)[0], signal.SIGKILL)
            moves.poll("the end of a builder without its parent", lambda: not moves.is_alive(pid))
            os.kill(receiver.process.pid, signal.SIGCONT)
        process.terminate()
        source.end(process)
        taken = receiver.end()
        expect(taken.status == 1 and set(destination.domains()) == before, f"though SIGTERM is ignored: {taken}, {destination.domains()}")
        source.goes_on(number, "though SIGTERM is ignored")
    moves.forget_jobs(destination)


def by_ssh(source, destination):
    """Each connection has a process, and ssh is no reason to keep root's rights in one of them."""
    number, before = source.guest(8), set(destination.domains())
    command = f"{moves.hosts.SIMHOST} run {destination.path} -- {moves.hosts.PVFERRY} receive"
    process = source.start(moves.hosts.PVFERRY, "migrate", "--via", "ssh", "--ssh", "", "--level", "0", "--bandwidth", "1",
                           "--connections", "4", number, command)

    def hearing():
        """Of the mover's own children, without those that run another program."""
        mover = moves.children(process.pid)[:1]
        tasks = [pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split() for pid in mover]
        own = [int(pid) for pids in tasks for pid in pids if pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1:2] == ["migrate"]]
        confined = [pid for pid in own if status_of(pid)["Seccomp"].strip() == "2"]
        return confined if len(own) == 5 and len(confined) == 4 else None

    for pid in moves.poll("four processes with a filter, and the one that sends", hearing):
        has_no_privileges(pid, "a connection by ssh")
    process.terminate()
    source.end(process)
    source.goes_on(number, "by ssh")
    moves.poll("the end of the receivers", lambda: not moves.locks(destination))
    expect(set(destination.domains()) == before, f"by ssh: {destination.domains()} is left")


class Answerer:
    """The other host, of which a job is asked: HELLO, QUERY, and then it says what it is told to."""

    def __init__(self, answer):
        self.listener, self.answer = socket.create_server(("127.0.0.1", 0)), answer
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        line, _ = self.listener.accept()
        with line:
            line.sendall(moves.message("HELLO", {"protocol": 1, "software": "a story"}))
            kind = None
            while kind != "QUERY":
                number, length = moves.struct.unpack("<2I", moves.take(line, 8))
                kind, _ = moves.TYPES[number & 0xff], moves.take(line, length)
            line.sendall(self.answer())

    def close(self):
        self.thread.join(moves.DEADLINE)
        self.listener.close()


def resolve(source, number, answer, looked):
    """Asks; the result, and the process that hears the answer has been looked at."""
    entry_file, = (source.path / "jobs").glob("*.source.json")
    started = threading.Event()

    def look():
        started.wait(moves.DEADLINE)
        pid = moves.poll("a filter", lambda: filtered(process.pid))
        has_no_privileges(pid, "that of resolve")
        looked.append(pid)
        return answer(pid)

    peer = Answerer(look)
    entry_file.write_text(json.dumps(dict(json.loads(entry_file.read_text()), port=peer.port)))
    process = source.start(moves.hosts.PVFERRY, "resolve", entry_file.name.split(".")[0])
    started.set()
    result = source.end(process)
    peer.close()
    expect(len(looked) == 1, f"that of resolve was not looked at: {result}")
    return result


def asked_later(source, destination):
    """What the peer answers is read without privileges too, and what it answers is not JSON, or kills its reader, changes nothing."""
    number = source.guest(4)
    moves.forget_jobs(source)
    attempt = moves.Move(source, destination, number, lambda _move, *place: "cut" if place[:2] == ("source", "GO") else None)
    result, _ = attempt.end()
    expect(result.status == 3, f"a move in doubt: {result}")

    def kill(pid):
        os.kill(pid, signal.SIGSYS)
        return b""

    for what, answer, words in (("killed", kill, "SIGSYS"), ("no JSON", lambda _: moves.message("STATE", b"{{{{"), "JSON"),
                                ("a lie", lambda _: moves.message("RUNNING", {}), "RUNNING"),
                                ("long", lambda _: moves.message("STATE", {"state": "x" * 5000, "reason": "\x1b[2J\nforged"}), "answers")):
        result = resolve(source, number, answer, [])
        expect(result.status == 3 and result.is_one_line() and words in result.err, f"{what}: {result}")
        expect("\x1b" not in result.err, f"{what}: {result}")
        expect(source.domains()[number][:3] == "--s", f"{what}: {source.domains()}")
    result = resolve(source, number, lambda _: moves.message("STATE", {"state": "destroyed"}), [])
    expect(result.status == 0, f"resolve: {result}")
    source.goes_on(number, "resolved")


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
    keeps_locks(source, destination, number)
    source.goes_on(number, "locks")
    empty.is_as_it_was("locks")
    moves.forget_jobs(destination)
    result, taken, looked = move(source, destination, number, "source", lambda pid: None)
    expect(looked and result.status == 0 and taken.status == 0, f"untouched: {result}, {taken}")
    by_tls(stage, source, destination)
    though_term_is_ignored(source, destination)
    by_ssh(source, destination)
    asked_later(source, destination)
    stage.figure("killed three times")

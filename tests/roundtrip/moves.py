"""Guests that move between hosts: both programs, and a line between them that can be watched, held and cut."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import sys
import threading

import hosts
from hosts import DEADLINE, Failure, expect, poll

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image as form  # noqa: E402

MARK = 0x46565000
TYPES = ["", "HELLO", "OFFER", "POLICY", "ACCEPT", "REFUSE", "DATA", "END", "PROGRESS", "PING", "READY", "GO", "RUNNING",
         "FAILED", "QUERY", "STATE", "JOIN", "CONSULT", "CONDITION"]
QUICK = ("--threads", "2")


def children(pid):
    """Of a process, and theirs, the parents first."""
    try:
        own = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(p) for p in own] + [q for p in own for q in children(int(p))]


def program(pid):
    """The name of what it runs; None if it has ended."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return None


def used(pid):
    """Of processor time, by its threads; None while one of them is on a processor."""
    fields = [f.read_text().rsplit(")", 1)[1].split() for f in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    return None if any(f[0] not in "SZ" for f in fields) else [f[11:13] for f in fields]


def wait_idle(pid):
    """It waits for others. simhost does not bear a process that is killed inside one of its calls."""
    seen = []

    def look():
        try:
            seen.append(used(pid))
        except (OSError, IndexError):
            return True
        return len(seen) > 3 and seen[-1] is not None and seen[-1] == seen[-2] == seen[-3]
    poll("an idle process", look)


def take(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def message(kind, body):
    """As bytes; kind is its name, a body that is no bytes becomes JSON."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return struct.pack("<2I", MARK | TYPES.index(kind), len(body)) + body


def throw(port, image, **offer):
    """Sends an image of foreign making, as a peer that is let in. The last that is heard: ("FAILED", body)."""
    facts = {"job": f"{1:032x}", "domain": "bomb", "uuid": "01234567-89ab-cdef-0123-456789abcdef", "domid": 7, "frames": 1,
             "pfns": 1, "max-memory-kib": 4, "width": 8, "p2m": "linear", "devices": "", "config-bytes": 100, "lanes": 1, **offer}
    heard = [("nothing", b"")]
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as line:
        line.sendall(message("HELLO", {"protocol": 1, "software": "a story"}) + message("OFFER", facts) + message("POLICY", b""))
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(image), 1 << 20):
                line.sendall(message("DATA", image[start:start + (1 << 20)]))
            line.sendall(message("END", struct.pack("<QQ", len(image), form.xxh64(image))))
        with contextlib.suppress(ConnectionError):
            while True:
                kind, length = struct.unpack("<2I", take(line, 8))
                heard.append((TYPES[kind & 0xff], take(line, length)))
    expect("ACCEPT" in [kind for kind, _ in heard], f"heard {heard}")
    return heard[-1]


class Line:
    """
    Between the two: listens at a port, and passes messages on to another one. Before a message goes on,
    watch(sender, name, number) is called; sender is "source" or "destination", number counts those of its name and
    sender from 1. What it returns is done: "cut", "half" (a part of the message goes on, then it is cut) or None.
    """

    def __init__(self, port, watch=None):
        self.target, self.watch = port, watch or (lambda *_: None)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen, self.pairs, self.problem = {}, [], None
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                source, _ = self.listener.accept()
            except OSError:
                return
            try:
                destination = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                source.close()
                continue
            pair = (source, destination)
            self.pairs.append(pair)
            for name, a, b in (("source", source, destination), ("destination", destination, source)):
                threading.Thread(target=self.carry, args=(name, a, b, pair), daemon=True).start()

    def carry(self, name, a, b, pair):
        try:
            while True:
                header = take(a, 8)
                kind, length = struct.unpack("<2I", header)
                expect(kind & ~0xff == MARK and kind & 0xff < len(TYPES), f"the {name} says {header}")
                body = take(a, length)
                if not self.one(name, TYPES[kind & 0xff], header + body, b):
                    self.cut(pair)
                    return
        except (ConnectionError, OSError):
            with contextlib.suppress(OSError):
                b.shutdown(socket.SHUT_WR)
        except Exception as problem:    # a story's own
            self.problem = problem
            self.cut(pair)

    def one(self, name, kind, message, to):
        with self.lock:
            key = (name, kind)
            self.seen[key] = self.seen.get(key, 0) + 1
            number = self.seen[key]
        what = self.watch(name, kind, number)
        if what == "half":
            to.sendall(message[:max(1, len(message) // 2)])
        if what:
            return False
        to.sendall(message)
        return True

    def cut(self, pair=None):
        for each in [pair] if pair else list(self.pairs):
            for end in each:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def close(self):
        self.listener.close()
        self.cut()
        if self.problem:
            raise self.problem


class Receiver:
    """`pvferry receive` that waits at a port."""

    def __init__(self, host, *options, plain=True, **how):
        self.host = host
        words = ["receive", *(["--plain"] if plain else []), "--control", "--listen", "127.0.0.1:0", *options]
        self.process = host.start(hosts.PVFERRY, *words, stdin=None, **how)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def end(self):
        return self.host.end(self.process)


class Move:
    """One attempt: a line from a source to a destination, and what came of it."""

    def __init__(self, source, destination, number, watch=None, options=("--no-live",), faults=(None, None), receives=()):
        self.source, self.destination, self.number = source, destination, number
        self.receiver = Receiver(destination, *QUICK, *receives, fault=faults[1])
        self.line = Line(self.receiver.port, watch and (lambda *what: watch(self, *what)))
        self.process = source.start(hosts.PVFERRY, "migrate", "--json", "--via", "tcp", "--port", self.line.port, *QUICK,
                                    *options, number, "127.0.0.1", fault=faults[0])

    def processes(self, side):
        """{guard, middle, front, memory, expander: pid}, of those that are there; the front hears the peer. A builder is a program of its own."""
        guard = (self.process if side == "source" else self.receiver.process).pid
        named = [(program(pid), pid) for pid in children(guard)]
        roles = dict(zip(("guard", "middle", "front", "memory"), [guard, *(p for name, p in named if name == hosts.PVFERRY.name)]))
        others = {"pvferry-builder": "memory", "pvferry-expander": "expander"}
        return {**roles, **{others[name]: pid for name, pid in named if name in others}}

    def kill(self, side, *roles, number=signal.SIGKILL):
        pids = self.processes(side)
        roles = [role for role in roles or pids if role in pids]
        if number == signal.SIGKILL:
            for role in roles:
                wait_idle(pids[role])
        for role in roles:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[role], number)

    def end(self):
        """(source's result, destination's), when no process of either is left."""
        everybody = [p for side in ("source", "destination") for p in self.processes(side).values()]
        self.result = self.source.end(self.process)
        self.taken = self.receiver.end()
        poll("the end of all processes", lambda: not any(is_alive(p) for p in everybody))
        self.line.close()
        return self.result, self.taken

    def event(self, kind, text=None):
        events = [json.loads(line) for line in (text or self.result.out).splitlines()]
        found = [e for e in events if e["event"] == kind]
        return found[-1] if found else None


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def jobs(host):
    """{name of a file of the journal: what it says}."""
    folder = host.path / "jobs"
    return {f.name: json.loads(f.read_text()) for f in folder.glob("*.json")} if folder.is_dir() else {}


def locks(host):
    run = host.path / "run"
    return [f.name for f in (*run.glob("locks/*"), *run.glob("*")) if f.name not in ("locks", "checkpoints")]


def forget_jobs(host):
    for file in (host.path / "jobs").glob("*"):
        file.unlink()


def running(host):
    """Ids of guests that run, or would if they had something to do."""
    return [n for n, flags in host.domains().items() if flags[:3] == "r--"]


def settle(source, destination, job):
    """As the daemons do after a crash, and then, if it is needed, what a person does."""
    for host in (destination, source):
        recovered = host.pvferry("resolve", "--recover", "--json")
        expect(recovered.status in (0, 3), f"resolve --recover: {recovered}")
    entry = jobs(source).get(f"{job}.source.json")
    if not entry or entry["stage"] != "go":
        return False
    receiver = Receiver(destination)
    file = source.path / "jobs" / f"{job}.source.json"
    entry["port"] = receiver.port    # the line that it knew is gone
    file.write_text(json.dumps(entry))
    resolved = source.pvferry("resolve", job)
    receiver.end()
    expect(resolved.status == 0, f"resolve: {resolved}")
    return True


__all__ = ["Failure", "DEADLINE"]

"""A destination that keeps the source waiting, in the last round or before READY, or that no longer reads but says that it is there; the reader of an image that stops reading: when the time is over the guest is resumed, and the job says why."""
import contextlib
import os
import socket
import struct
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


class Stalled:
    """A destination that takes what is offered, then reads no more, and says until the end that it is there."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port, self.over = self.listener.getsockname()[1], threading.Event()
        self.begun = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        line, _ = self.listener.accept()
        with line, contextlib.suppress(ConnectionError):
            line.sendall(moves.message("HELLO", {"protocol": 1, "software": "a story"}))
            kind = None
            while kind != "DATA":
                number, length = struct.unpack("<2I", moves.take(line, 8))
                kind, _ = moves.TYPES[number & 0xff], moves.take(line, length)
                if kind == "POLICY":
                    line.sendall(moves.message("ACCEPT", {}))
            self.begun.set()
            while not self.over.wait(1):
                line.sendall(moves.message("PING", b""))

    def close(self):
        self.over.set()
        self.listener.close()


def stalled(host):
    """The guest is resumed in time, and then the job ends too, which holds the domain's lock; the same after SIGTERM; a guest that runs is not sent for ever."""
    number, image = host.guest(32), host.path / "image"
    for what, options in (("suspended", ("--no-live", "--max-suspended", 1)), ("runs", ()), ("stuck", ("--idle-timeout", 2))):
        peer = Stalled()
        process = host.start(PVFERRY, "migrate", "--foreground", "--via", "tcp", "--level", 0, "--port", peer.port, *options, number,
                             "127.0.0.1")
        if what == "runs":
            peer.begun.wait(60)
            process.terminate()
        result = host.end(process)
        peer.close()
        host.goes_on(number, f"a peer that no longer reads: {what}")
        words = {"suspended": "suspended for 1 s", "runs": "stopped by SIGTERM", "stuck": "has read nothing for 8 s"}[what]
        expect(result.status == 1 and result.is_one_line() and words in result.err, f"{what}: {result}")
        expect(not moves.locks(host), f"{what}: {moves.locks(host)}")
        host.save(number, image, "-c", "--force")


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
    stalled(stage.host("stalled", 64))
    for place in HOLDS:
        held(stage, place, ("--no-live", "--max-suspended", 1))

"""A pvferryd on each host, for moves as people order them."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import hosts
import moves
from hosts import DEADLINE, expect, poll

PVFERRYD = hosts.PVFERRY.parent / "pvferryd"
UNIT = pathlib.Path(__file__).resolve().parent.parent.parent / "daemon/pvferryd.service"


def as_in_the_unit(unit=UNIT):
    """What takes away the capabilities that systemd does not leave it."""
    kept = re.search(r"^CapabilityBoundingSet=(.*)$", unit.read_text(), re.MULTILINE)[1].lower().replace("cap_", "").split()
    return ["setpriv", "--no-new-privs", "--bounding-set", ",".join(["-all", *(f"+{name}" for name in kept)])]


class Daemon:
    """With a certificate of its own name; lets in those that are named."""

    def __init__(self, host, pki, allow, *settings):
        self.host, self.pki, self.settings = host, pki, [f"allow = {allow}", *settings]
        self.log, self.port, self.process = pathlib.Path(host.path) / "pvferryd.log", 0, None
        self.start()

    def start(self):
        config = pathlib.Path(self.host.path) / "pvferryd.conf"
        config.write_text("\n".join([f"pki = {self.pki}", f"pvferry = {hosts.PVFERRY}", f"listen = 127.0.0.1:{self.port}",
                                     *self.settings, ""]))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([hosts.SIMHOST, "run", self.host.path, "--", *as_in_the_unit(), PVFERRYD, "--config", config],
                                            stdin=subprocess.DEVNULL, stderr=log, start_new_session=True,
                                            env=self.host.environment())
        self.host.started.add(self.process)
        self.port = int(poll("pvferryd listens", self.listens)[1])

    def listens(self):
        expect(self.process.poll() is None, f"pvferryd ended: {self.said()}")
        return re.search(r"listens on 127\.0\.0\.1:(\d+)\n", self.said())

    def said(self):
        return self.log.read_text(errors="replace")

    def children(self):
        return moves.children(self.process.pid)

    def jobs(self):
        return json.loads(self.host.must("jobs", "--json").out)

    def job(self, state, **wanted):
        def look():
            return [j for j in self.jobs() if j["state"] == state and all(j.get(k) == v for k, v in wanted.items())]
        return poll(f"a job that is {state}, {wanted}", look)[-1]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(DEADLINE)
        expect(status == 0, f"pvferryd ended with {status}: {self.said()}")

    def close(self):
        for pid in [self.process.pid, *self.children()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def strangers(port, count, what=b"", address="127.0.0.1"):
    """Connections from there that say something and stay."""
    peers = []
    for _ in range(count):
        peer = socket.socket()
        peer.setblocking(False)
        peer.bind((address, 0))
        peer.connect_ex(("127.0.0.1", port))
        peers.append(peer)
    for peer in peers:
        with contextlib.suppress(OSError):
            peer.send(what)
    return peers

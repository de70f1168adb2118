"""Two hosts with pvferryd: a guest goes to and fro as ordered; daemons and jobs die, strangers come; it runs once, always."""
import os
import signal

import daemons
import hosts
import moves
import pki
from hosts import expect, poll

SLOW = ("--bandwidth", "1")


class Pair:
    """Two hosts, and the one guest of both."""

    def __init__(self, stage):
        # Both are called localhost, by which they are dialled; who may send is another name in the certificate.
        self.pki = pki.make(stage.folder / "pki", "localhost", "stranger")
        self.sides = [daemons.Daemon(stage.host(name, 96), self.pki / "localhost", "localhost.example") for name in "ab"]
        self.source, self.destination = self.sides
        self.number = self.source.host.guest(16, vcpus=2, workload="mix")
        self.name = self.source.host.store.read(f"/local/domain/{self.number}/name")

    def order(self, *options, to=None, **how):
        """What `pvferry migrate` is given."""
        destination = to or self.destination
        return self.source.host.start(hosts.PVFERRY, "migrate", "--threads", "2", "--port", destination.port, *options,
                                      self.number, "localhost", **how)

    def check_moved(self, what):
        there, = self.destination.host.domains()
        expect(not self.source.host.domains(), f"{what}: {self.source.host.domains()} is left")
        self.destination.host.goes_on(there, what)
        expect(self.destination.host.store.read(f"/local/domain/{there}/name") == self.name, f"{what}: its name")
        self.source, self.destination, self.number = self.destination, self.source, there

    def check_kept(self, what):
        poll(f"{what}: nothing is left there", lambda: not self.destination.host.domains())
        expect(list(self.source.host.domains()) == [self.number], f"{what}: {self.source.host.domains()}")
        self.source.host.goes_on(self.number, what)
        expect(self.source.host.store.read(f"/local/domain/{self.number}/name") == self.name, f"{what}: its name")

    def begun(self):
        """A slow one, on both sides."""
        process = self.order(*SLOW)
        job = self.source.job("running", role="source")
        self.destination.job("running", job=job["job"])
        poll("its memory is on its way", lambda: self.source.job("running", job=job["job"]).get("status", {}).get("status") == "active")
        return process, job["job"]


def to_and_fro(pair):
    for options in ((), ("--connections", "3"), ("--no-live",), ("--json",)):
        result = pair.source.host.end(pair.order(*options))
        expect(result.status == 0, f"{options}: {result}")
        source, destination = pair.source, pair.destination
        pair.check_moved(f"through pvferryd {options}")
        expect("--json" in options or "moved to localhost" in result.err, f"{options}: {result}")
        ended = source.jobs()[-1]
        expect(ended["end"]["status"] == "completed" and ended["role"] == "source", ended)
        arrived = destination.job("ended", job=ended["job"])
        expect(arrived["end"]["status"] == "completed" and arrived["domain"] == pair.name, arrived)
    detached = pair.source.host.end(pair.order("--detach"))
    expect(detached.status == 0 and len(detached.out.strip()) == 32, detached)
    pair.source.job("ended", job=detached.out.strip())
    pair.check_moved("detached")


def on_one_host(pair):
    result = pair.source.host.end(pair.order(to=pair.source))
    expect(result.status == 0, f"on one host: {result}")
    there, = pair.source.host.domains()
    expect(there != pair.number, "on one host: it has not moved")
    pair.number = there
    pair.check_kept("on one host")


def orders(pair):
    process, job = pair.begun()
    pair.source.host.must("set", job[:8], "bandwidth=0", "max-downtime=1000")
    expect(pair.source.host.end(process).status == 0, "set")
    pair.check_moved("after set")
    process, job = pair.begun()
    cancelled = pair.source.host.pvferry("cancel", job)
    expect(cancelled.status == 0, f"cancel: {cancelled}")
    expect(pair.source.host.end(process).status == 1, "one that was cancelled")
    expect(pair.source.job("ended", job=job)["end"]["status"] == "cancelled", "its end")
    pair.check_kept("after cancel")
    process, job = pair.begun()
    os.kill(moves.children(process.pid)[-1] if moves.children(process.pid) else process.pid, signal.SIGINT)
    result = pair.source.host.end(process)
    expect(result.status == 1 and "cancelling" in result.err, f"Ctrl-C: {result}")
    pair.check_kept("after Ctrl-C")


def not_its_own(pair):
    """Begun without the daemon: that tells of it, and gives it no orders."""
    process = pair.order("--foreground", "--pki", pair.pki / "localhost", *SLOW)
    job = pair.source.job("left", role="source")["job"]
    pair.destination.job("running", job=job)
    for words in (("cancel", job), ("set", job[:8], "bandwidth=0"), ("cancel", pair.name)):
        result = pair.source.host.pvferry(*words)
        expect(result.status == 1 and result.is_one_line() and "pvferryd did not start job" in result.err, f"{words}: {result}")
    pair.destination.host.must("cancel", job)
    expect(pair.source.host.end(process).status == 1, "cancelled by the other side")
    pair.check_kept("begun without the daemon")


def refused(pair):
    for options, words in ((("--pki", pair.pki / "stranger"), "stranger"), (("--pki", "/"), "ca.pem")):
        result = pair.source.host.end(pair.order(*options))
        expect(result.status == 1, f"{options}: {result}")
        poll(f"{options}: {words}", lambda: words in result.err + pair.destination.said())
        pair.check_kept(f"refused {options}")
    result = pair.source.host.pvferry("migrate", "nobody", "localhost")
    expect(result.status == 1 and "the domain was not stopped" in result.err, result)


def daemon_dies(pair, who):
    process, job = pair.begun()
    daemon = pair.source if who == "source" else pair.destination
    left = daemon.children()
    daemon.kill()
    daemon.start()
    expect(daemon.job("left", job=job)["stage"], f"the {who}'s daemon: the next one does not know the job")
    if who == "source":
        os.kill(left[0], signal.SIGTERM)
        result = pair.source.host.end(process)
        expect(result.status == 1 and "continues without it" in result.err and "the domain runs here" in result.err,
               f"who followed it: {result}")
        expect(daemon.job("ended", job=job)["end"]["status"] == "failed", "the next daemon does not know how the job ended")
        poll("the job has ended", lambda: not any(moves.is_alive(pid) for pid in left))
    else:
        pair.source.host.must("cancel", job)
        expect(pair.source.host.end(process).status == 1, "who followed it")
    pair.check_kept(f"the {who}'s daemon was killed")


def job_dies(pair, who):
    process, job = pair.begun()
    daemon = pair.source if who == "source" else pair.destination
    os.kill(daemon.job("running", job=job)["pid"], signal.SIGKILL)
    result = pair.source.host.end(process)
    expect(result.status == 1, f"the {who}'s job was killed: {result}")
    expect(daemon.job("ended", job=job)["end"]["status"] == "failed", f"the {who}'s job was killed: its end")
    pair.check_kept(f"the {who}'s job was killed")


def stopped(pair, who):
    process, _ = pair.begun()
    daemon = pair.source if who == "source" else pair.destination
    daemon.end()
    result = pair.source.host.end(process)
    expect(result.status == 1, f"the {who}'s daemon was stopped: {result}")
    pair.check_kept(f"the {who}'s daemon was stopped")
    daemon.start()


def crowded(pair):
    """While a thousand come, half of them with garbage, it still arrives."""
    process, job = pair.begun()
    peers = daemons.strangers(pair.destination.port, 500) + daemons.strangers(pair.destination.port, 500, os.urandom(300))
    pair.source.host.must("set", job, "bandwidth=0")
    expect(pair.source.host.end(process).status == 0, "amid strangers")
    for peer in peers:
        peer.close()
    pair.check_moved("amid strangers")
    poll("the strangers' processes are gone", lambda: not pair.source.children())


def run(stage):
    if not daemons.PVFERRYD.exists():
        raise hosts.Skip("there is no pvferryd")
    pair = Pair(stage)
    to_and_fro(pair)
    on_one_host(pair)
    orders(pair)
    not_its_own(pair)
    refused(pair)
    for who in ("source", "destination"):
        job_dies(pair, who)
        stopped(pair, who)
        daemon_dies(pair, who)
    crowded(pair)
    for daemon in pair.sides:
        daemon.end()
    stage.figure("to and fro, with daemons and jobs killed")

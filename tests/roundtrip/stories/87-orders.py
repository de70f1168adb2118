"""Orders on the standard input of `pvferry migrate --control`: limits change while it runs, it is cancelled, nonsense changes nothing."""
import json
import subprocess

import faults
import hosts
import moves
from hosts import expect

SLOW = ("--bandwidth", "1", "--level", "0")
BUSY = ("--max-downtime", "1", "--max-rounds", "3", "--abort-if-busy", "--bandwidth", "4", "--level", "0")


class Job:
    """A move that takes orders."""

    def __init__(self, source, destination, number, *options):
        self.source, self.receiver = source, moves.Receiver(destination, *moves.QUICK)
        # Unbuffered: who reads to the end does so below Python's buffer.
        self.process = source.start(hosts.PVFERRY, "migrate", "--control", "--via", "tcp", "--port", self.receiver.port,
                                    *moves.QUICK, *options, number, "127.0.0.1", stdin=subprocess.PIPE, bufsize=0)

    def next(self, status):
        """Reads events up to the next one that says so."""
        while True:
            line = self.process.stdout.readline()
            expect(line, f"it ended before it was {status}")
            if json.loads(line).get("status") == status:
                return

    def order(self, order):
        text = order if isinstance(order, bytes) else json.dumps(order).encode()
        self.process.stdin.write(text + b"\n")

    def end(self):
        """(status, what was said, the last event); the input ends first, which orders nothing."""
        result = self.source.end(self.process)
        self.receiver.end()
        return result, json.loads(result.out.splitlines()[-1])


class Pair:
    def __init__(self, stage):
        self.source, self.destination = stage.host("a", 160), stage.host("b", 160)
        self.empty = faults.Before(self.destination, faults.folder_of(stage))

    def begin(self, number, *options):
        job = Job(self.source, self.destination, number, *options)
        job.next("active")
        return job

    def check_moved(self, job, what):
        result, end = job.end()
        expect(result.status == 0 and end["status"] == "completed", f"{what}: {result} {end}")
        there, = self.destination.domains()
        expect(not self.source.domains(), f"{what}: {self.source.domains()} is left")
        self.destination.goes_on(there, what)
        self.destination.destroy(there)
        return end

    def check_kept(self, job, number, status, what):
        result, end = job.end()
        expect(result.status == 1 and end["status"] == status, f"{what}: {result} {end}")
        self.source.goes_on(number, what)
        self.empty.is_as_it_was(what)
        return result


def bandwidth(pair):
    """At 1 MiB/s it would take a minute and more."""
    number = pair.source.guest(64)
    job = pair.begin(number, *SLOW)
    job.order({"set": {"bandwidth": 0}})
    end = pair.check_moved(job, "no limit any more")
    expect(end["total-time"] < 60000, f"it was as slow as before: {end}")


def max_downtime(pair):
    """A busy guest is not to be stopped for so short; then for as long as it takes."""
    number = pair.source.guest(8, workload="write", rate=2000)
    result = pair.check_kept(pair.begin(number, *BUSY), number, "failed", "too busy")
    expect("rounds have not brought the downtime below" in result.err, f"too busy: {result}")
    job = pair.begin(number, *BUSY)
    job.order({"set": {"max-downtime": 3600000}})
    pair.check_moved(job, "a long downtime is allowed")


def cancel(pair):
    """Also after what is no order, or orders what cannot be."""
    number = pair.source.guest(64)
    job = pair.begin(number, *SLOW)
    for order in (b"", b"cancel", b"[1]", b"\xff" * 100, b"x" * 70000, {"set": {"bandwidth": -1, "max-downtime": 0}},
                  {"set": 7}, {"cancel": False}, {"stop": True}):
        job.order(order)
    job.next("active")
    job.next("active")
    job.order({"cancel": True})
    result = pair.check_kept(job, number, "cancelled", "cancel")
    expect("not an order" in result.err, f"nonsense: {result}")
    pair.source.destroy(number)


def run(stage):
    pair = Pair(stage)
    bandwidth(pair)
    max_downtime(pair)
    cancel(pair)

"""While a guest moves alive: the line cut at random bytes, calls that fail, a host without memory, one connection of several dead."""
import os
import random
import signal
import socket
import threading

import faults
import hosts
import moves
from hosts import expect
from privileges import has_no_privileges, status_of

class Bytes(moves.Line):
    """A line that ends after so many bytes of one side."""

    def __init__(self, port, side, most):
        self.side, self.left = side, most
        super().__init__(port)

    def carry(self, name, a, b, pair):
        try:
            while True:
                data = a.recv(65536)
                if name == self.side:
                    data, self.left = data[:self.left], self.left - len(data)
                b.sendall(data)
                if not data or (name == self.side and self.left <= 0):
                    break
        except OSError:
            pass
        self.cut(pair)


def attempt(stage, source, destination, what, options=(), faulty=(None, None), line=None):
    """A move that fails or does not; either way one guest runs, and there is nothing else."""
    number = source.guest(4, vcpus=2, workload="mix")
    before = faults.Before(source, stage.folder / "files")
    empty = faults.Before(destination, stage.folder / "files")
    receiver = moves.Receiver(destination, *moves.QUICK, fault=faulty[1])
    cutter = line(receiver.port) if line else None
    process = source.start(hosts.PVFERRY, "migrate", "--json", "--via", "tcp", "--port",
                           cutter.port if cutter else receiver.port, *moves.QUICK, *options, number, "127.0.0.1",
                           fault=faulty[0])
    result, _ = source.end(process), receiver.end()
    if cutter:
        cutter.close()
    expect(result.status in (0, 1, 3), f"{what}: {result}")
    jobs = [entry["job"] for entry in moves.jobs(source).values()]
    for job in jobs:
        moves.settle(source, destination, job)
    there = destination.domains()
    if there:
        expect(not source.domains(), f"{what}: on both: {result}")
        destination.goes_on(*there, what)
        destination.destroy(*there)
        source.uuid_files()
    else:
        source.goes_on(number, f"{what}: {result}")
        before.is_as_it_was(what)
        source.destroy(number)
    empty.is_as_it_was(f"{what}: {result}")
    for host in (source, destination):
        expect(not moves.locks(host), f"{what}: {moves.locks(host)}")
        moves.forget_jobs(host)
    return result.status


def at_random_bytes(stage, source, destination):
    random.seed(20261121)
    for side, most in [("source", 60000), ("source", 60000), ("source", 600000), ("source", 600000), ("destination", 1200)] * 4:
        after = random.randrange(1, most)
        attempt(stage, source, destination, f"cut after {after} bytes of the {side}",
                line=lambda port: Bytes(port, side, after))
    return 20


def failing_calls(stage, source, destination):
    """Of the hypervisor, on either side; and a host whose memory goes while the guest comes."""
    at_destination = ("domctl.unpausedomain:*:EPERM", "memory.populate_physmap:*:ENOMEM", "mmuext:1:EINVAL", "map:4:EINVAL",
                      "domctl.max_vcpus:1:ENOMEM", "domctl.setvcpucontext:1:EINVAL", "memory.populate_physmap:2:oom")
    at_source = ("domctl.getpageframeinfo3:9:EINVAL", "map:6:EINVAL", "domctl.getvcpucontext:1:EINVAL",
                 "domctl.destroydomain:1:EPERM")
    for fault in at_source:
        attempt(stage, source, destination, f"source with {fault}", faulty=(fault, None))
    for fault in at_destination:
        status = attempt(stage, source, destination, f"destination with {fault}", faulty=(None, fault))
        expect(status == 1, f"destination with {fault}: {status}")
    return len(at_source) + len(at_destination)


def a_lane_dies(stage, source, destination):
    """Of three connections one is killed, at either end, while the image is under way."""
    for side in ("source", "destination"):
        number = source.guest(8, vcpus=2)
        receivers = []

        def serve(listener):
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                receivers.append(destination.start(hosts.PVFERRY, "receive", "--plain", "--connection", connection.fileno(),
                                                   pass_fds=[connection.fileno()]))
                connection.close()

        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=[listener], daemon=True).start()
        process = source.start(hosts.PVFERRY, "migrate", "--json", "--via", "tcp", "--port", listener.getsockname()[1],
                               "--bandwidth", "1", "--level", "0", "--connections", "3", number, "127.0.0.1")
        hosts.poll("three connections", lambda: len(receivers) == 3 and len(moves.children(process.pid)) >= 4 and
                   all(moves.children(r.pid) for r in receivers))
        # Below the source's mover: the speaker, and the two further connections.
        victim = moves.children(process.pid)[2] if side == "source" else moves.children(receivers[2].pid)[0]
        if side == "source":
            hosts.poll("a filter", lambda: status_of(victim)["Seccomp"].strip() == "2")
            has_no_privileges(victim, "a further connection")
        os.kill(victim, signal.SIGKILL)    # it asks nothing of simhost
        result = source.end(process)
        listener.close()
        for receiver in list(receivers):
            destination.end(receiver)
        expect(result.status == 1, f"a lane killed at the {side}: {result}")
        source.goes_on(number, f"a lane killed at the {side}: {result}")
        expect(not destination.domains(), f"a lane killed at the {side}: {destination.domains()}")
        for host in (source, destination):
            expect(not moves.locks(host), f"a lane killed at the {side}: {moves.locks(host)}")
        source.destroy(number)
    return 2


def run(stage):
    source, destination = stage.host("a", 24), stage.host("b", 24)
    faults.folder_of(stage)
    tried = at_random_bytes(stage, source, destination)
    tried += a_lane_dies(stage, source, destination)
    tried += failing_calls(stage, source, destination)
    stage.figure(f"{tried} blows")

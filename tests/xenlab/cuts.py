"""What can go wrong in the middle of a move, done on purpose: a process killed, the connection cut, the cable dead."""
import time

import migrations
from host import LabError

STATE = "/var/lib/pvferry/jobs"
DEPTHS = {"source": ("guard", "mover", "sender"), "destination": ("guard", "taker", "builder")}


def when(role, stage, delay=0):
    """A shell command that waits until this role's journal says so (or a later stage), and some seconds more."""
    stages = {"source": "streaming|suspended|go|done|kept", "destination": "building|ready|go|running|destroyed"}[role]
    late = stages[stages.index(stage):]
    return (f"n=0; until grep -qsE '\"stage\": ?\"({late})\"' {STATE}/*.{role}.json || [ $n = 20000 ]; "
            f"do usleep 5000; n=$((n+1)); done; sleep {delay}")


def kill(host, role, victim, stage, delay=0):
    """A job that kills one process of a pvferry on this host at that moment. Who is who follows from the parents."""
    depth = DEPTHS[role].index(victim)
    return host.start(f"{when(role, stage, delay)}; p=$(sh /lab/lineage.sh pvferry {depth}) && kill -9 $p && echo killed")


def cut_connection(host, role, stage, delay=0):
    """The same, for the socat that carries the connection."""
    return host.start(f"{when(role, stage, delay)}; kill -9 $(pidof socat) && echo killed")


def pull_cable(host, role, stage, delay=0):
    """From that moment on nothing crosses the link any more, and nobody is told."""
    return host.start(f"{when(role, stage, delay)}; ip link set eth0 down && echo killed")


def put_cable(hosts):
    for host in hosts:
        host.must("ip link set eth0 up")
    hosts[0].must(f"timeout 20 sh -c 'until ping -c 1 -w 1 {hosts[1].link.address} >/dev/null; do :; done'")


def forget(hosts):
    for host in hosts:
        host.must(f"rm -rf {STATE}")


def await_rest(hosts, seconds=120):
    """Until no pvferry runs any more on either host."""
    end = time.monotonic() + seconds
    while any(host.sh("pidof pvferry").status == 0 for host in hosts):
        if time.monotonic() > end:
            raise LabError("pvferry still runs: " + "; ".join(host.must("ps") for host in hosts))
        time.sleep(0.2)


def resolve(hosts):
    """What an operator does: each host settles what it can, then what is in doubt at a source asks the other host.
    Text of what was said."""
    said = [host.sh("pvferry resolve --recover").text() for host in hosts]
    for host, other in (hosts, hosts[::-1]):
        for job in host.must(f"cd {STATE} 2>/dev/null && grep -lE '\"stage\": ?\"go\"' *.source.json || true").split():
            receiver = other.start(f"pvferry receive --plain --listen {other.link.address}:{migrations.PORT}")
            migrations.await_listener(other, receiver)
            said.append(host.sh(f"pvferry resolve {job.partition('.')[0]}").text())
            receiver.kill()
    return "\n".join(said)

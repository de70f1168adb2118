"""A guest with two disks and a network moves to and fro, and on one host: its devices with it, early or late, nothing left behind."""
import signal
from unittest import mock

import faults
import hosts
import moves
import travels
from hosts import expect, poll

EARLY = ("--devices", "early")
MADE = [("b", "add"), ("b", "add"), ("b", "online")]


def stays(bench, words, what, receives=travels.ALLOW, options=(), meanwhile=lambda move: None):
    """The guest is refused or comes back: one line, all is at the source as it was, nothing at the destination."""
    a, b = bench.hosts
    before = faults.Before(a.host, faults.folder_of(bench.stage, what.replace(" ", "-")))
    move = moves.Move(a.host, b.host, bench.number, options=options, receives=receives)
    meanwhile(move)
    result, _ = move.end()
    faults.says_one_line(result, what)
    for word in words:
        expect(word in result.err, f"{what}: no {word!r}: {result}")
    before.is_as_it_was(what)
    bench.is_whole(a, bench.number, what)
    bench.is_away(b, what)


def refusals(bench):
    a, _ = bench.hosts
    ring = f"/local/domain/{bench.number}/device/vbd/51712/ring-ref"
    stays(bench, ("the disk xvda is on", "/dev/null", "allow-devices", "the domain was not stopped"), "no device allowed", travels.ALLOW[:2])
    stays(bench, ("the network 0 is on", "xenbr0"), "no bridge allowed", (*travels.ALLOW[:3], "/dev/*"))
    # a page that stands in for a ring: xenstore's, whose first words differ
    a.host.store.write(ring, "1")
    stays(bench, ("the disk xvda has requests that were not answered within 5 s", "the domain runs on"), "a disk that is not at rest")
    a.host.store.write(ring, "0")    # the console's is all zeroes
    bench.fails("b add")
    stays(bench, ("ok add: the disk burns", "the domain runs on"), "a script that fails")
    stays(bench, ("ok add: the disk burns", "the domain was not stopped"), "a script that fails early", options=EARLY)
    bench.fails()
    with mock.patch.object(moves, "Line", Older):
        stays(bench, ("the other host's pvferry makes them late only", "the domain was not stopped"), "early at an older host", options=EARLY)
    refused = a.host.pvferry("migrate", "--via", "tcp", "--port", 1, "--no-live", *EARLY, bench.number, "127.0.0.1")    # it calls no host
    expect(refused.status == 1 and refused.is_one_line() and "--devices early does not go with --no-live" in refused.err, f"{refused}")


class Older(moves.Line):
    """To a pvferry that accepts a guest as those did that knew no early devices."""

    def one(self, name, kind, message, to):
        return super().one(name, kind, moves.message("ACCEPT", {}) if kind == "ACCEPT" else message, to)


def runs_meanwhile(bench, move):
    """While a script of the destination hangs, the guest is not even asked to stop, however long that takes."""
    a, _ = bench.hosts
    poll("the script hangs", lambda: ("b", "online") in bench.has_run())
    seen = move.line.seen
    first = seen.get(("destination", "PROGRESS"), 0)
    poll("the source has heard of it", lambda: seen.get(("destination", "PROGRESS"), 0) > first + 1)
    expect(("source", "END") not in seen, f"END before the devices are made: {seen}")
    expect(moves.running(a.host) == [bench.number], f"the guest waits for a script: {a.host.domains()}")
    stages = [entry["stage"] for entry in moves.jobs(a.host).values()]
    expect("streaming" in stages and not {"suspending", "suspended"} & set(stages), f"the guest is asked to stop: {stages}")


def hangs(bench):
    """Of two scripts that hang, one ends at last; the other one's move is cancelled."""
    def cancel(move):
        runs_meanwhile(bench, move)
        move.kill("source", "guard", number=signal.SIGTERM)

    bench.holds("b online")
    stays(bench, ("the domain was not stopped",), "a script that hangs", options=EARLY, meanwhile=cancel)
    bench.holds()


def moves_early(bench, number, options):
    """All scripts have run when the guest's disks are given away."""
    a, b = bench.hosts
    made = []

    def watch(_move, sender, name, _count):
        if (sender, name) == ("source", "END"):
            made.extend(bench.has_run())

    bench.holds("b online")
    move = moves.Move(a.host, b.host, number, watch, options=options, receives=travels.ALLOW)
    runs_meanwhile(bench, move)
    bench.holds()
    result, _ = move.end()
    expect(sorted(made) == MADE, f"at END these have run: {made}")
    expect(result.status == 0 and move.event("end")["devices"]["order"] == "early", f"early: {result}")
    return result


def to_and_fro(bench, number):
    a, b = bench.hosts
    for source, destination in ((a, b), (b, a)):
        names = source.host.path.name, destination.host.path.name
        what = f"to {names[1]}"
        if destination is b:
            result = moves_early(bench, number, EARLY)
        else:    # in ssh's place, whose user may have any disk and bridge
            receive = f"{hosts.SIMHOST} run {destination.host.path} -- {hosts.PVFERRY} receive --allow-config scripts"
            result = source.host.pvferry("migrate", "--via", "ssh", "--ssh", "", *moves.QUICK, number, receive)
        expect(result.status == 0, f"{what}: {result}")
        number, = destination.host.domains()
        ran = bench.ran()
        expect(sorted(ran[:3]) == [(names[1], each) for each in ("add", "add", "online")], f"{what}: {ran}")
        expect(sorted(ran[3:]) == [(names[0], each) for each in ("offline", "remove", "remove")], f"{what}: {ran}")
        bench.is_whole(destination, number, what)
        bench.is_away(source, what)
    return number


def on_one_host(bench, number, options):
    a, _ = bench.hosts
    receiver = moves.Receiver(a.host, *moves.QUICK, *travels.ALLOW)
    result = a.host.pvferry("migrate", "--via", "tcp", "--port", receiver.port, *moves.QUICK, *options, number, "127.0.0.1")
    taken = receiver.end()
    expect(result.status == 0 and taken.status == 0, f"on one host: {result}; {taken}")
    there, = a.host.domains()
    expect(there != number, "it has not moved")
    bench.is_whole(a, there, "on one host")
    expect(not [path for path in a.left() if f"/{number}/" in path], f"on one host: {a.left()}")
    tree = a.host.store.tree()
    machine = tree[f"/local/domain/{there}/vm"]
    expect(tree.get(f"{machine}/uuid") and tree.get(f"{machine}/name") == "web", f"{machine}: {[p for p in tree if machine in p]}")
    expect(not any("migratedaway" in v for v in tree.values()), "a name is left")
    return there


def run(stage):
    bench = travels.Bench(stage)
    number = bench.begin()
    refusals(bench)
    hangs(bench)
    number = to_and_fro(bench, number)
    for options in ((), EARLY):
        number = on_one_host(bench, number, options)

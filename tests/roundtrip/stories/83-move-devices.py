"""A guest with two disks and a network moves to and fro, and on one host: its devices with it, nothing left behind."""
import faults
import hosts
import moves
import travels
from hosts import expect

def stays(bench, words, what, receives=travels.ALLOW):
    """The guest is refused or comes back: one line, all is at the source as it was, nothing at the destination."""
    a, b = bench.hosts
    before = faults.Before(a.host, faults.folder_of(bench.stage, what.replace(" ", "-")))
    move = moves.Move(a.host, b.host, bench.number, options=(), receives=receives)
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
    bench.fails()


def to_and_fro(bench, number):
    a, b = bench.hosts
    for source, destination in ((a, b), (b, a)):
        names = source.host.path.name, destination.host.path.name
        what = f"to {names[1]}"
        if destination is b:
            result, _ = moves.Move(source.host, destination.host, number, options=(), receives=travels.ALLOW).end()
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


def on_one_host(bench, number):
    a, _ = bench.hosts
    receiver = moves.Receiver(a.host, *moves.QUICK, *travels.ALLOW)
    result = a.host.pvferry("migrate", "--via", "tcp", "--port", receiver.port, *moves.QUICK, number, "127.0.0.1")
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
    number = to_and_fro(bench, number)
    on_one_host(bench, number)

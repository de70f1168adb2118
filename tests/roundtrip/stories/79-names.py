"""Names with blanks, of any alphabet and of 255 bytes move; a name that cannot move is refused before the other host is asked, with the rule and the way out."""
import moves
from hosts import expect

CARRIED = ["my vm", "größe", "日本", "+3", "%s", "z" * 255]
REFUSED = [("a/b", "it contains a slash"), ("z" * 256, "is longer than 255 bytes"), ("a\x01b", "control characters")]


def run(stage):
    source, destination = stage.host("a", 24), stage.host("b", 24)
    for name in CARRIED:
        number = source.guest(2)
        source.store.write(f"/local/domain/{number}/name", name)
        result, taken = moves.Move(source, destination, name).end()
        expect(result.status == 0 and taken.status == 0, f"{name}: {result}, {taken}")
        there = moves.running(destination)
        has = destination.store.read(f"/local/domain/{there[0]}/name")
        expect(has == name, f"{name}: it is called {has} there")
        expect(not moves.locks(destination) and not moves.locks(source), f"{name}: {moves.locks(destination)}")
        destination.destroy(there[0])
    number = source.guest(2)
    for name, rule in REFUSED:
        source.store.write(f"/local/domain/{number}/name", name)
        result = source.pvferry("migrate", "--via", "tcp", "--port", 1, number, "127.0.0.1")
        expect(result.status == 1 and result.is_one_line() and rule in result.err, f"{name}: {result}")
        expect("--name" in result.err or "xl rename" in result.err, f"{name}: no way out: {result}")
        source.goes_on(number, name)
    result, _ = moves.Move(source, destination, number, options=("--name", "größe")).end()
    expect(result.status == 0, f"--name: {result}")
    return stage.figure(f"{len(CARRIED)} names moved, {len(REFUSED)} were refused")

"""While a guest is moved or saved, nobody else moves or saves it: who found it suspended by another would give it away twice."""
import moves
from hosts import expect

BUSY = "it is being migrated to 127.0.0.1"
DYING = "another job is at work on domain"
LARGE = 32    # MiB, uncompressed: more than fits into the line while that is held


class Trio:
    """A guest, and two hosts to which it may go."""

    def __init__(self, stage):
        self.source, self.first, self.second = (stage.host(name, 96) for name in ("from", "to-a", "to-b"))
        self.number = self.source.guest(LARGE)
        self.path = stage.folder / "image"

    def others_are_refused(self, what):
        moved = self.source.pvferry("migrate", "--via", "ssh", "--ssh", "", self.number, "false")
        saved = self.source.pvferry("save", "-c", self.number, self.path)
        for result in (moved, saved):
            expect(result.status == 1 and result.is_one_line() and BUSY in result.err, f"{what}: {result}")
        expect(not self.path.exists(), f"{what}: there is an image")

    def at_data(self, act):
        """A move to the first host, on its first bytes."""
        def watch(move, sender, kind, number):
            return act(move) if (sender, kind, number) == ("source", "DATA", 1) else None
        return moves.Move(self.source, self.first, self.number, watch, ("--level", "0"))


def killed(trio):
    """Who is dead is at work on nothing; what it has left is put right by whoever is told to, when nobody else is at it."""
    def die(move):
        trio.others_are_refused("while it moves")
        move.kill("source")
    left = trio.at_data(die)
    expect(left.end()[0].status == -9, "it was killed")
    job, = (name.split(".")[0] for name in moves.jobs(trio.source))

    def early(_move):
        # The new move has settled it when it began, unless the dead were not quite gone then.
        is_settled = moves.jobs(trio.source)[f"{job}.source.json"]["stage"] == "kept"
        result = trio.source.pvferry("resolve", job)
        expect(result.status == 0 if is_settled else result.status == 1 and DYING in result.err, f"resolve: {is_settled}, {result}")
        expect(trio.source.pvferry("resolve", "--recover").status == 0, "resolve --recover comes again")
        return "cut"
    expect(trio.at_data(early).end()[0].status == 1, "the next one was cut")
    trio.source.must("resolve", "--recover")
    trio.source.goes_on(trio.number, "afterwards")
    expect(not moves.locks(trio.source), moves.locks(trio.source))


def saved(trio):
    """And then it may go."""
    trio.source.save(trio.number, trio.path, "-c")
    result = moves.Move(trio.source, trio.second, trio.number).end()[0]
    expect(result.status == 0 and not trio.source.domains(), f"afterwards: {result}")
    there, = trio.second.domains()
    trio.second.goes_on(there, "there")
    expect(not moves.locks(trio.source), moves.locks(trio.source))


def run(stage):
    trio = Trio(stage)
    killed(trio)
    saved(trio)

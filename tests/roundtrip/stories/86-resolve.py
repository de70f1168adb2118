"""A move is cut where neither host can know: a person says where the guest runs, and is not believed where a host knows better."""
import json

import moves
from hosts import expect

IN_FLIGHT = ("source", "GO")             # the guest never runs there
ARRIVED = ("destination", "RUNNING")     # it runs there, and nobody hears of it
MONTH = 31 * 86400


class Case:
    """Two hosts, and a move between them that is cut at a place."""

    def __init__(self, stage, what, place, blow=lambda _case: "cut", status=3):
        self.what = what
        self.source, self.destination = stage.host(f"a-{what}", 24), stage.host(f"b-{what}", 24)
        self.number = self.source.guest(4, vcpus=2)
        self.name = self.source.store.read(f"/local/domain/{self.number}/name")
        self.move = moves.Move(self.source, self.destination, self.number,
                               lambda _move, sender, kind, _n: blow(self) if (sender, kind) == place else None)
        result, _ = self.move.end()
        expect(result.status == status, f"{what}: {result}")

    @property
    def job(self):
        file, = moves.jobs(self.source)
        return file.split(".")[0]

    def stage_of(self, host):
        """What the journal says there."""
        side = "source" if host is self.source else "destination"
        return moves.jobs(host).get(f"{self.job}.{side}.json", {}).get("stage")

    def resolve(self, *options, host=None):
        return (host or self.source).pvferry("resolve", *options, self.job)

    def resolve_asking(self, *options):
        """The same while somebody answers there."""
        receiver = moves.Receiver(self.destination)
        file = self.source.path / "jobs" / f"{self.job}.source.json"
        entry = json.loads(file.read_text())
        file.write_text(json.dumps(dict(entry, port=receiver.port)))
        result = self.resolve(*options)
        receiver.end()
        return result

    def is_refused(self, result, words, status=1):
        expect(result.status == status and result.is_one_line() and words in result.err, f"{self.what}: {result}")

    def waits(self):
        expect(self.source.domains()[self.number][:3] == "--s", f"{self.what}: {self.source.domains()}")
        expect(self.stage_of(self.source) == "go", f"{self.what}: {moves.jobs(self.source)}")

    def one_runs(self, at, there="destroyed"):
        """Here or there, whole and under its name; both journals are settled, and nothing else is left. there: the
        destination's, of a guest that stayed."""
        other = self.destination if at is self.source else self.source
        expect(not other.domains(), f"{self.what}: {other.domains()} is left")
        number, = at.domains()
        at.goes_on(number, self.what)
        name = at.store.read(f"/local/domain/{number}/name")
        expect(name == self.name, f"{self.what}: it is called {name}")
        stages = self.stage_of(self.source), self.stage_of(self.destination)
        expect(stages == (("kept", there) if at is self.source else ("done", "running")), f"{self.what}: {stages}")
        for host in (self.source, self.destination):
            expect(not moves.locks(host), f"{self.what}: {moves.locks(host)} is left")

    def entries_go(self):
        """A month later."""
        for host in (self.source, self.destination):
            for file in (host.path / "jobs").glob("*.json"):
                entry = json.loads(file.read_text())
                file.write_text(json.dumps(dict(entry, time=entry["time"] - MONTH)))
            host.must("resolve", "--recover")
            expect(not list((host.path / "jobs").iterdir()), f"{self.what}: {list((host.path / 'jobs').iterdir())}")


def never_arrived(stage):
    case = Case(stage, "never-arrived", IN_FLIGHT)
    case.is_refused(case.resolve(), "--here resumes it here. If both run, its disks are corrupted\n", 3)
    recovered = case.source.pvferry("resolve", "--recover")
    expect(recovered.status == 3, f"--recover decides nothing: {recovered}")
    case.is_refused(case.resolve_asking("--moved"), "it does not run there")
    case.waits()
    expect(case.resolve("--here").out.startswith(f"{case.job}: {case.name} stayed here"), "--here")
    case.one_runs(case.source)
    for option in ("--here", "--moved"):
        case.is_refused(case.resolve(option), f"already resolved: {case.name} stayed here")
    case.is_refused(case.resolve("--moved", host=case.destination), "the host that ")
    expect(case.resolve().status == 0, "to ask once more does no harm")
    case.one_runs(case.source)
    case.entries_go()
    case.source.goes_on(case.number, "afterwards")


def arrived(stage):
    case = Case(stage, "arrived", ARRIVED)
    case.is_refused(case.resolve_asking("--here"), "it runs there")
    case.waits()
    case.is_refused(case.resolve("--here", host=case.destination), "the host that ")
    expect(case.resolve("--moved").status == 0, "--moved")
    case.one_runs(case.destination)
    case.is_refused(case.resolve("--here"), f"already resolved: {case.name} runs on the other host")
    case.one_runs(case.destination)
    case.entries_go()


def both_died(stage):
    """Before GO was read, so the other host, asked by nobody, gives it up by itself."""
    def blow(case):
        case.move.kill("source")
        case.move.kill("destination")
        return "cut"
    case = Case(stage, "both-died", IN_FLIGHT, blow, -9)
    expect(case.resolve("--here").status == 0, "--here")
    case.destination.must("resolve", "--recover")
    case.one_runs(case.source)


def while_it_is_at_work(stage):
    """The process that waits for RUNNING has its say first."""
    def blow(case):
        for option in ("--here", "--moved"):
            case.is_refused(case.resolve(option), "is still at work here")
        return "cut"
    case = Case(stage, "at-work", IN_FLIGHT, blow)
    expect(case.resolve_asking("--here").status == 0, "--here, and the other host says so")
    case.one_runs(case.source)


def go_is_on_its_way(stage):
    """Nobody is left here, and the other host is ready: GO may still come."""
    def blow(case):
        case.move.kill("source")
        for option in ("--here", "--moved"):
            case.is_refused(case.resolve_asking(option), "answers \"ready\"; ", 3)
            case.waits()
    case = Case(stage, "on-its-way", IN_FLIGHT, blow, -9)
    expect(case.resolve_asking().status == 0, "when it has come")
    case.one_runs(case.destination)


def without_doubt(stage):
    """It has not left yet: plain resolve is enough."""
    case = Case(stage, "no-doubt", ("source", "DATA"), lambda case: case.move.kill("source"), -9)
    for option in ("--here", "--moved"):
        case.is_refused(case.resolve(option), f"not in doubt: {case.name} is being migrated")
    expect(case.resolve().status == 0, "resolve")
    case.one_runs(case.source, there=None)    # it was never ready there, so there is nothing to be asked about


def it_is_gone(stage):
    """Somebody has destroyed it meanwhile."""
    case = Case(stage, "gone", IN_FLIGHT)
    case.source.destroy(case.number)
    result = case.resolve("--here")
    expect(result.status == 0 and "stayed here, and has ended: there is no domain" in result.out, f"gone: {result} {result.out}")
    expect(case.stage_of(case.source) == "ended" and not case.source.domains(), "gone")


def wrong_words(stage):
    host = stage.host("alone", 8)
    job = "0123456789abcdef" * 2
    for words, status, text in (((job,), 1, "no journal here names such a job"), (("--here", job), 1, "no journal here names such a job"),
                                (("--moved", job), 1, "no journal here names such a job"),
                                (("--moved", "--here", job), 2, "not both"), (("--here",), 2, "takes a JOB"),
                                (("--moved", "web1"), 2, "takes a JOB"), (("--recover", "--here"), 2, "not both"),
                                (("--recover", job), 2, "takes a JOB")):
        result = host.pvferry("resolve", *words)
        expect(result.status == status and result.is_one_line() and text in result.err, f"{words}: {result}")
    expect(not moves.jobs(host) and not moves.locks(host), moves.locks(host))


def run(stage):
    for tell in (never_arrived, arrived, both_died, while_it_is_at_work, go_is_on_its_way, without_doubt, it_is_gone):
        tell(stage)
    wrong_words(stage)

"""man/pvferry-json.7 describes each field of each JSON that pvferry and pvferryd print: its name, its type, and whether it is always there."""
import json
import re
import socket
from xml.etree import ElementTree

import daemons
import hosts
import pki
from hosts import expect

PAGE = hosts.ROOT / "man/pvferry-json.7"
FIELD = re.compile(r"\.B[RI]? (\S+) *\"? *\((text|integer|number|boolean|object|list)\b([^)]*)\)")
TYPES = {str: "text", bool: "boolean", int: "integer", float: "number", dict: "object", list: "list"}


def read_page():
    """{section: {path: (type, is_optional)}}; `a.b` is in the object a, `a[].b` in the objects of the list a, `a.*` any field of it."""
    sections, fields = {}, None
    for line in PAGE.read_text().splitlines():
        if line.startswith((".SS ", ".SH ")):
            fields = sections.setdefault(line[4:].strip('"'), {})
        match = FIELD.match(line)
        if match and fields is not None:
            fields[match[1]] = match[2], "optional" in match[3]
    return sections


class Checker:
    def __init__(self):
        self.sections, self.seen = read_page(), set()

    def check(self, section, value, path=""):
        """An object against its section: each field is described and of that type, and what is not optional is there."""
        fields = self.sections.get(section)
        expect(fields, f"{PAGE.name} has no fields under \"{section}\"")
        at = f"{path}." if path else ""
        for name, field in value.items():
            where = next((w for w in (f"{at}{name}", f"{at}*") if w in fields), None)
            expect(where, f"{PAGE.name}, {section}: \"{at}{name}\" is not described: {value}")
            wanted, _ = fields[where]
            has = TYPES[type(field)]
            expect(has == wanted or (has, wanted) == ("integer", "number"), f"{section}: {at}{name} is {has}, the page says {wanted}")
            self.seen.add((section, where))
            inner = where + "[]" * isinstance(field, list)
            if not any(other.startswith(f"{inner}.") for other in fields):
                continue    # the page names another section for it
            for part in field if isinstance(field, list) else [field]:
                self.check(section, part, inner)
        for where, (_, is_optional) in fields.items():
            inside, _, name = where.rpartition(".")
            if inside == path and not is_optional and name != "*":
                expect(name in value, f"{section}: \"{where}\" is not there, and the page does not call it optional: {value}")


    def check_job(self, job):
        """What pvferryd says of a job has its last events in it."""
        self.check("Description of a job", job)
        for name in ("status", "end"):
            if "event" in job.get(name, {}):
                self.check(f"Event {name}", job[name])


def images(checker, host, number, folder):
    """save, inspect, verify, merge, restore."""
    def said(*words, section, status=0):
        result = host.pvferry(*words, "--json")
        expect(result.status == status, result)
        checker.check(section, json.loads(result.out))
    full, more = folder / "full.pvf", folder / "more.pvf"
    said("save", "-c", "--index", number, full, section="save")
    said("save", "--parent", full, number, more, section="save")
    said("inspect", more, section="inspect")
    drawing = ElementTree.fromstring(host.must("inspect", "--map-svg", more).out)
    expect(drawing.tag.endswith("svg") and " 0 MiB |T" in host.must("inspect", "--map", more).out, "the map is drawn")
    expect(host.pvferry("inspect", "--map", "--json", more).status == 2, "--map and --json are taken together")
    said("verify", more, section="verify")
    said("merge", more, folder / "one.pvf", section="merge")
    said("restore", folder / "one.pvf", section="restore")
    content = bytearray(full.read_bytes())
    content[len(content) // 2] ^= 1
    full.write_bytes(content)
    said("verify", full, section="verify", status=1)


def checkpoints(checker, host, number, folder):
    series = host.start(host.program, "checkpoint", "--every", "1h", "--json", number, folder / "points")
    series.stdout.readline()
    for job in hosts.poll("a checkpoint among the jobs", lambda: [job for job in json.loads(host.must("jobs", "--json").out) if "due" in job]):
        checker.check("Description of checkpoints", job)
    series.terminate()
    host.end(series)


def hosts_and_jobs(checker, stage, sides, keys):
    """A move by way of two daemons, all that is said about it, and the control socket's answers."""
    source, destination = sides
    number, = source.host.domains()
    report = stage.folder / "move.json"
    moved = source.host.must("migrate", "--json", "--report", report, "--port", destination.port, number, "localhost")
    events = [json.loads(line) for line in moved.out.splitlines()]
    expect({event["event"] for event in events} == {"job", "status", "end"}, moved)
    for event in events:
        checker.check(f"Event {event['event']}", event)
    written = json.loads(report.read_text())
    checker.check("Report of a move", written)
    expect(written["end"] == events[-1] and written["job"] == events[0]["job"], f"the report is of another move: {written}")
    rounds = events[-1]["rounds"]
    expect([r.get("round") for r in rounds] == [*range(1, len(rounds)), None] and rounds[-1]["stopped"] and
           sum(r["bytes"] for r in rounds) <= events[-1]["ram"]["transferred"], f"what was sent in rounds: {events[-1]}")
    for side in sides:
        jobs = json.loads(side.host.must("jobs", "--json").out)
        expect(jobs, "no job is listed")
        for job in jobs:
            checker.check_job(job)
    file = socket.socket(socket.AF_UNIX)
    file.settimeout(hosts.DEADLINE)
    file.connect(str(source.host.path / "run/control"))
    answers = file.makefile("rb")
    for request in ({"execute": "jobs"}, {"execute": "follow"}, {"execute": "cancel"}):
        file.sendall(json.dumps(request).encode() + b"\n")
        checker.check("Answers", json.loads(answers.readline()))
    file.close()
    checker.check("cert show and doctor", json.loads(source.host.pvferry("doctor", "--json", "--pki", keys / "localhost").out))
    checker.check("cert show and doctor", json.loads(source.host.pvferry("cert", "show", "--json", "--ca", stage.folder / "none").out))


def points(checker, host, number, folder):
    """checkpoint, checkpoints, prune, stress."""
    where = folder / "series"
    where.mkdir()
    made = host.must("checkpoint", "--json", "--every", "1ms", "--count", 3, number, where).out.splitlines()
    for line in made:
        checker.check("checkpoint", json.loads(line))
    (where / "odd.pvf").write_bytes(b"no image")
    listed = json.loads(host.must("checkpoints", "--json", where).out)
    for point in listed:
        checker.check("checkpoints", point)
    expect(len(made) == 3 and [p["restorable"] for p in listed].count(True) == 3, f"checkpoints: {made} {listed}")
    checker.check("prune", json.loads(host.must("prune", "--json", "--keep-last", 1, where).out))
    name = host.store.read(f"/local/domain/{number}/name")
    lines = host.must("stress", "--json", "--rounds", 2, "--pause", 0, "--mix", "save=1", "--directory", folder / "stress", name).out
    *rounds, summary = map(json.loads, lines.splitlines())
    for one in rounds:
        checker.check("A round of stress", one)
    checker.check("Summary of stress", summary)
    expect(len(rounds) == 2, lines)


# What each command with --json cannot do.
FAILURES = {"save": ("none", "image"), "checkpoint": ("none", "."), "checkpoints": ("none",), "prune": ("--keep-last", 1, "none"),
            "restore": ("none",), "migrate": ("--foreground", "none", "localhost"), "resolve": ("ffffffff",), "inspect": ("none",),
            "merge": ("none", "image"), "stress": ("none",), "list": ("none",), "jobs": ("none",), "doctor": ("one", "two"),
            "verify": ("one", "two"), "cert": ("none",)}


def failures(checker, host, folder):
    """Each of them prints an object that says why, with the exit status, and nothing else."""
    commands = [line.split()[0] for line in host.must("--help").out.splitlines() if line.startswith("  ")]
    with_json = {name for name in commands if "--json " in host.must(name, "--help").out}
    expect(with_json == set(FAILURES), f"commands with --json, and those that fail here: {with_json ^ set(FAILURES)}")
    for name, operands in FAILURES.items():
        failed = host.pvferry(name, "--json", *operands, cwd=folder)
        said = json.loads(failed.out)
        checker.check("Failures", said)
        expect(failed.status and said["error"]["status"] == failed.status and said["error"]["message"] in failed.err, f"{name}: {failed}")
    image = host.pvferry("save", "--json", "none", "-")
    checker.check("Failures", json.loads(image.err.splitlines()[-1]))
    expect(image.status == 1 and not image.out, f"JSON is where an image was wanted: {image}")
    late = host.pvferry("save", "--level", "x", "none", "image", "--json")
    expect(json.loads(late.out)["error"]["hint"], f"an option before --json is wrong: {late}")


def reports(side, folder):
    """A picture of a move that fails; and where none can be written none begins."""
    number, = side.host.domains()
    picture = folder / "move.svg"
    failed = side.host.pvferry("migrate", "--json", "--via", "tcp", "--report", picture, number, "localhost:1")
    drawn = "".join(ElementTree.fromstring(picture.read_text()).itertext())
    expect(failed.status == 1 and "failed after" in drawn and "Connection refused" in drawn and
           json.loads(failed.out.splitlines()[-1])["event"] == "end", f"the picture: {drawn} {failed}")
    for name, status in (("move.png", 2), ("none/move.svg", 1)):
        failed = side.host.pvferry("migrate", "--via", "tcp", "--report", folder / name, number, "localhost:1")
        expect(failed.status == status and "refused" not in failed.err, f"--report {name}: {failed}")
    expect([f.name for f in folder.iterdir() if "move." in f.name and f.suffix != ".json"] == ["move.svg"], "a file is left")


def rest(checker, side):
    for domain in json.loads(side.host.must("list", "--json").out):
        checker.check("list", domain)
    side.end()
    for job in json.loads(side.host.must("jobs", "--json").out):
        checker.check_job(job)


def run(stage):
    checker = Checker()
    keys = pki.make(stage.folder / "pki", "localhost")
    sides = [daemons.Daemon(stage.host(name, 48), keys / "localhost", "localhost.example") for name in "ab"]
    try:
        images(checker, sides[0].host, sides[0].host.guest(4), stage.folder)
        number = sides[0].host.guest(4)
        checkpoints(checker, sides[0].host, number, stage.folder)
        sides[0].host.destroy(number)
        hosts_and_jobs(checker, stage, sides, keys)
        reports(sides[1], stage.folder)
        points(checker, sides[1].host, next(iter(sides[1].host.domains())), stage.folder)
        failures(checker, sides[0].host, stage.folder)
        rest(checker, sides[1])
    finally:
        for side in sides:
            side.close()
    return f"{len(checker.seen)} fields seen"

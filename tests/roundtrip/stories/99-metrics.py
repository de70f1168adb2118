"""`pvferry metrics`: what jobs came to, in Prometheus' text format and in OpenMetrics, each parsed strictly; examples that name only what there is."""
import json
import re
import shutil
import subprocess

import hosts
import moves
from hosts import expect

NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r"[a-zA-Z_][a-zA-Z0-9_]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{({LABEL}="[^"\\\n]*"(?:,{LABEL}="[^"\\\n]*")*)\}})? (-?\d+(?:\.\d+)?)')
ENDS = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
EXAMPLES = hosts.ROOT / "examples"


def samples_of(name, kind, is_open):
    """The names that samples of a family have."""
    if kind == "counter":
        return (name + "_total",) if is_open else (name,)
    return tuple(name + end for end in ENDS[kind])


def parse(text, is_open):
    """{name: {labels: value}}, {family: type}; anything that a strict reader would refuse is a failure."""
    expect(text.endswith("\n"), "the last line has no end")
    lines = text[:-1].split("\n")
    if is_open:
        expect(lines.pop() == "# EOF", "no # EOF at the end")
    values, types, helped, family, allowed = {}, {}, None, None, ()
    for line in lines:
        if line.startswith("# HELP "):
            helped = re.fullmatch(rf"# HELP ({NAME}) \S.*", line)
            expect(helped and helped[1] not in types, f"HELP: {line}")
            continue
        if line.startswith("# TYPE "):
            found = re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line)
            expect(found and helped and helped[1] == found[1], f"TYPE without its HELP: {line}")
            family = found[1]
            types[family], helped = found[2], None
            allowed = samples_of(family, found[2], is_open)
            expect((found[2] == "counter" and not is_open) == family.endswith("_total"), f"a counter's name: {line}")
            continue
        sample = SAMPLE.fullmatch(line)
        expect(sample and family and not helped, f"no sample: {line!r}")
        expect(sample[1] in allowed, f"{line} does not belong to {family}")
        labels = tuple(sorted(re.findall(rf'({LABEL})="([^"]*)"', sample[2] or "")))
        expect(len({name for name, _ in labels}) == len(labels), f"a label twice: {line}")
        expect(labels not in values.setdefault(sample[1], {}), f"a sample twice: {line}")
        values[sample[1]][labels] = float(sample[3])
    for name, kind in types.items():
        if kind == "histogram":
            check_histogram(name, values)
    return values, types


def check_histogram(name, values):
    """Buckets in their order, cumulative, the last of them +Inf and the count."""
    series = {}
    for labels, value in values[name + "_bucket"].items():
        rest = tuple(pair for pair in labels if pair[0] != "le")
        series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    for labels, buckets in series.items():
        expect(buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets), f"{name}{labels}: {buckets}")
        expect(buckets[-1][0] == float("inf") and buckets[-1][1] == values[name + "_count"][labels], f"{name}{labels}: its end")
        expect((values[name + "_sum"][labels] > 0) <= (buckets[-1][1] > 0), f"{name}{labels}: a sum of nothing")


def is_strict():
    """The reader itself: one defect each, and it refuses."""
    head, good = "# HELP a_total A.\n# TYPE a_total counter\n", "a_total{k=\"v\"} 1\n"
    parse(head + good, False)
    parse("# HELP a A.\n# TYPE a counter\n" + good + "# EOF\n", True)
    bad = [head + good[:-1], head + good + good, good, "# TYPE a_total counter\n" + good, head + "b_total 1\n", head + "a_total{k=v} 1\n",
           head + "a_total\n", head + "a_total one\n", head + "\n" + good, head + head + good, head.replace("_total", "") + good,
           "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1.00\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"]
    for text in bad:
        try:
            parse(text, False)
        except hosts.Failure:
            continue
        raise hosts.Failure(f"the reader takes {text!r}")


def metrics(host, *words):
    plain, opened = (host.must("metrics", *more, *words).out for more in ((), ("--openmetrics",)))
    values, types = parse(plain, False)
    others, _ = parse(opened, True)
    expect(values == others and types["pvferry_jobs_total"] == "counter", "the two formats differ")
    promtool = shutil.which("promtool")
    if promtool:
        checked = subprocess.run([promtool, "check", "metrics"], input=plain, capture_output=True, text=True)
        expect(checked.returncode == 0 and not checked.stderr, f"promtool: {checked}")
    return values


def value(values, name, **labels):
    return values["pvferry_" + name][tuple(sorted(labels.items()))]


def count_jobs(stage, source, destination):
    before = metrics(source)
    expect(not any(value(before, "jobs_total", kind=k, result="completed") for k in ("migrate", "receive", "save", "restore")), before)
    number = source.guest(4, vcpus=2, workload="mix")
    image = stage.folder / "image"
    source.must("save", "-c", number, image)
    failed = source.pvferry("save", "-c", number, image)
    expect(failed.status == 1, f"over a file: {failed}")
    move = moves.Move(source, destination, number)
    result, taken = move.end()
    expect(result.status == taken.status == 0, f"{result}; {taken}")
    restored = source.restore(image)
    refused = source.pvferry("migrate", "--foreground", "--via", "tcp", "--port", 1, restored, "127.0.0.1")
    expect(refused.status == 1, f"a closed port: {refused}")
    here, there = metrics(source), metrics(destination)
    expect(value(here, "jobs_total", kind="save", result="completed") == 1, here["pvferry_jobs_total"])
    expect(value(here, "jobs_total", kind="save", result="failed") == 1, here["pvferry_jobs_total"])
    expect(value(here, "job_failures_total", kind="save", reason="busy") == 1, here["pvferry_job_failures_total"])
    expect(value(here, "jobs_total", kind="migrate", result="completed") == 1, here["pvferry_jobs_total"])
    expect(value(here, "jobs_total", kind="migrate", result="failed") == 1, here["pvferry_jobs_total"])
    expect(value(here, "job_failures_total", kind="migrate", reason="connection") == 1, here["pvferry_job_failures_total"])
    expect(value(here, "jobs_total", kind="restore", result="completed") == 1, here["pvferry_jobs_total"])
    expect(value(there, "jobs_total", kind="receive", result="completed") == 1, there["pvferry_jobs_total"])
    expect(value(there, "jobs_total", kind="migrate", result="completed") == 0, there["pvferry_jobs_total"])
    size = image.stat().st_size
    expect(value(here, "transferred_bytes_total", kind="save") == size, (size, here["pvferry_transferred_bytes_total"]))
    end = move.event("end")
    expect(0 < value(here, "transferred_bytes_total", kind="migrate") == end["ram"]["transferred"], (end, here))
    down = end["downtime"]
    expect(abs(value(here, "guest_downtime_seconds_sum", kind="migrate") * 1000 - down) <= 1, f"a downtime of {down} ms: {here}")
    expect(value(here, "guest_downtime_seconds_count", kind="migrate") == 1, here)
    expect(value(here, "job_duration_seconds_count", kind="restore") == 1, here)


def unfinished(host):
    job = {"job": "ab" * 16, "role": "source", "stage": "go", "uuid": "01234567-89ab-cdef-0123-456789abcdef", "domain": "web1",
           "peer": "host2", "via": "tls", "ssh": "", "pki": "", "boot-id": "", "reason": "", "connection": "", "domid": 99,
           "port": 1, "pid": 1, "time": 1, "from-here": False}
    (host.path / "jobs").mkdir(exist_ok=True)
    file = host.path / "jobs" / f"{job['job']}.source.json"
    file.write_text(json.dumps(job))
    expect(value(metrics(host), "unfinished_jobs", state="unresolved") == 1, "an unresolved job")
    file.write_text(json.dumps(dict(job, stage="streaming")))
    expect(value(metrics(host), "unfinished_jobs", state="interrupted") == 1, "an interrupted job")
    file.unlink()
    expect(value(metrics(host), "daemon_up") == 0, "no pvferryd")


def certificates(stage, host):
    for words in (["init-ca"], ["issue", "--days", "10", "own"]):
        subprocess.run([hosts.PVFERRY, "cert", *words, "--ca", stage.folder / "ca"], check=True, stderr=subprocess.DEVNULL)
    folder = stage.folder / "ca/hosts/own"
    said = subprocess.run(["openssl", "x509", "-in", folder / "cert.pem", "-noout", "-enddate", "-dateopt", "iso_8601"], check=True,
                          capture_output=True, text=True).stdout.strip().split("=")[1]
    stamp = subprocess.run(["date", "-d", said, "+%s"], check=True, capture_output=True, text=True).stdout
    values = metrics(host, "--pki", folder)
    expect(value(values, "certificate_not_after_timestamp_seconds", file="cert.pem") == int(stamp), (said, stamp, values))
    expect("pvferry_certificate_not_after_timestamp_seconds" not in metrics(host, "--pki", stage.folder / "none"), "none there")


def examples(host):
    """Alert rules and the board ask for nothing that there is not."""
    known = set(metrics(host)) | {f"pvferry_{name}" for name in ("certificate_not_after_timestamp_seconds", "checkpoint_timestamp_seconds", "checkpoint_failures")}
    board = json.loads((EXAMPLES / "grafana.json").read_text())
    asked = [t["expr"] for panel in board["panels"] for t in panel.get("targets", [])]
    rules = (EXAMPLES / "alerts.yml").read_text()
    asked += re.findall(r"^\s*expr: (.*)$", rules, re.MULTILINE)
    names = [name for expr in asked for name in re.findall(r"pvferry_\w+", expr)]
    expect(len(asked) > 8 and names and not set(names) - known, f"unknown: {set(names) - known}")
    for text in [rules, (hosts.ROOT / "man/pvferry-metrics.1").read_text().replace("\\", "")]:
        expect(not set(re.findall(r"pvferry_[a-z_]+[a-z]", text)) - known - {n.rsplit("_", 1)[0] for n in known}, "a name that is not")
    promtool = shutil.which("promtool")
    if promtool:
        subprocess.run([promtool, "check", "rules", EXAMPLES / "alerts.yml"], check=True, capture_output=True)


def run(stage):
    is_strict()
    source, destination = stage.host("a", 64), stage.host("b", 64)
    count_jobs(stage, source, destination)
    unfinished(source)
    certificates(stage, source)
    examples(source)
    (source.path / "tally").unlink()
    (source.path / "tally").mkdir()
    bad = source.pvferry("metrics")
    expect(bad.status == 1 and not bad.out and bad.is_one_line(), f"a tally that cannot be read: {bad}")
    number = source.guest(4)
    source.must("save", "-c", number, stage.folder / "another")    # what cannot be counted is done all the same

"""pvferry jobs, set and cancel, as a person types them, and what they do without a daemon."""
import json
import signal
import subprocess

from daemon import PVFERRY, expect, poll


def pvferry(daemon, *words):
    told = subprocess.run([PVFERRY, *words], env=daemon.environment, capture_output=True, text=True, check=False, timeout=120)
    return told.returncode, told.stdout, told.stderr


def run(stage):
    daemon = stage.daemon()
    expect(json.loads(pvferry(daemon, "jobs", "--json")[1]) == [], "jobs --json")
    job = daemon.client().do("migrate", domain="slow", host="there")["job"]
    watching = watch(daemon, "--watch", "--json")
    status, text, _ = pvferry(daemon, "jobs")
    expect(status == 0 and [line.split() for line in text.splitlines()][1] == [job[:12], "slow", "to", "there", "setup"], text)
    expect(json.loads(pvferry(daemon, "jobs", "--json")[1])[0]["job"] == job, "jobs --json")
    changes(daemon, job)
    cancels(daemon, job)
    poll("its events", lambda: '"status":"cancelled"' in (daemon.folder / "watched").read_text())
    expect('"max-downtime":200' in (daemon.folder / "watched").read_text(), "what was set")
    watching.send_signal(signal.SIGINT)
    expect(watching.wait(120) == 0, "Ctrl-C while it watches")
    table(daemon)
    without(daemon)


def watch(daemon, *words):
    """Started, and following."""
    before = daemon.descriptors()
    with open(daemon.folder / "watched", "wb") as file:
        process = subprocess.Popen([PVFERRY, "jobs", *words], env=daemon.environment, stdout=file)
    poll("it is connected", lambda: daemon.descriptors() > before)
    daemon.alive()
    return process


def changes(daemon, job):
    for words in (["slow"], ["slow", "bandwidth"], ["slow", "bandwidth="], ["slow", "bandwidth=-1"], ["slow", "level=3"], ["slow", "=5"],
                  ["slow", "max-downtime=200", "bandwidth=x"]):
        expect(pvferry(daemon, "set", *words)[0] == 2, words)
    expect(daemon.noted("orders") == [], "half of it was set")
    expect(pvferry(daemon, "set", job[:8], "max-downtime=200", "bandwidth=50") ==
           (0, "", "pvferry: slow: max-downtime 200 ms\npvferry: slow: bandwidth 50 MiB/s\n"), "set")
    poll("it is told", lambda: daemon.noted("orders") == [{"set": {"max-downtime": 200, "bandwidth": 50}}])
    expect(pvferry(daemon, "set", "nobody", "bandwidth=5") == (1, "", 'pvferry: set nobody: pvferryd has no job "nobody"\n'), "set nobody")


def cancels(daemon, job):
    expect(pvferry(daemon, "cancel", "slow") == (0, "", "pvferry: slow: cancelled\n"), "cancel")
    daemon.job("ended", job=job)
    status, _, text = pvferry(daemon, "cancel", job)
    expect(status == 0 and "already cancelled" in text, text)
    expect(pvferry(daemon, "cancel")[0] == 2, "cancel without a job")


def table(daemon):
    client = daemon.client()
    client.do("migrate", domain="quick", host="there")
    client.do("migrate", domain="dies", host="go", follow=True)
    client.until(event="end")
    client.do("migrate", domain="silent.\x1b[2J", host="1")
    daemon.job("ended", domain=r"silent.\x1b[2J")
    text = pvferry(daemon, "jobs")[1]
    for words in (" cancelled\n", "completed, stopped for 12 ms", 'unresolved: "pvferry resolve ', "failed: the job's process ended with status 1"):
        expect(words in text, f"{words}: {text}")
    expect("\x1b" not in text, "control characters")
    for path in daemon.state.glob("*.json"):
        path.unlink()
    expect("settled by" in pvferry(daemon, "jobs")[1], "a job that was resolved")


def without(daemon):
    daemon.end()
    for words in (["jobs"], ["cancel", "slow"], ["set", "slow", "bandwidth=1"]):
        status, _, text = pvferry(daemon, *words)
        expect(status == (words != ["jobs"]) and "pvferryd does not answer at" in text, text)

"""A job's process dies by a signal: pvferry resolve --recover is run, and the job's end is what the journal says then."""
import os
import signal

from daemon import expect, poll

ENDS = [("done", "completed"), ("kept", "failed"), ("go", "needs-resolve"), ("nothing", "failed")]


def run(stage):
    daemon = stage.daemon()
    client = daemon.client()
    for journal, status in ENDS:
        before = len(daemon.noted("recoveries"))
        job = client.do("migrate", domain="dies", host=journal, follow=True)
        end = client.until(event="end", job=job["job"])
        expect(end["status"] == status, f"{journal}: {end}")
        expect(len(daemon.noted("recoveries")) > before, f"{journal}: nobody looked")
        told = daemon.job("ended", job=job["job"])
        expect(told["signal"] == "KILL" and told["needs-resolve"] == (journal == "go"), told)
        (daemon.state / f"{job['job']}.source.json").unlink(missing_ok=True)
    not_yet_settled(daemon, client)
    killed_from_outside(daemon, client)
    incoming(daemon)
    left_by_others(stage)
    watcher(stage)


def not_yet_settled(daemon, client):
    """Others of its processes are still at work when it is first looked at."""
    job = client.do("migrate", domain="dies", host="streaming", follow=True)
    expect(daemon.job("settling", job=job["job"])["role"] == "source", "settling")
    daemon.touch("settle")
    expect(client.until(event="end", job=job["job"])["status"] == "failed", "settled")


def killed_from_outside(daemon, client):
    job = client.do("migrate", domain="slow", host="there", follow=True)
    for pid in daemon.children():
        os.kill(pid, signal.SIGKILL)
    end = client.until(event="end", job=job["job"])
    expect(end["status"] == "failed" and "SIGKILL" in end["error-desc"], end)
    daemon.alive()


def incoming(daemon):
    job = "ab" * 16
    peer = daemon.connect()
    peer.sendall(f"in {job} web\ndie\n".encode())
    expect(daemon.job("ended", job=job)["signal"] == "KILL", "incoming")
    poll("it is closed", lambda: peer.recv(1) == b"")


def left_by_others(stage):
    """Journals that an earlier daemon left are looked at when it starts, and again, and told."""
    daemon = stage.daemon(start=False)
    daemon.state.mkdir()
    for number, stage_name in enumerate(["streaming", "go", "done", "running"]):
        (daemon.state / f"{number:032x}.source.json").write_text(
            f'{{"job":"{number:032x}","role":"source","stage":"{stage_name}","domain":"web{number}","domid":{number},"peer":"there"}}')
    (daemon.state / "no-journal.json").write_text("{}")
    daemon.start()
    left = {job["domain"]: job for job in daemon.jobs()}
    expect(set(left) == {"web0", "web1"} and all(job["state"] == "left" for job in left.values()), left)
    expect(left["web1"]["needs-resolve"] and not left["web0"]["needs-resolve"], left)
    daemon.touch("settle")
    poll("it is looked at again", lambda: [job["domain"] for job in daemon.jobs() if job["state"] == "left"] == ["web1"])
    expect(daemon.end() == 0, "its exit status")


def watcher(stage):
    """One of a guest is dead: what starts another is run while pvferryd runs, and again, until no watcher is dead."""
    daemon = stage.daemon(environment={"PVFERRY_WATCH_SECONDS": "1"})
    (daemon.run / "watch").mkdir()
    dead = daemon.run / "watch/01234567-89ab-cdef-0123-456789abcdef"
    before = len(daemon.noted("recoveries"))
    dead.write_text("         7 boots\n ")
    poll("a recovery, and another one", lambda: len(daemon.noted("recoveries")) > before + 1)
    expect(daemon.end() == 0, "its exit status")

"""pvferry migrate through pvferryd: ordered as typed, followed to the end; Ctrl-C cancels, losing the command does not."""
import json
import os
import signal
import subprocess

from daemon import PVFERRY, expect, poll


def start(daemon, *words):
    return subprocess.Popen([PVFERRY, "migrate", *words], env=daemon.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def ended(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def run(stage):
    daemon = stage.daemon(environment={"PVFERRY_PKI": "/etc"})
    options(daemon)
    followed(daemon)
    detached(daemon)
    ends(daemon)
    interrupted(daemon)
    lost(daemon)
    alone(stage)


def options(daemon):
    typed = ["--max-downtime", "200", "--bandwidth=50", "--max_iters", "3", "--abort-if-busy", "--on-timeout=stop", "--level", "-3", "-q",
             "--min_remaining", "9", "quick", "there", "--json"]
    status, out, err = ended(start(daemon, *typed))
    expect(status == 0 and not err, (status, out, err))
    expect(daemon.noted("command-lines")[-1] == ["migrate", "--foreground", "--control", "--max-downtime=200", "--bandwidth=50", "--max-rounds=3",
                                                 "--abort-if-busy", "--on-timeout=stop", "--level=-3", "--pki=/etc", "--", "quick", "there"],
           daemon.noted("command-lines")[-1])
    events = [json.loads(line) for line in out.splitlines()]
    expect([event["event"] for event in events] == ["job", "status", "end"] and events[0]["domid"] == 5, events)


def followed(daemon):
    status, out, err = ended(start(daemon, "quick", "there"))
    expect(status == 0 and not out and "quick: moved to there" in err and "down for 12 ms" in err, (status, out, err))


def detached(daemon):
    status, out, err = ended(start(daemon, "--detach", "slow", "there"))
    expect(status == 0 and not err and len(out.strip()) == 32, (status, out, err))
    daemon.client().do("cancel", job=out.strip())
    daemon.job("ended", job=out.strip())
    expect(ended(start(daemon, "--detach", "--foreground", "slow", "there"))[0] == 2, "both")


def ends(daemon):
    """The same exit status as without a daemon."""
    status, _, err = ended(start(daemon, "refused", "there"))
    expect((status, err) == (1, 'pvferry: migrate refused: there is no domain "refused"; the domain was not stopped\n'), err)
    status, _, err = ended(start(daemon, "dies", "kept"))
    expect(status == 1 and "SIGKILL; the domain is still here" in err, err)
    status, _, err = ended(start(daemon, "dies", "go"))
    expect(status == 3 and '"pvferry resolve ' in err, err)
    status, _, err = ended(start(daemon, "--max-downtime=0", "quick", "there"))
    expect(status == 2, err)


def interrupted(daemon):
    process = start(daemon, "slow", "there")
    job = daemon.job("running", domain="slow")["job"]
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    expect(status == 1 and "cancelling" in err and "cancelled; the domain is still here" in err, (status, err))
    expect(daemon.job("ended", job=job)["end"]["status"] == "cancelled", "its end")
    interrupted_early(daemon, "cancelled; the domain is still here")
    interrupted_early(daemon, "pvferryd has told job", "--detach")
    before = len(daemon.noted("orders"))
    process = start(daemon, "past-go", "there")
    daemon.job("running", domain="past-go")
    process.send_signal(signal.SIGINT)
    poll("it was asked", lambda: daemon.noted("orders")[before:] == [{"cancel": True}])
    daemon.touch("finish")
    status, _, err = ended(process)
    expect(status == 0 and "moved to there" in err, (status, err))


def interrupted_early(daemon, words, *options):
    """Before pvferryd has said which job it is: that job must not go on."""
    def ends_seen():
        return [job["end"]["status"] for job in daemon.jobs() if job["domain"] == "late" and job["state"] == "ended"]

    before, began = ends_seen(), len(daemon.noted("command-lines"))
    process = start(daemon, *options, "late", "there")
    poll("it begins", lambda: len(daemon.noted("command-lines")) > began)
    process.send_signal(signal.SIGINT)
    heard = process.stderr.readline()
    expect("waiting for pvferryd to name the job" in heard, heard)
    daemon.touch("begin")
    status, out, err = ended(process)
    expect(status == 1 and not out and words in err, (status, out, err))
    poll("its end", lambda: len(ends_seen()) > len(before))
    expect(ends_seen() == [*before, "cancelled"], ends_seen())
    (daemon.folder / "begin").unlink()


def lost(daemon):
    for number in (signal.SIGKILL, signal.SIGHUP, signal.SIGTERM):
        before = len(daemon.noted("orders"))
        process = start(daemon, "slow", "there")
        job = daemon.job("running", domain="slow")["job"]
        process.send_signal(number)
        expect(ended(process)[0] == -number, "it did not die of it")
        daemon.alive()
        expect(daemon.job("running", job=job) and len(daemon.noted("orders")) == before,
               f"SIG {number}: the job was told {daemon.noted('orders')[before:]}")
        daemon.client().do("cancel", job=job)
        daemon.job("ended", job=job)
    process = start(daemon, "slow", "there")
    job = daemon.job("running", domain="slow")["job"]
    poll("its journal", (daemon.state / f"{job}.source.json").exists)
    daemon.process.kill()
    status, _, err = ended(process)
    expect(status == 3 and "continues without it" in err and "no process works on it" in err, (status, err))


def alone(stage):
    """Without a daemon it is done here, and --detach cannot be."""
    daemon = stage.daemon(start=False)
    os.makedirs(daemon.run)
    status, _, err = ended(start(daemon, "--detach", "quick", "there"))
    expect(status == 1 and "pvferryd does not answer" in err, err)
    expect("no pvferryd" not in ended(start(daemon, "quick", "there"))[2], "without a daemon")

"""Jobs that are ordered: their command lines hold what was ordered and no more; followed, changed, cancelled, found again."""
from daemon import expect, poll


def run(stage):
    daemon = stage.daemon("max-jobs = 3")
    client = daemon.client()
    command_line(daemon, client)
    followed(daemon, client)
    begun_badly(daemon, client)
    changed_and_cancelled(daemon, client)
    forgotten_client(daemon)
    too_many(daemon)
    hundred_ended(daemon)


def command_line(daemon, client):
    job = client.do("migrate", domain="--help", host="-h", max_downtime=200, bandwidth=0, force=True, abort_if_busy=False,
                    on_timeout="stop", ssh="sh -c 'x;y'", level=-3)
    expect(len(job["job"]) == 32 and job["role"] == "source", job)
    expect(daemon.noted("command-lines") == [["migrate", "--foreground", "--control", "--max-downtime=200", "--bandwidth=0", "--force",
                                              "--on-timeout=stop", "--ssh=sh -c 'x;y'", "--level=-3", "--", "--help", "-h"]],
           daemon.noted("command-lines"))
    daemon.job("ended", job=job["job"])
    auto = client.do("migrate", domain="quick", host="there", level="auto")
    expect("--level=auto" in daemon.noted("command-lines")[-1], daemon.noted("command-lines"))
    daemon.job("ended", job=auto["job"])


def followed(daemon, client):
    client.do("migrate", domain="quick", host="there", follow=True)
    status = client.until(event="status", status="setup")
    expect(status["ram"] == {"transferred": 0} and status["role"] == "source", status)
    end = client.until(event="end")
    expect(end["status"] == "completed" and end["downtime"] == 12, end)
    job = daemon.job("ended", job=end["job"])
    expect(job["end"] == end and job["exit-status"] == 0 and job["peer"] == "there" and not job["needs-resolve"], job)
    garbage = client.do("migrate", domain="garbage", host="there")
    expect(daemon.job("ended", job=garbage["job"])["end"]["status"] == "completed", "a job that talks nonsense first")
    daemon.await_line(r"\x1b[2J?\xff")
    expect(not daemon.said("\x1b"), "control characters in the log")


def begun_badly(daemon, client):
    client.refuse("migrate", 'there is no domain "refused"', domain="refused", host="there")
    client.refuse("migrate", "ended before it began", domain="early", host="there")
    for status, word in [(0, "completed"), (1, "failed"), (3, "needs-resolve"), (77, "failed")]:
        job = client.do("migrate", domain="silent", host=str(status))
        expect(daemon.job("ended", job=job["job"])["end"]["status"] == word, f"{status}: not {word}")


def changed_and_cancelled(daemon, client):
    job = client.do("migrate", domain="slow", host="there", follow=True)
    other = daemon.client()
    other.do("set", job=job["job"][:6], max_downtime=200, bandwidth=50)
    expect(client.until(event="status", status="active")["bandwidth"] == 50, "set")
    expect(daemon.noted("orders")[-1] == {"set": {"max-downtime": 200, "bandwidth": 50}}, daemon.noted("orders"))
    watcher = daemon.client()
    watcher.do("follow")
    other.do("cancel", job="slow")
    for each in (client, watcher):
        expect(each.until(event="end")["status"] == "cancelled", "cancel")
    daemon.job("ended", job=job["job"])
    expect(other.do("cancel", job=job["job"])["end"]["status"] == "cancelled", "cancelled once more")
    other.refuse("set", "has ended", job=job["job"], bandwidth=1)
    other.refuse("cancel", "no job", job="slow")
    expect(other.do("follow", job=job["job"])["end"]["status"] == "cancelled", "follow of one that has ended")


def forgotten_client(daemon):
    client = daemon.client()
    client.do("migrate", domain="slow.2", host="there", follow=True)
    client.close()
    gone = daemon.client()
    gone.send({"execute": "migrate", "arguments": {"domain": "slow.3", "host": "there"}})
    gone.close()
    daemon.client().do("cancel", job=daemon.job("running", domain="slow.2")["job"])
    daemon.client().do("cancel", job=daemon.job("running", domain="slow.3")["job"])
    daemon.job("ended", domain="slow.3")


def too_many(daemon):
    client = daemon.client()
    for number in range(3):
        client.do("migrate", domain=f"slow.{number}", host="there")
    client.refuse("migrate", "max-jobs", domain="slow.4", host="there")
    for number in range(3):
        client.do("cancel", job=f"slow.{number}")
    poll("all have ended", lambda: not daemon.children())


def hundred_ended(daemon):
    client = daemon.client()
    first = client.do("migrate", domain="quick", host="there")["job"]
    for _ in range(100):
        job = client.do("migrate", domain="quick", host="there")
        daemon.job("ended", job=job["job"])
    ended = daemon.jobs()
    expect(len(ended) == 100 and first not in [job["job"] for job in ended], f"{len(ended)} ended jobs are kept")

"""Who follows and does not read is dropped, and neither the job nor anybody else waits for it."""
from daemon import expect, poll


def run(stage):
    daemon = stage.daemon()
    deaf, all_ears = daemon.client(), daemon.client()
    deaf.do("follow")
    all_ears.do("follow")
    started = daemon.client().do("migrate", domain="chatty", host="there")
    seen = 0
    while True:
        event = all_ears.read()
        expect(event, "who reads was dropped")
        seen += event["event"] == "status"
        if event["event"] == "end":
            break
    expect(seen == 2001, f"{seen} events of 2001")
    daemon.await_line("does not read what it follows")
    daemon.job("ended", job=started["job"])
    while deaf.read():
        pass
    poll("it is dropped", lambda: daemon.descriptors() < 40)
    daemon.alive()

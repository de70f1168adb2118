"""Who follows and reads slowly misses samples and never the end; who does not read at all is dropped. Nobody waits for them."""
from daemon import expect, poll


def hear_the_end(client):
    """The numbers of the samples before it."""
    numbers = []
    while True:
        event = client.read()
        expect(event, "dropped before the end")
        if event["event"] == "end":
            return numbers
        numbers += [event["number"]] if "number" in event else []


def run(stage):
    daemon = stage.daemon()
    slow, all_ears, deaf = daemon.client(), daemon.client(), daemon.client()
    slow.do("follow")
    all_ears.do("follow")
    started = daemon.client().do("migrate", domain="chatty", host="there")
    heard = hear_the_end(all_ears)
    daemon.job("ended", job=started["job"])
    slow_heard = hear_the_end(slow)
    for numbers in heard, slow_heard:
        expect(numbers and numbers == sorted(set(numbers)), f"heard {numbers}")
    expect(len(slow_heard) < 500, f"{len(slow_heard)} samples were kept for who did not read")
    expect(not daemon.said("does not read what it follows"), "who reads slowly was dropped")
    slow.close()
    all_ears.close()

    deaf.do("follow")
    started = daemon.client().do("migrate", domain="loud", host="there")
    daemon.await_line("does not read what it follows")
    daemon.job("ended", job=started["job"])
    while deaf.read():
        pass
    poll("it is dropped", lambda: daemon.descriptors() < 40)
    daemon.alive()
    return f"{len(heard)} samples of 2000 to who reads, {len(slow_heard)} to who reads after the end"

"""SIGTERM: strangers are closed, jobs are cancelled unless they are past that, the others may end, up to a deadline."""
import os
import signal

from daemon import expect, poll


def run(stage):
    cancelled(stage)
    past_go(stage)
    stubborn(stage)
    dead_daemon(stage)
    reloaded(stage)
    notified(stage)


def gone(pids):
    return not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def cancelled(stage):
    daemon = stage.daemon()
    client = daemon.client()
    client.do("migrate", domain="slow", host="there", follow=True)
    stranger, guest = daemon.connect(), daemon.connect()
    guest.sendall(b"in " + b"ab" * 16 + b" web\n")
    daemon.job("running", domain="web")
    poll("the stranger has a process", lambda: len(daemon.children()) == 3)
    children = daemon.children()
    daemon.process.send_signal(signal.SIGTERM)
    expect(client.until(event="end")["status"] == "cancelled", "the job that can be cancelled")
    expect(stranger.recv(1) == b"", "the stranger")
    daemon.await_line("stopping")
    expect(daemon.process.poll() is None, "it did not wait for the guest that arrives")
    client.refuse("migrate", "is stopping", domain="quick", host="there")
    guest.sendall(b"end\n")
    expect(daemon.process.wait(120) == 0 and gone(children), "its end")
    expect(client.read() is None and not daemon.control.exists(), "the control socket is still there")
    daemon.start()
    daemon.alive()
    expect(daemon.end(signal.SIGINT) == 0, "SIGINT")


def past_go(stage):
    daemon = stage.daemon()
    client = daemon.client()
    client.do("migrate", domain="past-go", host="there", follow=True)
    daemon.process.send_signal(signal.SIGTERM)
    poll("it was asked", lambda: {"cancel": True} in daemon.noted("orders"))
    expect(daemon.jobs()[0]["state"] == "running", "it waits")
    daemon.touch("finish")
    expect(client.until(event="end")["status"] == "completed", "the job past GO")
    expect(daemon.process.wait(120) == 0, "its exit status")


def stubborn(stage):
    """After the deadline by SIGTERM, of which it dies; that is looked into."""
    daemon = stage.daemon("stop-timeout = 1")
    client = daemon.client()
    daemon.touch("settle")
    client.do("migrate", domain="stubborn", host="there", follow=True)
    recoveries = len(daemon.noted("recoveries"))
    daemon.process.send_signal(signal.SIGTERM)
    expect(client.until(event="end")["status"] == "failed", "a stubborn job")
    expect(daemon.process.wait(120) == 0, "its exit status")
    expect(len(daemon.noted("recoveries")) > recoveries, "nobody looked into it")


def dead_daemon(stage):
    """Killed, its jobs go on, and the next one takes its place; a second one beside it does not."""
    daemon = stage.daemon()
    daemon.client().do("migrate", domain="slow", host="there")
    children = daemon.children()
    second = stage.daemon(start=False)
    second.environment["PVFERRY_RUN"] = str(daemon.run)
    try:
        second.start()
        raise AssertionError("two in one folder")
    except Exception as reason:
        expect("another pvferryd" in str(reason), reason)
    daemon.alive()
    daemon.process.kill()
    daemon.process.wait()
    expect(not gone(children), "its job has died with it")
    daemon.start()
    left = daemon.jobs()
    expect(len(left) == 1 and left[0]["state"] == "left" and left[0]["domain"] == "slow", left)
    expect(not gone(children), "its job has died with it")


def reloaded(stage):
    daemon = stage.daemon()
    port = daemon.port
    daemon.configure("listen = 127.0.0.1:0", "allow = one.example, two.example", "max-jobs = nonsense")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.await_line("pvferryd.conf:5: max-jobs: ")
    daemon.configure("listen = 127.0.0.1:0", "listen = [::1]:0", "allow = one.example, two.example")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.await_line("was read again")
    expect(daemon.said("listens on [::1]:") or daemon.said("cannot listen on [::1]"), "the second address")
    daemon.lines = [line for line in daemon.lines if "[::1]" not in line]
    expect(daemon.port == port, "the first address was taken away")
    daemon.connect().sendall(b"end\n")
    words = poll("a process", lambda: daemon.noted("command-lines"))[0]
    expect(words[-4:] == ["--allow", "one.example", "--allow", "two.example"], words)


def notified(stage):
    """As systemd hears it."""
    import socket    # pylint: disable=import-outside-toplevel
    daemon = stage.daemon(start=False)
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.bind(str(daemon.folder / "notify"))
    ear.settimeout(120)
    heard = []

    def until(words):
        while not any(words in each for each in heard):
            heard.append(ear.recv(4096).decode())
    daemon.environment.update(NOTIFY_SOCKET=str(daemon.folder / "notify"), WATCHDOG_USEC="200000")
    daemon.environment.pop("WATCHDOG_PID", None)
    daemon.start()
    until("READY=1")
    until("WATCHDOG=1")
    daemon.client().do("migrate", domain="quick", host="there")
    until("STATUS=1 guests leaving")
    heard.clear()
    daemon.process.send_signal(signal.SIGHUP)
    until("RELOADING=1")
    until("READY=1")
    expect(daemon.end() == 0, "its exit status")
    until("STOPPING=1")
    ear.close()

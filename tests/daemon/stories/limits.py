"""Connections beyond a limit are closed, with one line in the log for many of them; within it each has its process."""
from daemon import expect, poll

JOBS = [f"{n:032x}" for n in range(16)]


def is_closed(peer):
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


def count(daemon, number):
    poll(f"{number} children", lambda: len(daemon.children()) == number)


def let_in(daemon, number, source):
    peer = daemon.connect(source)
    peer.sendall(f"in {JOBS[number]} web{number}\n".encode())
    return peer, daemon.job("running", job=JOBS[number])


def run(stage):
    daemon = stage.daemon("max-connections = 6", "max-unauthenticated = 3", "max-per-address = 4", "handshake-timeout = 3600")
    one, job = let_in(daemon, 0, "127.0.0.1")
    expect(job["role"] == "destination" and job["domain"] == "web0" and job["peer"].startswith("127.0.0.1:"), job)
    words = daemon.noted("command-lines")[0]
    expect(words == ["receive", "--control", "--connection", "3", "--tls", "--handshake-timeout", "3600", "--allow", "there.example"], words)
    silent = [daemon.connect() for _ in range(3)]
    count(daemon, 4)
    expect(is_closed(daemon.connect("127.0.0.2")), "more not let in than may be")
    daemon.await_line("refused: max-unauthenticated")
    for each in silent:
        each.sendall(b"join\n")
    expect(poll("lanes are let in", lambda: stage_is(daemon, 0)), "")
    expect(is_closed(daemon.connect()), "more from one address than may be")
    two, _ = let_in(daemon, 1, "127.0.0.2")
    three, _ = let_in(daemon, 2, "127.0.0.3")
    for _ in range(50):
        expect(is_closed(daemon.connect("127.0.0.4")), "more than may be at all")
    expect(len(daemon.said("refused: ")) == 1, daemon.said("refused: "))
    for each in (one, two, three):
        each.sendall(b"end\n")
    daemon.job("ended", job=JOBS[0])
    for each in silent:
        each.close()
    count(daemon, 0)
    last, _ = let_in(daemon, 3, "127.0.0.1")
    last.sendall(b"what is this\n")
    expect("no pvferry" in daemon.job("ended", job=JOBS[3])["end"]["error-desc"], "its last words")
    plain(stage)


def stage_is(daemon, unauthenticated):
    """Nobody says so but systemd's status; a further stranger is let try."""
    probe = daemon.connect("127.0.0.9")
    probe.setblocking(False)

    def answer():
        if len(daemon.children()) == 5 + unauthenticated:
            return "let in"
        try:
            return "closed" if is_closed(probe) else None
        except BlockingIOError:
            return None
    closed = poll("an answer to the probe", answer) == "closed"
    probe.close()
    poll("the probe is gone", lambda: len(daemon.children()) == 4 + unauthenticated)
    return not closed


def plain(stage):
    daemon = stage.daemon("transport = tcp", "pki = /nowhere")
    daemon.connect().sendall(b"end\n")
    words = poll("a process", lambda: daemon.noted("command-lines"))[0]
    expect(words == ["receive", "--control", "--connection", "3", "--plain", "--handshake-timeout", "30", "--pki", "/nowhere"], words)

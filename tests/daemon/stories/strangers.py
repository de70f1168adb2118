"""Slow and deaf strangers are closed in time; a thousand connections and garbage at once do not disturb a job that runs."""
import os
import socket
import threading

from daemon import expect, poll

JOB = "0123456789abcdef" * 2


def run(stage):
    slow_loris(stage)
    deaf(stage)
    hasty(stage)
    return thousand(stage)


def slow_loris(stage):
    daemon = stage.daemon("handshake-timeout = 1")
    peer, lane = daemon.connect(), daemon.connect()
    lane.sendall(b"join\n")
    peer.sendall(b"i")
    expect(peer.recv(1) == b"", "a slow one is still connected")
    daemon.await_line("not let in within the time")
    lane.sendall(f"in {JOB} web\nend\n".encode())
    daemon.job("ended", job=JOB)


def deaf(stage):
    """Its process does not hear SIGTERM either."""
    daemon = stage.daemon("handshake-timeout = 1")
    daemon.touch("deaf")
    peer = daemon.connect()
    expect(peer.recv(1) == b"", "a deaf one is still connected")
    poll("its process is gone", lambda: not daemon.children())
    poll("what it left is looked at", lambda: len(daemon.noted("recoveries")) > 1)


def speak_nonsense(daemon):
    peer = daemon.connect()
    peer.sendall(b"nonsense\n")
    peer.close()


def hasty(stage):
    """Who is turned away at once may come again at once; not all of that has a process."""
    daemon = stage.daemon("max-per-second = 5", "max-connections = 1000", "max-unauthenticated = 1000", "max-per-address = 1000")
    for _ in range(300):
        speak_nonsense(daemon)
    daemon.await_line("refused: max-per-second")
    poll("they have ended", lambda: not daemon.children())
    expect(len(daemon.noted("command-lines")) < 200, f"{len(daemon.noted('command-lines'))} of 300 had a process")
    before = len(daemon.noted("command-lines"))
    poll("there is time again", lambda: speak_nonsense(daemon) or len(daemon.noted("command-lines")) > before)


def flood(daemon, peers):
    for number in range(1000):
        peer = socket.socket()
        peer.setblocking(False)
        peer.bind((f"127.0.0.{2 + number % 200}", 0))
        peer.connect_ex(("127.0.0.1", daemon.port))
        peers.append(peer)


def thousand(stage):
    daemon = stage.daemon("max-unauthenticated = 8", "max-connections = 16", "handshake-timeout = 2")
    guest = daemon.connect()
    guest.sendall(f"in {JOB} web\n".encode())
    daemon.job("running", job=JOB)
    client = daemon.client()
    client.do("migrate", domain="slow", host="there", follow=True)
    before, peers = daemon.descriptors(), []
    flooding = threading.Thread(target=flood, args=(daemon, peers))
    flooding.start()
    for _ in range(20):
        daemon.alive()
    flooding.join()
    for peer in peers[::7]:
        try:
            peer.send(os.urandom(1000))
        except OSError:
            pass
    client.do("set", job="slow", bandwidth=7)
    client.until(event="status", status="active")
    for peer in peers:
        peer.close()
    poll("only those that were let in are left", lambda: len(daemon.children()) == 2)
    expect(len(daemon.lines) < 200, "a line for each in the log")
    guest.sendall(b"end\n")
    client.do("cancel", job="slow")
    poll("all have ended", lambda: not daemon.children())
    poll("their descriptors are closed", lambda: daemon.descriptors() < before)
    return f"{len(daemon.noted('command-lines')) - 2} of 1000 had a process"

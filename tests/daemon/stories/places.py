"""Connections that say nothing fill the places for strangers; a host that was let in before comes in all the same, and some strangers do."""
import socket

from daemon import expect, poll

JOB = "0123456789abcdef" * 2


def is_closed(peer):
    try:
        return peer.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def try_one(daemon, held, source):
    """One more connection that says nothing: it gets a process, or is closed."""
    before, peer = len(daemon.children()), daemon.connect(source)
    peer.setblocking(False)
    if poll("a process or the end", lambda: is_closed(peer) and "closed" or len(daemon.children()) > before and "served") == "closed":
        return False
    held.append(peer)
    return True


def hold(daemon, held, source, number):
    return sum(try_one(daemon, held, source) for _ in range(number))


def run(stage):
    daemon = stage.daemon("handshake-timeout = 3600", "max-per-second = 1000")
    known = daemon.connect("127.0.0.9")
    known.sendall(f"in {JOB} web\n".encode())
    daemon.job("running", job=JOB)
    held = []
    expect(hold(daemon, held, "127.0.0.1", 32) == 18, f"one address holds {len(held)} of 36 places")
    expect(hold(daemon, held, "127.0.0.2", 60) == 4, f"the second address: {len(held)} places")
    poll("a third address gets one", lambda: hold(daemon, held, "127.0.0.3", 1))
    for number in range(10, 150):
        hold(daemon, held, f"127.0.0.{number}", 1)
    expect(len(held) <= 36, f"strangers hold {len(held)} places")
    expect(try_one(daemon, held, "127.0.0.9"), "a host that was let in before is refused")
    for peer in (*held, known):
        peer.shutdown(socket.SHUT_RDWR)
        peer.close()
    return f"strangers held {len(held) - 1} of 48 places"

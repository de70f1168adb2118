"""The control socket: each request is answered in turn, nonsense is refused by name, nobody else may ask."""
import os
import stat
import subprocess
import sys

from daemon import expect, poll

NONSENSE = [
    (b"\n", "one JSON object"), (b"{\n", "one JSON object"), (b"[]\n", "one JSON object"), (b"{}{}\n", "one JSON object"),
    (b"\0\n", "one JSON object"), (b'{"execute":"jobs\xff"}\n', "one JSON object"), (b"[" * 60000 + b"\n", "one JSON object"),
    (b'{"execute":' + b'{"a":' * 20 + b"1" + b"}" * 21 + b"\n", "one JSON object"), (b"{}\n", '"execute" is missing'),
    (b'{"execute":7}\n', '"execute" is missing'), (b'{"execute":"jobs","more":1}\n', "more than"),
    (b'{"execute":"jobs","arguments":[]}\n', "not an object"), (b'{"execute":"quit"}\n', 'unknown command "quit"'),
    (b'{"execute":"jobs","arguments":{"all":true}}\n', 'unknown argument "all"'), (b'{"execute":"cancel"}\n', '"job" is missing'),
    (b'{"execute":"migrate","arguments":{"domain":"a"}}\n', '"host" is missing'),
]

WRONG = [
    ("migrate", "is empty", dict(domain="", host="there")), ("migrate", "is not a text", dict(domain=5, host="there")),
    ("migrate", "a zero in it", dict(domain="a\0b", host="there")), ("migrate", "unknown argument", dict(domain="a", host="b", control=True)),
    ("migrate", "is not of type int", dict(domain="a", host="b", max_downtime="5")), ("migrate", "out of range", dict(domain="a", host="b", bandwidth=-1)),
    ("migrate", "is one of", dict(domain="a", host="b", via="carrier pigeon")), ("migrate", "is one of", dict(domain="a", host="b", via="")),
    ("migrate", "is not of type boolean", dict(domain="a", host="b", follow=1)), ("set", "needs", dict(job="abcd")),
    ("set", "unknown argument", dict(job="abcd", level=3)), ("set", "no job", dict(job="abcd", bandwidth=3)),
    ("cancel", "no job", dict(job="abcd")), ("follow", "no job", dict(job="nobody")),
]

AS_NOBODY = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
try: s.sendall(b'{"execute":"jobs"}\\n'); print(len(s.recv(10)))
except ConnectionError: print(0)
"""


def run(stage):
    daemon = stage.daemon()
    expect(stat.S_IMODE(os.stat(daemon.control).st_mode) == 0o600, "the socket's mode")
    expect(stat.S_IMODE(os.stat(daemon.run).st_mode) == 0o700, "the folder's mode")
    client = daemon.client()
    for line, words in NONSENSE:
        client.send(line)
        answer = client.read()
        expect(words in answer["error"]["desc"], f"{line[:40]}: {answer}")
    for execute, words, arguments in WRONG:
        client.refuse(execute, words, **arguments)
    expect(not daemon.noted("command-lines"), "something was started")
    in_pieces(client)
    many_at_once(daemon)
    too_long(daemon)
    too_many(daemon)
    if os.getuid() == 0:
        somebody_else(daemon)
    daemon.alive()


def in_pieces(client):
    for byte in b'{"execute":"jobs"}\n':
        client.send(bytes([byte]))
    expect(client.read() == {"return": {"jobs": []}}, "a request in pieces")


def many_at_once(daemon):
    """More answers than fit into a socket are kept back, not lost, and nobody else waits for them."""
    greedy = daemon.client()
    greedy.send(b'{"execute":"nothing"}\n' * 3000)
    daemon.alive()
    for _ in range(3000):
        expect("nothing" in greedy.read()["error"]["desc"], "an answer of many")
    greedy.close()


def too_long(daemon):
    for line in (b"x" * 65535 + b"\n", b'{"execute":"jobs"}' + b" " * 65516 + b"\n"):
        fits = daemon.client()
        fits.send(line)
        expect(fits.read(), "a line of 64 KiB")
        fits.close()
    client = daemon.client()
    client.send(b"y" * 65536)
    expect("longer than" in client.read()["error"]["desc"], "a line of more than 64 KiB")
    expect(client.read() is None, "the connection is open after it")


def too_many(daemon):
    before = daemon.descriptors()
    clients = [daemon.client() for _ in range(63)]
    for each in clients:
        each.do("jobs")
    refused = daemon.client()
    answer = refused.read()
    while answer is not None and "error" not in answer:
        answer = refused.read()
    expect(answer is None or "too many" in answer["error"]["desc"], f"one too many: {answer}")
    for each in clients:
        each.close()
    poll("their descriptors are closed", lambda: daemon.descriptors() <= before)


def somebody_else(daemon):
    os.chmod(daemon.folder, 0o755)
    os.chmod(daemon.run, 0o755)
    os.chmod(daemon.control, 0o666)
    told = subprocess.run([sys.executable, "-c", AS_NOBODY, str(daemon.control)], capture_output=True, text=True, check=True)
    expect(told.stdout.strip() == "0", f"another user was answered: {told.stdout}")
    daemon.await_line("user 65534 may not use the control socket")

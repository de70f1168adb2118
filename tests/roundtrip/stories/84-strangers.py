"""Who may not send a guest, or sends no such thing: refused with one line, nothing is left, and the source's guest runs on."""
import contextlib
import json
import os
import shutil
import socket
import ssl
import struct

import faults
import hosts
import moves
import pki
from hosts import expect
from moves import MARK

HELLO, OFFER, POLICY, ACCEPT, REFUSE, DATA, PING, FAILED, JOIN = 1, 2, 3, 4, 5, 6, 9, 13, 16


def message(kind, body):
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    return struct.pack("<2I", MARK | kind, len(body)) + body


HELLO_OURS = message(HELLO, {"protocol": 1, "software": "a story"})
JOB = "0123456789abcdef" * 2


def offer(**but):
    facts = {"job": JOB, "domain": "stranger", "uuid": "01234567-89ab-cdef-0123-456789abcdef", "frames": 512, "pfns": 512, "max-memory-kib": 2048, "width": 8, "p2m": "linear", "devices": "",
             "config-bytes": 100, "lanes": 1}
    facts.update(but)
    return message(OFFER, facts) + message(POLICY, b"")


# What is sent, and a word of the line that says what is wrong with it.
SPEECHES = [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not pvferry's protocol"),
    (os.urandom(64) + b"\xff", "not pvferry's protocol"),
    (struct.pack("<2I", MARK | HELLO, 0xffffffff), "HELLO of 4294967295 bytes"),
    (struct.pack("<2I", MARK | HELLO, 65537), "HELLO of 65537 bytes"),
    (struct.pack("<2I", MARK | 99, 8), "unknown type 99"),
    (struct.pack("<2I", MARK | DATA, 0), "DATA of 0 bytes"),
    (message(HELLO, b"{}"), "versions 0 to 0"),
    (message(HELLO, {"protocol": 9, "oldest-protocol": 8, "software": "later"}), "later speaks versions 8 to 9"),
    (message(HELLO, b"[1]"), "not a JSON object"),
    (message(HELLO, b'{"protocol":1}{}'), "not a JSON object"),
    (message(HELLO, b'{"a":' * 40 + b"1" + b"}" * 40), "not a JSON object"),
    (message(HELLO, b'{"protocol":1,"software":"\xff\xfe"}'), "not a JSON object"),
    (HELLO_OURS + message(DATA, b"x"), "begins with DATA"),
    (HELLO_OURS + message(OFFER, {}), "valid job name"),
    (HELLO_OURS + offer(job="../../../../etc/passwd"), "valid job name"),
    (HELLO_OURS + offer(domain="a/b"), "it contains a slash"),
    (HELLO_OURS + offer(domain="7"), "it is a number"),
    (HELLO_OURS + offer(domain="\x1b[2J"), "it contains control characters"),
    (HELLO_OURS + offer(uuid="zz"), "valid uuid"),
    (HELLO_OURS + offer(width=3), "words of 3 bytes"),
    (HELLO_OURS + offer(frames=-1), "frames"),
    (HELLO_OURS + offer(frames=1 << 40), "frames"),
    (HELLO_OURS + offer(frames=1 << 20, pfns=1 << 20), "too little free memory"),
    (HELLO_OURS + offer(lanes=0), "0 connections"),
    (HELLO_OURS + offer(lanes=1 << 20), "connections"),
    (HELLO_OURS + offer(devices="disks", disks=[{"vdev": "xvda", "target": "/dev/sda", "path": True}]), "\"/dev/sda\", which arriving guests may not"),
    (HELLO_OURS + offer(devices="nics", nics=[{"bridge": "br0"}]), "\"br0\", which arriving guests may not"),
    (HELLO_OURS + offer(disks=7), ""),
    (HELLO_OURS + offer(disks=[7] * 100), ""),
    (HELLO_OURS + offer(p2m="tree"), "form"),
    (HELLO_OURS + offer(**{"config-bytes": 1 << 40}), "config of"),
    (HELLO_OURS + offer()[:-8] + message(DATA, b"x"), "DATA instead of POLICY"),
    (HELLO_OURS + offer()[:-8] + message(POLICY, struct.pack("<2I", 0x11, 1 << 31)), "CPU policy"),
    (HELLO_OURS + offer()[:-8] + message(POLICY, struct.pack("<2I", 0x11, 24) + struct.pack("<6I", 7, 0, 0, 0xffffffff, 0, 0)),
     "lacks features"),
    (HELLO_OURS + message(JOIN, {"job": JOB, "lane": 1}), "no guest of job"),
    (HELLO_OURS + message(JOIN, {"job": "/tmp/x", "lane": 1}), "a job with an invalid name"),
    (HELLO_OURS + message(14, {"job": "/tmp/x"}), "asks for a job with an invalid name"),
    # accepted, and then no image
    (HELLO_OURS + offer() + message(DATA, b"x" * 1000), ""),
    (HELLO_OURS + offer() + message(7, bytes(16)), "image corrupted in transit"),
    (HELLO_OURS + offer() + message(11, b""), "GO in the midst"),
]


def speeches(stage):
    host = stage.host("plain", 16)
    before = faults.Before(host, faults.folder_of(stage))
    for speech, word in SPEECHES:
        receiver = moves.Receiver(host)
        with socket.create_connection(("127.0.0.1", receiver.port)) as line:
            with contextlib.suppress(OSError):
                line.sendall(speech)
                line.shutdown(socket.SHUT_WR)
            heard = b""
            with contextlib.suppress(OSError):
                while more := line.recv(65536):
                    heard += more
        result = receiver.end()
        expect(result.status == 1 and result.is_one_line(), f"{speech[:60]}: {result}")
        expect(word in result.err, f"{speech[:60]}: {word!r} is not in {result.err!r}")
        expect(not any(c < " " for c in result.err[:-1]), f"{speech[:60]}: not fit for a terminal: {result.err!r}")
        before.is_as_it_was(str(speech[:60]))
        expect(not moves.locks(host), f"{speech[:60]}: {moves.locks(host)}")
        moves.forget_jobs(host)
    return len(SPEECHES)


TIME = ("--handshake-timeout", "2")


def silent_ones(stage):
    """They say nothing, or a byte now and then, with TLS and without: their time is over, whatever they do, and it is what was set."""
    host = stage.host("silent", 16)
    own = pki.make(stage.folder / "pki-silent", "here")
    receivers = [(moves.Receiver(host, *TIME), word) for word in (b"", HELLO_OURS[:3], HELLO_OURS)]
    receivers += [(moves.Receiver(host, "--pki", own / "here", "--allow", "x", *TIME, plain=False), word) for word in (b"", b"\x16\x03\x01")]
    lines = []
    for receiver, word in receivers:
        line = socket.create_connection(("127.0.0.1", receiver.port))
        line.sendall(word)
        lines.append(line)
    for receiver, word in receivers:
        result = receiver.end()
        expect(result.status == 1 and "within 2 s" in result.err and result.is_one_line(), f"silent after {word}: {result}")
    for line in lines:
        line.close()
    return len(receivers)


def certificates(stage):
    """No certificate, one of another CA, one that is not on the list; and a receiver that is somebody else."""
    source, destination = stage.host("tls-a", 24), stage.host("tls-b", 24)
    ours = pki.make(stage.folder / "ours", "sender", "other", "localhost", "elsewhere")
    theirs = pki.make(stage.folder / "theirs", "sender", "localhost")
    mixed = stage.folder / "mixed"    # theirs, but believes ours
    mixed.mkdir()
    for name, origin in (("ca.pem", ours), ("cert.pem", theirs), ("key.pem", theirs)):
        shutil.copy(origin / "sender" / name, mixed)
    open_key = stage.folder / "open-key"
    shutil.copytree(ours / "sender", open_key)
    (open_key / "key.pem").chmod(0o604)
    plain, zero = "basicConstraints=CA:FALSE", b"sender\0.example"
    odd = pki.make(stage.folder / "odd", "sender", "zero", "localhost",
                   extensions={"sender": plain, "zero": f"subjectAltName=DER:30{len(zero) + 2:02x}82{len(zero):02x}{zero.hex()}"})
    nameless = pki.make(stage.folder / "nameless", "sender", "localhost", extensions={"localhost": plain})
    number = source.guest(4)
    before = faults.Before(destination, faults.folder_of(stage, "tls"))
    cases = [(ours / "other", ours / "localhost", "not on the list", "not on the list"),
             (mixed, ours / "localhost", "certificate is refused", "closed|alert|TLS|rejects"),
             (ours / "sender", theirs / "localhost", "", "certificate is refused"),
             (ours / "sender", ours / "elsewhere", "", "certificate is refused"),
             (open_key, ours / "localhost", None, "its mode is 0604"),    # found before the other host is called
             (odd / "sender", odd / "localhost", "no DNS name", "no DNS name"),
             (odd / "zero", odd / "localhost", 'certificate of "sender?.example" is not', "not on the list"),
             (nameless / "sender", nameless / "localhost", "", "certificate is refused")]
    for sender, receiver_pki, says, hears in cases:
        receiver = moves.Receiver(destination, "--pki", receiver_pki, "--allow", "sender", plain=False)
        result = source.pvferry("migrate", "--pki", sender, "--port", receiver.port, number, "localhost")
        if says is None:
            receiver.process.terminate()
        taken = receiver.end()
        what = f"{sender.name} to {receiver_pki}"
        expect(result.status == 1 and result.is_one_line(), f"{what}: {result}")
        expect(any(word in result.err for word in hears.split("|")), f"{what}: {result}")
        expect(taken.status == 1 and taken.is_one_line() and (says or "") in taken.err, f"{what}: {taken}")
        source.goes_on(number, what)
        before.is_as_it_was(what)
    receiver = moves.Receiver(destination, "--pki", ours / "localhost", "--allow", "sender", plain=False)
    context = ssl.create_default_context(cafile=ours / "localhost/ca.pem")
    with contextlib.suppress(OSError, ssl.SSLError), socket.create_connection(("127.0.0.1", receiver.port)) as line:
        with context.wrap_socket(line, server_hostname="localhost") as wrapped:
            wrapped.sendall(HELLO_OURS)
            wrapped.recv(100)
    taken = receiver.end()
    expect(taken.status == 1 and taken.is_one_line(), f"no certificate: {taken}")
    before.is_as_it_was("no certificate")
    return len(cases) + 1


def guests(stage):
    """A name that is taken, a host that is full, a guest that is there already."""
    source, destination = stage.host("a", 48), stage.host("b", 24)
    number = source.guest(4)
    big = source.guest(16)
    name = source.store.read(f"/local/domain/{number}/name")
    other = destination.guest(2)
    destination.store.write(f"/local/domain/{other}/name", name)
    before = faults.Before(source, faults.folder_of(stage, "guests"))
    for domain, word in ((number, f'a domain "{name}" already'), (big, "too little free memory")):
        result, taken = moves.Move(source, destination, domain).end()
        expect(result.status == 1 and word in result.err and result.is_one_line(), f"{word}: {result}")
        expect(taken.status == 1 and word in taken.err, f"{word}: {taken}")
        expect(list(destination.domains()) == [other], f"{word}: {destination.domains()}")
        before.is_as_it_was(word)
    result, _ = moves.Move(source, destination, number, options=("--name", "another-name")).end()
    expect(result.status == 0, f"--name: {result}")
    return 3


def replays(stage):
    """A job that was here before: refused, and what the journal says of it stays."""
    source, destination = stage.host("c", 24), stage.host("d", 48)
    number = source.guest(4)
    move = moves.Move(source, destination, number)
    result, _ = move.end()
    expect(result.status == 0, f"a move: {result}")
    job = move.event("job")["job"]
    before = moves.jobs(destination)
    receiver = moves.Receiver(destination)
    with socket.create_connection(("127.0.0.1", receiver.port)) as line:
        line.sendall(HELLO_OURS + offer(job=job))
        line.shutdown(socket.SHUT_WR)
        while line.recv(65536):
            pass
    result = receiver.end()
    expect(result.status == 1 and "was here before" in result.err and result.is_one_line(), f"a replay: {result}")
    expect(moves.jobs(destination) == before, f"a replay: {moves.jobs(destination)}")
    expect(not moves.locks(destination), f"a replay: {moves.locks(destination)}")
    return 1


def hear(line):
    """The next message that is no PING: its number and body."""
    while True:
        kind, length = struct.unpack("<2I", line.recv(8, socket.MSG_WAITALL))
        body = line.recv(length, socket.MSG_WAITALL) if length else b""
        if kind & 0xff != PING:
            return kind & 0xff, body


def join(host, source):
    """Another connection of the job; what the other side says to that."""
    receiver = moves.Receiver(host)
    line = socket.create_connection(("127.0.0.1", receiver.port), moves.DEADLINE, (source, 0))
    line.sendall(HELLO_OURS + message(JOIN, {"job": JOB, "lane": 1}))
    expect(hear(line)[0] == HELLO, "no HELLO")
    return receiver, line, hear(line)


def joiners(stage):
    """Another host knows the job of a guest that comes over two connections: it is refused, and the guest's own come in."""
    host = stage.host("joined", 16)
    receiver = moves.Receiver(host)
    first = socket.create_connection(("127.0.0.1", receiver.port), moves.DEADLINE)
    first.sendall(HELLO_OURS + offer(lanes=2))
    expect(hear(first)[0] == HELLO and hear(first)[0] == ACCEPT, "a guest over two connections is not accepted")
    stranger, line, answer = join(host, "127.0.0.2")
    expect(answer[0] in (REFUSE, FAILED) and b"127.0.0.2 sends no connection 1" in answer[1], f"a stranger joins: {answer}")
    line.close()
    result = stranger.end()
    expect(result.status == 1 and result.is_one_line(), f"a stranger: {result}")
    second, line, answer = join(host, "127.0.0.1")
    expect(answer[0] == ACCEPT, f"the guest's second connection: {answer}")
    line.close()
    first.close()
    result = receiver.end()
    expect("closed the connection" in result.err and "127.0.0.2 sends no connection 1" in result.err, f"the guest: {result}")
    second.end()
    expect(not moves.locks(host), f"joiners: {moves.locks(host)}")
    return 2


def run(stage):
    tried = speeches(stage) + silent_ones(stage) + certificates(stage) + guests(stage) + replays(stage) + joiners(stage)
    stage.figure(f"{tried} strangers")

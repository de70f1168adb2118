"""`pvferry doctor HOST`: reach, certificates, release, processor, link; wrong name, expired, not allowed, port closed, peer too old."""
import importlib.util
import json
import pathlib
import socket
import struct
import subprocess
import threading

import daemons
import hosts
import moves
import pki
from hosts import DEADLINE, expect

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("doctor", HERE / "97-doctor.py")
own = importlib.util.module_from_spec(spec)
spec.loader.exec_module(own)
verdict = own.verdict


def all_is_well(source, ours, port, other):
    checks = own.doctor(source, "--pki", ours, "--port", port, "localhost")
    verdict(checks, "peer", "ok", "localhost can be reached by tls")
    verdict(checks, "peer-release", "ok", "pvferry 0.")
    verdict(checks, "peer-xen", "ok", "Xen 4.", "MiB are free")
    verdict(checks, "peer-cpu", "ok")
    link, = checks["peer-link"]
    expect("MiB/s" in link["text"] and "ms there and back" in link["text"], link)
    expect(not other.domains() and not moves.jobs(other), "something is left there")


def refusals(source, daemon, ca):
    ours, theirs = ca / "hosts/sender", ca / "hosts/localhost"

    def ask(folder=ours, host="localhost", port=daemon.port):
        return own.doctor(source, "--pki", folder, "--port", port, host)
    verdict(ask(host="127.0.0.1"), "peer", "problem", "not for 127.0.0.1", "--also 127.0.0.1")
    verdict(ask(folder=theirs), "peer", "problem", "not on the list", "allow = NAME")
    verdict(ask(host="no-such-host.invalid"), "peer", "problem", "cannot find the host", "getent hosts")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    verdict(ask(port=port), "peer", "problem", "Connection refused", "systemctl restart pvferryd")
    kept = (theirs / "cert.pem").read_bytes()
    pki.expire(ca, theirs)
    verdict(ask(), "peer", "problem", "closed the connection", "journalctl")    # its own log says why
    (theirs / "cert.pem").write_bytes(kept)
    kept = (ours / "cert.pem").read_bytes()
    pki.expire(ca, ours)
    checks = ask()
    verdict(checks, "certificate", "problem", "expired on", "--renew")
    verdict(checks, "peer", "problem")    # its refusal may be lost with the connection; what was found here says it
    (ours / "cert.pem").write_bytes(kept)
    verdict(ask(folder=ca / "never"), "peer", "problem", "ca.pem", "cert show")


def stalls(source):
    """It measures, and the other side no longer reads but says that it is there: a stop is heard all the same."""
    begun, condition = threading.Event(), moves.message("CONDITION", {"software": "pvferry 0.0.1", "xen": "4.17"})
    listener = socket.create_server(("127.0.0.1", 0))

    def speak():
        line, _ = listener.accept()
        over = threading.Event()
        try:
            line.sendall(moves.message("HELLO", {"protocol": 1, "software": "pvferry 0.0.1"}))
            while not begun.is_set():
                kind, length = struct.unpack("<2I", moves.take(line, 8))
                moves.take(line, length)
                begun.set() if moves.TYPES[kind & 0xff] == "DATA" else line.sendall(condition)
            while not over.wait(1):
                line.sendall(moves.message("PING", b""))
        except ConnectionError:
            pass
        line.close()

    threading.Thread(target=speak, daemon=True).start()
    process = source.start(hosts.PVFERRY, "doctor", "--json", "--via", "tcp", "--port", listener.getsockname()[1], "127.0.0.1")
    expect(begun.wait(DEADLINE), "nothing is measured")
    process.terminate()
    result = source.end(process)
    expect(result.status == 1 and "SIGTERM" in result.out, f"a peer that stalls: {result} {result.out}")
    listener.close()


class Peer:
    """One that speaks for itself: answer(kind, body) gives the messages it answers with, None closes."""

    def __init__(self, answer, hello=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.answer = self.listener.getsockname()[1], answer
        self.hello = hello or {"protocol": 1, "software": "pvferry 0.0.1"}
        threading.Thread(target=self.speak, daemon=True).start()

    def speak(self):
        line, _ = self.listener.accept()
        line.settimeout(DEADLINE)
        try:
            line.sendall(moves.message("HELLO", self.hello))
            while True:
                kind, length = struct.unpack("<2I", moves.take(line, 8))
                said = self.answer(moves.TYPES[kind & 0xff], moves.take(line, length))
                if said is None:
                    break
                line.sendall(said)
        except (ConnectionError, TimeoutError):
            pass
        line.close()


def too_old(source):
    """It knows nothing of CONSULT; or speaks another protocol; or says nothing of use."""
    def ask(peer):
        checks = own.doctor(source, "--via", "tcp", "--port", peer.port, "127.0.0.1")
        expect("certificate" not in checks, "tcp needs no certificate")
        return checks
    old = Peer(lambda kind, _: moves.message("REFUSE", {"reason": "sends a message of unknown type 17"}) if kind == "CONSULT" else b"")
    verdict(ask(old), "peer", "problem", "too old", "unknown type 17", "install pvferry")
    other = Peer(lambda *_: b"", {"protocol": 3, "oldest-protocol": 2, "software": "pvferry 9.0"})
    verdict(ask(other), "peer", "problem", "versions 2 to 3")
    verdict(ask(Peer(lambda *_: None)), "peer", "problem")
    verdict(ask(Peer(lambda *_: b"\0" * 64)), "peer", "problem", "not pvferry's protocol")


def as_it_says(source):
    """What a peer says of itself is shown; with escapes that cannot act, and no more bytes than it has read."""
    read = [0]

    def answer(kind, body, reason="", lack=""):
        if kind == "DATA":
            read[0] += len(body)
        what = {"software": "pvferry 0.0.1\x1b[2J", "xen": "4.19", "free-mib": 7, "bytes": read[0],
                "reason": lack if kind == "POLICY" else reason}
        return moves.message("CONDITION", what) if kind in ("CONSULT", "POLICY", "END") else b""

    def ask(**how):
        read[0] = 0
        peer = Peer(lambda kind, body: answer(kind, body, **how))
        return own.doctor(source, "--via", "tcp", "--port", peer.port, "127.0.0.1")
    checks = ask(lack="this host lacks features the guest was shown: CPUID 0x7.0 ebx bits 0x1")
    verdict(checks, "peer-release", "warning", "pvferry 0.0.1\\x1b[2J", "same release")
    verdict(checks, "peer-xen", "ok", "Xen 4.19", "7 MiB")
    verdict(checks, "peer-cpu", "warning", "CPUID 0x7.0", "cpuid")
    verdict(ask(reason="no Xen here"), "peer-xen", "problem", "no Xen here", "pvferry doctor")


def strangers(stage, host):
    """What a peer may ask: a policy that this processor lacks is told, too much is not borne, and a guest cannot follow."""
    hello = moves.message("HELLO", {"protocol": 1, "software": "a story"})
    leaf = struct.pack("<6I", 7, 0, 0, 0xffffffff, 0, 0)
    policy = moves.message("POLICY", struct.pack("<2I", 0x11, len(leaf)) + leaf)

    def talk(*messages, until):
        receiver, heard = moves.Receiver(host), []
        with socket.create_connection(("127.0.0.1", receiver.port), DEADLINE) as line:
            line.sendall(hello + b"".join(messages))
            while not heard or heard[-1][0] not in until:
                kind, length = struct.unpack("<2I", moves.take(line, 8))
                heard.append((moves.TYPES[kind & 0xff], json.loads(moves.take(line, length) or b"{}")))
        receiver.end()
        return [h for h in heard if h[0] != "HELLO"]
    consult = moves.message("CONSULT", {})
    first, second = talk(consult, policy, moves.message("GO", b""), until=("FAILED", "REFUSE"))[:2]
    expect(first[0] == second[0] == "CONDITION" and not first[1]["reason"], (first, second))
    expect("lacks features" in second[1]["reason"], second)
    for follows in (moves.message("GO", b""), moves.message("OFFER", {"job": "a" * 32}), moves.message("QUERY", {"job": "a" * 32})):
        last = talk(consult, follows, until=("FAILED", "REFUSE"))[-1]
        expect(last[1]["reason"], last)
    data = moves.message("DATA", b"x" * 1000)
    last = talk(consult, data * 3, moves.message("END", bytes(16)), moves.message("GO", b""), until=("FAILED", "REFUSE"))[-2]
    expect(last[1]["bytes"] == 3000, last)
    expect(not host.domains() and not moves.jobs(host) and not moves.locks(host), "something is left")


def run(stage):
    ca = stage.folder / "ca"
    for words in (["init-ca"], ["issue", "localhost"], ["issue", "sender"]):
        subprocess.run([hosts.PVFERRY, "cert", *words, "--ca", ca], check=True, stderr=subprocess.DEVNULL)
    source, other, third = stage.host("a", 48), stage.host("b", 48), stage.host("c", 48)
    daemon = daemons.Daemon(other, ca / "hosts/localhost", "sender")
    all_is_well(source, ca / "hosts/sender", daemon.port, other)
    refusals(source, daemon, ca)
    all_is_well(source, ca / "hosts/sender", daemon.port, other)
    daemon.end()
    too_old(source)
    as_it_says(source)
    stalls(source)
    strangers(stage, third)

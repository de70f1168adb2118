"""A host that is let in, and knows a guest's job, name and UUID, makes no second domain of it and settles nothing about it."""
import contextlib
import json
import pathlib
import socket
import struct
import sys

import moves
from hosts import expect
from moves import MARK

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "golden"))
from read_image import xxh64  # noqa: E402

HELLO, OFFER, POLICY, DATA, END, QUERY = 1, 2, 3, 6, 7, 14
JOB = "0123456789abcdef" * 2


class Stranger:
    """Speaks to a receiver of the host, and hears all that it says."""

    def __init__(self, host):
        self.receiver = moves.Receiver(host)
        self.line = socket.create_connection(("127.0.0.1", self.receiver.port))
        self.say(HELLO, {"protocol": 1, "software": "a story"})

    def say(self, kind, body):
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        with contextlib.suppress(OSError):
            self.line.sendall(struct.pack("<2I", MARK | kind, len(body)) + body)

    def offer(self, **facts):
        self.say(OFFER, dict({"job": JOB, "frames": 512, "pfns": 512, "width": 8, "p2m": "linear"}, **facts))
        self.say(POLICY, b"")

    def hears(self, closes=True):
        """{name of a message: its body}, to the end. It says no more itself, unless the other side is to end it."""
        heard = {}
        if closes:
            with contextlib.suppress(OSError):
                self.line.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError, ConnectionError):
            while True:
                kind, length = struct.unpack("<2I", moves.take(self.line, 8))
                body = moves.take(self.line, length)
                heard[moves.TYPES[kind & 0xff]] = json.loads(body) if body else None
        self.line.close()
        self.receiver.end()
        return heard


class Guest:
    def __init__(self, host):
        self.host, self.number = host, host.guest(4)
        self.name = host.store.read(f"/local/domain/{self.number}/name")
        self.image = host.path / "image"
        host.save(self.number, self.image, "-c", "--level", "0")
        self.uuid = json.loads(self.image.read_bytes()[52:].split(b"\0", 1)[0])["c_info"]["uuid"]

    def entry(self, **but):
        """As a source's journal has it."""
        return dict({"job": JOB, "role": "source", "stage": "streaming", "domid": self.number, "uuid": self.uuid,
                     "domain": self.name, "peer": "nowhere.invalid", "via": "tcp", "port": 1,
                     "boot-id": open("/proc/sys/kernel/random/boot_id").read().strip()}, **but)

    def write_entry(self, **but):
        folder = self.host.path / "jobs"
        folder.mkdir(exist_ok=True)
        (folder / f"{JOB}.source.json").write_text(json.dumps(self.entry(**but)))

    def is_refused(self, heard, what):
        reason = (heard.get("REFUSE") or {}).get("reason", "")
        expect("ACCEPT" not in heard and "UUID already" in reason, f"{what}: {heard}")
        expect(not any(c.isdigit() for c in reason), f"{what}: it tells a number: {reason}")
        expect(list(self.host.domains()) == [self.number], f"{what}: {self.host.domains()}")


def as_the_guest_itself(stage):
    """Whatever is known of it, what was said to another host proves nothing; nor does a journal of another connection."""
    guest = Guest(stage.host("itself", 24))
    known = {"domain": guest.name, "uuid": guest.uuid, "domid": guest.number, "boot-id": guest.entry()["boot-id"]}
    for what, entry in (("no move here", None), ("another connection", {"connection": "127.0.0.1 1 127.0.0.1 2"}),
                        ("by ssh", {"via": "ssh"}), ("nothing known", {})):
        if entry is not None:
            guest.write_entry(**entry)
        stranger = Stranger(guest.host)
        stranger.offer(**known)
        guest.is_refused(stranger.hears(), what)
        moves.forget_jobs(guest.host)
    guest.host.goes_on(guest.number, "itself")


def through_a_relay(stage):
    """The guest is moved to a host that passes everything on to where it came from."""
    guest = Guest(stage.host("relay", 24))
    result, taken = moves.Move(guest.host, guest.host, guest.number).end()
    expect(result.status == 1 and taken.status == 1 and "UUID already" in result.err, f"a relay: {result} {taken}")
    guest.host.goes_on(guest.number, "a relay")
    expect(not moves.jobs(guest.host), f"a relay: {moves.jobs(guest.host)}")


def another_guest(stage):
    """The image is of another guest than the offer: of one that runs here."""
    source, host = stage.host("other-a", 24), stage.host("other-b", 24)
    guest = Guest(source)
    stranger = Stranger(host)
    stranger.offer(domain="innocent", uuid="01234567-89ab-cdef-0123-456789abcdef")
    data = guest.image.read_bytes()
    for at in range(0, len(data), 1 << 20):
        stranger.say(DATA, data[at:at + (1 << 20)])
    stranger.say(END, struct.pack("<2Q", len(data), xxh64(data)))
    heard = stranger.hears(closes=False)
    expect(f"of UUID {guest.uuid}" in (heard.get("FAILED") or {}).get("reason", ""), f"another guest: {heard}")
    expect(not host.domains(), f"another guest: {host.domains()}")


def the_answer_is_not_theirs(stage):
    """A source in doubt does not take the answer from a job of the same name that a stranger began and ended here."""
    guest = Guest(stage.host("answer", 24))
    for uuid in (guest.uuid, "01234567-89ab-cdef-0123-456789abcdef"):
        guest.write_entry(stage="go")
        file = guest.host.path / "jobs" / f"{JOB}.destination.json"
        file.write_text(json.dumps(guest.entry(role="destination", stage="destroyed", uuid=uuid, via="")))
        result = guest.host.pvferry("resolve", JOB)
        expect(result.status == 3 and "nowhere.invalid" in result.err, f"the answer: {result}")
        expect(moves.jobs(guest.host)[f"{JOB}.source.json"]["stage"] == "go", f"the answer: {moves.jobs(guest.host)}")
    file.write_text(json.dumps(guest.entry(role="destination", stage="destroyed", **{"from-here": True})))
    expect(guest.host.pvferry("resolve", JOB).status == 0, "a move within a host")
    guest.host.goes_on(guest.number, "the answer")


def what_is_told(stage):
    """Of a job, its state and reason."""
    host = stage.host("told", 24)
    (host.path / "jobs").mkdir()
    (host.path / "jobs" / f"{JOB}.destination.json").write_text(
        json.dumps({"job": JOB, "role": "destination", "stage": "running", "domid": 7, "boot-id": "secret"}))
    stranger = Stranger(host)
    stranger.say(QUERY, {"job": JOB})
    heard = stranger.hears()
    expect(heard["STATE"] == {"state": "running", "reason": ""}, f"told: {heard}")
    for damage in ("", "{", '{"job":1}'):
        (host.path / "jobs" / f"{JOB}.destination.json").write_text(damage)
        stranger = Stranger(host)
        stranger.say(QUERY, {"job": JOB})
        heard = stranger.hears()
        expect(heard["STATE"] == {"state": "unknown", "reason": "the journal of this job is damaged there"}, f"{damage}: {heard}")
        result = host.pvferry("resolve", JOB)
        expect(result.status == 1 and result.is_one_line() and "is damaged: once no domain" in result.err, f"{damage}: {result}")


def what_is_kept(stage):
    """Of a job that was accepted and came to nothing before READY: nothing, however many there are."""
    host = stage.host("kept", 24)
    for number in range(3):
        stranger = Stranger(host)
        stranger.offer(job=f"{number:032x}", domain="innocent", uuid="01234567-89ab-cdef-0123-456789abcdef")
        stranger.say(DATA, b"x" * 1000)
        heard = stranger.hears()
        expect("ACCEPT" in heard, f"kept: {heard}")
    expect(not moves.jobs(host) and not moves.locks(host), f"kept: {moves.jobs(host)} {moves.locks(host)}")


def run(stage):
    as_the_guest_itself(stage)
    through_a_relay(stage)
    another_guest(stage)
    the_answer_is_not_theirs(stage)
    what_is_told(stage)
    what_is_kept(stage)

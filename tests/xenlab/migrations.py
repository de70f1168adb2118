"""Moves of a guest between two hosts, by xl or by pvferry, and what is seen of them from outside."""
import os
import statistics
import time

from host import LabError
from scenario import expect
from ticks import Watch

PORT = 8666
# What figures are taken with: 512 MiB, 64 MiB of them rewritten at 8 MB/s, forking; it speaks every 10 ms.
MEASURED = {"mib": 512, "check": "mib=64 rate=2048 forks=2 tick=10"}
GOALS = {"seconds": 0.6, "silence": 0.7}

# How it is received, and how it is sent: the same plain TCP, without ssh, for all.
HELPER = "LIBXL_SAVE_HELPER=/usr/bin/pvferry-save-helper"
RECEIVE_BY_XL = "socat -b 65536 TCP-LISTEN:{port},reuseaddr EXEC:'xl migrate-receive'"
RECEIVE_BY_HELPER = "{helper} " + RECEIVE_BY_XL
SEND_BY_XL = "xl migrate -s '' {options} {guest} 'socat -b 65536 - TCP:{address}:{port}'"
WAYS = {
    "xl": (RECEIVE_BY_XL, SEND_BY_XL),
    "pvferry": ("pvferry receive --plain --listen {address}:{port} {receiving}",
                "pvferry migrate --foreground --via tcp --port {port} {options} {guest} {address}"),
    "tls": ("pvferry receive --listen {address}:{port} {receiving}",
            "pvferry migrate --foreground --port {port} {options} {guest} {address}"),
    "pvferry-ssh": ("socat -b 65536 TCP-LISTEN:{port},reuseaddr EXEC:'pvferry receive'",
                    "pvferry migrate --foreground --via ssh --ssh '' {options} {guest} "
                    "'socat -b 65536 - TCP:{address}:{port}'"),
    # xl, with pvferry-save-helper in place of Xen's: at both ends, where it is sent, where it is received.
    "helper": (RECEIVE_BY_HELPER, "{helper} " + SEND_BY_XL),
    "helper-sends": (RECEIVE_BY_XL, "{helper} " + SEND_BY_XL),
    "helper-receives": (RECEIVE_BY_HELPER, SEND_BY_XL),
    # No handover: a live save whose image is restored as it comes. What the memory's way alone takes.
    "pipe": ("set -o pipefail; socat -b 65536 -u TCP-LISTEN:{port},reuseaddr - | pvferry restore -",
             "set -o pipefail; pvferry save --force --live {options} {guest} - | socat -b 65536 -u - TCP:{address}:{port}"),
}


class Move:
    """A move that has begun: the sender's and the receiver's command, as jobs. `around` is put before the sender's;
    `options` are its, `receiving` the receiver's."""

    def __init__(self, way, guest, target, options="", around="", receiving=""):
        self.guest, self.source, self.target = guest, guest.host, target
        receive, send = (command.format(port=PORT, address=target.link.address, guest=guest.name, options=options, helper=HELPER,
                                        receiving=receiving)
                         for command in WAYS[way])
        self.receiver = target.start(receive)
        await_listener(target, self.receiver)
        self.sender = self.source.start(around + send)

    def wait(self, timeout=600):
        """The Results of sender and receiver; None for a receiver whom nobody called, who is ended."""
        sent = self.sender.wait(timeout)
        if is_listening(self.target):
            self.receiver.kill()
            return sent, None
        return sent, self.receiver.wait(timeout + 60)


class Measured:
    """A whole move: seconds, bytes on the cable, ms of the longest silence and from the last tick here to the first
    there; what order the ticks came in; how many processors the machine's other work took meanwhile."""

    def __init__(self, way, guest, target, options="", timeout=600, receiving=""):
        self.way, self.guest, source = way, guest, guest.host
        with Watch(guest, [source, target]) as watch:
            if not watch.await_ticks(100, 300):
                raise LabError(f"guest {guest.name} does not tick before its move")
            sent, begin, others = sent_bytes(source), time.monotonic(), other_work(source, target)
            self.sent, self.received = Move(way, guest, target, options, receiving=receiving).wait(timeout)
            end = time.monotonic()
            self.others = (other_work(source, target) - others) / (end - begin)
            self.seconds, self.bytes = self.sent.seconds, sent_bytes(source) - sent
            self.ticks_on = watch.await_ticks(100, 300)
        self.silence, self.handover = watch.silence(begin, end), watch.handover(source, target, begin)
        self.overlap, self.backwards, self.missing = watch.order(source, target)
        if self.sent.status == 0:
            guest.moved_to(target)

    def moved(self):
        """It runs there, and there alone, and lost nothing. (A line may be lost with the console it was written to.)"""
        expect(self.sent.status == 0, f"{self.sent}\n{self.received}")
        expect(self.ticks_on, f"{self.guest.name} does not tick on the other host: {self.guest.console()[-1500:]}")
        expect(not self.overlap, f"{self.overlap} ticks from the source after the first from the target")
        self.kept()

    def kept(self):
        """Wherever it runs, it is the guest it was."""
        expect(not self.backwards and self.missing < 5, f"ticks: {self.backwards} backwards, {self.missing} missing")
        expect(self.guest.last_tick()[5] == 0 and not self.guest.corrupt(), f"{self.guest.corrupt()}")

    def __str__(self):
        handover = f" (handover {self.handover:.0f})" if self.handover is not None else ""
        return (f"{self.way} {self.seconds:.1f} s, silent for {self.silence:.0f} ms{handover}, {self.bytes / 1e6:.0f} MB"
                f" [others {self.others:.1f} CPUs]")


def in_turn(stage, guest, ways, rounds):
    """Moves there and back, the ways taking turns: {name: [Measured, ...]}. ways: name: (way, options)."""
    seen = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (way, options) in ways.items():
            target, = (host for host in stage.hosts if host is not guest.host)
            one = Measured(way, guest, target, options)
            one.moved()
            stage.figure(f"{name}: {one}")
            seen[name].append(one)
    return seen


def compare(stage, name, ours, xl):
    """Medians beside xl's, as ratios. A figure is told, not tested: a busy machine is no defect."""
    for what in ("seconds", "silence", "bytes"):
        a, b = (statistics.median(getattr(one, what) for one in seen) for seen in (ours, xl))
        goal = f", goal {GOALS[what]}{' MISSED' if a > GOALS[what] * b else ''}" if what in GOALS else ""
        stage.figure(f"{name}: {what} {a / b:.2f} of xl's ({a:.0f} : {b:.0f}{goal})")


def await_listener(host, job, timeout=300):
    end = time.monotonic() + timeout
    while not is_listening(host):
        if job.done() or time.monotonic() > end:
            raise LabError(f"nobody listens on {host.name}: {job.output()[-1000:]!r}")


def is_listening(host):
    return host.sh(f"grep -q ':{PORT:04X} 00000000:0000 0A' /proc/net/tcp").status == 0


def sent_bytes(host):
    return int(host.must("cat /sys/class/net/eth0/statistics/tx_bytes"))


def other_work(*hosts):
    """Processor seconds that all but these hosts took so far on the machine outside."""
    with open("/proc/stat") as f:
        user, nice, system = map(int, f.readline().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK") - sum(host.processor_seconds() for host in hosts)

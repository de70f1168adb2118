"""A guest that changes faster than the link: --on-timeout, --abort-if-busy and --max-rounds do what they say, in time."""
import migrations
from scenario import expect

FLAVOUR, HOSTS = "noshadow", 2
LINK = "--bandwidth 8"
BUSY = {"mib": 320, "check": "mib=128 rate=8192 tick=20"}       # 32 MB/s of new pages against 8
TIMEOUT = 20


def run(stage):
    guest = stage.guest(**BUSY)
    gave_up(stage, guest, f"--timeout {TIMEOUT} --on-timeout abort")
    gave_up(stage, guest, "--abort-if-busy")
    goes(stage, guest, f"--timeout {TIMEOUT} --on-timeout stop")
    goes(stage, guest, "--max-rounds 3")


def gave_up(stage, guest, options):
    """Exit status 1, the guest runs on, and nothing is left where it was to go."""
    home, target = guest.host, other(stage, guest)
    seen = migrations.Measured("pvferry", guest, target, f"{LINK} {options}")
    expect(seen.sent.status == 1, f"{options}: {seen.sent}")
    expect(guest.host is home and seen.ticks_on, f"{options}: the guest does not run on")
    seen.kept()
    expect(stage.domains(target) == [], f"{options}: left at the target: {stage.domains(target)}")
    expect(stage.domains(home) == ["guest"], f"{options}: at the source: {stage.domains(home)}")
    in_time(options, seen)
    stage.figure(f"{options}: gave up after {seen.seconds:.1f} s, silent for {seen.silence:.0f} ms")


def goes(stage, guest, options):
    seen = migrations.Measured("pvferry", guest, other(stage, guest), f"{LINK} {options}")
    seen.moved()
    in_time(options, seen)
    stage.figure(f"{options}: moved after {seen.seconds:.1f} s, silent for {seen.silence:.0f} ms")


def in_time(options, seen):
    """A time-out is kept to, but for the last pass: what is left of the guest at that bandwidth."""
    if "--timeout" in options:
        expect(seen.seconds < TIMEOUT + 60, f"{options}: took {seen.seconds:.0f} s")


def other(stage, guest):
    return next(host for host in stage.hosts if host is not guest.host)

"""A migration is cancelled, by signal and by order, at any moment: the guest runs here on, nothing is left there."""
import migrations
from scenario import expect
from ticks import Watch

FLAVOUR, HOSTS = "noshadow", 2
SMALL = {"mib": 256, "check": "mib=32 tick=20"}
MOMENTS = (0.05, 0.3, 0.6, 0.9)
# Orders come down a FIFO that stays open: its end would be none.
ORDER = "mkfifo /tmp/orders; exec 3<>/tmp/orders; (sleep {seconds:.2f}; echo '{{\"cancel\":true}}' >/tmp/orders) & <&3 "


def run(stage):
    guest = stage.guest(**SMALL)
    whole = whole_move(stage, guest)
    moved = 0
    for part in MOMENTS:
        for options, around in (("", "timeout -s INT {seconds:.2f} "), ("", "timeout -s TERM {seconds:.2f} "),
                                ("--control", ORDER)):
            moved += cancelled(stage, guest, options, around.format(seconds=part * whole))
            stage.sh("rm -f /tmp/orders")
    receiver_stopped(stage, guest, whole / 2)
    stage.figure(f"{len(MOMENTS) * 3 - moved} of {len(MOMENTS) * 3} were cancelled, the others had gone")


def whole_move(stage, guest):
    """How long one takes that is let go; the guest is back afterwards."""
    seconds = []
    for target in reversed(stage.hosts):
        seen = migrations.Measured("pvferry", guest, target)
        seen.moved()
        seconds.append(seen.seconds)
    return min(seconds)


def cancelled(stage, guest, options, around):
    """True if the order came too late, and it moved."""
    target = next(host for host in stage.hosts if host is not guest.host)
    with Watch(guest, stage.hosts) as watch:
        sent, _ = migrations.Move("pvferry", guest, target, options, around).wait()
        expect(sent.status in (0, 1), sent)
        alone(stage, guest, target if sent.status == 0 else guest.host, watch)
    return sent.status == 0


def receiver_stopped(stage, guest, seconds):
    target = next(host for host in stage.hosts if host is not guest.host)
    with Watch(guest, stage.hosts) as watch:
        move = migrations.Move("pvferry", guest, target)
        target.must(f"sleep {seconds:.2f}; kill $(pidof pvferry)")
        sent, received = move.wait()
        expect(sent.status == 1 and received.status, f"{sent}\n{received}")
        alone(stage, guest, guest.host, watch)


def alone(stage, guest, place, watch):
    """The guest runs there and nowhere else, as it was."""
    elsewhere = next(host for host in stage.hosts if host is not place)
    guest.moved_to(place)
    expect(watch.await_ticks(10, host=place), f"the guest does not tick on {place.name}")
    expect(stage.domains(place) == ["guest"] and stage.domains(elsewhere) == [],
           f"domains: {[stage.domains(host) for host in stage.hosts]}")
    expect(not guest.corrupt(), guest.corrupt())

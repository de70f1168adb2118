"""SIGINT, SIGTERM and a closed pipe at any moment of a save or a restore: nothing is lost, nothing half-built."""
from scenario import expect

FLAVOUR = "noshadow"
MOMENTS = (0.02, 0.1, 0.25, 0.4, 0.6, 0.8, 0.95)


def run(stage):
    guest = stage.guest(check="mib=128")
    whole = stage.ok("pvferry save -c guest /tmp/whole").seconds
    outcomes = [interrupted_save(stage, guest, ("INT", "TERM")[i % 2], whole * part)
                for i, part in enumerate(MOMENTS)]
    closed_pipes(stage, guest)
    guest.destroy()
    restored = [interrupted_restore(stage, guest, ("TERM", "INT")[i % 2], whole * part)
                for i, part in enumerate(MOMENTS[::2])]
    stage.figure(f"{outcomes.count(False)} of {len(outcomes)} saves and {restored.count(False)} of {len(restored)} "
                 f"restores were stopped; the guest went on each time")


def interrupted_save(stage, guest, name, seconds):
    """True if the save was faster than the signal; then the guest comes back from its image."""
    before = guest.last_tick()
    result = stage.sh(f"timeout -s {name} {seconds:.2f} pvferry save guest /tmp/image")
    if result.status == 0:
        stage.ok("pvferry restore /tmp/image && rm /tmp/image")
    stage.no_leftovers("/tmp", "whole")
    stage.goes_on(guest, before)
    return result.status == 0


def closed_pipes(stage, guest):
    for taken in (0, 1, 100_000, 5_000_000):
        before = guest.last_tick()
        result = stage.sh(f"set -o pipefail; pvferry save --force guest - | head -c {taken} >/dev/null")
        expect(result.status, f"nobody read the image, yet {result}")
        stage.goes_on(guest, before)


def interrupted_restore(stage, guest, name, seconds):
    """True if the restore was faster. Otherwise no domain may be left, and the image still serves."""
    result = stage.sh(f"timeout -s {name} {seconds:.2f} pvferry restore -p /tmp/whole")
    expect(stage.domains() == (["guest"] if result.status == 0 else []), f"domains: {stage.domains()}; {result}")
    guest.destroy()
    return result.status == 0

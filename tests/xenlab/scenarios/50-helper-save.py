"""xl save, save -c and restore with pvferry-save-helper and with Xen's own at either end: ten rounds, not one page is lost."""
import helpers
from helpers import HELPERS

FLAVOUR = "noshadow"
PAIRINGS = [("ours", "ours"), ("ours", "stock"), ("stock", "ours")]


def run(stage):
    guest = stage.guest(mib=128, vcpus=2, check="mib=16")
    for turn in range(10):
        saver, restorer = PAIRINGS[turn % 3]
        before = guest.last_tick()
        if turn < 3:
            kept = stage.ok(f"rm -f /tmp/image; {HELPERS[saver]} xl save -c guest /tmp/image")
            helpers.used(kept, saves=saver)
            before = stage.goes_on(guest, before)
            stage.verified(stage.fetch("/tmp/image"))
        saved = stage.ok(f"rm -f /tmp/image; {HELPERS[saver]} xl save guest /tmp/image")
        helpers.used(saved, saves=saver)
        restored = stage.ok(f"{HELPERS[restorer]} xl restore /tmp/image")
        helpers.used(restored, restores=restorer)
        last = stage.goes_on(guest, before)
        stage.figure(f"{saver} {saved.seconds:.1f} s, {restorer} {restored.seconds:.1f} s")
    stage.figure(f"{last[2]} pages compared, {last[4]} forks, no error")

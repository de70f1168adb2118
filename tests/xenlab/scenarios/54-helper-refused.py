"""A guest that never suspends, a peer that goes, a disk that is full: xl with pvferry-save-helper says so, and the guest runs on."""
import helpers
from helpers import OURS, migrate_here
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest(mib=128, check="mib=16")
    before = guest.last_tick()
    stage.host.must("mkdir -p /tmp/small && mount -t tmpfs -o size=20m small /tmp/small")
    full = stage.sh(f"{OURS} xl save guest /tmp/small/image")
    expect(full.status and "No space left" in full.text(), f"a full disk: {full}")
    helpers.stays(stage, guest, before)
    before = guest.last_tick()
    gone = stage.sh(f"{OURS} xl migrate -s '' guest 'sh -c \"echo xl migration receiver ready, send binary domain data.; "
                    "head -c 20000000 >/dev/null\"'")
    expect(gone.status and "pvferry" in gone.text(), f"a peer that goes: {gone}")
    helpers.stays(stage, guest, before)
    for command in (f"{OURS} xl save guest /tmp/image", migrate_here(guest)):
        before = guest.last_tick()
        began = stage.sh(f"timeout -s INT 2 {command}; exit 0")    # Ctrl-C; xl itself does not clean up
        helpers.stays(stage, guest, before)
        expect(began.seconds < 60, f"interrupted: {began}")
    guest.destroy()
    deaf = stage.guest("deaf", mib=128, check="mib=8", deaf=True)
    before = deaf.last_tick()
    refused = stage.sh(f"{OURS} xl save deaf /tmp/image", 300)
    expect(refused.status, f"a deaf guest: {refused}")
    helpers.stays(stage, deaf, before)
    stage.figure(f"refused after {refused.seconds:.0f} s")

"""xl migrate from a host to itself where Xen has no log-dirty: fails with Xen's helper, works with ours, to either; refusals and deaths leave the guest running."""
import helpers
from helpers import migrate_here
from scenario import expect

FLAVOUR = "noshadow"
BRISK = "PVFERRY_HELPER=max-rounds=4"
HOW = dict(mib=128, check="mib=16 rate=1024 tick=50")


def killed(stage, guest, whom):
    """The helper of this side dies in the midst; xl says so, and the guest runs on."""
    before = guest.last_tick()
    result = stage.sh(f"(until grep -l -- --{whom}-domain $(for p in $(pidof pvferry-save-helper); do echo /proc/$p/cmdline; done)"
                      " >/tmp/victims 2>/dev/null; do sleep 0.1; done; sleep 1; "
                      f"kill -9 $(head -n 1 /tmp/victims | cut -d/ -f3)) & {migrate_here(guest)}", 300)
    expect(result.status, f"--{whom}-domain was killed: {result}")
    helpers.stays(stage, guest, before)


def run(stage):
    guest = stage.guest(**HOW)
    before = guest.last_tick()
    failed = stage.sh(migrate_here(guest, "stock", "stock"), 300)
    expect(failed.status and "Failed to enable logdirty" in failed.text(), f"xl migrate without ours: {failed}")
    helpers.stays(stage, guest, before)
    for receiver in ("ours", "stock", "ours"):
        before = guest.last_tick()
        moved = stage.ok(migrate_here(guest, "ours", receiver, env=BRISK), 300)
        helpers.used(moved, saves="ours", restores=receiver)
        guest.moved_to(guest.host)
        helpers.stays(stage, guest, before)
        stage.figure(f"ours -> {receiver}: {moved.seconds:.1f} s")
    before = guest.last_tick()
    moved = stage.ok(migrate_here(guest, env=f"PVFERRY_WIRE=zstd {BRISK}"), 300)
    guest.moved_to(guest.host)
    helpers.stays(stage, guest, before)
    stage.figure(f"zstd on the wire: {moved.seconds:.1f} s")
    killed(stage, guest, "save")
    killed(stage, guest, "restore")

"""xl migrate from a host to itself where Xen has log-dirty: all four pairings of pvferry-save-helper and Xen's own; nothing is left switched on."""
import helpers
from helpers import migrate_here

FLAVOUR = "shadow"
PAIRINGS = [("stock", "stock"), ("ours", "stock"), ("stock", "ours"), ("ours", "ours")]


def run(stage):
    guest = stage.guest(mib=128, check="mib=16 rate=1024 tick=50")
    for sender, receiver in PAIRINGS:
        before = guest.last_tick()
        moved = stage.ok(migrate_here(guest, sender, receiver), 400)
        helpers.used(moved, saves=sender, restores=receiver)
        guest.moved_to(guest.host)
        helpers.stays(stage, guest, before)
        stage.figure(f"{sender} -> {receiver}: {moved.seconds:.1f} s")

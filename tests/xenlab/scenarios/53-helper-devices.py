"""A guest with a disk and a network card under xl: both work on after save -c, save, restore and migrate with pvferry-save-helper."""
import helpers
from helpers import OURS, migrate_here

FLAVOUR = "noshadow"


def run(stage):
    devices = helpers.Devices(stage, stage.host, mib=128, check="mib=16")
    guest = devices.guest
    for command in (f"{OURS} xl save -c guest /tmp/image", f"{OURS} xl save guest /tmp/image && {OURS} xl restore /tmp/image",
                    migrate_here(guest)):
        before = guest.last_tick()
        stage.ok(f"rm -f /tmp/image; {command}", 300)
        guest.moved_to(guest.host)
        stage.goes_on(guest, before)
        devices.works(command)
    stage.figure(f"{devices.number(stage.host)} sectors written and read again")

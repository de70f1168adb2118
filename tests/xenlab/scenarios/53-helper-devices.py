"""A guest with two disks and two networks under xl: all work on after save -c, save, restore and migrate with pvferry-save-helper."""
from devices import Devices
from helpers import OURS, migrate_here

FLAVOUR = "noshadow"


def run(stage):
    devices = Devices(stage, mib=128, check="mib=16")
    guest = devices.guest
    for command in (f"{OURS} xl save -c guest /tmp/image", f"{OURS} xl save guest /tmp/image && {OURS} xl restore /tmp/image",
                    migrate_here(guest)):
        before = guest.last_tick()
        stage.ok(f"rm -f /tmp/image; {command}", 600)
        guest.moved_to(guest.host)
        stage.goes_on(guest, before)
        devices.works(command)
    stage.figure(f"blocks written: {devices.newest('xvda')}, {devices.newest('xvdb')}")

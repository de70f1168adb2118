"""Two hosts, no log-dirty: xl migrate fails, and works there and back with pvferry-save-helper, to Xen's own helper too; disks and networks work on."""
import migrations
from devices import Devices
from scenario import expect

FLAVOUR, HOSTS = "noshadow", 2
GUEST = dict(mib=256, check="mib=32 rate=1024 forks=1 tick=10")


def run(stage):
    devices = Devices(stage, **GUEST)
    guest = devices.guest
    failed = migrations.Measured("xl", guest, stage.hosts[1])
    expect("Failed to enable logdirty" in failed.sent.text(), f"xl migrate: {failed.sent}")
    failed.kept()
    for way in ("helper", "helper-sends", "helper", "helper-sends"):
        target, = (host for host in stage.hosts if host is not guest.host)
        one = migrations.Measured(way, guest, target)
        one.moved()
        devices.works(way)
        stage.figure(f"{way}: {one}")

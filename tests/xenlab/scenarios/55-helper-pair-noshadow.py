"""Two hosts, no log-dirty: xl migrate fails, and works there and back with pvferry-save-helper, to Xen's own helper too; disk and network work on."""
import helpers
import migrations
from scenario import expect

FLAVOUR, HOSTS = "noshadow", 2
GUEST = dict(mib=256, check="mib=32 rate=1024 forks=1 tick=10")


def run(stage):
    for host in stage.hosts:
        helpers.make_disk(host)
    devices = helpers.Devices(stage, stage.host, **GUEST)
    guest = devices.guest
    failed = migrations.Measured("xl", guest, stage.hosts[1])
    expect("Failed to enable logdirty" in failed.sent.text(), f"xl migrate: {failed.sent}")
    failed.kept()
    for way in ("helper", "helper-sends", "helper", "helper-sends"):
        target, = (host for host in stage.hosts if host is not guest.host)
        helpers.carry_disk(guest.host, target)
        one = migrations.Measured(way, guest, target)
        one.moved()
        devices.works(way, host=target)
        stage.figure(f"{way}: {one}")

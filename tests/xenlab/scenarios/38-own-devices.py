"""A guest with a disk and a network card: both work on after pvferry save -c, save and restore; xl saves and restores what came of it."""
import helpers
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    devices = helpers.Devices(stage, stage.host, mib=128, check="mib=16")
    guest = devices.guest
    for command in ("pvferry save -c guest /tmp/image", "pvferry save guest /tmp/image && pvferry restore /tmp/image",
                    "xl save guest /tmp/image && pvferry restore /tmp/image",
                    "pvferry save guest /tmp/image && zstd -dcq /tmp/image | xl restore /dev/stdin"):
        before = guest.last_tick()
        stage.ok(f"rm -f /tmp/image; {command}", 300)
        guest.moved_to(guest.host)
        stage.goes_on(guest, before)
        devices.works(command)
    refused(stage, guest)
    stage.figure(f"{devices.number(stage.host)} sectors written and read again")


def refused(stage, guest):
    """A disk that is not there: one line, and nothing is left."""
    before = guest.last_tick()
    stage.ok("rm -f /tmp/image; pvferry save guest /tmp/image")
    stage.host.must("losetup -d /dev/loop0")
    stage.host.must("mv /dev/loop0 /dev/loop0.away")
    stage.refused("pvferry restore /tmp/image", "/dev/loop0", "no domain was made")
    expect(stage.domains() == [], f"domains: {stage.domains()}")
    left = stage.host.must("xenstore-ls /local/domain/0/backend | grep -E '^  [0-9]' || true; ls /var/lib/xen | grep userdata || true")
    expect(not left, f"left: {left}")
    stage.host.must("mv /dev/loop0.away /dev/loop0; losetup /dev/loop0 /tmp/disk")
    stage.ok("pvferry restore /tmp/image")
    guest.moved_to(guest.host)
    stage.goes_on(guest, before)

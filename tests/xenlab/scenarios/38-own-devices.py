"""A guest with two disks and two networks: all work on after pvferry save -c, save and restore; xl saves and restores what came of it."""
from devices import Devices, nothing_left
from scenario import expect

FLAVOUR = "noshadow"
COMMANDS = ("pvferry save -c guest /tmp/image", "pvferry save guest /tmp/image && pvferry restore /tmp/image",
            "xl save guest /tmp/image && pvferry restore /tmp/image",
            "pvferry save guest /tmp/image && zstd -dcq /tmp/image | xl restore /dev/stdin")


def run(stage):
    devices = Devices(stage, mib=128, check="mib=16")
    guest = devices.guest
    for command in COMMANDS:
        before = guest.last_tick()
        done = stage.ok(f"rm -f /tmp/image; {command}", 600)
        guest.moved_to(guest.host)
        stage.goes_on(guest, before)
        devices.works(command)
        stage.figure(f"{command.split()[0]} {command.split()[1]}: {done.seconds:.0f} s")
    refused(stage, devices)
    stage.ok("xl shutdown -w guest", 300)
    stage.figure(f"blocks written and found: {devices.whole()}")


def refused(stage, devices):
    """A disk that is not there: one line, and nothing is left."""
    guest, before = devices.guest, devices.guest.last_tick()
    stage.ok("rm -f /tmp/image; pvferry save guest /tmp/image", 300)
    nothing_left(stage.host)
    devices.whole()
    stage.host.must("mv /lab/common/second /lab/common/away")
    stage.refused("pvferry restore /tmp/image", "/lab/common/second", "no domain was made", timeout=300)
    expect(stage.domains() == [], f"domains: {stage.domains()}")
    nothing_left(stage.host)
    stage.host.must("mv /lab/common/away /lab/common/second")
    stage.ok("pvferry restore /tmp/image", 300)
    guest.moved_to(guest.host)
    stage.goes_on(guest, before)
    devices.works("a restore that was refused once")

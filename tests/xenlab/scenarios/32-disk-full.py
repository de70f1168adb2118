"""The disk fills up in the middle: the guest goes on, the temporary file is gone, the old image is still there."""
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest(check="mib=128")
    stage.host.must("mkdir /tmp/small && mount -t tmpfs -o size=8m none /tmp/small && echo precious >/tmp/small/image")
    before = guest.last_tick()
    stage.refused("pvferry save --force guest /tmp/small/image", "/tmp/small")
    stage.goes_on(guest, before)
    expect(stage.host.must("cat /tmp/small/image") == "precious", "the old image is gone")
    stage.no_leftovers("/tmp/small", "image")
    stage.refused("pvferry save guest /dev/full --force", "/dev/full")
    stage.refused("exec pvferry save guest - >/dev/full", "space")
    stage.goes_on(guest, before)
    expect(stage.host.must("ls -l /dev/full")[0] == "c", "/dev/full was replaced by a file")

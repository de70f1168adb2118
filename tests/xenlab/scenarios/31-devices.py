"""A domain with a PCI device is refused, naming it; --without-devices goes on, and takes the disk's and the card's backends away."""
from scenario import expect

FLAVOUR = "noshadow"
DEVICES = """disk = ["phy:/dev/loop0,xvda,w"]
vif = ["mac=00:16:3e:00:00:01,bridge=xenbr0"]"""


def run(stage):
    stage.host.must("dd if=/dev/zero of=/tmp/disk bs=1M count=8 2>/dev/null && losetup /dev/loop0 /tmp/disk")
    guest = stage.guest(extra=DEVICES)
    before = guest.last_tick()
    add_pci(stage)
    stage.refused("pvferry save guest /tmp/image", "pci 0", "xl pci-detach")
    stage.goes_on(guest, before)
    remove_pci(stage)
    stage.no_leftovers("/tmp", "disk")

    before = guest.last_tick()
    said = stage.ok("pvferry save --without-devices guest /tmp/image")
    expect(stage.domains() == [], f"domains: {stage.domains()}")
    left = stage.host.must("xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E '^/[^ ]*/[0-9]+/[0-9]+ ' || true")
    expect(not left, f"left: {left}; {said}; {stage.host.sh('tail -n 20 /var/log/xen/pvferry-toolstack.log').text()}")
    stage.ok("pvferry restore --without-devices /tmp/image")
    stage.goes_on(guest, before)
    expect(not stage.host.must("xenstore-list /libxl/$(xl domid guest)/device/vbd 2>/dev/null || true"),
           "a disk came back that nobody carried")


def add_pci(stage):
    """Only what libxl notes of one: an emulated host has no device to give away."""
    for node, value in (("frontend", "/local/domain/$d/device/pci/0"), ("frontend-id", "$d"),
                        ("backend", "/local/domain/0/backend/pci/$d/0"), ("num_devs", "1")):
        stage.host.must(f"d=$(xl domid guest); xenstore-write /libxl/$d/device/pci/0/{node} {value}")
    stage.host.must("d=$(xl domid guest); xenstore-write /local/domain/$d/device/pci/0/state 1")


def remove_pci(stage):
    stage.host.must("d=$(xl domid guest); xenstore-rm /libxl/$d/device/pci; xenstore-rm /local/domain/$d/device/pci")

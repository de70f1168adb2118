"""Restoring where the name is in use, or memory is short, is refused before anything is built."""
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest()
    before = guest.last_tick()
    stage.ok("pvferry save -c guest /tmp/image")
    stage.refused("pvferry restore /tmp/image", "guest")
    stage.refused("pvferry restore --name guest /tmp/image", "guest")
    stage.goes_on(guest, before)
    fill_memory(stage)
    stage.refused("pvferry restore --name twin /tmp/image", "memory")
    expect(stage.domains() == ["guest", "hog"], f"domains: {stage.domains()}")
    stage.host.must("xl destroy hog", 120)
    stage.ok("pvferry restore --name twin /tmp/image")
    stage.goes_on(stage.sibling(guest, "twin"), before)


def fill_memory(stage):
    """Leave about 300 MiB: a paused domain that never runs takes the rest."""
    free = int(stage.host.must("xl info free_memory"))
    stage.idle_guest("hog", mib=free - 300).build(timeout=240)

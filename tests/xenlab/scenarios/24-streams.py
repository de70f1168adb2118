"""`-` is stdout and stdin; --name gives another name; two copies of a guest run side by side."""
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest()
    before = guest.last_tick()
    stage.ok("set -o pipefail; pvferry save -c guest - | cat >/tmp/image")
    stage.goes_on(guest, before)
    stage.verified(stage.fetch("/tmp/image"))
    expect(stage.here("cat image | pvferry verify - && cat image | pvferry inspect -").status == 0,
           "verify or inspect does not read a pipe")
    stage.ok("cat /tmp/image | pvferry restore --name twin -")
    expect(stage.domains() == ["guest", "twin"], f"domains: {stage.domains()}")
    twin = stage.sibling(guest, "twin")
    stage.goes_on(twin, before)
    stage.goes_on(guest, guest.last_tick())

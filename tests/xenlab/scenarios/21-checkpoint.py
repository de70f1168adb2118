"""save -c leaves the guest running and save -p leaves it paused; each image can be restored later."""
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest(vcpus=2)
    running = guest.last_tick()
    stage.ok("pvferry save -c guest /tmp/running")
    stage.goes_on(guest, running)

    paused = guest.last_tick()
    stage.ok("pvferry save -p guest /tmp/paused")
    expect("p" in stage.state("guest"), f"after save -p it is {stage.state('guest')}, not paused")
    stage.host.must("xl unpause guest")
    stage.goes_on(guest, paused)

    for image, before in (("running", running), ("paused", paused)):
        stage.verified(stage.fetch(f"/tmp/{image}"))
        guest.destroy()
        stage.host.must(f": >{guest.log}")
        stage.ok(f"pvferry restore -p /tmp/{image}")
        expect("p" in stage.state("guest"), f"after restore -p it is {stage.state('guest')}, not paused")
        stage.host.must("xl unpause guest")
        stage.goes_on(guest, before)

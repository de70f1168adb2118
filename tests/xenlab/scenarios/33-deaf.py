"""A guest that does not answer the suspend request: time-out, the request is withdrawn, the guest runs on."""
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    deaf = stage.guest("deaf", deaf=True)
    before = deaf.last_tick()
    refused = stage.refused("pvferry save --timeout 3 deaf /tmp/image", "deaf", "3 s")
    withdrawn(stage, "deaf")
    stage.goes_on(deaf, before)
    stage.figure(f"time-out of 3 s: {refused.seconds:.1f} s")
    deaf.destroy()

    paused = stage.guest("paused")
    stage.host.must("xl pause paused")
    before = paused.last_tick()
    stage.refused("pvferry save --timeout 2 paused /tmp/image", "paused")
    withdrawn(stage, "paused")
    stage.host.must("xl unpause paused")
    stage.goes_on(paused, before)
    stage.no_leftovers("/tmp")


def withdrawn(stage, name):
    request = stage.host.must(f"xenstore-read /local/domain/$(xl domid {name})/control/shutdown")
    expect(request == "", f"the request {request!r} still stands")

"""What cannot be saved, or not there, is refused in one clear line, and nothing changes."""
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest()
    before = guest.last_tick()
    stage.refused("pvferry save nobody /tmp/image", "nobody")
    stage.refused("pvferry save 4242 /tmp/image", "4242")
    stage.refused("pvferry save Domain-0 /tmp/image", "Domain-0")
    stage.refused("pvferry save 0 /tmp/image", "Domain-0")
    stage.no_leftovers("/tmp")

    stage.host.must("echo precious >/tmp/image")
    stage.refused("pvferry save guest /tmp/image", "/tmp/image", "--force")
    expect(stage.host.must("cat /tmp/image") == "precious", "a file that was there is spoilt")
    stage.refused("pvferry save guest /tmp/nowhere/image", "/tmp/nowhere")
    stage.refused("pvferry save guest /tmp", "/tmp")
    stage.host.must("mkdir /tmp/readonly && mount -t tmpfs -o ro none /tmp/readonly")
    stage.refused("pvferry save guest /tmp/readonly/image", "/tmp/readonly")
    stage.refused("pvferry restore /tmp/nothing", "/tmp/nothing")
    stage.refused("pvferry restore /tmp/image", "/tmp/image")
    stage.no_leftovers("/tmp", "image", "readonly")
    expect(stage.domains() == ["guest"], f"domains: {stage.domains()}")
    stage.goes_on(guest, before)
    force(stage, guest)


def force(stage, guest):
    """--force replaces the old file, but only by a whole one."""
    stage.sh("timeout -s INT 1 pvferry save -c --force guest /tmp/image")
    stage.goes_on(guest, guest.last_tick())
    if stage.host.must("head -c 8 /tmp/image") != "precious":
        stage.verified(stage.fetch("/tmp/image"))
    stage.ok("pvferry save -c --force guest /tmp/image")
    stage.verified(stage.fetch("/tmp/image"))
    stage.no_leftovers("/tmp", "image", "readonly")

"""inspect and list tell what is there, for people and as JSON; the image has mode 0600."""
import json

from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    stage.guest(vcpus=2)
    listed = json.loads(stage.ok("pvferry list --json").output)
    expect("guest" in json.dumps(listed), f"list --json does not name the guest: {listed}")
    expect("guest" in stage.ok("pvferry list").text(), "list does not name the guest")
    stage.ok("pvferry save -c guest /tmp/image")
    mode = stage.host.must("stat -c %a /tmp/image")
    expect(mode == "600", f"the image's mode is {mode}")
    image = stage.fetch("/tmp/image")
    told = stage.inspect(image)
    expect("guest" in json.dumps(told) and "131072" in json.dumps(told), f"inspect --json: {told}")
    expect("guest" in stage.here(f"pvferry inspect {image}").text(), "inspect does not name the guest")
    json.loads(stage.here(f"pvferry verify --json {image}").output)

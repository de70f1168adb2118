"""After pvferry restore the domain is a normal one: config, xenstore, console, xl save, xl restore, xl destroy."""
import json
import re

from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest(vcpus=2)
    before, config = guest.last_tick(), described(stage)
    stage.ok("xl save guest /tmp/by-xl && xl restore /tmp/by-xl")
    stage.goes_on(guest, before)
    by_xl, before = xenstore(stage), guest.last_tick()

    stage.ok("pvferry save guest /tmp/ours && pvferry restore /tmp/ours")
    stage.goes_on(guest, before)
    expect(described(stage) == config, f"xl list -l was\n{config}\nand is\n{described(stage)}")
    expect(xenstore(stage) == by_xl, difference(by_xl, xenstore(stage)))

    guest.type("echo typed-$((6*7))")
    expect("typed-42" in guest.console(), "xl console does not reach the guest")
    before = guest.last_tick()
    stage.ok("xl save guest /tmp/again && xl restore /tmp/again")
    stage.goes_on(guest, before)
    stage.ok("xl destroy guest")
    left = stage.host.must("xenstore-ls -f | grep -E '^/(libxl|vm|local/domain)/[1-9a-f]' || true")
    expect(not left, f"xl destroy leaves in xenstore: {left}")


def described(stage):
    found = [d for d in json.loads(stage.host.must("xl list -l")) if d["domid"]]
    expect(len(found) == 1, f"not one guest: {found}")
    return json.dumps(found[0]["config"], sort_keys=True, indent=1)


def xenstore(stage):
    """The guest's part of xenstore: paths and permissions, and the values that do not differ from start to start.
    What image it was built from is left out: xl create notes it, xl restore does not."""
    domid = stage.host.must("xl domid guest")
    lines = stage.host.must(f"xenstore-ls -fp | grep -E '^/(libxl/{domid}|local/domain/{domid}|vm|local/domain/0/backend"
                            f"/console/{domid})(/| )'").splitlines()
    lines = [re.sub(r"\b([nrbw]|domain/|libxl/|console/)%s\b" % domid, r"\1N", line) for line in lines]
    changing = re.compile(r'((?:ring-ref|port|tty|start_time|frontend-id|domid) = )"[^"]*"')
    return sorted(changing.sub(r"\1*", line) for line in lines if "/image" not in line)


def difference(xl, ours):
    return "xenstore differs from xl's\n" + "\n".join(
        [f"only xl:   {line}" for line in xl if line not in ours] +
        [f"only ours: {line}" for line in ours if line not in xl])

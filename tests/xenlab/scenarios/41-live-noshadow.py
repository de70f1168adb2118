"""A live migration where Xen has no log-dirty and xl migrate fails, beside what xl took on the other hypervisor."""
import time

import migrations
from scenario import expect

FLAVOUR, HOSTS = "noshadow", 2
ROUNDS = 2
TIDIED_S = 120    # xl's receiver removes its half-built domain in its own time; until then pvferry refuses one of that UUID


def run(stage):
    guest = stage.guest(**migrations.MEASURED)
    failed = migrations.Measured("xl", guest, stage.hosts[1])
    expect("Failed to enable logdirty" in failed.sent.text(), f"xl migrate: {failed.sent}")
    failed.kept()
    deadline = time.monotonic() + TIDIED_S
    while stage.domains(stage.hosts[1]) and time.monotonic() < deadline:
        time.sleep(1)
    for name in stage.domains(stage.hosts[1]):
        stage.hosts[1].must(f"xl destroy {name}")
    stage.figure("xl: Failed to enable logdirty")
    seen = migrations.in_turn(stage, guest, {"pvferry": ("pvferry", "")}, ROUNDS)
    if "xl" in stage.told:
        migrations.compare(stage, "pvferry", seen["pvferry"], stage.told["xl"])
    else:
        stage.figure("nothing to compare with: 41-live-shadow did not run before")

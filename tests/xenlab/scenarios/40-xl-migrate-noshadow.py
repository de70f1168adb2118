"""Two hosts, no log-dirty, without pvferry: xl migrate fails on the hypervisor of today, and the guest runs on."""
import time

import migrations
from scenario import expect

TIDIED_S = 120    # its receiver removes the half-built domain in its own time

FLAVOUR, HOSTS, PRODUCT = "noshadow", 2, False


def run(stage):
    guest = stage.guest(**migrations.MEASURED)
    seen = migrations.Measured("xl", guest, stage.hosts[1])
    said = [line for line in seen.sent.text().splitlines() if "logdirty" in line]
    expect(seen.sent.status and said, f"xl migrate did not fail for want of log-dirty: {seen.sent}")
    seen.kept()
    deadline = time.monotonic() + TIDIED_S
    while stage.domains(stage.hosts[1]) and time.monotonic() < deadline:
        time.sleep(1)
    left = stage.domains(stage.hosts[1])    # xl's own, where no line of ours runs: told, and no failure
    stage.figure(f"xl migrate: status {seen.sent.status}, {said[0]!r}; the guest runs on, "
                 f"silent for {seen.silence:.0f} ms at most"
                 + (f"; xl leaves {', '.join(left)} at the target for {TIDIED_S} s and more" if left else ""))

"""Twenty live migrations back and forth, two vCPUs, forking all the while: not one page is lost, no tick told twice."""
import statistics

import migrations

FLAVOUR, HOSTS = "noshadow", 2
MOVES = 20


def run(stage):
    guest = stage.guest(mib=256, vcpus=2, check="mib=32 tick=20")
    silences = []
    for i in range(MOVES):
        seen = migrations.Measured("pvferry", guest, stage.hosts[1 - i % 2])
        seen.moved()
        silences.append(seen.silence)
    last = guest.last_tick()
    stage.figure(f"{last[2]} pages compared, {last[4]} forks, no error; silent for {statistics.median(silences):.0f} ms "
                 f"(at most {max(silences):.0f})")

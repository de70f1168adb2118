"""64 vCPUs, frames scattered all over the machine, unpinned and shared tables, hosts without shadow paging, tiny and odd sizes."""
from pairings import Guest, try_all


def run(stage):
    source, to = stage.host("from", 128, "--scatter", 100), stage.host("to", 128, "--flavour", "noshadow")
    try_all(stage, source, to, [Guest(vcpus=64, mem=16), Guest(workload="remap"), Guest(mem=3, holes=3),
                                Guest(mem=13, workload="grant"), Guest(width=32, mem=5, vcpus=32)])
    back = stage.host("back", 128, "--scatter", 100)
    try_all(stage, to, back, [Guest(mem=32, holes=100), Guest(width=32, p2m="list", mem=24)])

"""32-bit PAE guests: ours and upstream as saver and as restorer, both forms of the p2m, holes, several vCPUs."""
from pairings import Guest, try_all


def run(stage):
    guests = [Guest(width=32, p2m=p2m, **more) for p2m in ("linear", "list")
              for more in ({}, dict(vcpus=3, holes=40), dict(workload="fork", mem=16))]
    try_all(stage, stage.host("from", 128), stage.host("to", 128), guests)

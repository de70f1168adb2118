"""A guest with one vCPU goes ours -> ours, ours -> xl, xl -> ours, found by either form of its p2m."""
from exchange import all_cells

FLAVOUR = "noshadow"


def run(stage):
    all_cells(stage, stage.guest(vcpus=1, check="mib=32"), ["linear", "list"])

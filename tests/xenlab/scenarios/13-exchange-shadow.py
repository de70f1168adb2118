"""On the hypervisor that still has log-dirty, the same ways are open."""
from exchange import all_cells

FLAVOUR = "shadow"


def run(stage):
    all_cells(stage, stage.guest(vcpus=2, check="mib=32"), ["linear", "list"])

"""A guest with two vCPUs, which publishes the linear p2m alone, goes all ways between pvferry and xl."""
from exchange import all_cells

FLAVOUR = "noshadow"


def run(stage):
    all_cells(stage, stage.guest(vcpus=2, linear_only=True, check="mib=32"), ["linear"])

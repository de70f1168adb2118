"""A guest that took its second vCPU off goes all ways, and can bring the vCPU back afterwards."""
from exchange import all_cells
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest(vcpus=2, offline=1, check="mib=32")
    expect(online(stage) == 1, "the guest's second vCPU is not off")
    all_cells(stage, guest, ["list"])
    expect(online(stage) == 1, "the vCPU that was off came back by itself")
    before = guest.last_tick()
    guest.type("echo 1 >/sys/devices/system/cpu/cpu1/online")
    stage.goes_on(guest, before)
    expect(online(stage) == 2, "the vCPU that was off cannot be brought back")


def online(stage):
    """vCPUs that are up: the column of xl vcpu-list that reads --p when one is down."""
    rows = stage.host.must("xl vcpu-list guest").splitlines()[1:]
    return sum(not row.split()[4].endswith("p") for row in rows)

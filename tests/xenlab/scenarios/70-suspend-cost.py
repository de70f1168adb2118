"""1000 address spaces and more at suspend: hypercalls and time of pin-all and unpin-all, before and after the patches."""
import statistics

from scenario import expect
from suspend import ROUNDS, STORM, await_failed, await_spaces, cost, look_into, shown

FLAVOUR = "noshadow"
KERNELS = {"measured": "before", "patched": "after"}
MOST = 0.2          # of the hypercalls before; a few dozen instead of one for each address space and more


def run(stage):
    seen = {kernel: rounds(stage, kernel) for kernel in KERNELS}
    for phase in ("pin_all", "unpin_all"):
        before, after = (seen[kernel][phase] for kernel in KERNELS)
        for what in ("hypercalls", "calls", "ns"):
            stage.figure(f"{phase} {what} {told(before, what)} before, {told(after, what)} after")
        few, many = median(after, "hypercalls"), median(before, "hypercalls")
        expect(few < MOST * many, f"{phase}: {few} hypercalls with the patches, {many} without")
    for kernel, word in KERNELS.items():
        last = seen[kernel]["pin_all"][-1]
        stage.figure(f"{word}: {last['spaces']} address spaces, {last['pinned']} to pin with {last['tables']} tables")
    for kernel, word in KERNELS.items():
        stage.figure(f"{word}: {seen[kernel]['image']}")


def rounds(stage, kernel):
    """Saves that are cancelled, then saves and restores, all the while forking and execing; what each cost."""
    guest = stage.guest(mib=768, vcpus=2, check="mib=16 rate=512", kernel=kernel, spaces=STORM, timeout=400)
    last = await_spaces(stage, guest, 2)
    seen = {"pin_all": [], "unpin_all": []}
    for command in ["pvferry save -c guest /tmp/image"] * ROUNDS + \
                   ["pvferry save guest /tmp/image && pvferry restore /tmp/image"] * ROUNDS:
        before, costs = guest.last_tick(), shown(guest)
        stage.ok(f"rm -f /tmp/image; {command}", 400)
        stage.goes_on(guest, before, 300)
        now = cost(guest, costs)
        expect(now["pin_all"]["pinned"] == now["unpin_all"]["pinned"] >= 1000, f"{kernel}: {now}")
        for phase in ("pin_all", "unpin_all"):
            seen[phase].append(now[phase])
        last = await_failed(stage, guest, last[4])
    seen["image"] = look_into(stage, kernel, now)
    guest.destroy()
    return seen


def median(costs, what):
    return statistics.median(one[what] for one in costs)


def told(costs, what):
    """The median, and between what it lay."""
    values = [one[what] for one in costs]
    if what == "ns":
        return f"{median(costs, what) / 1e6:.2f} ms ({min(values) / 1e6:.2f}-{max(values) / 1e6:.2f})"
    return f"{median(costs, what):.0f} ({min(values)}-{max(values)})"

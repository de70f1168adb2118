"""xen_mfn_list=1: a guest that would publish the linear p2m alone publishes both, and pvferry can use either."""
from scenario import expect

FLAVOUR = "noshadow"
EVENTS = ("xen_mm_pin_all", "xen_suspend_stop", "xen_mm_unpin_all")
TRACED = f"trace_event={','.join(f'xen:{event}' for event in EVENTS)} tp_printk"


def run(stage):
    guest = stage.guest(kernel="patched", linear_only=True)
    expect(published(stage) == {"linear"}, f"without the parameter it published {published(stage)}")
    stage.refused("pvferry save -c --p2m list guest /tmp/image", "list")
    stage.goes_on(guest, guest.last_tick())
    guest.destroy()

    guest = stage.guest(kernel="patched", linear_only=True, boot=f"xen_mfn_list=1 {TRACED}")
    guest.type("echo 7 >/proc/sys/kernel/printk")       # from now on: at boot it warns of what Xen has not
    for form in ("linear", "list", "linear"):
        expect(published(stage) == {"linear", "list"}, f"with it, before {form}, it published {published(stage)}")
        before = guest.last_tick()
        stage.ok(f"rm -f /tmp/image; pvferry save --p2m {form} guest /tmp/image && pvferry restore /tmp/image", 300)
        stage.goes_on(guest, before)
        told = stage.inspect(stage.fetch("/tmp/image"))
        expect(told["provenance"]["p2m"] == form, f"inspect tells of a p2m of form {told['provenance']['p2m']}")
    after_xl(stage, guest)
    console = guest.console()
    for event in EVENTS:
        expect(console.count(f"{event}: ") >= 4, f"{event} was not traced at each suspend: {console[-2000:]}")


def after_xl(stage, guest):
    """xl clears SIF_VIRT_P2M_4TOOLS: the lists that are needed now were there all the time."""
    before = guest.last_tick()
    stage.ok("xl save guest /tmp/xl && xl restore /tmp/xl", 300)
    stage.goes_on(guest, before)
    expect(published(stage) == {"linear", "list"}, f"after xl it published {published(stage)}")
    stage.ok("rm -f /tmp/image; pvferry save -c --p2m list guest /tmp/image", 300)
    stage.goes_on(guest, guest.last_tick())


def published(stage):
    shown = stage.host.must("4tools $(xl domid guest) published")
    return {"linear"} | (set() if "list -1 " in shown else {"list"})

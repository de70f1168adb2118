"""start_info keeps SIF_VIRT_P2M_4TOOLS where it was set: Linux goes on publishing the linear p2m alone."""
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    for linear_only in (True, False):
        guest = stage.guest(linear_only=linear_only)
        had = has_list(stage)
        expect(had != linear_only, f"the guest was made with linear_only={linear_only} but has_list={had}")
        before = guest.last_tick()
        stage.ok("rm -f /tmp/image; pvferry save guest /tmp/image && pvferry restore /tmp/image")
        stage.goes_on(guest, before)
        expect(has_list(stage) == had, f"frame-list-list before: {had}, after: {not had}")
        if linear_only:
            stage.refused("pvferry save -c --p2m list guest /tmp/list", "list")
            stage.goes_on(guest, guest.last_tick())
        guest.destroy()


def has_list(stage):
    return "list -1 " not in stage.host.must("4tools $(xl domid guest) published")

"""Ten rounds of save and restore in a row, two vCPUs, forking all the while: not one page is lost."""
FLAVOUR = "noshadow"


def run(stage):
    guest = stage.guest(vcpus=2, check="mib=32")
    for _ in range(10):
        before = guest.last_tick()
        stage.ok("rm -f /tmp/image; pvferry save guest /tmp/image && pvferry restore /tmp/image")
        last = stage.goes_on(guest, before)
    stage.figure(f"{last[2]} pages compared, {last[4]} forks, no error")

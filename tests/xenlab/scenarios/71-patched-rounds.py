"""The patched Linux beside the unpatched, both forking and execing among hundreds of address spaces: ten rounds each."""
from suspend import await_spaces

FLAVOUR = "noshadow"


def run(stage):
    spaces = "alive=400 ended=400 storm=2"
    guests = [stage.guest(name, mib=512, vcpus=2, check="mib=16 rate=512", kernel=kernel, timeout=400, spaces=spaces)
              for name, kernel in (("patched", "patched"), ("unpatched", "vmlinuz"))]
    for guest in guests:
        await_spaces(stage, guest, 1)
    for _ in range(10):
        for guest in guests:
            before = guest.last_tick()
            stage.ok(f"rm -f /tmp/image; pvferry save {guest.name} /tmp/image && pvferry restore /tmp/image", 300)
            stage.goes_on(guest, before, 300)
    for guest in guests:
        last = await_spaces(stage, guest, 1)
        stage.figure(f"{guest.name}: {last[5]} execs, no error")

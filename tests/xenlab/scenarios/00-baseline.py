"""The lab itself, without pvferry: xl saves and restores a guest that checks itself, and nothing is lost."""
FLAVOUR = "noshadow"
PRODUCT = False


def run(stage):
    guest = stage.guest(vcpus=2)
    before = guest.last_tick()
    save = stage.ok("xl save guest /tmp/image")
    image = stage.fetch("/tmp/image")
    stage.verified_by_stock(image)
    restore = stage.ok("xl restore /tmp/image")
    stage.goes_on(guest, before)
    stage.figure(f"xl save {save.seconds:.1f} s, xl restore {restore.seconds:.1f} s")

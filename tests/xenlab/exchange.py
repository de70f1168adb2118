"""The cells of the exchange matrix, each played with a guest that checks itself and goes on to the next cell."""


def ours_to_ours(stage, guest, form):
    before = save(stage, guest, form)
    stage.ok("pvferry restore /tmp/image")
    stage.goes_on(guest, before)


def ours_to_xl(stage, guest, form):
    before = save(stage, guest, form)
    stage.ok("set -o pipefail; zstd -dc /tmp/image | xl restore /dev/stdin")
    stage.goes_on(guest, before)


def xl_to_ours(stage, guest, form):
    before = guest.last_tick()
    stage.ok(f"xl save {guest.name} /tmp/image")
    stage.ok("pvferry verify /tmp/image")
    stage.ok("pvferry restore /tmp/image")
    stage.goes_on(guest, before)


def save(stage, guest, form):
    """Save the guest and hold the image against both verifiers; the last tick seen before."""
    before = guest.last_tick()
    stage.ok(f"rm -f /tmp/image; pvferry save --p2m {form} {guest.name} /tmp/image")
    stage.verified(stage.fetch("/tmp/image"))
    return before


def all_cells(stage, guest, forms):
    for form in forms:
        ours_to_ours(stage, guest, form)
        ours_to_xl(stage, guest, form)
    xl_to_ours(stage, guest, None)
    ours_to_ours(stage, guest, forms[0])
    stage.figure(f"{2 * len(forms) + 2} moves, p2m {' and '.join(forms)}, tick {guest.last_tick()[0]}, no error")

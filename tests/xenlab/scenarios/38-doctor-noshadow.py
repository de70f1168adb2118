"""pvferry doctor on today's Xen: not affected by XSA-495; the guest can be moved, and a peer be asked."""
from doctor import look

FLAVOUR = "noshadow"


def run(stage):
    look(stage, "ok", "not affected by XSA-495")

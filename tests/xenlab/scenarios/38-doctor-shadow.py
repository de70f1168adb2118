"""pvferry doctor on the Xen that still has shadow paging: affected by XSA-495, and how to mend it."""
from doctor import look

FLAVOUR = "shadow"


def run(stage):
    look(stage, "warning", "affected by XSA-495")

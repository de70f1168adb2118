"""xl with pvferry-save-helper, or with the helper that Xen brings, at either end."""
from scenario import expect

OURS = "LIBXL_SAVE_HELPER=/usr/bin/pvferry-save-helper"
HELPERS = {"ours": OURS + " ", "stock": ""}


def migrate_here(guest, sender="ours", receiver="ours", options="", env=""):
    """`xl migrate` to the same host; the command."""
    return (f"{env} {HELPERS[sender]} xl {options} migrate -s '' {guest.name} "
            f"'env -u LIBXL_SAVE_HELPER {env} {HELPERS[receiver]} xl migrate-receive'")


SAYS = {("ours", "saves"): "written, stopped for", ("stock", "saves"): "Saving domain",
        ("ours", "restores"): "MiB restored", ("stock", "restores"): "Restoring domain"}


def used(result, **who):
    """The work was done by these helpers, as libxl's log tells: saves="ours", restores="stock"."""
    for does, helper in who.items():
        expect(SAYS[helper, does] in result.text(), f"not {helper} {does}: {result}")


def stays(stage, guest, before):
    """It runs on where it was, nothing else is there, and none of its writes is logged."""
    stage.goes_on(guest, before)
    expect(stage.domains() == [guest.name], f"domains: {stage.domains()}")

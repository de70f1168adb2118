"""Where no Xen runs, save, restore and list say so; inspect and verify still work there."""
import os

from scenario import Skip, expect

FLAVOUR = "noshadow"


def run(stage):
    if os.path.exists("/proc/xen/capabilities"):
        raise Skip("this machine runs Xen itself")
    stage.guest(check="mib=8")
    stage.ok("pvferry save guest /tmp/image")
    image = stage.fetch("/tmp/image")
    for command in ("save guest new", f"restore {image}", "list"):
        result = stage.here(f"pvferry {command}")
        expect(result.status and "xen" in result.text().lower() and len(result.text().splitlines()) == 1, result)
        expect(os.listdir(stage.folder) == ["image"], f"{command} left a file")
    for command in ("inspect", "verify"):
        result = stage.here(f"pvferry {command} {image}")
        expect(result.status == 0, result)

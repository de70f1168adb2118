"""Where no Xen runs, save, restore and list say so; inspect and verify work (the other scenarios use them so)."""
import os

from scenario import Skip, expect

FLAVOUR = None


def run(stage):
    if os.path.exists("/proc/xen/capabilities"):
        raise Skip("this machine runs Xen itself")
    for command in ("save guest image", "restore image", "list"):
        (stage.folder / "image").write_bytes(b"")
        (stage.folder / "image").unlink()
        result = stage.here(f"pvferry {command}")
        expect(result.status and "xen" in result.text().lower() and len(result.text().splitlines()) == 1, result)
        expect(not os.listdir(stage.folder), f"{command} left a file")

"""A disk that qemu serves: libxl starts qemu, pvferry waits until it serves the disk, and qemu goes with the domain alone."""
import pathlib
import time

import devices
import faults
from hosts import DEADLINE, ROOT, expect, poll

ALLOW = ("--allow", "scripts,device-model")
QEMU = ROOT / "tests/roundtrip/qemu.py"


def qemus(target):
    """pids of those that serve this host's domains."""
    mark, found = f"SIMHOST={target.host.path}".encode(), []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0") and b"qemu.py" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def no_snapshots(stage, target, number):
    """No hook sees what qemu holds of a qcow2 disk in its memory: refused before one runs, unless a person looks after the disk."""
    where, told = stage.folder / "points", stage.folder / "told"
    hook = target.write("hook", f"echo $1 >>{told}")
    torn = target.host.pvferry("checkpoint", "--hook", hook, number, where)
    expect(torn.status == 1 and torn.is_one_line(), f"a hook, and a qcow2 disk: {torn}")
    expect("a snapshot of its disks xvda (qcow2) would lack what qemu holds in its memory" in torn.err and "--disks ours" in torn.err, torn)
    expect(not told.exists() and not list(where.glob("*.pvf")), "a checkpoint was begun")
    target.host.goes_on(number)
    target.host.must("checkpoint", "--disks", "ours", "--hook", hook, number, where)
    expect(told.read_text() == "stopped\ndone\n", told.read_text())
    target.host.goes_on(number)
    target.ran()


def run(stage):
    target, folder = devices.Devices(stage, "target"), faults.folder_of(stage)
    disk = target.folder / "disk"
    disk.write_bytes(bytes(65536))
    number = target.host.guest(4, name="web")
    target.host.freeze(number, stage.folder / "bare")
    target.host.destroy(number)
    served = target.config(b_info={"device_model": str(QEMU), "device_model_version": "qemu_xen"})
    served["disks"] = [{"pdev_path": str(disk), "vdev": "xvda", "backend": "qdisk", "format": "qcow2", "readwrite": 1}]
    devices.edit(stage.folder / "bare", folder / "image", **served)
    before = faults.Before(target.host, folder)

    number = target.host.restore(folder / "image", *ALLOW)
    target.host.goes_on(number)
    expect(len(qemus(target)) == 1 and not target.processes(), f"qemu: {qemus(target)}, others: {target.processes()}")
    poll("the disk connects", lambda: target.host.store.read(f"/local/domain/{number}/device/vbd/51712/state") == "4")
    early = target.host.pvferry("migrate", "--via", "tcp", "--port", 1, "--devices", "early", number, "127.0.0.1")    # it calls no host
    faults.says_one_line(early, "devices of qemu's early")
    expect("--devices early does not go: the disk xvda is qemu's" in early.err and "the domain was not stopped" in early.err, early)
    no_snapshots(stage, target, number)
    target.host.save(number, stage.folder / "saved")
    poll("qemu ends", lambda: not qemus(target))
    before.is_as_it_was("a disk of qemu's")

    # libxl itself does not wait for it: a guest that runs without would hang at its first read
    (target.host.path / "devices.no").write_text("qdisk")
    start = time.monotonic()
    result = target.host.pvferry("restore", *ALLOW, folder / "image")
    faults.says_one_line(result, "qemu serves nothing")
    expect(f"qemu does not serve the disk xvda ({disk})" in result.err and "no domain was made" in result.err, result)
    expect(time.monotonic() - start < DEADLINE, "it waits for ever")
    poll("qemu ends", lambda: not qemus(target))
    before.is_as_it_was("qemu serves nothing")
    refused = target.host.pvferry("restore", folder / "image")
    faults.says_one_line(refused, "without --allow device-model")

"""A guest with a disk and a network: libxl makes its devices beside the memory, save takes them away, the guest is the same."""
import json
import os
import signal

import devices
import faults
from hosts import expect

ALLOW = ("--allow", "scripts")


def made(source, target, folder, **guest):
    """An image with devices, and the bare guest that it is of, suspended."""
    number = source.host.guest(4, name="web", **guest)
    source.host.freeze(number, folder / "bare")
    devices.edit(folder / "bare", folder / "first", **target.config())
    (folder / "bare").unlink()
    return number


def is_removed(source, number, what):
    expect(sorted(source.ran()) == [("ok", "offline", f"backend/vif/{number}/0"), ("ok", "remove", f"backend/vbd/{number}/51712")],
           f"{what}: other scripts ran")
    expect(not source.left(), f"{what}: {source.left()}")


def restored(host, image, *options):
    """Its id, when libxl has made it with all that belongs to it."""
    number = host.host.restore(image, *ALLOW, *options)
    expect(host.ran() == [("ok", "add", f"backend/vbd/{number}/51712"), ("ok", "online", f"backend/vif/{number}/0")],
           "other scripts ran")
    expect(host.xl_lists() == {"Domain-0": 0, "web": number}, f"xl lists {host.xl_lists()}")
    expect(not host.processes(), f"there still are {host.processes()}")
    return number


def with_disks(stage, target, number):
    """Memory alone is no checkpoint of a guest that writes to disks: a hook is told which, or a person looks after them."""
    where, told = stage.folder / f"points-{target.host.path.name}", stage.folder / "told"
    alone = target.host.pvferry("checkpoint", number, where)
    expect(alone.status == 1 and "--hook names a program" in alone.err and "--disks ours" in alone.err and alone.is_one_line(),
           f"no hook: {alone}")
    hook = target.write("hook", f'test $1 != stopped || echo "$PVFERRY_DISKS" >{told}')
    target.host.must("checkpoint", "--hook", hook, number, where)
    expect(told.read_text() == "xvda /dev/null\n\n", f"the hook is told of {told.read_text()!r}")
    target.host.must("checkpoint", "--disks", "ours", number, where)
    target.host.goes_on(number)
    target.connected(number)
    target.ran()


def whole(stage, folder, **guest):
    """From an image with devices to a guest, to an image, to the same guest on another host, and on."""
    source, target = (devices.Devices(stage, f"{name}{guest['width']}") for name in ("source", "target"))
    bare = made(source, target, folder, **guest)
    empty = faults.Before(target.host, folder)
    number = restored(target, folder / "first", "-p")
    target.host.same(number, source.host, bare, "as it came out of the image")
    target.host.must_simhost("run", target.host.path, "--", devices.XL, "unpause", number)
    target.host.goes_on(number)
    target.connected(number)

    # a checkpoint keeps all as it is
    said = target.host.must("save", "-c", number, folder / "second").err
    expect("only with the disks as they were" in said, f"save -c: {said!r}")
    target.host.goes_on(number)
    target.connected(number)
    expect(not target.ran(), "a checkpoint touches the devices")
    with_disks(stage, target, number)

    # the last save; its image is of the guest as it was, which the first one's bytes cannot be
    said = target.host.must("save", "--force", number, folder / "second").err
    expect("only with the disks as they were" not in said, f"save: {said!r}")
    is_removed(target, number, "save")
    config = json.loads(target.host.must("inspect", "--config", folder / "second").out)
    expect(config["disks"][0]["vdev"] == "xvda" and config["nics"][0]["mac"] == "00:16:3e:01:02:03", f"config: {config}")
    expect(config["c_info"]["name"] == "web", f"config: {config['c_info']}")
    os.rename(folder / "second", stage.folder / "second")
    empty.is_as_it_was("save")

    # xl restores it, too; and pvferry what xl has saved of a guest that pvferry restored
    number = restored(target, stage.folder / "second")
    target.host.goes_on(number)
    target.connected(number)
    target.host.must("save", "--without-devices", "--force", number, stage.folder / "third")
    is_removed(target, number, "save --without-devices")
    empty.is_as_it_was("save --without-devices")
    source.host.destroy(bare)


def refused(target, image, words, *options, what):
    """One clear line, and all is as it was."""
    before = faults.Before(target.host, image.parent)
    result = target.host.pvferry("restore", *options, image)
    faults.says_one_line(result, what)
    for word in words:
        expect(word in result.err, f"{what}: no {word!r}: {result}")
    before.is_as_it_was(what)
    expect(not target.left() and not target.processes(), f"{what}: left: {target.left()} {target.processes()}")
    target.ran()


def scripts(target, folder, image):
    """Scripts that fail, and those that are not wanted."""
    refused(target, image, ("disks[0] (script needs --allow scripts)",), what="without --allow scripts")
    target.write("burns", 'xenstore-write "$XENBUS_PATH/hotplug-error" "the disk burns"; exit 1')
    target.write("mute", "exit 3")
    for disk, nic, words in (("burns", "ok", ("burns add: the disk burns",)), ("ok", "burns", ("burns online: the disk burns",)),
                             ("mute", "ok", ("mute add", "status 3"))):
        devices.edit(image, folder / "edited", **target.config(disk, nic))
        refused(target, folder / "edited", words, *ALLOW, what=f"disk {disk}, nic {nic}")
    devices.edit(image, folder / "edited", **target.config(nics=[{"devid": 0, "bridge": "nobridge0", "nictype": "vif"}]))
    refused(target, folder / "edited", ("Could not find bridge device nobridge0",), *ALLOW, what="no bridge")
    devices.edit(image, folder / "edited", **target.config(disks=[{"pdev_path": "/nowhere/disk", "vdev": "xvda", "backend": "phy",
                                                                   "format": "raw", "readwrite": 1}]))
    refused(target, folder / "edited", ("/nowhere/disk",), *ALLOW, what="no disk")


def run(stage):
    for width in (64, 32):
        folder = faults.folder_of(stage, f"files{width}")
        whole(stage, folder, width=width)
    target = devices.Devices(stage, "fails")
    scripts(target, faults.folder_of(stage, "edited"), folder / "first")

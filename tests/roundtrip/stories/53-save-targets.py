"""Where an image may go: block devices, FIFOs, links, /dev/stdout, odd file systems; and what is refused while the guest runs."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import faults
from hosts import PVFERRY, ROOT, expect

SECOND_READER = ROOT / "tests/golden/read_image.py"
STRACE = shutil.which("strace")


class Targets:
    def __init__(self, stage):
        self.stage, self.host, self.to = stage, stage.host("from", 64), stage.host("to", 64)
        self.folder, self.tried = faults.folder_of(stage), 0

    def guest(self):
        return self.host.guest(4, vcpus=2, name="web", workload="mix")

    def destroyed_and_restored(self, what, path, **how):
        """Not before it is safe is the guest gone; and it runs on from there."""
        expect(not self.host.domains(), f"{what}: the guest is still there")
        copy = json.loads(self.to.must("restore", "--json", path, **how).out)["domid"]
        self.to.goes_on(copy, what)
        self.to.destroy(copy)
        self.tried += 1

    def empty(self):
        for file in self.folder.iterdir():
            file.unlink()

    def traced(self, inject, *args):
        """save, with calls that fail as they do on some file systems."""
        return self.host.end(self.host.start(STRACE, "-f", "-qq", "-o", "/dev/null",
                                             *(word for each in inject for word in ("-e", f"inject={each}")), PVFERRY, "save", *args))


def loop_device(stage, image):
    """A block device over this file, or None."""
    made = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True) if shutil.which("losetup") else None
    return made.stdout.strip() if made and made.returncode == 0 else None


def block_device(targets):
    """Larger than the image; behind it stand zeros, then the rest of an older and longer image."""
    back = targets.stage.folder / "disk"
    with open(back, "wb") as file:
        file.truncate(32 << 20)
    device = loop_device(targets.stage, back)
    if not device:
        targets.stage.figure("no loop devices")
        return
    try:
        for options in (("--level", 0), ("--level", 9), ()):
            what = f"save {options} to a block device"
            targets.host.must("save", *options, targets.guest(), device)
            facts = json.loads(targets.host.must("inspect", "--json", device).out)
            copy = targets.folder / "copy"
            copy.write_bytes(pathlib.Path(device).open("rb").read(facts["stored-bytes"]))
            for path in (device, copy):
                expect(targets.host.pvferry("verify", path).status == 0, f"{what}: {path} is not sound")
            second = subprocess.run([sys.executable, SECOND_READER, device], capture_output=True, text=True)
            expect(second.returncode == 0, f"{what}: the second reader: {second.stdout}")
            tail_of_a_file(targets, what, copy)
            targets.destroyed_and_restored(what, device)
        used(targets, device)
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


def used(targets, device):
    """One that the host has mounted is not written to."""
    where = targets.stage.folder / "mounted"
    where.mkdir()
    if not shutil.which("mkfs.ext4") or subprocess.run(["mkfs.ext4", "-q", device]).returncode \
            or subprocess.run(["mount", device, where], capture_output=True).returncode:
        return
    try:
        number = targets.guest()
        result = targets.host.pvferry("save", "--force", number, device)
        faults.says_one_line(result, "a mounted device")
        expect("in use by the host" in result.err, f"a mounted device: {result}")
        targets.host.goes_on(number, "a mounted device")
        targets.host.destroy(number)
    finally:
        subprocess.run(["umount", where], check=False)


def tail_of_a_file(targets, what, copy):
    """In a file the same bytes with something behind them are refused by all, who say what to do."""
    size = copy.stat().st_size
    with open(copy, "ab") as file:
        file.write(b"\0" * 5000)
    for command in ("verify", "inspect", "restore"):
        result = targets.to.pvferry(command, copy)
        expect(result.status == 1 and f"head -c {size}" in result.err, f"{what}, and more behind it: {command}: {result}")
    expect(not targets.to.domains(), f"{what}, and more behind it: a domain was made")
    copy.unlink()


def fifo(targets):
    path = targets.folder / "fifo"
    os.mkfifo(path)
    saved = targets.stage.folder / "fifo.pvf"
    reader = subprocess.Popen(["sh", "-c", 'cat "$0" >"$1"', path, saved])
    targets.host.must("save", "--force", targets.guest(), path)
    expect(reader.wait() == 0, "the reader of the FIFO failed")
    feeder = subprocess.Popen(["sh", "-c", 'cat "$1" >"$0"', path, saved])
    targets.destroyed_and_restored("a FIFO", path)
    expect(feeder.wait() == 0, "the writer of the FIFO failed")
    targets.empty()


def standard_output(targets):
    """/dev/stdout is a link to a link: neither is ever replaced."""
    link, image = targets.folder / "stdout", targets.stage.folder / "stdout.pvf"
    os.symlink("/proc/self/fd/1", link)
    for options in ((), ("--force",)):
        with open(image, "wb") as out:
            result = targets.host.pvferry("save", "--json", *options, targets.guest(), link, stdout=out)
        expect(result.status == 0 and json.loads(result.err)["domain"] == "web", f"save to /dev/stdout: {result}")
        expect(os.readlink(link) == "/proc/self/fd/1", "/dev/stdout was replaced")
        targets.destroyed_and_restored("/dev/stdout", image)
    targets.empty()


def links(targets):
    folder = targets.folder
    (folder / "disk").mkdir()
    os.symlink("disk/image", folder / "link")
    for content, options in ((None, ()), (b"old", ("--force",))):
        if content:
            (folder / "disk/image").write_bytes(content)
        targets.host.must("save", *options, targets.guest(), folder / "link")
        expect(os.readlink(folder / "link") == "disk/image", "the link was replaced")
        expect([f.name for f in (folder / "disk").iterdir()] == ["image"], "something is left where the link points")
        targets.destroyed_and_restored("a link", folder / "link")
    (folder / "disk/image").unlink()
    (folder / "disk").rmdir()
    targets.empty()


def sinks(targets):
    """What keeps nothing gets no guest that would be gone then."""
    number = targets.guest()
    before = faults.Before(targets.host, targets.folder)
    result = targets.host.pvferry("save", number, "/dev/null")
    faults.says_one_line(result, "/dev/null")
    expect("-c" in result.err and "--force" in result.err, f"/dev/null: {result}")
    with open("/dev/null", "wb") as null:
        faults.says_one_line(targets.host.pvferry("save", number, "-", stdout=null), "stdout is /dev/null")
    held = targets.stage.folder / "held"
    held.write_bytes(b"older\n")
    with open(held, "ab") as out:
        result = targets.host.pvferry("save", number, "-", stdout=out)
        faults.says_one_line(result, "stdout goes behind something")
        expect("holds 6 bytes" in result.err and held.read_bytes() == b"older\n", f"stdout goes behind something: {result}")
    os.mkfifo(targets.folder / "unread")    # refused at once, not when a reader comes
    refused = [targets.host.pvferry("save", number, targets.folder / "unread"), targets.host.pvferry("save", number, "-")]
    (targets.folder / "unread").unlink()
    for result in refused:
        faults.says_one_line(result, "a pipe")
        expect("is a pipe" in result.err and "--force" in result.err, f"a pipe: {result}")
    before.is_as_it_was("targets that keep no image")
    targets.host.must("save", "-c", number, "/dev/null")
    targets.host.goes_on(number, "save -c to /dev/null")
    targets.host.must("save", "--force", number, "/dev/null")
    expect(not targets.host.domains(), "--force to /dev/null: the guest is still there")


def file_systems(targets):
    """No flags of renameat2, no hard links, no fsync: as on FAT, CIFS, object stores."""
    if not STRACE:
        targets.stage.figure("no strace")
        return
    image = targets.folder / "image"
    for rename, link, how in (("EINVAL", "EPERM", ((), ("--force",))), ("EOPNOTSUPP", "ENOSYS", ((),)), ("ENOSYS", "EINVAL", ((),))):
        for options in how:
            what = f"renameat2 {rename}, link {link}, {options}"
            result = targets.traced([f"renameat2:error={rename}", f"link,linkat:error={link}"], *options, targets.guest(), image)
            expect(result.status == 0 and [f.name for f in targets.folder.iterdir()] == ["image"], f"{what}: {result}")
            targets.destroyed_and_restored(what, image)
        targets.empty()
    for number, what in ((1, "the file"), (2, "the directory")):
        for error in ("EINVAL", "EOPNOTSUPP"):
            result = targets.traced([f"fsync:error={error}:when={number}"], targets.guest(), image)
            expect(result.status == 0 and "cannot be synced" in result.err, f"fsync of {what} {error}: {result}")
            targets.destroyed_and_restored(f"fsync of {what} {error}", image)
            targets.empty()


def run(stage):
    targets = Targets(stage)
    for part in (block_device, fifo, standard_output, links, sinks, file_systems):
        part(targets)
    stage.figure(f"{targets.tried} guests went and came back")

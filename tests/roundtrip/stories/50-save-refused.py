"""What save refuses, with one clear line and nothing lost: domains, devices, files, folders, disks, readers, deaf guests."""
import json
import os
import resource
import signal
import subprocess

import faults
from hosts import PVFERRY, expect

OLD = b"precious\n"


class Refusals:
    def __init__(self, stage, host, folder):
        self.stage, self.host, self.folder = stage, host, folder
        self.number, self.count = host.guest(4, vcpus=2, name="web"), 0
        self.before = faults.Before(host, folder)

    def __call__(self, words, *args, untouched=True, **how):
        """save refuses, and says these words."""
        result = self.host.pvferry("save", *args, **how)
        faults.says_one_line(result, f"save {args}")
        for word in words if isinstance(words, tuple) else (words,):
            expect(word in result.err, f"save {args}: not said: {word}: {result}")
        if untouched:
            self.before.is_as_it_was(f"save {args}")
        self.count += 1
        return result

    def guest_goes_on(self, what):
        self.host.goes_on(self.number, what)
        self.before.is_as_it_was(what)


def domains(refused):
    image = refused.folder / "image"
    refused('there is no domain "nobody"', "nobody", image)
    refused("there is no domain 77", 77, image)
    refused("Domain-0 is the host itself", 0, image)
    refused("Domain-0 is the host itself", "0", image)
    host = refused.host
    paused = host.guest(4)
    before = faults.Before(host, refused.folder)
    host.save(paused, refused.stage.folder / "paused", "-p")
    refused("it is paused", paused, image, untouched=False)
    host.driver("unpause", paused)
    host.goes_on(paused)
    before.is_as_it_was("a paused guest")
    host.driver("suspend", paused)
    refused("it is suspended", paused, image, untouched=False)
    host.destroy(paused)
    expect(not image.exists(), "there is an image")


def names(refused):
    """As in xl, only digits are an id: what strtol() would read as the id of another guest is a name."""
    host, image = refused.host, refused.folder / "image"
    named = host.guest(4)
    for text in ("+{}", " {}", "\t{}", "{} ", "0x{}", "{}\n"):
        name = text.format(refused.number)
        result = host.pvferry("save", "-c", name, image)
        expect(result.status == 1 and result.is_one_line() and "there is no domain" in result.err, f"save {name!r}: {result}")
    before = host.store.read(f"/local/domain/{named}/name")
    for text in ("+{}", " {}"):
        name = text.format(refused.number)
        host.store.write(f"/local/domain/{named}/name", name)
        done = json.loads(host.must("save", "-c", "--json", name, image).out)
        expect(done["domain"] == name, f"save {name!r} saved another domain: {done}")
        image.unlink()
    host.store.write(f"/local/domain/{named}/name", before)
    host.goes_on(named, "a guest whose name looks like a number")
    host.destroy(named)
    refused.guest_goes_on("names that look like numbers")


def devices(refused):
    host, image = refused.host, refused.folder / "image"
    for kind, number in (("vbd", 51712), ("vif", 0)):
        host.store.write(f"/libxl/{refused.number}/device/{kind}/{number}", "")
    for kind, number, way in (("pci", 0, "xl pci-detach"), ("9pfs", 1, "shut it down"), ("vusb", 0, "xl usbctrl-detach"),
                              ("pvcalls", 0, "shut it down")):
        host.store.write(f"/libxl/{refused.number}/device/{kind}/{number}", "")
        refused((f"{kind} {number}", way, "--without-devices"), "web", image, untouched=False)
        host.store.remove(f"/libxl/{refused.number}/device/{kind}")
    host.store.write(f"/local/domain/{refused.number}/backend/vif", "")
    refused(("it serves devices of other domains (vif)", "shut those down first"), "web", image, untouched=False)
    host.store.remove(f"/local/domain/{refused.number}/backend")
    result = host.pvferry("save", "-c", "--without-devices", "web", image)
    expect(result.status == 0 and "vbd 51712" in result.err and image.exists(), f"--without-devices: {result}")
    uuid = json.loads(host.must("inspect", "--config", image).out)["c_info"]["uuid"]
    libvirt = host.path / f"xenstored/userdata-d.{refused.number}.{uuid}.libvirt-xml"
    libvirt.write_text("<domain/>")
    refused(("libvirt", "virsh", "--force"), "web", image, untouched=False)
    libvirt.unlink()
    listed = json.loads(host.must("list", "--json").out)
    mine, = (row for row in listed if row["domid"] == refused.number)
    expect(mine["movable"] and mine["domain"] == "web", f"list: {mine}")
    expect(any(row["domid"] == 0 and not row["movable"] for row in listed), f"list: {listed}")
    host.store.remove(f"/libxl/{refused.number}")
    image.unlink()
    refused.guest_goes_on("devices")


def files(refused):
    host, number, folder = refused.host, refused.number, refused.folder
    image = folder / "image"
    image.write_bytes(OLD)
    refused.before = faults.Before(host, folder)
    refused(("exists", "--force"), number, image)
    refused("is a directory", number, folder)
    refused("No such file or directory", number, folder / "missing/image")
    refused("Not a directory", number, image / "image")
    # Until the last step the old one is there, and beside it what is new.
    looks = refused.stage.folder / "looks"
    result = refused.host.pvferry("save", "-c", "--force", number, image,
                                  fault=f"domctl.get_vcpu_msrs:1:exec=cat {image} >{looks}; ls -A {folder} >>{looks}")
    expect(result.status == 0, f"--force: {result}")
    seen = looks.read_bytes()
    expect(seen.startswith(OLD) and b".image." in seen, f"--force: while it is written there is {seen}")
    expect(image.stat().st_mode & 0o777 == 0o600, "its mode is not 0600")
    expect(host.pvferry("verify", image).status == 0, "--force: the image is not sound")
    image.write_bytes(OLD)
    refused.guest_goes_on("--force")
    image.unlink()
    refused.before = faults.Before(host, folder)


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400 << 10, 400 << 10))


def disks(refused):
    host, number, folder, stage = refused.host, refused.number, refused.folder, refused.stage
    refused("File too large", number, folder / "image", preexec_fn=limit_files)
    refused.guest_goes_on("a limit on files")
    for options in (("-c",), ("--force",)):
        refused("No space left", *options, number, "/dev/full")
        refused.guest_goes_on("/dev/full")
    with open("/dev/full", "wb") as full:
        refused("No space left", "--force", number, "-", stdout=full)
    refused.guest_goes_on("stdout is /dev/full")
    small, fixed = stage.small_disk("small", "size=300k"), stage.small_disk("fixed", "ro")
    if not small:
        stage.figure("no file systems of one's own")
        return
    (small / "image").write_bytes(OLD)
    refused("No space left", "--force", number, small / "image")
    expect([f.name for f in small.iterdir()] == ["image"] and (small / "image").read_bytes() == OLD, "the old one is gone")
    refused.guest_goes_on("a full disk")
    refused("Read-only file system", number, fixed / "image")


def readers(refused):
    """A reader that closes early; and one that takes all."""
    host, number = refused.host, refused.number
    for count in (0, 1000, 200000):
        saver = host.start(PVFERRY, "save", "--force", number, "-")
        saver.stdout.read(count)
        saver.stdout.close()
        saver.stdout = None
        result = host.end(saver)
        faults.says_one_line(result, f"a reader of {count} bytes")
        expect("Broken pipe" in result.err, f"a reader of {count} bytes: {result}")
        refused.guest_goes_on(f"a reader of {count} bytes")
    result = host.must("save", "-c", "--json", number, "-")
    facts = json.loads(result.err)
    expect(facts["domain"] == "web" and facts["stored-bytes"] == len(result.raw), f"save -: {facts}")
    check = subprocess.run([PVFERRY, "verify", "-"], input=result.raw, capture_output=True, env=host.environment())
    expect(check.returncode == 0, f"save -: {check.stderr}")
    refused.guest_goes_on("save -")


def deaf(refused):
    """A guest that does not run cannot answer; when it runs again it must find no request."""
    host, number = refused.host, refused.number
    host.stop_guests()
    refused("did not suspend within 1 s", "--timeout", 1, number, refused.folder / "image")
    host.run_guests()
    refused.guest_goes_on("a deaf guest")
    expect(host.check(number)["suspends"] == refused.suspends + 0, "it was suspended after all")


def run(stage):
    host, folder = stage.host("host", 48), faults.folder_of(stage)
    refused = Refusals(stage, host, folder)
    for part in (domains, names, devices, files, disks, readers):
        part(refused)
    refused.suspends = host.check(refused.number)["suspends"]
    deaf(refused)
    stage.figure(f"{refused.count} refusals")

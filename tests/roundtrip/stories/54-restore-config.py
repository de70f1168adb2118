"""Whose word an image's config is: keys that pvferry does not know, and what names devices, programs, labels and pools of this host, stay out unless they are allowed."""
import json
import pathlib
import struct

import faults
import stream
from hosts import expect

BUILD = {"device_model": "/nowhere/evil-qemu", "iomem": [{"start": 1048576, "number": 16}], "irqs": [9],
         "ioports": [{"first": 3320, "number": 8}], "exec_ssid_label": "a:b:c", "arch_x86": {"msr_relaxed": "True"},
         "kernel": "/boot/vmlinuz", "cmdline": "quiet", "event_channels": 1 << 30, "max_grant_frames": 1 << 30}
CREATE = {"ssid_label": "a:b:c", "poolid": 7}
TOP = {"pcidevs": [{"bus": 0, "dev": 2}], "on_reboot": "restart", "\x1b[2Jnew\npvferry: web: sound": 1,
       "disks": [{"pdev_path": "/dev/vg/a", "vdev": "xvda"}, {"pdev_path": "x", "vdev": "xvdb", "script": "/nowhere/evil"}]}


def edited(data, create=(), build=(), top=()):
    """The plain xl save file with more in its config."""
    length, = struct.unpack_from("<I", data, 48)
    config = json.loads(data[52:52 + length].rstrip(b"\0"))
    config["c_info"].update(create)
    config["b_info"].update(build)
    config.update(top)
    text = json.dumps(config).encode() + b"\0"
    return data[:44] + struct.pack("<II", len(text) + 4, len(text)) + text + data[52 + length:]


def kept(host, number):
    """libxl's config of the domain."""
    file, = (host.path / "xenstored").glob(f"userdata-d.{number}.*.libxl-json")
    return json.loads(pathlib.Path(file).read_text().rstrip("\0"))


def check_plain(result, what):
    expect("\x1b" not in result.err and "\npvferry: web: sound" not in result.err, f"{what}: {result.err!r}")


def allowed(host, image):
    """Nothing of it, some of it, all of it."""
    for words in ((), ("labels", "scripts"), ("all",)):
        options = ("--allow", ",".join(words)) if words else ()
        done = host.pvferry("restore", "-p", "--json", "--without-devices", *options, image)
        expect(done.status == 0, f"{words}: {done}")
        check_plain(done, words)
        number = json.loads(done.out)["domid"]
        config = kept(host, number)
        b_info, everything = config["b_info"], "all" in words
        expect(b_info["kernel"] == "/boot/vmlinuz" and b_info["cmdline"] == "quiet" and config["on_reboot"] == "restart",
               f"{words}: {config}")
        expect("event_channels" not in b_info and "max_grant_frames" not in b_info, f"{words}: {config}")
        for key in ("device_model", "iomem", "irqs", "ioports"):
            expect((key in b_info) == everything, f"{words}: {key}: {config}")
        expect(("pcidevs" in config) == everything and ("msr_relaxed" in b_info["arch_x86"]) == everything, f"{words}: {config}")
        expect(("exec_ssid_label" in b_info) == bool(words) == ("ssid_label" in config["c_info"]), f"{words}: {config}")
        expect([disk["vdev"] for disk in config["disks"]] == (["xvda", "xvdb"] if words else ["xvda"]), f"{words}: {config}")
        for said in ("b_info.event_channels (not a value", "\\x1b[2Jnew\\x0apvferry: web: sound (unknown)"):
            expect(said in done.err, f"{words}: not said: {said}: {done}")
        expect(("b_info.iomem (needs --allow host-devices)" in done.err) != everything, f"{words}: {done}")
        host.destroy(number)


def names(host, folder, data):
    for name in ("1", "", "a/b", "a\x1b[2J", "a\nb", "a\u202eb", "a\x9b2J", "x" * 256):
        image = folder / "named"
        image.write_bytes(edited(data, create={"name": name}))
        before = faults.Before(host, folder)
        result = host.pvferry("restore", image)
        faults.says_one_line(result, f"a domain named {name!r}")
        expect("name" in result.err, f"a domain named {name!r}: {result}")
        check_plain(result, f"a domain named {name!r}")
        before.is_as_it_was(f"a domain named {name!r}")
        for args in (("inspect",), ("inspect", "--json"), ("inspect", "--config"), ("verify",), ("verify", "--json")):
            shown = host.pvferry(*args, image)
            lines = shown.out.splitlines()
            expect(not any(c in shown.out + shown.err for c in "\x1b\x9b\u202e") and "b" not in lines, f"{args}: {name!r}: {shown.out!r}")
        if name:
            host.destroy(host.restore(image, "--name", "better", "-p"))
    for name in ("a b", " a", "x" * 255, "gr\u00fc\u00df", "+3"):
        image.write_bytes(edited(data, create={"name": name}))
        host.destroy(host.restore(image, "-p"))


def run(stage):
    source, host, folder = stage.host("from", 48), stage.host("to", 48), faults.folder_of(stage)
    number, image = source.guest(4, name="web"), folder / "image"
    source.freeze(number, image)
    data = stream.plain(image.read_bytes())
    image.write_bytes(edited(data, CREATE, BUILD, TOP))
    # The pool is not this host's: with it Xen would refuse the domain, if it were not simhost.
    allowed(host, image)
    result = host.pvferry("restore", "--allow", "world", image)
    expect(result.status == 2 and "--allow: \"world\" is not" in result.err, f"--allow world: {result}")
    names(host, folder, data)

    # what xenstore calls a domain is shown, and does nothing
    number = host.guest(4)
    was = host.store.read(f"/local/domain/{number}/name")
    host.store.write(f"/local/domain/{number}/name", "a\x1b[2J\x9b\u202e\nb")
    for args in (("list",), ("list", "--json")):
        shown = host.must(*args).out
        expect(not any(c in shown for c in "\x1b\x9b\u202e") and "b" not in shown.splitlines(), f"{args}: {shown!r}")
    host.store.write(f"/local/domain/{number}/name", was)
    host.destroy(number)

    # each vCPU is looked up in no list, and the list is as long as it likes
    image.write_bytes(edited(data, build={"max_vcpus": 128, "avail_vcpus": [0] * 250000}))
    host.destroy(host.restore(image, "-p"))
    # as many values as the parser takes; of objects, which cost much memory without members too, it takes fewer
    image.write_bytes(edited(data, top={"x": ["a"] * 260000}))
    host.destroy(host.restore(image, "-p"))
    image.write_bytes(edited(data, top={"x": [{}] * 18000}))
    host.destroy(host.restore(image, "-p"))
    stage.figure("a hostile config with nothing, something and all allowed; 12 names")

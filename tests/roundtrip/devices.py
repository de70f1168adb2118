"""Guests with disks and networks on hosts where libxl makes them: their scripts, and what may be left of them."""
import json
import pathlib
import struct

import hosts
import stream
from hosts import Skip, expect, poll

XL = hosts.HELPER.parent / "xl"
SCRIPT = """#!/bin/sh
echo "$(basename $0) $1 $XENBUS_PATH" >>{folder}/ran
{body}
"""
VDEV, DEVID = 51712, 0


class Devices:
    """A host with stand-ins for backends, and scripts that do what a story wants."""

    def __init__(self, stage, name, mem=96, *options):
        if not stage.is_private:
            raise Skip("no mount name space: libxl's fixed folders cannot be set aside")
        self.host = stage.host(name, mem, "--devices", *options)
        self.folder = self.host.path / "scripts"
        self.folder.mkdir()
        self.write("ok", "exit 0")

    def write(self, name, body):
        """A script; its path."""
        path = self.folder / name
        path.write_text(SCRIPT.format(folder=self.folder, body=body))
        path.chmod(0o755)
        return str(path)

    def ran(self):
        """[(script, action, backend)] since the last time."""
        log = self.folder / "ran"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [tuple(line.split()) for line in lines]

    def config(self, disk="ok", nic="ok", **more):
        """What goes into a config."""
        return {"disks": [{"pdev_path": "/dev/null", "vdev": "xvda", "backend": "phy", "format": "raw", "readwrite": 1,
                           "script": str(self.folder / disk)}],
                "nics": [{"devid": 0, "mac": "00:16:3e:01:02:03", "bridge": "xenbr0", "nictype": "vif",
                          "script": str(self.folder / nic)}], **more}

    def left(self):
        """What stands of any domain's devices."""
        return {path: value for path, value in self.host.store.tree("/local/domain/0/backend").items()
                if path.count("/") > 5}

    def connected(self, number):
        """Both devices work at both ends."""
        read = self.host.store.read

        def state(kind, device):
            paths = (f"/local/domain/0/backend/{kind}/{number}/{device}/state",
                     f"/local/domain/{number}/device/{kind}/{device}/state")
            return [read(path) for path in paths]
        poll("the devices connect", lambda: state("vbd", VDEV) == state("vif", DEVID) == ["4", "4"])

    def processes(self):
        """[(pid, name)] of pvferry's programs that work on this host, but for those that watch a guest."""
        return [each for each in self.all_processes() if each[1] != "pvferry-watch"]

    def watchers(self):
        """pids of those."""
        return [int(pid) for pid, name in self.all_processes() if name == "pvferry-watch"]

    def log(self):
        """What libxl, its scripts and the watchers have said."""
        return (self.host.path / "xen-log/pvferry-toolstack.log").read_text()

    def all_processes(self):
        return [each for each in self.host_processes() if each[1].startswith("pvferry")]

    def host_processes(self):
        mark = f"SIMHOST={self.host.path}".encode()
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder.name, (folder / "comm").read_text().strip()))
            except OSError:
                pass
        return found

    def xl_lists(self):
        """{name: id} of what xl sees."""
        listed = self.host.end(self.host.start(XL, "list"))
        expect(not listed.status, f"xl list: {listed}")
        return {words[0]: int(words[1]) for words in map(str.split, listed.out.splitlines()[1:])}


def kernel(path):
    """What libxl can start a PV domain with: one page that Xen's notes describe, and that simhost does not run."""
    base, page, head = 0xffffffff80000000, 0x1000, 64 + 2 * 56
    notes = b"".join(struct.pack("<3I4s", 4, len(value), kind, b"Xen\0") + value
                     for kind, value in ((8, b"generic\0"), (5, b"xen-3.0\0"), (3, struct.pack("<Q", base)),
                                         (4, struct.pack("<Q", base)), (1, struct.pack("<Q", base + head))))
    elf = struct.pack("<16s2HI3QI6H", b"\x7fELF\2\1\1", 2, 62, 1, base, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<2I6Q", 1, 7, 0, base, base, page, page, page)
    note = struct.pack("<2I6Q", 4, 4, head, base + head, base + head, len(notes), len(notes), 4)
    path.write_bytes((elf + load + note + notes).ljust(page, b"\0"))
    return str(path)


def edit(image, to, **config):
    """A plain save file of the image, with more in its config."""
    data = stream.plain(pathlib.Path(image).read_bytes())
    length, = struct.unpack_from("<I", data, 48)
    was = json.loads(data[52:52 + length].rstrip(b"\0"))
    was["b_info"]["numa_placement"] = "False"    # simhost has no nodes to place it on
    for key, value in config.items():
        was[key].update(value) if isinstance(value, dict) else was.__setitem__(key, value)
    text = json.dumps(was).encode() + b"\0"
    pathlib.Path(to).write_bytes(data[:44] + struct.pack("<II", len(text) + 4, len(text)) + text + data[52 + length:])

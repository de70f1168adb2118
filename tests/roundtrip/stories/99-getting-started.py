"""The README's "Getting started", typed as it stands: two fresh hosts, certificates, daemons, the first migration by TLS."""
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess

import hosts
import stage as stages
from hosts import expect, poll

CLONE_NEWNET, MS_BIND = 0x40000000, 4096
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 1, 0x40
ADDRESSES = {"host1": "127.0.0.2", "host2": "127.0.0.3"}
COMMANDS = 10    # the README says so

# What is not pvferry's is played: a copy to another host, and the service manager.
SCP = """#!/bin/sh
to=${3#root@}
exec cp "$1" "$2" "$STORY/${to%%:*}/etc${to#*:/etc/pvferry}"
"""
SYSTEMCTL = """#!/bin/sh
[ "$1 $2" = "restart pvferryd" ] || exit 1
pvferryd </dev/null >>"$STORY/$HOST/log" 2>&1 &
echo $! >"$STORY/$HOST/pid"
"""


def commands():
    """[(host, command)] of the section, in its order."""
    text = (hosts.ROOT / "README.md").read_text()
    section = re.search(r"^## Getting started\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
    host, found = None, []
    for line in section.splitlines():
        named = re.match(r"On (host\d),", line)
        host = named[1] if named else host
        if line.startswith("    "):
            found.append((host, line.strip()))
    expect(len(found) == COMMANDS and all(host for host, _ in found), f"commands of the README: {found}")
    return found


def bind(what, where):
    expect(not stages.libc.mount(str(what).encode(), str(where).encode(), None, ctypes.c_ulong(MS_BIND), None), f"no mount at {where}")


def make_world(stage):
    """A network of our own, an /etc of our own in which the hosts have names, and an /etc/pvferry for each."""
    if not stage.is_private or stages.libc.unshare(CLONE_NEWNET):
        raise hosts.Skip("no name spaces for mounts and networks")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))
    etc = stage.folder / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], stderr=subprocess.DEVNULL)
    (etc / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{a} {name}\n" for name, a in ADDRESSES.items()))
    (etc / "pvferry").mkdir(exist_ok=True)
    bind(etc, "/etc")
    stage.mounts.append("/etc")


class Machine:
    """A simulated host as it is after the packages were installed."""

    def __init__(self, stage, name):
        self.host, self.name, self.story = stage.host(name, 48, "--flavour", "noshadow"), name, stage.folder
        self.etc = pathlib.Path(self.host.path) / "etc"
        self.etc.mkdir()
        conf = (hosts.ROOT / "daemon/pvferryd.conf").read_text()
        # Both are on one network here: without this each would listen at all addresses.
        (self.etc / "pvferryd.conf").write_text(f"{conf}listen = {ADDRESSES[name]}:8666\n")

    def type(self, command):
        environment = {"PATH": f"{self.story}/bin:{os.environ['PATH']}", "STORY": str(self.story), "HOST": self.name}
        script = f"mount --bind {self.etc} /etc/pvferry && {command}"
        return self.host.end(self.host.start("unshare", "-m", "sh", "-c", script, env=environment, stdout=subprocess.PIPE))

    def listens(self):
        log = pathlib.Path(self.host.path) / "log"
        return "listens on" in (log.read_text() if log.exists() else "")

    def close(self):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((pathlib.Path(self.host.path) / "pid").read_text()), signal.SIGTERM)


def put_programs(folder):
    folder.mkdir()
    for name, text in (("scp", SCP), ("systemctl", SYSTEMCTL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    for name in ("pvferry", "pvferryd"):
        (folder / name).symlink_to(hosts.PVFERRY.parent / name)


def run(stage):
    typed = commands()
    make_world(stage)
    put_programs(stage.folder / "bin")
    machines = {name: Machine(stage, name) for name in ADDRESSES}
    source, destination = machines["host1"].host, machines["host2"].host
    number = source.guest(4, vcpus=2, workload="mix", name="web1")
    try:
        for name, command in typed:
            result = machines[name].type(command)
            expect(result.status == 0, f"{name}: {command}: {result}; {result.out}")
            if command.startswith("systemctl"):
                poll(f"pvferryd of {name} listens", machines[name].listens)
        there, = destination.domains()
        destination.goes_on(there, "the first guest")
        expect(number not in source.domains(), f"it is still here: {source.domains()}")
        expect(destination.store.read(f"/local/domain/{there}/name") == "web1", "another name")
        again = machines["host2"].type("pvferry doctor --json host1")
        expect(again.status == 0 and json.loads(again.out)["problems"] == 0, f"the other way: {again}; {again.out}")
    finally:
        for machine in machines.values():
            machine.close()

"""Who reads an image's bytes has no privileges and a filter; if it is killed in the middle, one line says so."""
import os
import pathlib
import re
import signal
import subprocess

from hosts import SAN, expect, poll

# And not only in a user namespace of its own, where there is no other user to become.
IS_ROOT = os.geteuid() == 0 and "4294967295" in pathlib.Path("/proc/self/uid_map").read_text()


def children(pid):
    """All below the process."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def filtered(process):
    """The processes below this one that have a filter."""
    found = []
    for pid in children(process.pid):
        try:
            if status_of(pid)["Seccomp"].strip() == "2":
                found.append(pid)
        except FileNotFoundError:
            pass    # it has ended meanwhile
    return found


def has_no_privileges(pid, what):
    status = status_of(pid)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        expect(int(status[kind], 16) == 0, f"{what}: {kind} {status[kind]}")
    expect(status["NoNewPrivs"].strip() == "1", f"{what}: may gain privileges")
    if IS_ROOT:
        expect("0" not in status["Uid"].split() + status["Gid"].split(), f"{what}: {status['Uid']} {status['Gid']}")
        expect(not status["Groups"].split(), f"{what}: of groups {status['Groups']}")
        opened = [os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        allowed = r"pipe:|socket:|anon_inode:\[eventfd|/dev/null|/memfd:" + ("|/" if SAN else "")
        expect(all(re.match(allowed, name) for name in opened), f"{what}: has {opened}")


def begin(host, half, *args):
    """A command that reads an image from a pipe, of which it gets one half and waits for the rest."""
    process = host.start(host.program, *args, "-", stdin=subprocess.PIPE)
    process.stdin.write(half)
    process.stdin.flush()
    return process


def reads_confined(host, image, *args):
    """To the end, and killed in the middle in two ways; the line it says, each time."""
    whole = image.read_bytes()
    half = len(whole) // 2
    what = args[0]
    process = begin(host, whole[:half], *args)
    for pid in poll(f"{what}: a filter", lambda: filtered(process)):
        has_no_privileges(pid, what)
    process.stdin.write(whole[half:])
    result = host.end(process)
    expect(result.status == 0, f"{what}: {result}")
    for kind in (signal.SIGKILL, signal.SIGSYS):
        process = begin(host, whole[:half], *args)
        pid, = poll(f"{what}: a filter", lambda: filtered(process))
        os.kill(pid, kind)
        result = host.end(process)
        expect(result.status > 0 and result.is_one_line() and kind.name in result.err, f"{what}, {kind.name}: {result}")


def run(stage):
    source, image = stage.host("from", 32), stage.folder / "image"
    source.save(source.guest(4, vcpus=2), image)
    for command in ("verify", "inspect"):
        reads_confined(source, image, command)

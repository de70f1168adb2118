"""Who reads an image's bytes has no privileges and a filter; if it is killed in the middle, one line says so."""
import os
import pathlib
import re
import signal
import subprocess

import faults
from hosts import SAN, expect, poll
from privileges import has_no_privileges, status_of


def children(pid):
    """All below the process."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


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


def begin(host, half, *args):
    """A command that reads an image from a pipe, of which it gets one half and waits for the rest."""
    process = host.start(host.program, *args, "-", stdin=subprocess.PIPE)
    process.stdin.write(half)
    process.stdin.flush()
    return process


# Of memory that processes share: what came of it, that a stop is asked for, the verdict; the expander has none of that.
SHARED = {"inspect": 2, "verify": 3, "restore": 0}


def reads_confined(host, image, *args):
    """To the end, and killed in the middle in two ways; the line it says, each time."""
    whole = image.read_bytes()
    half = len(whole) // 2
    what = args[0]
    process = begin(host, whole[:half], *args)
    for pid in poll(f"{what}: a filter", lambda: filtered(process)):
        has_no_privileges(pid, what, SHARED[what])
    process.stdin.write(whole[half:])
    result = host.end(process)
    expect(result.status == 0, f"{what}: {result}")
    for number in host.domains():
        host.goes_on(number)
        host.destroy(number)
    before = faults.Before(host, image.parent)
    for kind in (signal.SIGKILL, signal.SIGSYS):
        process = begin(host, whole[:half], *args)
        pid, = poll(f"{what}: a filter", lambda: filtered(process))
        os.kill(pid, kind)
        result = host.end(process)
        expect(result.status > 0 and result.is_one_line() and kind.name in result.err, f"{what}, {kind.name}: {result}")
        before.is_as_it_was(f"{what}, {kind.name}")


def memory_is_limited(host, half, command):
    """Of the process that reads the image, or that builds: the rest of the host does not suffer."""
    process = begin(host, half, command, "--threads", "2")

    def limits():
        lines = [pathlib.Path(f"/proc/{pid}/limits").read_text() for pid in children(process.pid)]
        return [int(n) >> 20 for text in lines for n in re.findall(r"Max data size +(\d+)", text)]

    limit, = poll(f"{command}: a limit of memory", limits)
    expect(192 < limit < 512, f"{command}: may have {limit} MiB")
    process.kill()
    host.end(process)


def knows_nothing_of_xen(host, image):
    """The expander of a restore, and that it is no copy of a process that does. Its addresses are few."""
    process = begin(host, image.read_bytes()[:1000], "restore", "--threads", "2")
    pid, = poll("restore: an expander", lambda: filtered(process))
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    expect("/pvferry-expander" in maps and "libzstd" in maps, maps)
    expect(not re.search("libxenctrl|libxenguest|libxenstore", maps), maps)
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    most = re.search(r"Max address space +(\d+)", limits)
    expect(SAN or most and int(most[1]) >> 20 < 320, limits)
    process.kill()
    host.end(process)


def run(stage):
    folder = faults.folder_of(stage)
    source, to, image = stage.host("from", 32), stage.host("to", 32), folder / "image"
    source.save(source.guest(4, vcpus=2), image)
    for command in ("verify", "inspect", "restore"):
        reads_confined(to, image, command)
        if not SAN:
            memory_is_limited(to, image.read_bytes()[:1000], command)
    knows_nothing_of_xen(to, image)

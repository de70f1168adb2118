"""The process that reads an image's bytes has no privileges and a filter; if it is killed in the middle, one line says so. The one that builds maps no zstd."""
import fcntl
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import faults
import hosts
from hosts import SAN, expect, poll
from moves import program
from privileges import has_no_privileges, status_of

BUILDER = hosts.PVFERRY.parent / "pvferry-builder"


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


def mapped(pid, what):
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    return maps if what in maps else None


def builds_and_no_more(host, image):
    """The builder of a restore has Xen's privileges: it maps nothing that expands, deciphers or parses, and has not what is read."""
    process = begin(host, image.read_bytes()[:1000], "restore", "--threads", "2")
    pid = poll("restore: a builder", lambda: next((p for p in children(process.pid) if program(p) == BUILDER.name), None))
    maps = poll("a builder that is at work", lambda: mapped(pid, "/memfd:pvferry-slots"))
    needed = subprocess.run(["ldd", BUILDER], capture_output=True, text=True, check=True).stdout
    for text in (maps, needed):
        expect("libxenctrl" in text, text)
        expect(not re.search("libzstd|libssl|libcrypto|libxenguest|liblzma|libz[.]", text), text)
    called = subprocess.run(["nm", "-D", "--undefined-only", BUILDER], capture_output=True, text=True, check=True).stdout
    expect("json_object_new_object" in called and "json_tokener" not in called, called)
    source = f"pipe:[{os.fstat(process.stdin.fileno()).st_ino}]"
    opened = [os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    expect(source not in opened, f"the builder can read the image: {opened}")
    process.kill()
    host.end(process)


def takes_no_other_order(host):
    """Of another version, or of a person: nothing is asked of Xen, and one line says what it is."""
    version = subprocess.run([hosts.PVFERRY, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1].encode()
    # One of these lengths is that of an order: then it is the version, or that it has no threads.
    for order in (b"", b"\xff" * 6000, *(v.ljust(n, b"\0") for n in range(1600, 1800, 8) for v in (b"9.9.9", version))):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        built = os.memfd_create("built")
        os.truncate(built, 1 << 16)

        def place(talk=theirs.fileno(), shared=built):
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (talk, shared)]
            for number in range(3, 10):
                os.dup2(high[number == 6], number)

        ours.send(order)
        ours.shutdown(socket.SHUT_WR)
        done = subprocess.run([BUILDER], stdin=subprocess.DEVNULL, capture_output=True, text=True, close_fds=False,
                              preexec_fn=place, env=host.environment(), timeout=hosts.DEADLINE, check=False)
        expect(done.returncode == 1 and done.stderr.count("\n") == 1 and "started by pvferry of the same version" in done.stderr, f"{done}")
        os.close(built)
        ours.close()
        theirs.close()


def lacks_a_program(host, image, folder):
    """Installed by halves: one line says what there is not, and no domain remains."""
    before = faults.Before(host, image.parent)
    for lacking in ("pvferry-expander", "pvferry-builder"):
        halves = folder / f"without-{lacking}"
        halves.mkdir()
        for name in {"pvferry", "pvferry-expander", "pvferry-builder"} - {lacking}:
            shutil.copy(hosts.PVFERRY.parent / name, halves)
        result = host.end(host.start(halves / "pvferry", "restore", image))
        expect(result.status == 1 and result.is_one_line() and f"{lacking} is neither in {halves}" in result.err, f"{result}")
        before.is_as_it_was(f"without {lacking}")


def run(stage):
    folder = faults.folder_of(stage)
    source, to, image = stage.host("from", 32), stage.host("to", 32), folder / "image"
    source.save(source.guest(4, vcpus=2), image)
    for command in ("verify", "inspect", "restore"):
        reads_confined(to, image, command)
        if not SAN:
            memory_is_limited(to, image.read_bytes()[:1000], command)
    knows_nothing_of_xen(to, image)
    builds_and_no_more(to, image)
    takes_no_other_order(to)
    lacks_a_program(to, image, stage.folder)

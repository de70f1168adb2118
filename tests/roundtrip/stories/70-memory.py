"""save and restore need at most 32 bytes for each page of the guest, and 128 MiB."""
import os
import pathlib
import time

import hosts
from hosts import Skip, expect

MIB = 1 << 20


def processes(group):
    """pvferry and what it has started, by the group it leads."""
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group:
                    yield entry
            except OSError:
                pass


def private_bytes(process):
    """What is its own; the machine's memory, which simhost shares, is not."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:"))


def peak(host, *args):
    running = host.start(hosts.PVFERRY, *args, stdout=None)
    most, family, looks = 0, [], 0
    while running.poll() is None:
        if looks % 8 == 0:
            family = list(processes(running.pid))
        most = max(most, sum(map(private_bytes, family)))
        looks += 1
        time.sleep(0.002)
    result = host.end(running)
    expect(result.status == 0, f"{args}: {result}")
    return most


def run(stage):
    if hosts.SAN:
        raise Skip("a sanitiser's own memory counts with it")
    for mem in (64, 1024):
        free = os.statvfs(stage.folder)
        if free.f_bavail * free.f_frsize < (3 * mem + 512) * MIB:
            raise Skip(f"{stage.folder.parent} has too little room for guests of {mem} MiB")
        allowed = mem * 256 * 32 + 128 * MIB
        source, to = stage.host(f"from-{mem}", mem + 64), stage.host(f"to-{mem}", mem + 64)
        number, image = source.guest(mem), stage.folder / f"{mem}"
        for options in stage.some((("--level", 0), ()), 1 if mem > 64 else 2):    # a large guest takes long
            needs = peak(source, "save", "-c", "--force", *options, number, image)
            expect(needs <= allowed, f"save {options} of {mem} MiB needs {needs // MIB} MiB, {allowed // MIB} are allowed")
            source.goes_on(number)
            restore = peak(to, "restore", "--name", "copy", image)
            expect(restore <= allowed, f"restore of {mem} MiB needs {restore // MIB} MiB, {allowed // MIB} are allowed")
            copy, = to.domains()
            to.goes_on(copy)
            to.destroy(copy)
            stage.figure(f"{mem} MiB{'' if options else ', compressed'}: save {needs // MIB}, restore {restore // MIB} "
                         f"of {allowed // MIB} MiB")
        for host in (source, to):
            host.close()
            stage.hosts.remove(host)
        image.unlink()

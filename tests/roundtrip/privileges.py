"""What a process that reads foreign bytes may not have."""
import os
import pathlib
import re

from hosts import SAN, expect

# And not only in a user namespace of its own, where there is no other user to become.
IS_ROOT = os.geteuid() == 0 and "4294967295" in pathlib.Path("/proc/self/uid_map").read_text()


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def has_no_privileges(pid, what, shared=1):
    """Of memory that pvferry's processes share it has that many pieces: what came of it, if it is not a program of its own."""
    status = status_of(pid)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        expect(int(status[kind], 16) == 0, f"{what}: {kind} {status[kind]}")
    expect(status["NoNewPrivs"].strip() == "1", f"{what}: may gain privileges")
    if IS_ROOT:
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        pieces = [line for line in maps if re.search(r" rw-s .*(/dev/zero|/memfd:pvferry-s(hared|top))", line)]
        expect(SAN or len(pieces) == shared, f"{what}: shares {pieces}, not {shared}")
        expect("0" not in status["Uid"].split() + status["Gid"].split(), f"{what}: {status['Uid']} {status['Gid']}")
        expect(not status["Groups"].split(), f"{what}: of groups {status['Groups']}")
        opened = [os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        allowed = r"pipe:|socket:|anon_inode:\[eventfd|/dev/null|/memfd:" + ("|/" if SAN else "")
        expect(all(re.match(allowed, name) for name in opened), f"{what}: has {opened}")

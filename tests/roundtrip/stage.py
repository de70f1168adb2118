"""A folder and what stands in it, for the length of one story; small file systems among it, where that may be had."""
import ctypes
import os
import pathlib
import random
import shutil
import tempfile
import time

import hosts

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REC, MS_PRIVATE = 1, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)


def mount(what, where, flags=0, options=""):
    return not libc.mount(b"none", str(where).encode(), what.encode() if what else None, ctypes.c_ulong(flags),
                          options.encode())


def unshare():
    """A mount name space of our own, if that may be had."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)):
        return False
    if uid:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    return mount(None, "/", MS_REC | MS_PRIVATE)


class Stage:
    def __init__(self):
        shm = pathlib.Path("/dev/shm")
        where = os.environ.get("TMPDIR") or (shm if os.access(shm, os.W_OK) else None)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pvferry-rt-", dir=where))
        self.hosts, self.figures, self.mounts = [], [], []
        self.samples = 0
        self.seeds = os.getpid() << 16
        self.is_private = unshare()

    def close(self):
        for host in self.hosts:
            host.close()
        for where in self.mounts:
            libc.umount2(str(where).encode(), 2)
        shutil.rmtree(self.folder, ignore_errors=True)

    def host(self, name, mem=64, *options, **how):
        host = hosts.Host(self, name, mem, *options, **how)
        self.hosts.append(host)
        return host

    def upstream(self):
        if not hosts.HELPER.exists():
            raise hosts.Skip(f"no {hosts.HELPER}: xen-utils-{hosts.XEN_RELEASE} is not installed")

    def seed(self):
        self.seeds += 1
        return self.seeds

    def some(self, cases, count):
        """So many of the cases, in their order: which ones, SEED says. All with EVERY=1."""
        cases = list(cases)
        if hosts.EVERY or count >= len(cases):
            return cases
        self.samples += 1
        chosen = random.Random(f"{hosts.SEED} {self.samples}").sample(range(len(cases)), count)
        return [cases[n] for n in sorted(chosen)]

    def figure(self, text):
        self.figures.append(text)

    def small_disk(self, name, options):
        """A file system of its own, or None."""
        where = self.folder / name
        where.mkdir()
        if not self.is_private or not mount("tmpfs", where, options=options):
            return None
        self.mounts.append(where)
        return where

    def clock(self):
        start = time.monotonic()
        return lambda: time.monotonic() - start

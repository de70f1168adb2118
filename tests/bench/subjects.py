"""Who is measured: pvferry, and upstream's libxl-save-helper, on one simulated host with one guest.

A run's figures, in a dictionary:
  job    seconds of the work itself, without process start and without the guest's own time to suspend.
         pvferry: the sum of its stages as -v tells them, "suspend" left out.
         upstream: from the helper's first word to its last, from its wish to suspend the guest to the answer left out.
  whole  seconds from the start of the first process to the end of the last, the guest's time to suspend left out.
         What pvferry does more is in it: fsync, rename, the guest resumed; and the end of its mappings.
  cpu    seconds of user and system time of all those processes.
"""
import fcntl
import json
import os
import pathlib
import re
import resource
import select
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
SIMHOST, DRIVER, PVFERRY = BUILD / "simhost/simhost", BUILD / "simhost/helper-driver", BUILD / "pvferry"
# Xen's own programs, of the release whose libraries are linked.
XEN_RELEASE = ".".join(subprocess.run(["pkg-config", "--modversion", "xencontrol"], capture_output=True, text=True,
                                      check=False).stdout.split(".")[:2])
HELPER = pathlib.Path(f"/usr/lib/xen-{XEN_RELEASE}/bin/libxl-save-helper")
DEADLINE = 600    # seconds


def run(*words, env=None):
    """What a command printed, and what it said; it must not fail."""
    done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=env, timeout=DEADLINE)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout, done.stderr


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Host:
    def __init__(self, path, mem, runs, flavour="noshadow"):
        self.path, self.runs = path, runs
        run(SIMHOST, "create", path, "--mem", mem, "--no-poison", "--flavour", flavour)
        if runs:
            subprocess.run([SIMHOST, "guests", path, "--daemon"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=True)

    def close(self):
        subprocess.run([SIMHOST, "destroy", self.path], capture_output=True)

    def guest(self, mem, *options):
        return int(run(SIMHOST, "guest", self.path, "--mem", mem, *options)[0])

    def on(self, *words):
        return run(SIMHOST, "run", self.path, "--", *words, env=dict(os.environ, TIMES="1"))

    def driver(self, *words):
        return self.on(DRIVER, *words)[0]

    def destroy(self, domain):
        self.driver("destroy", domain)
        for file in (pathlib.Path(self.path) / "xenstored").glob(f"userdata-?.{domain}.*"):
            file.unlink()

    def touch_all(self, mem):
        """Frames that nobody has touched have no memory yet; their first user would pay for that."""
        self.destroy(self.guest(mem))

    def is_running(self, domain):
        for line in run(SIMHOST, "list", self.path)[0].splitlines():
            words = line.split()
            if words[0] == str(domain):
                return words[6].startswith("r")
        return False

    def timed(self, *words):
        start, cpu = time.monotonic_ns(), children_cpu()
        out, err = self.on(*words)
        return out, err, {"whole": (time.monotonic_ns() - start) / 1e9, "cpu": children_cpu() - cpu}


def stages(err):
    """Seconds of each stage that pvferry -v tells."""
    return {name: float(ms) / 1e3 for name, ms in re.findall(r"^pvferry: ([a-z0-9 ]+): ([0-9.]+) ms$", err, re.M)}


class Sink:
    """A FIFO out of which so many bytes a second are taken: a disk or a network that can no more."""
    PIECE_SECONDS, PIPE_BYTES = 0.005, 1 << 20

    def __init__(self, path, bytes_per_second):
        self.path, self.rate, self.taken = path, bytes_per_second, 0

    def __enter__(self):
        os.mkfifo(self.path)
        # Open for writing too: so it has no end until it is told, and whoever opens it does not wait.
        self.fd = os.open(self.path, os.O_RDWR)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, self.PIPE_BYTES)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.take)
        self.thread.start()
        return self

    def take(self):
        """Nothing is copied. What a pause takes too long the next piece makes good, up to what the pipe holds."""
        null, at = os.open("/dev/null", os.O_WRONLY), time.monotonic()
        while not self.over.is_set() or self.is_readable():
            now = time.monotonic()
            at = max(at, now - self.PIPE_BYTES / self.rate)
            if at > now or not self.is_readable():
                time.sleep(self.PIECE_SECONDS / 10 if at <= now else min(at - now, self.PIECE_SECONDS))
                continue
            got = os.splice(self.fd, null, max(65536, int(self.rate * self.PIECE_SECONDS)))
            self.taken += got
            at += got / self.rate
        os.close(null)

    def is_readable(self):
        return bool(select.select([self.fd], [], [], 0)[0])

    def __exit__(self, *what):
        self.over.set()
        self.thread.join()
        os.close(self.fd)
        self.path.unlink()


class Ours:
    name = "pvferry"

    def __init__(self, *options):
        self.options = options

    def save(self, host, domain, path):
        _, err, figures = host.timed(PVFERRY, "save", "-v", "-p", "--force", *self.options, domain, path)
        parts = stages(err)
        waited = parts.pop("suspend")
        figures.update(job=sum(parts.values()), whole=figures["whole"] - waited, stages=parts)
        return figures

    def restore(self, host, path):
        out, err, figures = host.timed(PVFERRY, "restore", "-v", "-p", "--json", "--name", "copy", *self.options, path)
        parts = stages(err)
        figures.update(job=sum(parts.values()), stages=parts, domain=json.loads(out)["domid"])
        return figures

    def after_save(self, host, domain):
        host.driver("unpause", domain)


class Upstream:
    name = "upstream"

    def times(self, err):
        words = re.search(r"^times: (.*)$", err, re.M)[1].split()
        return {name: int(ns) / 1e9 for name, ns in zip(words[::2], words[1::2])}

    def save(self, host, domain, path):
        _, err, figures = host.timed(DRIVER, "save", domain, path)
        at = self.times(err)
        waited = at["suspended"] - at["asked"]
        figures.update(job=at["complete"] - at["first"] - waited, whole=figures["whole"] - waited)
        return figures

    def restore(self, host, path):
        out, err, figures = host.timed(DRIVER, "restore", path)
        at = self.times(err)
        figures.update(job=at["complete"] - at["first"], domain=int(out))
        return figures

    def after_save(self, host, domain):
        host.driver("resume", domain)

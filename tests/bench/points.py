"""A simulated guest and the checkpoints that are made of it."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import subjects

SLACK_MIB, PACE, SLOW, PAGES_A_MIB = 48, 500, 20, 256    # PACE, SLOW: steps of the guest a second


def read_once(mib):
    return float(subjects.run(subjects.BUILD / "tests/bench/readall", mib, len(os.sched_getaffinity(0)))[0])


def used(directory):
    return sum(file.stat().st_size for file in directory.glob("*.pvf"))


def verify(path):
    """Seconds, and seconds of processor time."""
    start, cpu = time.monotonic(), subjects.children_cpu()
    subjects.run(subjects.PVFERRY, "verify", path)
    return time.monotonic() - start, subjects.children_cpu() - cpu


class Shelf:
    """One guest on one host. rate: pages that it writes a second; 0: it does nothing."""

    def __init__(self, folder, mib, rate):
        self.folder, self.mib, self.rate, self.a_step = folder / f"{mib}-{rate}", mib, rate, max(rate // PACE, 1)
        self.facts, self.target = [], None

    def __enter__(self):
        self.folder.mkdir()
        self.host = subjects.Host(self.folder / "host", self.mib + SLACK_MIB, False)
        self.host.touch_all(self.mib + SLACK_MIB // 2)
        self.domain = self.host.guest(self.mib, *(("--workload", "write", "--rate", self.a_step) if self.rate else ()))
        self.start(PACE)
        return self

    def __exit__(self, *what):
        for host in filter(None, (self.host, self.target)):
            host.close()
        shutil.rmtree(self.folder)

    def idle(self):
        return Shelf(self.folder, self.mib, 0)

    # --- the guest's processor ---

    def start(self, pace):
        subprocess.run([subjects.SIMHOST, "guests", self.host.path, "--daemon", "--pace", str(pace)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    def stop(self):
        subjects.run(subjects.SIMHOST, "guests", self.host.path, "--stop")

    def change(self, part):
        """It writes so many of its pages, in any order and some twice, and is slow then: it can suspend, and changes little."""
        self.stop()
        if part:    # no steps would be steps without end
            subjects.run(subjects.SIMHOST, "guests", self.host.path, "--steps", int(self.mib * PAGES_A_MIB * part / self.a_step))
        self.start(SLOW)

    # --- checkpoints ---

    def take(self, *options, where=None):
        """What each said, and how many seconds after the one before it was complete."""
        directory = where or self.folder / "points"
        if not where:
            shutil.rmtree(directory, ignore_errors=True)
        words = [subjects.SIMHOST, "run", self.host.path, "--", subjects.PVFERRY, "checkpoint", "-q", "--json", *options, self.domain, directory]
        facts, seconds, last = [], [], time.monotonic()
        with subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                now = time.monotonic()
                facts.append(json.loads(line))
                seconds.append(now - last)
                last = now
        if process.returncode:
            raise RuntimeError(f"checkpoint: status {process.returncode}")
        return facts, seconds

    def grow(self, links, part):
        """A chain of so many increments; its newest file."""
        where = self.folder / "chain"
        for n in range(links + 1):
            self.change(part if n else 0)
            facts, _ = self.take(where=where)
        return pathlib.Path(facts[0]["file"])

    def restore(self, path):
        if not self.target:
            self.target = subjects.Host(self.folder / "to", self.mib + SLACK_MIB, False)
            self.target.touch_all(self.mib + SLACK_MIB // 2)
        figures = subjects.Ours().restore(self.target, path)
        self.target.destroy(figures["domain"])
        return figures

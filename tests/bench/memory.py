"""Memory a run needs of its own: the most of RssAnon (heap, stacks, private mappings) and of VmPTE (page tables, which
mapping the guest costs) that its processes had together. The simulated machine is shared memory, and is not counted.
Looking costs time, so this is asked of a run that is not timed."""
import os
import pathlib
import re
import threading
import time


def children(pid):
    try:
        tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        numbers = [int(n) for task in tasks for n in (task / "children").read_text().split()]
    except OSError:
        return []
    return numbers + [n for number in numbers for n in children(number)]


def kib(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    return tuple(int(found[1]) if (found := re.search(rf"^{key}:\s+(\d+)", text, re.M)) else 0 for key in ("RssAnon", "VmPTE"))


class Watcher(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.most = False, (0, 0)
        self.before = set(children(os.getpid()))

    def run(self):
        while not self.over:
            now = [kib(pid) for pid in children(os.getpid()) if pid not in self.before]
            own, tables = sum(k[0] for k in now), sum(k[1] for k in now)
            self.most = max(self.most[0], own), max(self.most[1], tables)
            time.sleep(0.003)


def peak(job):
    watcher = Watcher()
    watcher.start()
    job()
    watcher.over = True
    watcher.join()
    return {"private-mib": watcher.most[0] / 1024, "tables-mib": watcher.most[1] / 1024}

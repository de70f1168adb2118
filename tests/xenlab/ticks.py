"""When a guest spoke, seen from outside: ticks on its consoles on several hosts, stamped here by one clock.

The hosts' own clocks differ, and so does the guest's after a move. dom0/follow.c passes each tick on within a millisecond
or two; a thread here stamps it."""
import bisect
import threading
import time


class Watch:
    """Follows a guest on these hosts until stop()."""

    def __init__(self, guest, hosts):
        self.seen = []      # (time, host, tick), in the order in which they came
        self._jobs = [host.start("exec follow " + " ".join(guest.logs)) for host in hosts]
        self._outputs, self._rest = [None] * len(self._jobs), [b""] * len(self._jobs)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._ended.set()
        self._thread.join()
        for job, output in zip(self._jobs, self._outputs):
            job.kill()
            output and output.close()

    def await_ticks(self, count, timeout=300, host=None):
        """Wait until it ticked so often from now on (there, if a host is named); False if it did not."""
        begin, end = time.monotonic(), time.monotonic() + timeout
        while len(self.ticks(begin, host=host)) < count:
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def ticks(self, begin=0, end=float("inf"), host=None):
        first = bisect.bisect_left(self.seen, begin, key=lambda tick: tick[0])
        return [tick for tick in self.seen[first:] if tick[0] <= end and host in (None, tick[1])]

    def silence(self, begin, end):
        """The longest time without a tick, in ms: silences that began or ended in this span are counted whole."""
        times = [tick[0] for tick in self.seen]
        first = max(bisect.bisect_left(times, begin) - 1, 0)
        last = bisect.bisect_right(times, end) + 1
        return 1000 * max((b - a for a, b in zip(times[first:last], times[first + 1:last])), default=end - begin)

    def handover(self, source, target, begin):
        """From the last tick at the source to the first at the target, in ms; None if either was not heard."""
        left, came = self.ticks(begin, host=source), self.ticks(begin, host=target)
        return 1000 * (came[0][0] - left[-1][0]) if left and came else None

    def order(self, source, target):
        """(ticks from the source after the first from the target: two guests ran; ticks that were no later than one
        before them; ticks left out)"""
        came = self.ticks(host=target)
        numbers = [tick[2] for tick in self.seen]
        steps = [b - a for a, b in zip(numbers, numbers[1:])]
        return (len(self.ticks(came[0][0], host=source)) if came else 0,
                sum(step <= 0 for step in steps), sum(step - 1 for step in steps if step > 1))

    def _follow(self):
        while not self._ended.is_set():
            for i, job in enumerate(self._jobs):
                self._take(i, job)
            time.sleep(0.002)

    def _take(self, i, job):
        """Each tick is one write, and yet a line may be seen in halves: where a page of the file ends."""
        if not self._outputs[i]:
            self._outputs[i] = job.open_output()
        data = self._rest[i] + (self._outputs[i].read() if self._outputs[i] else b"")
        *lines, self._rest[i] = data.split(b"\n")
        now = time.monotonic()
        self.seen += [(now, job.host, int(tick)) for tick in lines]

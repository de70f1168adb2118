"""Guests that check themselves (guest/selfcheck.c), and how to ask them how they are."""
import re
import time

from host import LabError

TICK = re.compile(r"tick (\d+) ms (\d+) pages (\d+) rewritten (\d+) forks (\d+) errors (\d+)")


class Guest:
    """A Linux PV guest on a host. It publishes its p2m in both forms, linear and frame-list-list, as libxl makes it;
    linear_only: the linear one alone, as Xen's domain builder without libxl. files: 205 MiB of real files in its tmpfs;
    offline: a vCPU it takes off; deaf: it never hears a suspend request; extra: lines for its xl configuration; kernel:
    "measured" or "patched", those of guest/linux/; spaces: arguments of guest/spaces.c; boot: parameters of its kernel."""

    def __init__(self, host, name, mib=512, vcpus=1, check="", files=False, offline=0, linear_only=False, deaf=False,
                 extra="", kernel="vmlinuz", spaces="", boot=""):
        self.host, self.name, self.mib, self.linear_only = host, name, mib, linear_only
        self.logs = [f"/var/log/xen/console/guest-{name}{suffix}.log" for suffix in ("", "--incoming")]
        self.log = self.logs[0]
        self.config = f"/lab/share/guest/{name}.cfg"
        words = [f"keepers={vcpus}", *check.split()] + (["files=/files"] if files else [])
        line = ["console=hvc0 quiet rdinit=/init", "selfcheck=" + ",".join(words)]
        line += [f"offline={offline}"] if offline else []
        line += ["initcall_blacklist=xen_setup_shutdown_event"] if deaf else []
        line += ["spaces=" + ",".join(spaces.split())] if spaces else []
        line += boot.split()
        host.offer_kernel(kernel)
        self.parts = {kernel: "vmlinuz", "initrd-files" if files else "initrd": "initrd"}
        self.text = "\n".join([
            f'name = "{name}"', 'type = "pv"', f"memory = {mib}", f"vcpus = {vcpus}",
            f'kernel = "/run/{name}/vmlinuz"', f'ramdisk = "/run/{name}/initrd"',
            f'extra = "{" ".join(line)}"', 'on_crash = "preserve"', extra, ""])

    @classmethod
    def found(cls, host, name):
        """A guest that runs there already."""
        guest = cls(host, name)
        guest.moved_to(host)
        return guest

    def create(self, timeout=300):
        """Build it, let it run and wait for its first ticks."""
        if self.linear_only:
            self.build("-p", timeout)
            self.host.must(f"4tools $(xl domid {self.name}) set && xl unpause {self.name}")
        else:
            self.build("", timeout)
        self.await_ticks(timeout=timeout)
        return self

    def build(self, options="-p", timeout=300):
        """Have xl build it, and not wait; kernel and initrd are in dom0 for as long as that takes."""
        (self.host.share / "guest" / f"{self.name}.cfg").write_text(self.text)
        copies = [f"dd bs=480k if=/lab/share/guest/{source} of=/run/{self.name}/{target} 2>/dev/null"
                  for source, target in self.parts.items()]
        self.host.must(" && ".join([f"rm -f {' '.join(self.logs)}; mkdir -p /run/{self.name}", *copies,
                                    f"xl create -q {options} {self.config}", f"rm -r /run/{self.name}"]), timeout)

    def destroy(self):
        self.host.sh(f"xl destroy {self.name}")

    def moved_to(self, host):
        """It runs on another host now. Its log there bears the name under which it came: the newest one is meant."""
        self.host, self.log = host, host.must(f"ls -t {' '.join(self.logs)} 2>/dev/null | head -n 1")

    def console(self):
        return self.host.sh(f"cat {self.log}").text()

    def last_tick(self):
        """The last complete tick line as numbers (tick, ms, pages, rewritten, forks, errors), or None."""
        self.log = self.host.sh(f"ls -t {' '.join(self.logs)} 2>/dev/null | head -n 1").text().strip() or self.logs[0]
        found = TICK.findall(self.host.sh(f"tail -c 4000 {self.log} 2>/dev/null").text())
        return tuple(map(int, found[-1])) if found else None

    def await_ticks(self, beyond=0, count=2, timeout=300):
        """Wait until it has ticked count times more than beyond; returns the tick line's numbers."""
        end = time.monotonic() + timeout
        while True:
            last = self.last_tick()
            if last and last[0] >= beyond + count:
                return last
            if time.monotonic() > end:
                raise LabError(f"guest {self.name} does not tick: {self.console()[-1500:]}")
            time.sleep(0.1)

    def await_line(self, text, timeout):
        """Wait until its console has shown a line that begins so."""
        end = time.monotonic() + timeout
        while self.host.sh(f"grep -q '^{text}' {self.log}").status:
            if time.monotonic() > end:
                raise LabError(f"guest {self.name} never said {text!r}: {self.console()[-1500:]}")
            time.sleep(0.5)

    def corrupt(self):
        """Lines in which the guest complains, or its kernel does; "" when all is well."""
        return self.host.sh(f"grep -E 'CORRUPT|BUG|Oops|Call Trace|segfault|Bad page|Kernel panic' "
                            f"{' '.join(self.logs)} 2>/dev/null").text()

    def said(self, pattern):
        """What the last line of its console that matches the pattern (Python's) has in its groups, as numbers; or None."""
        found = re.findall(pattern, self.host.sh(f"tail -c 4000 {self.log} 2>/dev/null").text())
        return tuple(map(int, found[-1])) if found else None

    def type(self, line):
        """Type a line in `xl console`, which takes input from a terminal only; the guest's init runs it."""
        self.host.must(f"(sleep 1; echo '{line}'; sleep 2) | "
                       f"timeout 20 socat -t 0 - EXEC:'xl console {self.name}',pty,setsid,ctty,raw >/dev/null; true")

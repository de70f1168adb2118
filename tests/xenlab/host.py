"""A lab host: real Xen and a Debian dom0 under QEMU's emulation, no hardware virtualisation needed.

A host is a folder below CACHE/run: its console log, QEMU's pid, and share/, which dom0 sees as /lab/share. A job is
started by naming it on the host's second serial port (cmd.in); script, output and exit status pass through share/jobs
(dom0/agent.sh). So nothing has to stay running outside, and any process can use a host that is up. Two hosts can be
joined by a cable (Link): a stream between the two QEMUs over a Unix socket, which touches no network of the machine."""
import io
import os
import pathlib
import shutil
import signal
import subprocess
import time
import uuid

import parts

RUN = parts.CACHE / "run"
CPU = "max,-smap,-svm,-xsave,-avx,-avx2,-pku"   # what emulation gets wrong is switched off
BOOT_SECONDS = 600      # some 10 on an idle machine; emulated beside other work, Linux 6.12 has been seen to take 300 to its init
LINK_MTU = 60000
DISK_BYTES = 16 << 20


class LabError(Exception):
    """The lab, not the subject, is broken: a host that does not boot or answer."""


class Result:
    def __init__(self, command, status, output, seconds):
        self.command, self.status, self.output, self.seconds = command, status, output, seconds

    def text(self):
        return self.output.decode(errors="replace").strip()

    def __str__(self):
        return f"`{self.command}`: status {self.status}, {self.seconds:.1f} s\n{self.text()[-2000:]}"


class Link:
    """One end of the cable between two hosts. End 1 makes the socket, in its host's folder; end 2 connects to it."""

    def __init__(self, end, socket):
        self.end, self.socket, self.address = end, socket, f"10.0.0.{end}"

    def qemu(self, folder):
        """QEMU's arguments; the path is relative to its folder, as a socket's may have 107 characters only."""
        netdev = (f"stream,id=link,server={'on' if self.end == 1 else 'off'},"
                  f"addr.type=unix,addr.path={os.path.relpath(self.socket, folder)}")
        device = (f"virtio-net-pci,netdev=link,mac=52:54:00:00:00:0{self.end},host_mtu={LINK_MTU},romfile=,"
                  "iommu_platform=on,disable-legacy=on")
        return ["-netdev", netdev, "-device", device]

    def configure(self, host):
        host.must(f"ip link set eth0 mtu {LINK_MTU} up && ip addr add {self.address}/24 dev eth0")


class Job:
    """A command that runs in dom0."""

    def __init__(self, host, command):
        self.host, self.command, self.began = host, command, time.monotonic()
        self.path = host.share / "jobs" / uuid.uuid4().hex[:12]
        self._file("sh").write_text(command + "\n")
        host.ring(self.path.name)

    def wait(self, timeout, echo=None):
        """The Result; LabError (and the job is killed) when it takes longer than that since it began. echo: a stream
        for output as it comes."""
        shown = 0
        while not self._file("rc").exists():
            if time.monotonic() - self.began > timeout:
                so_far = self.output()[-2000:]
                self.kill()
                raise LabError(f"`{self.command}`: no end after {timeout} s; so far:\n{so_far!r}")
            self.host.check_alive()
            shown = self._echo(echo, shown)
            time.sleep(0.005)
        self._echo(echo, shown)
        result = Result(self.command, int(self._file("rc").read_text()), self.output(), time.monotonic() - self.began)
        self._forget()
        return result

    def done(self):
        return self._file("rc").exists()

    def kill(self):
        """End all processes of the job; nobody waits for it. (Its pid is not its group's: see /proc/PID/stat.)"""
        if self._file("pid").exists():
            stat = f"/proc/{self._file('pid').read_text().strip()}/stat"
            self.host.must(f"kill -9 -$(cut -d ' ' -f 5 {stat}) 2>/dev/null; true")
        self._forget()

    def output(self, beyond=0):
        """What it has written so far, after its first so many bytes."""
        with self.open_output() or io.BytesIO() as f:
            f.seek(beyond)
            return f.read()

    def open_output(self):
        """The file to which its output goes, or None if it has not begun."""
        try:
            return open(self._file("out"), "rb", buffering=0)
        except FileNotFoundError:
            return None

    def _forget(self):
        for suffix in ("sh", "out", "rc", "pid"):
            self._file(suffix).unlink(missing_ok=True)

    def _file(self, suffix):
        return self.path.with_name(f"{self.path.name}.{suffix}")

    def _echo(self, stream, shown):
        if stream is None:
            return shown
        data = self.output(shown)
        stream.write(data)
        stream.flush()
        return shown + len(data)


class Host:
    def __init__(self, name="dev", link=None):
        self.name, self.link, self.folder, self._qemu = name, link, RUN / name, None
        self.share, self.console = self.folder / "share", self.folder / "console.log"
        storage = link.socket.parent if link else self.folder       # what both hosts of a pair see is the first one's
        self.common, self.disk = storage / "common", storage / "disk"
        self.loglvl = "error"       # of Xen; "all": why it refuses what is asked of it

    # ---- life

    def up(self, flavour="noshadow", mem=4096, dom0_mem=1500, cpus=2):
        """Boot, and return when dom0's agent answers."""
        if self.alive():
            raise LabError(f"host {self.name} is up already")
        with parts.cache_lock():
            xen, (kernel, _, _), initrd = parts.hypervisor(flavour), parts.dom0_kernel(), parts.dom0_initrd()
            tools = parts.dom0_tools()
            guest = {"vmlinuz": parts.guest_kernel(), "initrd": parts.guest_initrd(),
                     "initrd-files": parts.guest_initrd(205), "tiny": parts.tiny_kernel()}
        self._lay_out(guest)
        self._start_qemu(xen, kernel, initrd, mem, dom0_mem, cpus)
        self._await(lambda: (self.share / "ready").exists(), BOOT_SECONDS, "dom0's agent")
        for tool in tools.iterdir():
            self.put(tool, f"/usr/{'lib' if tool.suffix else 'bin'}/{tool.name}")
        self.must("ls /usr/lib/*.so >/etc/ld.so.preload")
        if self.link:
            self.link.configure(self)
        return self

    def down(self):
        if self.alive():
            os.kill(self._pid(), signal.SIGKILL)
            self._await(lambda: not self.alive(), 10, "QEMU's end", alive=False)
        shutil.rmtree(self.share, ignore_errors=True)

    def alive(self):
        """Is QEMU running? If another process started it, its command line is compared: pids are used again."""
        if self._qemu:
            return self._qemu.poll() is None
        try:
            with open(f"/proc/{self._pid()}/cmdline", "rb") as f:
                return str(self.console).encode() in f.read()
        except (OSError, ValueError):
            return False

    def processor_seconds(self):
        """What it has cost the machine outside."""
        with open(f"/proc/{self._pid()}/stat") as f:
            return sum(map(int, f.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def check_alive(self):
        if not self.alive():
            raise LabError(f"host {self.name} is not up\n{self.console_tail()}")

    def console_tail(self, lines=25):
        """The end of what Xen and dom0's kernel said."""
        if not self.console.exists():
            return "(no console log)"
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-lines:])

    # ---- commands and files

    def start(self, command):
        self.check_alive()
        return Job(self, command)

    def sh(self, command, timeout=300, echo=None):
        return self.start(command).wait(timeout, echo)

    def must(self, command, timeout=300):
        """Like sh, for steps of the lab itself: another status than 0 is a LabError. Returns the output as text."""
        result = self.sh(command, timeout)
        if result.status:
            raise LabError(str(result))
        return result.text()

    def put(self, source, path, timeout=120):
        """Copy a file into dom0. (cp would pass 4 KiB at a time through the shared folder, twenty times slower.)"""
        between = self.share / f"put-{uuid.uuid4().hex[:8]}"
        shutil.copy(source, between)
        try:
            self.must(f"mkdir -p $(dirname {path}) && dd bs=480k if=/lab/share/{between.name} of={path}.new && "
                      f"{'chmod +x' if os.access(source, os.X_OK) else ':'} {path}.new && mv {path}.new {path}", timeout)
        finally:
            between.unlink()

    def get(self, path, target, timeout=120):
        """Copy a file out of dom0."""
        between = self.share / f"get-{uuid.uuid4().hex[:8]}"
        self.must(f"dd bs=480k if={path} of=/lab/share/{between.name}", timeout)
        shutil.move(between, target)

    def sync(self, build):
        """Bring the product into dom0: its programs to /usr/bin, the libraries they need beside dom0's own."""
        names = ("pvferry", "pvferryd", "pvferry-save-helper", "pvferry-expander", "pvferry-builder", "pvferry-toolstack")
        programs = [build / name for name in names if (build / name).exists()]
        present = self.must("ls /lib/x86_64-linux-gnu").split()
        for library in parts.libraries(*programs) if programs else []:
            if os.path.basename(library) not in present:
                self.put(library, f"/lib/x86_64-linux-gnu/{os.path.basename(library)}")
        for program in programs:
            self.put(program, f"/usr/bin/{program.name}")
        return [p.name for p in programs]

    def offer_kernel(self, name):
        """Have a kernel of parts.patched_kernels() where guests' parts are. The plain one is there already."""
        if not (self.share / "guest" / name).exists():
            with parts.cache_lock():
                os.link(parts.patched_kernels() / name, self.share / "guest" / name)

    def ring(self, job):
        fd = os.open(self.folder / "cmd.in", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, job.encode() + b"\n")
        os.close(fd)

    # ---- inside

    def _lay_out(self, guest):
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.share / "jobs").mkdir(parents=True)
        (self.share / "guest").mkdir()
        for name, source in guest.items():
            os.link(source, self.share / "guest" / name)
        for end in ("in", "out"):
            os.mkfifo(self.folder / f"cmd.{end}")
        if not self.common.exists():
            self.common.mkdir()
            with open(self.disk, "wb") as disk:
                disk.truncate(DISK_BYTES)

    @staticmethod
    def _folder(tag, path):
        return ["-fsdev", f"local,id={tag},path={path},security_model=none",
                "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag},iommu_platform=on,disable-legacy=on"]

    def _start_qemu(self, xen, kernel, initrd, mem, dom0_mem, cpus):
        command = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", str(cpus), "-m", str(mem),
            "-display", "none", "-no-reboot", "-monitor", "none", "-nic", "none", "-nodefaults",
            "-serial", f"file:{self.console}", "-serial", f"pipe:{self.folder}/cmd",
            *self._folder("share", self.share), *self._folder("common", self.common),
            "-drive", f"file={self.disk},format=raw,if=none,id=disk,cache=writethrough,file.locking=off",
            "-device", "virtio-blk-pci,drive=disk,iommu_platform=on,disable-legacy=on",
            *(self.link.qemu(self.folder) if self.link else []),
            "-kernel", str(xen), "-append", f"console=com1 dom0_mem={dom0_mem}M loglvl={self.loglvl} guest_loglvl={self.loglvl}",
            "-initrd", f"{kernel} console=hvc0 quiet rdinit=/init,{initrd}"]
        with open(self.folder / "qemu.log", "wb") as log:
            self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd=self.folder, start_new_session=True)
        (self.folder / "pid").write_text(str(self._qemu.pid))

    def _pid(self):
        return int((self.folder / "pid").read_text())

    def _await(self, condition, seconds, what, alive=True):
        end = time.monotonic() + seconds
        while not condition():
            if alive and not self.alive():
                raise LabError(f"QEMU of host {self.name} ended: {(self.folder / 'qemu.log').read_text()[-1000:]}\n"
                               + self.console_tail())
            if time.monotonic() > end:
                raise LabError(f"host {self.name}: no {what} after {seconds} s\n{self.console_tail()}")
            time.sleep(0.05)


def up_hosts():
    return [Host(p.name) for p in sorted(RUN.iterdir()) if Host(p.name).alive()] if RUN.exists() else []

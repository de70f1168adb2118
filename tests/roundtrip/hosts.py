"""Simulated hosts and their guests, for the length of one story: made, asked, and taken away."""
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAN = os.environ.get("SAN")
BUILT = ROOT / {None: "build", "": "build", "thread": "build/tsan"}.get(SAN, "build/san")
SIMHOST = pathlib.Path(os.environ.get("SIMHOST_BIN") or ROOT / "build/simhost/simhost").resolve()
PVFERRY = pathlib.Path(os.environ.get("PVFERRY_BIN") or BUILT / "pvferry").resolve()
DRIVER = SIMHOST.parent / "helper-driver"
OUR_HELPER = PVFERRY.parent / "pvferry-save-helper"
# Xen's own programs, of the release whose libraries are linked.
XEN_RELEASE = ".".join(subprocess.run(["pkg-config", "--modversion", "xencontrol"], capture_output=True, text=True,
                                      check=False).stdout.split(".")[:2])
HELPER = pathlib.Path(f"/usr/lib/xen-{XEN_RELEASE}/bin/libxl-save-helper")
DEADLINE = int(os.environ.get("DEADLINE") or (240 if SAN else 120))    # seconds; for what must happen, however busy the machine is
EVERY = os.environ.get("EVERY", "0") not in ("", "0")    # every case of the long stories, and not some of each kind
SEED = int(os.environ.get("SEED") or 20261120)    # which they are
PACE = 1000    # steps of the guests a second, at most: at full speed they would take a processor from what is tested
PROGRAMS = "pvferry,pvferry-builder"    # that calls fail in, unless another one is named
TSAN = "report_thread_leaks=0"    # a builder ends with what it holds, threads among it


class Failure(Exception):
    """The subject did not do what the story demands."""


class Skip(Exception):
    """The story cannot be told here; the text says why."""


def expect(condition, text):
    if not condition:
        raise Failure(str(text))


def poll(what, question):
    """Asks until the answer is true; returns it. Ever less often: who asks holds the host's lock."""
    end, nap = time.monotonic() + DEADLINE, 0.002
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {DEADLINE} s")
        time.sleep(nap)
        nap = min(2 * nap, 0.05)


def is_watcher(pid):
    try:
        return pathlib.Path("/proc", pid, "comm").read_text() == "pvferry-watch\n"
    except OSError:
        return False


class Store:
    """xenstored's own protocol, as far as the stories need it. One request, one reply."""
    DIRECTORY, READ, WRITE, RM, ERROR = 1, 2, 11, 13, 16

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(path))

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("xenstored is gone")
            data += more
        return data

    def ask(self, kind, payload):
        """The reply; None for any error."""
        self.socket.sendall(struct.pack("<4I", kind, 0, 0, len(payload)) + payload)
        kind, _, _, length = struct.unpack("<4I", self.take(16))
        answer = self.take(length)
        return None if kind == self.ERROR else answer

    def read(self, path):
        answer = self.ask(self.READ, path.encode() + b"\0")
        return None if answer is None else answer.decode(errors="replace")

    def write(self, path, value):
        expect(self.ask(self.WRITE, path.encode() + b"\0" + value.encode()) is not None, f"xenstore: {path}")

    def remove(self, path):
        self.ask(self.RM, path.encode() + b"\0")

    def tree(self, path="/"):
        """{path: value} of all there is below."""
        nodes = {path: self.read(path)}
        for name in (self.ask(self.DIRECTORY, path.encode() + b"\0") or b"").decode().split("\0"):
            if name:
                nodes.update(self.tree(f"{path.rstrip('/')}/{name}"))
        return nodes

    def close(self):
        self.socket.close()


class Result:
    """What a command did: status (negative: the signal that ended it), out, err."""

    def __init__(self, status, out, err):
        self.status, self.err = status, err
        self.raw, self.out = out, out.decode(errors="replace") if out is not None else ""

    def __str__(self):
        return f"status {self.status}, said {self.err.strip()!r}"

    def is_one_line(self, start="pvferry: "):
        return self.err.count("\n") == 1 and self.err.startswith(start) and len(self.err) < 600


class Host:
    """A machine with a xenstored and its guests' processor. pace: steps of the guests a second at most, None for all speed."""
    program = PVFERRY

    def __init__(self, stage, name, mem=64, *options, runs=True, pace=PACE):
        self.stage, self.path, self.pace = stage, stage.folder / name, pace
        self.must_simhost("create", self.path, "--mem", mem, *options)
        self.store = Store(self.path / "xenstored/socket")
        self.runs, self.started = False, set()
        if runs:
            self.run_guests()

    def close(self):
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.store.close()
        subprocess.run([SIMHOST, "destroy", self.path], capture_output=True, timeout=DEADLINE)

    # ---- the host itself

    def simhost(self, *args):
        run = subprocess.run([SIMHOST, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=DEADLINE)
        return Result(run.returncode, run.stdout, run.stderr.decode(errors="replace"))

    def must_simhost(self, *args):
        result = self.simhost(*args)
        if result.status:
            raise RuntimeError(f"simhost {' '.join(map(str, args))}: {result} {result.out}")
        return result.out

    def run_guests(self):
        # No pipe to a process that stays.
        words = [SIMHOST, "guests", self.path, "--daemon", *(["--pace", str(self.pace)] if self.pace else [])]
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True, timeout=DEADLINE)
        self.runs = True

    def stop_guests(self):
        self.must_simhost("guests", self.path, "--stop")
        self.runs = False

    def guest(self, mem=4, **options):
        """A guest with pages only it has; options are simhost's. Its id, once it runs."""
        options.setdefault("seed", self.stage.seed())
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        number = int(self.must_simhost("guest", self.path, "--mem", mem, *words))
        if self.runs:
            self.goes_on(number)
        return number

    def domains(self):
        """{id: the flags that simhost lists: r running, p paused, s shut down, d dying}, and the free frames. One that
        dies stays until the last process that was killed has gone."""
        end, listed = time.monotonic() + DEADLINE, self.listed()
        while any("d" in flags for flags in listed.values()) and time.monotonic() < end:
            time.sleep(0.01)
            listed = self.listed()
        return listed

    def listed(self):
        lines = self.must_simhost("list", self.path).splitlines()
        self.free_frames = int(re.match(r"# (\d+) of", lines[0])[1])
        return {int(words[0]): words[6] for words in map(str.split, lines[1:])}

    def leftovers(self):
        """What processes have left that are no more; only the guests' processor and those that watch a guest stay."""
        self.domains()    # gives back what dead processes had
        alive = {(self.path / name).read_text().strip() for name in ("guests.pid", "xenstored/pid")
                 if (self.path / name).exists()}
        return [str(f) for f in self.path.glob("refs.*") if f.name.split(".")[1] not in alive and not is_watcher(f.name.split(".")[1])]

    # ---- guests

    def check(self, number, *options):
        """The guest's account of itself, {word: number}; None where there is none to be had."""
        result = self.simhost("check", self.path, number, *options)
        words = result.out.splitlines()[-1].split() if result.out else []
        facts = {key: int(value) for key, value in zip(words[::2], words[1::2]) if value.isdigit()}
        if not facts:
            return None
        facts["sound"] = not result.status
        facts["text"] = result.out
        return facts

    def state_of(self, number):
        """For whoever has to find out."""
        log = self.path / "guests.log"
        pid = (self.path / "guests.pid").read_text().strip() if self.runs else "none"
        return (f"{self.domains().get(number)} {(self.check(number) or {}).get('text')} processor {pid} "
                f"{'lives' if pathlib.Path('/proc', pid).exists() else 'is gone'} "
                f"request {self.store.read(f'/local/domain/{number}/control/shutdown')!r} "
                f"{log.read_text()[-300:] if log.exists() else ''}")

    def is_sound(self, number, what="the guest"):
        """Its account is right between two of its steps only, so nobody runs meanwhile."""
        runs = self.runs
        if runs:
            self.stop_guests()
        facts = self.check(number)
        log = self.path / "guests.log"
        said = log.read_text()[-500:] if log.exists() else ""
        expect(facts and facts["sound"], f"{what}: its memory is not what it says: {facts and facts['text']}{said}")
        if runs:
            self.run_guests()
        return facts

    def goes_on(self, number, what="the guest"):
        """Runs, has nothing in its mailbox that could stop it later, and all its pages are right."""
        def awake():
            facts = self.check(number, "--brief")
            return facts if facts and facts.get("phase") == 1 else None
        try:
            # What xenstored has sent it is read at the next steps.
            first = poll(f"{what} runs", awake)["ticks"]
            poll(f"{what} runs on", lambda: (awake() or {}).get("ticks", 0) > first + 12)
        except Failure as failure:
            raise Failure(f"{failure}: {self.state_of(number)}") from None
        expect(not self.store.read(f"/local/domain/{number}/control/shutdown"), f"{what}: there is a request left")
        expect(self.domains().get(number, "")[:3] == "r--", f"{what}: {self.domains()}")
        return self.is_sound(number, what)

    def same(self, number, other, other_number, what=""):
        for host in (self, other):
            host.domains()    # gives back what dead processes had mapped: until then it counts as the guest's
        result = self.simhost("compare", self.path, number, other.path, other_number)
        expect(not result.status and result.out.strip() == "equal", f"{what}: not the same guest: {result.out.strip()}")

    def uuid_files(self):
        return sorted(str(f) for f in (self.path / "xenstored").glob("userdata-*"))

    # ---- programs on it

    def environment(self, fault=None, only=PROGRAMS, **more):
        environment = dict(os.environ, ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0:abort_on_error=0",
                           UBSAN_OPTIONS="print_stacktrace=1", TSAN_OPTIONS=TSAN, **more)
        for name in ("SIMHOST_FAULT", "SIMHOST_FAULT_IN", "SIMHOST_TRACE", "SIMHOST_COUNT"):
            environment.pop(name, None) if name not in more else None
        if fault:
            environment.update(SIMHOST_FAULT=fault, SIMHOST_FAULT_IN=only)
        return environment

    def start(self, program, *args, fault=None, only=PROGRAMS, env=(), stdin=subprocess.DEVNULL,
              stdout=subprocess.PIPE, **how):
        process = subprocess.Popen([SIMHOST, "run", self.path, "--", program, *map(str, args)], stdin=stdin,
                                   stdout=stdout, stderr=subprocess.PIPE, start_new_session=True,
                                   env=self.environment(fault, only, **dict(env)), **how)
        self.started.add(process)
        return process

    def end(self, process):
        """Its result; a process that does not come to an end is a failure, and none of its children stays."""
        try:
            out, err = process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Failure(f"{' '.join(map(str, process.args[4:]))}: no end within {DEADLINE} s") from None
        self.started.discard(process)
        result = Result(process.returncode, out, err.decode(errors="replace"))
        report = re.search(r"(runtime error|ERROR: AddressSanitizer|WARNING: ThreadSanitizer|Assertion).*", result.err)
        expect(not report, f"{' '.join(map(str, process.args[5:]))}: {report and report[0]}\n{result.err[-3000:]}")
        return result

    def pvferry(self, *args, **how):
        return self.end(self.start(PVFERRY, *args, **how))

    def must(self, *args, **how):
        result = self.pvferry(*args, **how)
        expect(result.status == 0, f"pvferry {' '.join(map(str, args))}: {result}")
        return result

    def save(self, number, path, *options):
        return self.must("save", *options, number, path)

    def restore(self, path, *options):
        """The new domain's id."""
        return json.loads(self.must("restore", "--json", *options, path).out)["domid"]

    def driver(self, *args, helper=HELPER, env=()):
        """Upstream's code, or what libxl does around it; or that around a helper of ours."""
        result = self.end(self.start(DRIVER, *args, env=dict(env, LIBXL_SAVE_HELPER=str(helper))))
        if result.status:
            raise Failure(f"helper-driver {' '.join(map(str, args))}: {result}")
        return result.out

    def destroy(self, *numbers):
        """Away with them, as xl would."""
        for number in numbers:
            machine = self.store.read(f"/local/domain/{number}/vm")
            self.driver("destroy", number)
            for path in (f"/libxl/{number}", f"/local/domain/0/backend/console/{number}", machine):
                if path:
                    self.store.remove(path)
        for number in numbers:
            for file in (self.path / "xenstored").glob(f"userdata-?.{number}.*"):
                file.unlink()

    def freeze(self, number, path, *options):
        """Saves, and leaves the guest as it was saved, as Xen does not resume it. In rounds only if --live is asked for."""
        how = options if "--live" in options else (*options, "--no-live")
        result = self.pvferry("save", "-c", *how, number, path, fault="domctl.setvcpucontext:*:EPERM")
        expect(result.status == 1 and result.err.rstrip().endswith("the image is complete") and pathlib.Path(path).exists(),
               f"save: {result}")
        expect(self.domains()[number][:3] == "--s", f"it is not suspended: {self.domains()}")


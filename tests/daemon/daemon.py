"""A pvferryd for the length of a story: started, talked to, looked at, and taken away."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAN = os.environ.get("SAN")
BUILD = ROOT / {None: "build", "": "build", "thread": "build/tsan"}.get(SAN, "build/san")
PVFERRYD, PVFERRY = BUILD / "pvferryd", BUILD / "pvferry"
STAND_IN = ROOT / "tests/daemon/stand-in"
DEADLINE = int(os.environ.get("DEADLINE") or (240 if SAN else 120))    # seconds; for what must happen, however busy the machine is


class Failure(Exception):
    """The subject did not do what the story demands."""


class Skip(Exception):
    """The story cannot be told here; the text says why."""


def expect(condition, text):
    if not condition:
        raise Failure(str(text))


def poll(what, question):
    end = time.monotonic() + DEADLINE
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {DEADLINE} s")
        time.sleep(0.02)


class Client:
    """One of the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def send(self, line):
        self.socket.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")

    def read(self):
        """The next object; None at the end."""
        try:
            line = self.file.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    def ask(self, execute, **arguments):
        """The answer to a request, whatever events come before it."""
        self.send({"execute": execute, "arguments": {name.replace("_", "-"): value for name, value in arguments.items()}})
        while True:
            answer = self.read()
            if answer is None or "return" in answer or "error" in answer:
                return answer

    def do(self, execute, **arguments):
        answer = self.ask(execute, **arguments)
        expect(answer and "return" in answer, f"{execute} {arguments}: {answer}")
        return answer["return"]

    def refuse(self, execute, words, **arguments):
        answer = self.ask(execute, **arguments)
        expect(answer and words in answer.get("error", {}).get("desc", ""), f"{execute} {arguments}: not \"{words}\": {answer}")

    def until(self, **wanted):
        """The next event with these fields."""
        while True:
            event = self.read()
            expect(event is not None, f"the end, before an event with {wanted}")
            if all(event.get(key) == value for key, value in wanted.items()):
                return event

    def close(self):
        self.file.close()
        self.socket.close()


class Daemon:
    def __init__(self, *settings, under=(), start=True, environment=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pvferryd-"))
        self.run, self.state = self.folder / "run", self.folder / "state"
        self.config, self.control = self.folder / "pvferryd.conf", self.run / "control"
        self.environment = dict(os.environ, PVFERRY_RUN=str(self.run), PVFERRY_STATE=str(self.state), STAND_IN=str(self.folder),
                                **dict(environment))
        self.under, self.process, self.ear, self.lines, self.clients = list(under), None, None, [], []
        self.configure(*settings)
        if start:
            self.start()

    def configure(self, *settings):
        defaults = {"pvferry": str(STAND_IN), "listen": "127.0.0.1:0", "allow": "there.example"}
        given = {line.split("=")[0].strip() for line in settings}
        lines = [f"{name} = {value}" for name, value in defaults.items() if name not in given] + list(settings)
        self.config.write_text("# a test's\n" + "\n".join(lines) + "\n", encoding="utf-8")

    def start(self):
        self.lines.clear()
        self.process = subprocess.Popen([*self.under, str(PVFERRYD), "-v", "--config", str(self.config)], env=self.environment,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.ear = threading.Thread(target=self.hear, args=(self.process.stderr,), daemon=True)
        self.ear.start()
        self.await_line("listens ")
        poll("its first recovery", lambda: self.noted("recoveries"))

    def hear(self, pipe):
        for line in pipe:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def said(self, words):
        return [line for line in list(self.lines) if words in line]

    def await_line(self, words):
        def look():
            if self.process.poll() is not None:
                self.ear.join(DEADLINE)
                expect(self.said(words), "\n".join(["pvferryd ended:", *self.lines]))
            return self.said(words)
        return poll(f"a line with \"{words}\"", look)[-1]

    def noted(self, kind):
        """What the stand-ins noted."""
        try:
            return [json.loads(line) for line in (self.folder / kind).read_text().splitlines()]
        except FileNotFoundError:
            return []

    def client(self):
        self.clients.append(Client(self.control))
        return self.clients[-1]

    @property
    def port(self):
        return int(re.search(r":(\d+)$", self.said("listens on")[-1])[1])

    def connect(self, source="127.0.0.1"):
        peer = socket.socket()
        peer.settimeout(DEADLINE)
        peer.bind((source, 0))
        peer.connect(("127.0.0.1", self.port))
        return peer

    def jobs(self):
        client = Client(self.control)
        try:
            return client.do("jobs")["jobs"]
        finally:
            client.close()

    def job(self, state, **wanted):
        """A job in that state, once there is one."""
        def look():
            return [job for job in self.jobs() if job["state"] == state and all(job.get(k) == v for k, v in wanted.items())]
        return poll(f"a job that is {state}, {wanted}", look)[0]

    def touch(self, name):
        (self.folder / name).touch()

    def children(self):
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def alive(self):
        expect(self.process.poll() is None, "\n".join(["pvferryd ended:", *self.lines[-20:]]))
        client = self.client()
        client.do("jobs")
        client.close()

    def end(self, number=signal.SIGTERM):
        """Its exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def close(self):
        """Whatever the story left."""
        for client in self.clients:
            client.close()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"STAND_IN={self.folder}".encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                    os.kill(int(path.parent.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

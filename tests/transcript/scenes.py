"""What the sessions are played on: hosts, their guests and daemons, and the states that a command line alone does not bring about."""
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import daemons
import hosts
import moves
import pki
from hosts import DEADLINE, expect, poll

# Figures that depend on the machine, in the order in which they are replaced.
MASKS = [
    (r"(--incoming +\d+) +\d+ +\d+ ", r"\1 N N "),    # it is being built
    (r"(?m)^( *\S[^|\d]*?) +\d+ ms \|[# ]{44}\|$", r"\1 N ms |a bar|"),    # a part of the downtime
    (r"\b\d+(\.\d+)? (MiB|KiB|GiB)/s", r"N \2/s"),
    (r"\b\d+(\.\d+)? (ms|s)\b(?! \(default)", r"N \2"),
    (r"\b\d+\.\d+ MiB\b", "N MiB"),
    (r"\(\d+\.\d+:1\)", "(N:1)"),
    (r"\b\d+ rounds?\b", "N rounds"),
    (r"\b\d+ records\b", "N records"),
    (r"\bat byte \d+\b", "at byte N"),
    (r"\b(last|state|image|send|build|go|run|suspend|copy|resume) \d+(?=[,)])", r"\1 N"),
    (r"(?m)^( +(?:\d+|stopped)) +\d+ +[\d.]+ +\d+ +(?:[\d.]+|-) +(?:\d+|-)$", r"\1 N N N N N"),    # a round
    (r"\b(process|kill) \d+\b", r"\1 PID"),
]


class Receiver:
    """Waits for one connection; closed like a daemon."""

    def __init__(self, host, pki_folder, allow):
        self.receiver = moves.Receiver(host, "--pki", pki_folder, "--allow", allow, plain=False)
        self.port = self.receiver.port

    def close(self):
        if self.receiver.process.poll() is None:
            self.receiver.process.kill()
        self.receiver.process.communicate()


class Session:
    def __init__(self, stage):
        self.stage, self.hosts, self.daemons, self.moves = stage, {}, {}, []
        self.folder = stage.folder / "work"
        self.folder.mkdir()
        self.jobs = []    # their names, in the order in which they were seen

    def close(self):
        for daemon in self.daemons.values():
            daemon.close()
        for move in self.moves:
            with contextlib.suppress(OSError):
                move.line.cut()
            for side in ("source", "destination"):
                for pid in move.processes(side).values():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, 9)

    # ---- what is replaced

    def find_jobs(self):
        """Names of jobs become JOB1, JOB2... in the order in which they first stand in a journal."""
        for host in self.hosts.values():
            for file in sorted((host.path / "jobs").glob("*.json"), key=lambda f: f.stat().st_mtime):
                name = file.name.split(".")[0]
                if name not in self.jobs:
                    self.jobs.append(name)

    def mask(self, text):
        self.find_jobs()
        for number, job in enumerate(self.jobs, 1):
            for digits in (32, 12, 8):
                text = text.replace(job[:digits], f"JOB{number}".ljust(digits) if digits == 12 else f"JOB{number}")
        for daemon in self.daemons.values():
            text = re.sub(rf"(?<!\d){daemon.port}(?!\d)", "PORT", text)
        for name, host in self.hosts.items():
            text = text.replace(str(host.path), f"/{name}")
        text = text.replace(str(self.folder), "/work").replace(str(self.stage.folder), "")
        text = text.replace(str(hosts.PVFERRY.parent), "/usr/sbin")
        for pattern, word in MASKS:
            text = re.sub(pattern, word, text)
        return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)

    # ---- typing

    def environment(self, host):
        path = f"{hosts.PVFERRY.parent}:{hosts.SIMHOST.parent}:{pathlib.Path(__file__).parent}:{os.environ['PATH']}"
        return self.hosts[host].environment(PATH=path, LC_ALL="C.UTF-8", TERM="xterm", COLUMNS="100",
                                            PVFERRY_PKI=str(self.stage.folder / "pki" / host))

    def words(self, host, command):
        ports = "".join(f"{name}_port={daemon.port}; " for name, daemon in self.daemons.items())
        return [str(hosts.SIMHOST), "run", str(self.hosts[host].path), "--", "sh", "-c", ports + command]

    def run(self, words, host):
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder,
                              env=self.environment(host), timeout=DEADLINE, check=False)

    def type(self, host, command):
        run = self.run(self.words(host, command), host)
        return run.stdout.decode(errors="replace") + (f"[status {run.returncode}]\n" if run.returncode else "")

    def type_at_terminal(self, host, command):
        """What stands on the screen at the end, and whether there were lines that were erased."""
        words = ["script", "--quiet", "--return", "--command", shlex.join(self.words(host, command)), "/dev/null"]
        run = self.run(words, host)
        raw = run.stdout.decode(errors="replace")
        text = screen(raw)
        if re.search(r"\d %", raw):
            text += "[progress was shown]\n"
        return text + (f"[status {run.returncode}]\n" if run.returncode else "")

    # ---- hosts and guests

    def host(self, name, *options):
        self.hosts[name] = self.stage.host(name, 96, *options)

    def guest(self, host, name, *options):
        words = dict(zip((o.lstrip("-") for o in options[::2]), options[1::2]))
        self.hosts[host].guest(int(words.pop("mem", 4)), name=name, **words)

    def certificates(self):
        """One for each host, which is dialled as localhost."""
        if not (self.stage.folder / "pki").is_dir():
            names = list(self.hosts)
            pki.make(self.stage.folder / "pki", *names,
                     extensions={name: f"subjectAltName=DNS:{name},DNS:localhost" for name in names})

    def daemon(self, host, allow, *settings):
        if not daemons.PVFERRYD.exists():
            raise hosts.Skip("pvferryd was not built")
        self.certificates()
        self.daemons[host] = daemons.Daemon(self.hosts[host], self.stage.folder / "pki" / host, allow,
                                            *(s.replace("=", " = ") for s in settings))

    def receiver(self, host, allow):
        """`pvferry receive` for one connection, at $HOST_port."""
        self.certificates()
        self.daemons[host] = Receiver(self.hosts[host], self.stage.folder / "pki" / host, allow)

    def expired(self, host, name):
        """The host's certificate, made again so that it is over. OpenSSL 3.5 makes none that ends before it begins."""
        pki_folder, to = self.stage.folder / "pki", self.folder / name
        shutil.copytree(pki_folder / host, to)
        for words in (("req", "-new", "-key", to / "key.pem", "-subj", f"/CN={host}", "-out", to / "request"),
                      ("x509", "-req", "-in", to / "request", "-CA", pki_folder / "ca.pem", "-CAkey", pki_folder / "ca.key",
                       "-days", "0", "-out", to / "cert.pem")):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def kill_daemon(self, host):
        self.daemons[host].kill()

    def number(self, host, name):
        store = self.hosts[host].store
        return next(n for n in self.hosts[host].domains() if store.read(f"/local/domain/{n}/name") == name)

    # ---- states

    def slow_move(self, source, name, destination):
        """On its way by pvferryd, which has just begun with its memory."""
        self.hosts[source].must("migrate", "--detach", "--bandwidth", "1", "--threads", "2", "--port",
                                self.daemons[destination].port, name, "localhost")
        self.daemons[source].job("running", role="source")
        self.daemons[destination].job("running", role="destination")
        poll("its memory is on its way",
             lambda: self.daemons[source].job("running", role="source").get("status", {}).get("status") == "active")

    def cut_move(self, source, name, destination, sender, kind):
        """Without pvferryd, cut where the sender says this for the first time."""
        move = moves.Move(self.hosts[source], self.hosts[destination], self.number(source, name),
                          lambda _move, who, what, _n: "cut" if (who, what) == (sender, kind) else None)
        move.end()

    def no_jobs(self, host):
        poll("no job is left", lambda: not self.daemons[host].children())

    def write(self, name, *words):
        (self.folder / name).write_text(" ".join(words).replace("\\n", "\n"))


def screen(raw):
    """What a terminal shows in the end of carriage returns, erased lines and line feeds."""
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", raw, flags=re.DOTALL):
        if part == "\n":
            lines.append("")
            column = 0
        elif part == "\r":
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif part[0] != "\x1b":
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + 1:]
            column += 1
    return "\n".join(lines)


__all__ = ["expect", "pathlib"]

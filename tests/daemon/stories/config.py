"""What is wrong in the settings is told with file and line, and nothing is started."""
import os
import pathlib
import subprocess

from daemon import PVFERRYD, expect

STAND_IN = pathlib.Path(__file__).resolve().parent.parent / "stand-in"
WRONG = [
    ("max-jobs = 0", "is not a whole number from 1"), ("max-jobs = 1x", "whole number"), ("max-jobs = -1", "whole number"),
    ("max-jobs = 99999999999999999999", "whole number"), ("max-jobs", "is not NAME = VALUE"), ("= 5", 'unknown setting ""'),
    ("maxjobs = 5", 'unknown setting "maxjobs"'), ("listen =", "has no value"), ("listen = here:8666", "not ADDRESS:PORT"),
    ("listen = 8666", "not ADDRESS:PORT"), ("listen = ::1:8666", "not ADDRESS:PORT"), ("listen = 127.0.0.1:99999", "not ADDRESS:PORT"),
    ("listen = 127.0.0.1:", "not ADDRESS:PORT"), ("listen = [127.0.0.1]:x", "not ADDRESS:PORT"), ("pki = pki", "full path"),
    ("pvferry = pvferry", "full path"), ("allow-config = labels, world", "allow-config takes"), ("transport = udp", "tls or tcp"), ("allow = " + "x" * 300, "too long a name"),
    ("allow = " + "x," * 300, "too many names"), ("\0max-jobs = 5", "pvferryd.conf:3"), ("listen = 127.0.0.1:1\n" * 20, "too many addresses"),
]
FINE = ["listen = [::1]:8666", "  allow=a,b\tc , d  ", "# comment", "", "\t", "transport = tls", "stop-timeout = 1", "pki = /a b/c", "allow-config = labels, pools", "allow-devices = /dev/vg0/* xenbr*"]


def check(folder, text):
    path = folder / "pvferryd.conf"
    path.write_text(text)
    told = subprocess.run([PVFERRYD, "--check", "--config", path], capture_output=True, text=True, check=False)
    is_fine = told.stdout.endswith(f"{path}: OK\n")
    expect(is_fine == (told.returncode == 0), f"it says OK: {told}")
    return told.returncode, told.stderr


def run(stage):
    unstarted = stage.daemon(start=False)
    folder = unstarted.folder
    os.environ.update({name: unstarted.environment[name] for name in ("STAND_IN",)})
    FINE.append(f"pvferry = {STAND_IN}")
    for line, words in WRONG:
        status, text = check(folder, f"# comment\n\n{line}\nmax-jobs = 3\n")
        line_number = 19 if "too many addresses" in words else 3
        expect(status == 1 and words in text and f"pvferryd.conf:{line_number}" in text, f"{line[:40]}: {status} {text}")
    for line in FINE:
        expect(check(folder, f"{line}\npvferry = {STAND_IN}") == (0, ""), f"{line}: {check(folder, line)}")
    status, text = check(folder, "max-jobs = 0\nmaxjobs = 5\n\nallow = *.example.com\n")
    expect(status == 1 and all(f"pvferryd.conf:{n}: " in text for n in (1, 2, 4)), f"all mistakes: {text}")
    status, text = check(folder, "pvferry = /nonexistent\n")
    expect(status == 1 and "cannot start /nonexistent" in text, f"a program that is missing: {text}")
    expect(check(folder, "\n".join(FINE)) == (0, ""), "all of them")
    status, text = check(folder, "transport = tcp\n")
    expect(status == 1 and "listen = " in text, text)
    told = subprocess.run([PVFERRYD, "--config", folder / "none"], capture_output=True, text=True, check=False)
    expect(told.returncode == 1 and "No such file" in told.stderr, told)
    for words in (["--nonsense"], ["operand"]):
        expect(subprocess.run([PVFERRYD, *words], capture_output=True, check=False).returncode == 2, words)
    taken = stage.daemon()
    status = subprocess.run([PVFERRYD, "--config", taken.config], env=dict(taken.environment, PVFERRY_RUN=str(folder)),
                            capture_output=True, text=True, check=False, timeout=120) if configure(taken) else None
    expect(status.returncode == 1 and "cannot listen on 127.0.0.1" in status.stderr, status)
    nowhere = stage.daemon("allow = # nobody", start=False)
    nowhere.config.write_text(f"pvferry = {nowhere.environment['STAND_IN']}/none\n")
    nowhere.process = subprocess.Popen([PVFERRYD, "--config", nowhere.config], env=nowhere.environment, stderr=subprocess.PIPE)
    nowhere.lines = [nowhere.process.stderr.readline().decode() for _ in range(2)]
    expect(nowhere.said("listens nowhere") and nowhere.said("cannot start"), nowhere.lines)


def configure(taken):
    taken.configure(f"listen = 127.0.0.1:{taken.port}")
    return True

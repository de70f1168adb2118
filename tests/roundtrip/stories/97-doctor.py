"""`pvferry doctor`: no Xen, Xen with and without log-dirty, certificates, daemon, port, helper, guests, jobs: each lack has its remedy."""
import json
import os
import pathlib
import socket
import subprocess

import daemons
import hosts
import moves
import pki
from hosts import expect


def judge(text, status):
    """{check: [finding, ...]}; what is not fine has a remedy, and the status is that of the worst."""
    found = json.loads(text)
    checks = {}
    for line in found["checks"]:
        expect(line["verdict"] in ("ok", "warning", "problem"), line)
        expect((line["verdict"] == "ok") == ("remedy" not in line) and line["text"], f"a finding and its remedy: {line}")
        checks.setdefault(line["check"], []).append(line)
    problems = [line for line in found["checks"] if line["verdict"] == "problem"]
    expect(found["problems"] == len(problems) and status == (1 if problems else 0), f"status {status}: {problems}")
    return checks


def doctor(host, *words, **how):
    result = host.pvferry("doctor", "--json", *words, **how)
    expect(not result.err, f"doctor says something else: {result}")
    return judge(result.out, result.status)


def verdict(checks, name, is_verdict, *words):
    """One of the findings of this name is that, and says so; the finding."""
    fitting = [line for line in checks.get(name, []) if line["verdict"] == is_verdict
               and all(word in line["text"] + line.get("remedy", "") for word in words)]
    expect(fitting, f"no {is_verdict} of {name} with {words}: {checks}")
    return fitting[0]


def without_xen(stage):
    environment = dict(os.environ, PVFERRY_RUN=str(stage.folder / "none"), PVFERRY_STATE=str(stage.folder / "none"))
    environment.pop("LD_PRELOAD", None)

    def run(*words):
        return subprocess.run([hosts.PVFERRY, "doctor", *words], capture_output=True, text=True, env=environment)
    result = run("--json", "--pki", str(stage.folder / "none"))
    checks = judge(result.stdout, result.returncode)
    verdict(checks, "xen", "problem", "no Xen here", "xen-system-amd64" if not os.geteuid() else "root")
    verdict(checks, "pvferryd", "warning", "systemctl enable" if not os.geteuid() else "root")
    verdict(checks, "certificate", "problem", "there is no", "cert init-ca")
    expect("guest" not in checks and "log-dirty" not in checks, checks)
    text = run("--pki", str(stage.folder / "none"))
    expect(text.returncode == 1 and "\n" + " " * 22 + "-> " in text.stdout and "problem  xen" in text.stdout, text)
    for words in (["--port", "0"], ["--port", "x"], ["a", "b"]):
        expect(run(*words).returncode == 2, f"{words} are accepted")


def with_xen(stage, host, folder):
    checks = doctor(host, "--pki", folder)
    verdict(checks, "xen", "ok", "Xen 4.", "built for Xen")
    verdict(checks, "log-dirty", "ok", "not affected by XSA-495")
    verdict(checks, "memory", "ok", "MiB are free")
    verdict(checks, "certificate", "ok", "localhost")
    verdict(checks, "key", "ok")
    old = stage.host("shadow", 32, "--flavour", "shadow")
    verdict(doctor(old, "--pki", folder), "log-dirty", "warning", "XSA-495", "full-upgrade")
    bad = stage.host("bad", 32, "--xen", "4.21.1")
    verdict(doctor(bad, "--pki", folder), "xen", "problem", "r8 to r15", "full-upgrade")


def certificates(host, ca, folder):
    verdict(doctor(host, "--pki", ca / "never"), "certificate", "problem", "there is no", "cert init-ca")
    (folder / "key.pem").chmod(0o640)
    verdict(doctor(host, "--pki", folder), "key", "ok")
    (folder / "key.pem").chmod(0o604)
    verdict(doctor(host, "--pki", folder), "key", "problem", "0604", "chmod 600")
    (folder / "key.pem").chmod(0o600)
    good = (folder / "cert.pem").read_bytes()
    pki.expire(ca, folder)
    verdict(doctor(host, "--pki", folder), "certificate", "problem", "expired on", "cert issue --renew", "localhost")
    (folder / "cert.pem").write_bytes(b"no certificate\n")
    verdict(doctor(host, "--pki", folder), "certificate", "problem", "not a certificate", "cert issue")
    (folder / "cert.pem").write_bytes((ca / "hosts/other/cert.pem").read_bytes())
    verdict(doctor(host, "--pki", folder), "key", "problem", "does not belong")
    (folder / "cert.pem").write_bytes(good)


def helper(host, folder):
    mine = hosts.PVFERRY.parent / "pvferry-save-helper"
    with_it = doctor(host, "--pki", folder, env={"LIBXL_SAVE_HELPER": str(mine)})
    if not pathlib.Path("/etc/environment").exists() or "SAVE_HELPER" not in pathlib.Path("/etc/environment").read_text():
        verdict(doctor(host, "--pki", folder), "helper", "warning", "Xen's own helper", "pvferry-save-helper")
    verdict(with_it, "helper", "ok", "in force")
    other = doctor(host, "--pki", folder, env={"LIBXL_SAVE_HELPER": "/bin/true"})
    verdict(other, "helper", "warning", "Xen's own helper")


def guests(stage, host, folder):
    runs, paused, hvm, left = (host.guest(4) for _ in range(4))
    names = {n: host.store.read(f"/local/domain/{n}/name") for n in (runs, paused, hvm, left)}
    host.must("save", "-p", paused, stage.folder / "paused.pvf")
    host.simhost("fault", host.path, "--hvm", hvm)
    host.freeze(left, stage.folder / "left.pvf", "--force")
    checks = doctor(host, "--pki", folder)
    verdict(checks, "guest", "ok", names[runs] + ": can be saved")
    verdict(checks, "guest", "ok", names[hvm] + ": it is an HVM")
    verdict(checks, "guest", "problem", names[left], "no process works on", "pvferry resume")
    verdict(checks, "guest", "warning", names[paused], "paused", "xl unpause")
    for kind, number, remedy in (("pci", 0, "--without-devices"),):
        host.store.write(f"/libxl/{runs}/device/{kind}/{number}", "")
        found = verdict(doctor(host, "--pki", folder), "guest", "warning", names[runs], f"{kind} {number}", remedy)
        expect("destroy" not in found["remedy"], found)
        host.store.remove(f"/libxl/{runs}/device/{kind}")
    host.must("resume", left)
    host.goes_on(left)
    verdict(doctor(host, "--pki", folder), "guest", "ok", names[left] + ": can be saved")
    host.simhost("fault", host.path, "--hvm", hvm)


def daemon(stage, host, folder):
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    verdict(doctor(host, "--pki", folder, "--port", port), "port", "ok", str(port))
    free.close()
    checks = doctor(host, "--pki", folder, "--port", port)
    verdict(checks, "port", "warning", str(port), "allow = NAME", "pvferryd.conf")
    verdict(checks, "pvferryd", "warning", "pvferryd does not answer")
    running = daemons.Daemon(host, folder, "sender")
    checks = doctor(host, "--pki", folder, "--port", running.port)
    verdict(checks, "pvferryd", "ok")
    verdict(checks, "port", "ok")
    running.end()


def jobs(host, folder):
    """A job that was cut short where only the other host knows what became of the guest."""
    verdict(doctor(host, "--pki", folder), "job", "ok", "no job")
    job = "ab" * 16
    entry = {"job": job, "role": "source", "stage": "go", "uuid": "01234567-89ab-cdef-0123-456789abcdef", "domain": "web1",
             "peer": "host2", "via": "tls", "ssh": "", "pki": "", "boot-id": "", "reason": "", "connection": "", "domid": 99,
             "port": 1, "pid": 1, "time": 1, "from-here": False}
    file = host.path / "jobs" / f"{job}.source.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(entry))
    verdict(doctor(host, "--pki", folder), "job", "problem", "web1", "may run on host2", "pvferry resolve abababab")
    file.write_text(json.dumps(dict(entry, stage="streaming")))
    verdict(doctor(host, "--pki", folder), "job", "warning", "cut short", "resolve --recover")
    file.unlink()
    left = [name for name in moves.locks(host) if name != "pvferryd.lock"]
    expect(not left, f"doctor leaves locks: {left}")


def run(stage):
    without_xen(stage)
    ca = stage.folder / "ca"
    for words in (["init-ca"], ["issue", "localhost"], ["issue", "other"], ["issue", "sender"]):
        subprocess.run([hosts.PVFERRY, "cert", *words, "--ca", ca], check=True, stderr=subprocess.DEVNULL)
    folder = ca / "hosts/localhost"
    host = stage.host("own", 96, "--flavour", "noshadow")
    with_xen(stage, host, folder)
    certificates(host, ca, folder)
    helper(host, folder)
    daemon(stage, host, folder)
    jobs(host, folder)
    guests(stage, host, folder)

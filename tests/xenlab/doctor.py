"""What 38-doctor-*.py share: `pvferry doctor` on a host of real Xen, which asks itself as the other host, too."""
import json

from scenario import expect

ITSELF = "--via ssh --ssh '' 'pvferry receive'"


def doctor(stage, words=""):
    """(status, {check: findings}); what is not fine has a remedy."""
    result = stage.sh(f"pvferry doctor --json {words}")
    found = json.loads(result.text())
    checks = {}
    for line in found["checks"]:
        expect((line["verdict"] == "ok") == ("remedy" not in line), line)
        checks.setdefault(line["check"], []).append(line)
    expect(result.status == (1 if found["problems"] else 0), f"{result.status}: {found}")
    return checks


def is_found(checks, name, verdict, words):
    expect(any(line["verdict"] == verdict and words in line["text"] for line in checks.get(name, [])),
           f"no {verdict} of {name} with \"{words}\": {checks}")


def look(stage, log_dirty, words):
    stage.guest(check="mib=8")
    checks = doctor(stage)
    is_found(checks, "xen", "ok", "Xen 4.")
    is_found(checks, "log-dirty", log_dirty, words)
    is_found(checks, "memory", "ok", "MiB are free")
    is_found(checks, "guest", "ok", "can be saved and migrated")
    is_found(checks, "certificate", "problem", "there is no")
    checks = doctor(stage, ITSELF)
    expect("certificate" not in checks, checks)
    is_found(checks, "peer", "ok", "lets this host in")
    is_found(checks, "peer-xen", "ok", "MiB are free")
    is_found(checks, "peer-cpu", "ok", "all CPU features")
    is_found(checks, "peer-link", checks["peer-link"][0]["verdict"], "MiB/s")
    stage.figure(checks["peer-link"][0]["text"].split(": ", 1)[1])

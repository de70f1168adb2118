"""`pvferry cert` makes what TLS needs: a guest moves with it; a wrong name, an expired certificate and another CA are told apart."""
import json
import os
import subprocess

import hosts
import moves
import pki
from hosts import expect


def cert(*words, status=0):
    result = subprocess.run([hosts.PVFERRY, "cert", *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    expect(result.returncode == status, f"pvferry cert {' '.join(map(str, words))}: {result}")
    return result


def checks(*words, status=0):
    """{(check, verdict): its finding} of `cert show`."""
    found = json.loads(cert("show", "--json", *words, status=status).stdout)
    for line in found["checks"]:
        expect((line["verdict"] == "ok") == ("remedy" not in line), f"a finding and its remedy: {line}")
    expect(found["problems"] == sum(line["verdict"] == "problem" for line in found["checks"]), found)
    return {(line["check"], line["verdict"]): line for line in found["checks"]}


def make(folder):
    ca = folder / "ca"
    cert("init-ca", "--ca", ca)
    for name in ("sender", "localhost"):
        cert("issue", "--ca", ca, name)
    return ca, ca / "hosts/sender", ca / "hosts/localhost"


def modes(folder):
    return {name: os.stat(folder / name).st_mode & 0o7777 for name in os.listdir(folder)}


def attempt(source, destination, number, own, theirs, host="localhost", allow="sender"):
    receiver = moves.Receiver(destination, "--pki", theirs, "--allow", allow, plain=False)
    result = source.pvferry("migrate", "--pki", own, "--port", receiver.port, number, host)
    return result, receiver.end()


def refused(source, number, outcome, words):
    result, taken = outcome
    expect(result.status == 1 and taken.status == 1, f"{words}: {result}; {taken}")
    expect(any(w in result.err + taken.err for w in words), f"not {words}: {result}; {taken}")
    source.goes_on(number, words[0])


def refusals(stage, source, destination, number, ca):
    own, theirs = ca / "hosts/sender", ca / "hosts/localhost"
    refused(source, number, attempt(source, destination, number, own, theirs, host="127.0.0.1"), ["not for 127.0.0.1"])
    refused(source, number, attempt(source, destination, number, own, theirs, allow="another"), ["not on the list", "closed"])
    cert("issue", "--ca", ca, "another")
    refused(source, number, attempt(source, destination, number, own, ca / "hosts/another"), ["not for localhost"])
    (stage.folder / "other").mkdir()
    other, _, foreign = make(stage.folder / "other")
    refused(source, number, attempt(source, destination, number, own, foreign), ["refused", "unknown ca", "handshake"])
    expect(("certificate", "ok") in checks("--ca", other, "--pki", foreign), "the other CA's own are sound")
    pki.expire(ca, theirs)
    refused(source, number, attempt(source, destination, number, own, theirs), ["expired"])
    found = checks("--ca", ca, "--pki", theirs, status=1)
    expect("expired on" in found["certificate", "problem"]["text"], found)
    cert("issue", "--renew", "--ca", ca, "localhost")
    checks("--ca", ca, "--pki", theirs)


def commands(stage, ca):
    """What is there stays, a hostile name gets nowhere, and a renewal keeps key and names."""
    before = sorted(str(p) for p in stage.folder.rglob("*"))
    for words in (["init-ca", "--ca", ca], ["issue", "--ca", ca, "sender"]):
        said = cert(*words, status=1).stderr
        expect("nothing was changed" in said and said.count("\n") == 1, said)
    for name in ("../up", "a,DNS:b", "", "-x", "*.example", "a\nb", "127.0.0.1", "a/b", ".."):
        cert("issue", "--ca", ca, "--", name, status=1)
        cert("issue", "--ca", ca, "--pki", stage.folder / "never", "--", name, status=1)
    for words in ([], ["issue"], ["issue", "a", "b"], ["show", "a"], ["init-ca", "a"], ["other"], ["init-ca", "--renew"],
                  ["issue", "--days", "0", "a"]):
        cert(*words, "--ca", ca, status=2)
    expect(sorted(str(p) for p in stage.folder.rglob("*")) == before, "something was made all the same")
    folder = stage.folder / "own"
    cert("issue", "--ca", ca, "--pki", folder, "--also", "192.0.2.7", "--also", "own.example", "--days", "5", "own")
    expect(modes(folder) == {"ca.pem": 0o644, "cert.pem": 0o644, "key.pem": 0o600}, modes(folder))
    expect(modes(ca)["ca.key"] == 0o600 and os.stat(ca).st_mode & 0o7777 == 0o700, modes(ca))
    found = checks("--ca", ca, "--pki", folder)
    expect("--renew" in found["certificate", "warning"]["remedy"], found)
    key = (folder / "key.pem").read_bytes()
    cert("issue", "--renew", "--ca", ca, "--pki", folder, "own")
    found = checks("--ca", ca, "--pki", folder)
    expect("own, 192.0.2.7, own.example: valid" in found["certificate", "ok"]["text"], found)
    expect((folder / "key.pem").read_bytes() == key, "another key")
    expect(found["own CA", "ok"], found)


def run(stage):
    ca, own, theirs = make(stage.folder)
    commands(stage, ca)
    source, destination = stage.host("a", 48), stage.host("b", 48)
    number = source.guest(4)
    refusals(stage, source, destination, number, ca)
    result, taken = attempt(source, destination, number, own, theirs)
    expect(result.status == 0 and taken.status == 0, f"by TLS: {result}; {taken}")
    there, = destination.domains()
    destination.goes_on(there, "by TLS")
    expect(not source.domains(), source.domains())

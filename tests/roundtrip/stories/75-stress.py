"""pvferry stress: a few rounds of each kind pass, with faults from outside; a page that is wrong or lost after a restore, a domain, a file and frames that are left are each found, and the evidence kept."""
import json
import xml.etree.ElementTree as xml

import devices
import faults
import hosts
from hosts import expect

KINDS = ("save", "copy", "checkpoint", "rewind", "migrate")
# The last call before a domain that was built is read again.
BUILT = "memory.acquire_resource:1:exec="


def mix(*kinds):
    return ",".join(f"{kind}=1" for kind in kinds)


def stress(host, folder, *options, **how):
    """What it said, and each of its rounds; the directory that it was to use."""
    where = folder / f"run-{len(list(folder.iterdir()))}"
    result = host.pvferry("stress", "--json", "--pause", 0, "--directory", where, *options, "web", **how)
    return result, [json.loads(line) for line in result.out.splitlines()], where


def passes(host, folder):
    junit = folder / "rounds.xml"
    result, (*rounds, summary), where = stress(host, folder, "--rounds", 6, "--seed", 841, "--mix", mix(*KINDS), "--faults", "pause,full",
                                               "--junit", junit)
    expect(result.status == 0 and not where.exists(), f"{result} {result.out}")
    expect({r["kind"] for r in rounds} == set(KINDS) and all(r["passed"] for r in rounds), f"rounds: {rounds}")
    expect({r.get("fault") for r in rounds} == {None, "pause", "full"}, f"faults: {rounds}")
    expect(summary["rounds"] == 6 and not summary["failed"] and summary["restore-ms"]["count"], f"summary: {summary}")
    suite = xml.parse(junit).getroot()
    expect(suite.get("tests") == "6" and suite.get("failures") == "0" and len(suite) == 6, "JUnit")


def fails(host, folder, said, *options, **how):
    """The first round that fails is the last; the evidence and the seed are there."""
    result, (*rounds, summary), where = stress(host, folder, "--rounds", 3, "--seed", 1, *options, **how)
    expect(result.status == 1 and summary["failed"] == 1 and said in rounds[-1]["reason"], f"not {said!r}: {result} {rounds[-1]}")
    expect("--seed 1 repeats it" in result.err and (where / "log").read_text().count("$ pvferry "), f"evidence: {result}")
    return rounds, where


def damaged(host, folder, which, said):
    """A page of the second domain that is built goes bad: the first is that before the rounds."""
    script = folder / "damage"
    script.write_text(f"#!/bin/sh\n[ -e {folder}/first ] || exec touch {folder}/first\nexec {hosts.SIMHOST} fault {host.path} {which}\n")
    script.chmod(0o755)
    rounds, where = fails(host, folder, said, "--mix", "save=1", only="pvferry-builder", fault=f"{BUILT}{script}")
    (folder / "first").unlink()
    script.unlink()
    expect(not host.domains() and "restore --prove" in rounds[-1]["commands"], f"{which}: {host.domains()}")
    host.must("restore", where / "save.pvf")    # as its last line says


def leaks(host, folder):
    """What --check does counts as done by the round: the look at the host comes after it."""
    tap = host.pvferry("stress", "--rounds", 3, "--seed", 1, "--pause", 0, "--directory", folder / "leak", "--mix", "copy=1", "--check",
                       f"{hosts.SIMHOST} guest {host.path} --mem 2 --name left", "web")
    expect(tap.status == 1 and "\nnot ok 1 - save -c" in tap.out and "a domain is left: domain " in tap.out and "\n1..1\n" in tap.out,
           f"a domain that is left: {tap} {tap.out}")
    fails(host, folder, "a file is left", "--mix", "copy=1", "--check", "touch $(ls -d " + str(folder) + "/run-* | tail -n 1)/odd.pvf")
    lost, where = fails(host, folder, "200 frames of the host are lost", "--mix", "save=1", "--check", f"{hosts.SIMHOST} fault {host.path} --lose-frames 200")
    expect(len(lost) == 2, f"lost frames: {lost}")
    host.must("restore", where / "save.pvf")
    fails(host, folder, "--check says", "--mix", "copy=1", "--check", "test $PVFERRY_DOMAIN != web")


def refused(host):
    for options, said in ((("--mix", "save"), "--mix takes"), (("--mix", "save=0"), "--mix takes"), (("--time", "0"), "--time takes"),
                          (("--faults", "fire"), "--faults"), ((), "takes one DOMAIN")):
        result = host.pvferry("stress", *options, *(("web",) if options else ()))
        expect(result.status == 2 and said in result.err, f"{options}: {result}")
    result = host.pvferry("stress", "nobody")
    expect(result.status == 1 and result.is_one_line(), f"no such domain: {result}")
    # Each round destroys the domain by its name: that must not be another's, nor its id.
    twins, number = [host.guest(2, name="twin") for _ in range(2)], host.guest(2, name="7777")
    for name, given in ("twin", "twin"), ("twin", twins[1]), ("7777", number):
        result = host.pvferry("stress", "--rounds", 1, given)
        expect(result.status == 1 and f'"{name}"' in result.err and result.is_one_line(), f"{given}: {result}")
    host.destroy(*twins, number)


def watched(stage, folder):
    """Who watches a restored guest stays when the command ends, which is no fault of the round."""
    try:
        d = devices.Devices(stage, "watched")
    except hosts.Skip:
        return    # the rest of the story needs no libxl
    d.host.guest(3, name="web")
    result, (*rounds, _), _ = stress(d.host, folder, "--rounds", 1, "--seed", 1, "--mix", "save=1")
    expect(result.status == 0 and len(rounds) == 1 and d.watchers(), f"a watched guest: {result} {rounds} {d.all_processes()}")


def run(stage):
    host, folder = stage.host("host", 64), faults.folder_of(stage)
    host.guest(3, name="web", workload="mix", holes=40)
    refused(host)
    passes(host, folder)
    # The guest's first page, which is no page table at any time.
    damaged(host, folder, "--flip newest 0 4000", "pages differ at pfns 0 (1 in all)")
    damaged(host, folder, "--lose newest 0", "pages differ at pfns 0 (1 in all)")
    leaks(host, folder)
    watched(stage, folder)
    stage.figure("6 rounds; 2 wrong pages, a domain, a file and frames found")

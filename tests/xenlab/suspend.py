"""For the scenarios of guest/linux/: guests with many address spaces, and what their suspends cost them."""
import re
import time

from host import LabError
from scenario import expect

ROUNDS = 3
STORM = "alive=1000 ended=1000 building=200 storm=2"
SPACES = r"spaces round (\d+) alive (\d+) ended (\d+) building (\d+) failed (\d+) storm (\d+) errors (\d+)"
COST = re.compile(r"^(\w+) spaces (\d+) pinned (\d+) tables (\d+) hypercalls (\d+) calls (\d+) ns (\d+)", re.M)
FIELDS = ("spaces", "pinned", "tables", "hypercalls", "calls", "ns")


def spaces(guest):
    """What spaces said last: round, alive, ended, building, failed, storm, errors."""
    return guest.said(SPACES)


def await_spaces(stage, guest, rounds, timeout=600):
    """Wait until all its processes are there, and each that is alive has checked itself that many times more."""
    end, first = time.monotonic() + timeout, spaces(guest)
    beyond = first[0] if first and first[2] else 0
    while True:
        now = spaces(guest)
        expect(not guest.corrupt(), f"{guest.name}: {guest.corrupt()}")
        if now and now[2] and now[0] >= beyond + rounds:
            return now
        if time.monotonic() > end:
            raise LabError(f"{guest.name}: its {now} spaces do not come: {guest.console()[-1500:]}")
        time.sleep(1)


def shown(guest):
    """How often it has shown what a suspend cost."""
    return int(guest.host.sh(f"grep -c '^unpin_all' {guest.log}").text())


def cost(guest, before, timeout=120):
    """What its last suspend cost, as its kernel shows it: {phase: {field: number}}. before: shown() before that."""
    end = time.monotonic() + timeout
    while shown(guest) == before:
        if time.monotonic() > end:
            raise LabError(f"{guest.name} does not show its suspends: {guest.console()[-1500:]}")
        time.sleep(0.5)
    lines = guest.host.must(f"grep -E '^(un)?pin_all' {guest.log} | tail -n 2") + "\n"
    return {name: dict(zip(FIELDS, map(int, numbers))) for name, *numbers in COST.findall(lines)}


def look_into(stage, name, last):
    """Its image in dom0's /tmp/image: sound; inspect shows both kinds of top levels, and the tables pinned and not."""
    image = stage.fetch("/tmp/image")
    stage.verified(image)
    told = stage.inspect(image)
    frames = told["frames-by-type"]
    expect(told["user-roots"] >= 1, f"{name}: no user root: {told}")
    expect(frames["l4-pinned"] >= 2 * last["pin_all"]["spaces"], f"{name}: {frames}, but {last}")
    expect(frames["l3"] > 1000 and frames["l2"] > 1000, f"{name}: {frames}")
    return f"image has {told['user-roots']} user roots, " + \
           ", ".join(f"{n} {kind}" for kind, n in sorted(frames.items()) if kind.startswith("l")) + \
           f", p2m {told['provenance']['p2m']}"


def await_failed(stage, guest, failed, timeout=300):
    """After a suspend the execves that waited fail, their page tables go, and they begin anew; failed: how many before."""
    end = time.monotonic() + timeout
    while spaces(guest)[4] < failed + spaces(guest)[3]:
        if time.monotonic() > end:
            raise LabError(f"{guest.name}: execves do not fail: {spaces(guest)}")
        time.sleep(1)
    time.sleep(5)
    return await_spaces(stage, guest, 1)

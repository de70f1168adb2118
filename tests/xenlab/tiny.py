"""The tiny guest (guest/tiny): its shelves, and rounds of save and restore that are played inside dom0."""
import pathlib

import parts
from scenario import expect

TINY = parts.HERE.parent.parent / "guest/tiny"
ROUNDS = parts.HERE / "tiny/rounds.sh"


def shelf(name):
    """The scenarios of still or moving."""
    return sorted(path.stem for path in (TINY / name).glob("*.c"))


def put(stage):
    """Kernel and script into dom0."""
    stage.host.must("dd bs=480k if=/lab/share/guest/tiny of=/run/tiny 2>/dev/null")
    stage.host.put(ROUNDS, "/run/rounds.sh")


def play(stage, rounds, options, scenarios):
    """Each through so many rounds and once to xl and from xl, two side by side. A dict: scenario -> seconds."""
    put(stage)
    halves = [scenarios[0::2], scenarios[1::2]]
    command = " & ".join(f"/run/rounds.sh {rounds} '{options}' {' '.join(half)}" for half in halves if half) + " & wait"
    lines = stage.sh(command, 3000).text()
    found = {word[0]: word for word in (line.split() for line in lines.splitlines()) if word and word[0] in scenarios}
    for scenario in scenarios:
        expect(scenario in found and found[scenario][1] == "success", f"{scenario} {options}:\n{lines}")
    return {scenario: int(found[scenario][2]) for scenario in scenarios}


def play_shelf(stage, name, rounds, options=""):
    seconds = play(stage, rounds, options, shelf(name))
    stage.figure(f"{len(seconds)} scenarios of {rounds} rounds, xl both ways: " +
                 ", ".join(f"{scenario} {s} s" for scenario, s in seconds.items()))


def start(stage, scenario, options="", mib=16, vcpus=2):
    """A tiny guest by itself; returns its console log's path in dom0, once it has booted."""
    put(stage)
    config = "\n".join([f'name = "{scenario}"', 'type = "pv"', f"memory = {mib}", f"vcpus = {vcpus}",
                        'kernel = "/run/tiny"', f'extra = "scenario={scenario} {options}"', 'on_crash = "preserve"', ""])
    (stage.host.share / "guest" / f"{scenario}.cfg").write_text(config)
    log = f"/var/log/xen/console/guest-{scenario}.log"
    stage.host.must(f"rm -f {log}; xl create -q -p /lab/share/guest/{scenario}.cfg", 120)
    return log


def await_line(stage, log, pattern, seconds=60):
    """The first line of the log that matches, once it is there."""
    stage.host.must(f"n=0; until grep -qE '{pattern}' {log} 2>/dev/null; do sleep 0.05; n=$((n + 1)); "
                    f"[ $n -lt {seconds * 20} ] || {{ cat {log}; exit 1; }}; done", seconds * 4)
    return stage.host.must(f"grep -E '{pattern}' {log}").splitlines()[0].strip()

"""Beside xl, same guest, same run: wall time of save -c and restore, size of the image, time the guest was stopped."""
import re
import statistics


FLAVOUR = "noshadow"
ROUNDS = 3
GOALS = {"save": 0.8, "restore": 0.8, "image": 0.3}
TOOLS = {"xl": ("xl save -c guest", "xl restore -p"), "pvferry": ("pvferry save -c guest", "pvferry restore -p")}


def run(stage):
    """768 MiB, 205 MiB of real files in tmpfs, 64 MiB rewritten at 8 MB/s, forks; the tools take turns."""
    guest = stage.guest(mib=768, vcpus=2, files=True, check="mib=64 rate=2048 tick=20", timeout=400)
    guest.await_line("files ", 300)
    taken = {(what, tool): [] for what in ("save", "restore", "stopped", "image") for tool in TOOLS}
    for _ in range(ROUNDS):
        for tool in TOOLS:
            save(stage, guest, tool, taken)
    before = guest.last_tick()
    save(stage, guest, "pvferry", {key: [] for key in taken}, keep=True)
    guest.destroy()
    restores(stage, guest, taken)
    stage.ok("xl unpause guest")
    stage.goes_on(guest, before)
    report(stage, taken)


def save(stage, guest, tool, taken, keep=False):
    stage.host.must(f"rm -f /tmp/{tool}")
    watch = stage.host.start(f"silence {guest.log} & echo $! >/run/silence.pid; wait")
    before = guest.last_tick()
    taken["save", tool].append(timed(stage, f"{TOOLS[tool][0]} /tmp/{tool}"))
    stage.goes_on(guest, before)
    stage.host.must("kill $(cat /run/silence.pid)")
    taken["stopped", tool].append(int(re.search(r"longest (\d+)", watch.wait(600).text())[1]) / 1000)
    taken["image", tool].append(int(stage.host.must(f"stat -c %s /tmp/{tool}")))


def restores(stage, guest, taken):
    for _ in range(ROUNDS):
        for tool in TOOLS:
            guest.destroy()
            taken["restore", tool].append(timed(stage, f"{TOOLS[tool][1]} /tmp/{tool}"))


def timed(stage, command):
    """Wall seconds of a command, by dom0's clock."""
    return float(re.search(r"^real (\S+)", stage.ok(f"time -p {command}", 300).text(), re.M)[1])


def report(stage, taken):
    missed = []
    for what in ("save", "restore", "image", "stopped"):
        xl, ours = (statistics.median(taken[what, tool]) for tool in TOOLS)
        unit, scale = ("MB", 1e6) if what == "image" else ("s", 1)
        goal = f", goal {GOALS[what]}" if what in GOALS else ""
        stage.figure(f"{what} {ours / xl:.2f} of xl's ({ours / scale:.1f} : {xl / scale:.1f} {unit}{goal})")
        missed += [what] if what in GOALS and ours > GOALS[what] * xl else []
    if missed:      # a figure is told, not tested: a busy machine is no defect
        stage.figure(f"goal missed: {', '.join(missed)}")

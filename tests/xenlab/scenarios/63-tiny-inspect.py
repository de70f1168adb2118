"""The tiny guest boots in under a second; inspect shows its user roots, pinned and unpinned tables, and the p2m's form."""
import tiny
from scenario import expect

FLAVOUR = "noshadow"


def run(stage):
    log = tiny.start(stage, "unpinned-tables", "p2m=linear")
    stage.host.must("cut -d' ' -f1 /proc/uptime >/tmp/began; xl unpause unpinned-tables")
    boot = tiny.await_line(stage, log, "^tiny boot")
    seconds = stage.host.must("awk -v b=$(cat /tmp/began) '{print $1 - b}' /proc/uptime")
    stage.figure(f"boots in {int(boot.split()[2]) / 1000:.0f} ms by its own clock, {seconds} s from unpause to its line")
    expect(int(boot.split()[2]) < 1000000, boot)

    stage.ok("pvferry save unpinned-tables /tmp/image")
    image = stage.fetch("/tmp/image")
    stage.verified(image)
    facts = stage.inspect(image)
    frames = facts["frames-by-type"]
    expect(facts["provenance"]["p2m"] == "linear", facts)
    expect(facts["user-roots"] == 2 and facts["vcpus-online"] == 2, facts)
    # 24 spaces of two roots each, all pinned for the save, and the kernel's own; what is below a root is not pinned.
    expect(frames["l4-pinned"] == 49 and "l4" not in frames, facts)
    expect(frames["l3"] >= 72 and frames["l2"] >= 144 and frames["l1"] >= 288, facts)
    stage.figure(f"inspect: {facts['user-roots']} user roots, tables {frames}, p2m {facts['provenance']['p2m']}")

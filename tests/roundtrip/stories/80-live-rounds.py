"""A guest that runs while it is saved, its changes found by content and by Xen's log: restored, it is what it was when it stopped."""
import pairings
import stream
from hosts import expect

FAST = 10000    # steps a second: more of its pages change in each round
ROUNDS = ("--live", "--max-downtime", 1, "--max-rounds", 5)
GUESTS = [pairings.Guest(workload=workload, **more) for workload in ("write", "fork", "remap", "balloon", "grant", "mix")
          for more in ({}, dict(width=32, p2m="list", vcpus=2, holes=40))]
# More than whoever builds it keeps mapped once pages come again.
GUESTS.append(pairings.Guest(mem=72, workload="write"))


def one(stage, source, to, guest, tracking, *options):
    """Saved live and left as it was when it stopped; the copy is compared, goes on, and is saved again."""
    number = source.guest(guest.mem, **guest.options)
    path = stage.folder / "live"
    name = f"{guest}, by {tracking} {' '.join(options)}"
    source.freeze(number, path, "--force", *ROUNDS, "--dirty-tracking", tracking, *options)
    verified = source.pvferry("verify", path)
    expect(verified.status == 0, f"{name}: {verified}")
    copy = to.restore(path, "-p", "--name", "copy")
    source.same(number, to, copy, name)
    pairings.goes_on(to, copy, name)
    to.destroy(copy)
    # Upstream keeps a page that was given away in the meantime: docs/features/migration.pandoc, "Known issues".
    if "--level" in options and stage.has_upstream and guest.options["workload"] not in ("balloon", "mix"):
        path.with_suffix(".libxc").write_bytes(stream.unwrap(path.read_bytes()))
        copy = int(to.driver("restore", path.with_suffix(".libxc"), guest.vcpus))
        source.same(number, to, copy, f"{name}, restored by upstream")
        to.destroy(copy)
    source.driver("resume", number)
    source.goes_on(number, f"{name}: the source")
    source.destroy(number)


def run(stage):
    try:
        stage.upstream()
        stage.has_upstream = True
    except Exception:
        stage.has_upstream = False
    to = stage.host("to", 96)
    count = 0
    for flavour, tracking in (("noshadow", "auto"), ("shadow", "log"), ("shadow", "content")):
        options = ("--flavour", "noshadow") if flavour == "noshadow" else ()
        source = stage.host(f"{flavour}-{tracking}", 96, *options, pace=FAST)
        for guest in GUESTS:
            one(stage, source, to, guest, tracking, *(("--level", "0") if count % 3 == 0 else ()))
            count += 1
    source = stage.host("dies", 64)
    number = source.guest(4)
    died = source.pvferry("save", "--live", "-c", "--dirty-tracking", "log", number, stage.folder / "died",
                          fault="domctl.shadow_op:4:kill")
    expect(died.status == 1 and source.domains()[number] == "r----", f"the log stays on: {died} {source.domains()}")
    source.goes_on(number)
    source = stage.host("none", 64, "--flavour", "noshadow")
    number = source.guest(4)
    refused = source.pvferry("save", "--live", "--dirty-tracking", "log", number, stage.folder / "refused")
    expect(refused.status == 1 and "has no log-dirty" in refused.err and refused.is_one_line(), f"no log: {refused}")
    source.goes_on(number)
    stage.figure(f"{count} guests carried over while they ran")

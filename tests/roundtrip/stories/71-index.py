"""Images with an index: the second reader finds each page where the index says; upstream and ours restore them as ever."""
import sys

import hosts
import pairings
import stream
from hosts import expect

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image  # noqa: E402

GUESTS = [(pairings.Guest(width=width, p2m=p2m, workload="mix", vcpus=2, holes=40), live)
          for width in (64, 32) for p2m in ("linear", "list") for live in ((), ("--live", "--max-rounds", 4))]


def one(stage, source, to, guest, live):
    name = f"{guest} {' '.join(map(str, live))}"
    number = source.guest(guest.mem, **guest.options)
    path = stage.folder / "indexed.pvf"
    source.freeze(number, path, "--force", "--index", *live)
    status, summary = read_image.read(path.read_bytes())
    expect(status == 0 and len(summary["state"]) == 32, f"{name}: the second reader says {summary}")
    verified = source.pvferry("verify", path)
    expect(verified.status == 0, f"{name}: {verified}")
    copy = to.restore(path, "-p", "--name", "copy")
    source.same(number, to, copy, name)
    pairings.goes_on(to, copy, name)
    to.destroy(copy)
    if not live:    # upstream keeps what a live guest gave away meanwhile
        path.with_suffix(".libxc").write_bytes(stream.unwrap(path.read_bytes()))
        copy = int(to.driver("restore", path.with_suffix(".libxc"), guest.vcpus))
        source.same(number, to, copy, f"{name}, restored by upstream")
        to.destroy(copy)
    source.driver("resume", number)
    source.goes_on(number, name)
    source.destroy(number)
    return summary["state"]


def run(stage):
    stage.upstream()
    source, to = stage.host("from", 64), stage.host("to", 64)
    states = [one(stage, source, to, guest, live) for guest, live in GUESTS]
    expect(len(set(states)) == len(states), f"states come again: {states}")
    number = source.guest(4)
    refused = source.pvferry("save", "-c", "--index", "--level", 0, number, stage.folder / "plain.xl")
    expect(refused.status == 1 and "no place for an index" in refused.err and refused.is_one_line(), f"--level 0: {refused}")
    source.goes_on(number)
    stage.figure(f"{len(states)} images with an index")

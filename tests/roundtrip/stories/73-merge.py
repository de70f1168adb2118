"""An increment and its parents become one full image: upstream restores it, and later increments go on from it."""
import pathlib
import sys

import hosts
import pairings
import stream
from hosts import expect

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image  # noqa: E402

GUESTS = [pairings.Guest(width=width, p2m=p2m, workload=workload, vcpus=2, holes=40)
          for width, p2m in ((64, "linear"), (64, "list"), (32, "linear"), (32, "list")) for workload in ("mix", "fork")]


def chain(source, number, where, links):
    path = None
    for n in range(links):
        more = ("--parent", path) if path else ("--index",)
        path = where / f"{n}.pvf"
        source.freeze(number, path, "--force", *more)
        if n < links - 1:
            source.driver("resume", number)
            source.goes_on(number)
    return path


def one(stage, source, to, guest):
    number = source.guest(guest.mem, **guest.options)
    newest, merged = chain(source, number, stage.folder, 3), stage.folder / "merged.pvf"
    source.must("merge", "--force", newest, merged)
    verified = source.pvferry("verify", merged)
    expect(verified.status == 0, f"{guest}: {verified}")
    status, summary = read_image.read(merged.read_bytes())
    expect(status == 0 and summary["state"] == read_image.find_index(newest.read_bytes()).state.hex()
           and "parent" not in summary, f"{guest}: the second reader says {summary}")
    copy = to.restore(merged, "-p", "--name", "copy")
    source.same(number, to, copy, f"{guest}, merged")
    pairings.goes_on(to, copy, f"{guest}, merged")
    to.destroy(copy)
    merged.with_suffix(".libxc").write_bytes(stream.unwrap(merged.read_bytes()))
    copy = int(to.driver("restore", merged.with_suffix(".libxc"), guest.vcpus))
    source.same(number, to, copy, f"{guest}, merged, restored by upstream")
    to.destroy(copy)
    # An increment alone is nothing for xl: the flag says so, and the stream has holes.
    flags = int.from_bytes(stream.plain(newest.read_bytes())[36:40], "little")
    expect(flags == 1 << 31 | 3, f"{guest}: xl flags {flags:#x}")
    source.driver("resume", number)
    source.goes_on(number)
    return number


def takes_its_place(stage, source, to, number):
    """Of the merged image's state was the last increment; the next goes on from either, and the old files may go."""
    newest, merged, later = stage.folder / "2.pvf", stage.folder / "merged.pvf", stage.folder / "later.pvf"
    source.freeze(number, later, "--parent", newest)
    for old in range(3):
        (stage.folder / f"{old}.pvf").unlink()
    verified = source.pvferry("verify", later)
    expect(verified.status == 0, f"on the merged image: {verified}")
    copy = to.restore(later, "-p", "--name", "copy")
    source.same(number, to, copy, "an increment on a merged image")
    to.destroy(copy)
    merged.rename(stage.folder / "elsewhere")
    source.must("merge", "--level", 3, "--json", later, stage.folder / "both.pvf")
    again = source.pvferry("merge", later, stage.folder / "both.pvf")
    expect(again.status == 1 and "--force" in again.err and again.is_one_line(), f"it exists: {again}")
    source.must("merge", stage.folder / "both.pvf", stage.folder / "copy.pvf")    # a full one: all frames as they are
    status, summary = read_image.read((stage.folder / "copy.pvf").read_bytes())
    expect(status == 0, summary)


def fails_whole(stage, source):
    """What cannot be merged leaves nothing, and says why in one line."""
    folder, later = stage.folder, stage.folder / "later.pvf"
    before = sorted(folder.iterdir())

    def refused(words, *args, **how):
        result = source.pvferry("merge", *args, **how)
        expect(result.status == 1 and words in result.err and result.is_one_line(), f"{words}: {result}")
        expect(sorted(folder.iterdir()) == before, f"{words}: {set(folder.iterdir()) - set(before)}")

    data = later.read_bytes()
    group = read_image.find_index(data)
    place = next(g for g in group.groups if g.words)
    later.write_bytes(data[:place.at + 40] + bytes([data[place.at + 40] ^ 4]) + data[place.at + 41:])
    refused(f"later.pvf: bytes {place.at} to ", later, folder / "out.pvf")
    later.write_bytes(data)
    kept, parent = folder / "elsewhere", folder.parent / (folder.name + "-kept")
    pathlib.Path(kept).rename(parent)
    before = sorted(folder.iterdir())
    refused("no file here holds state", later, folder / "out.pvf")
    parent.rename(kept)
    before = sorted(folder.iterdir())
    small = stage.small_disk("small", "size=64k")
    if small:
        before = sorted(folder.iterdir())
        refused("No space left", later, small / "out.pvf")
        expect(not list(small.iterdir()), "something is left on the full disk")
    plain = folder / "plain.pvf"
    source.must("save", "-c", max(source.domains()), plain)
    before = sorted(folder.iterdir())
    refused("has no index", plain, folder / "out.pvf")


def run(stage):
    stage.upstream()
    source, to = stage.host("from", 64), stage.host("to", 64)
    last = None
    for guest in GUESTS:
        if last:
            source.destroy(last)
        last = one(stage, source, to, guest)
    takes_its_place(stage, source, to, last)
    source.driver("resume", last)
    source.goes_on(last)
    fails_whole(stage, source)
    stage.figure(f"{len(GUESTS)} chains merged")

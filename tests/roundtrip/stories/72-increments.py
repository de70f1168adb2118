"""Chains of increments: of guests that change pages and types, balloon and fork meanwhile, each one is the guest when it stopped."""
import json
import random
import shutil
import sys

import hosts
import pairings
from hosts import expect

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image  # noqa: E402

LINKS, FLIPS = 4, 40
GUESTS = [pairings.Guest(workload=workload, **more) for workload in ("write", "fork", "remap", "balloon", "mix")
          for more in (dict(), dict(width=32, p2m="list", vcpus=2, holes=40))]


def has_no_more(path, name):
    """An increment of a guest that was stopped holds the words that differ from its parent's, and no others."""
    others = [other.read_bytes() for other in sorted(path.parent.iterdir()) if other != path]
    content, _, _, index = read_image.read_content(path.read_bytes(), False, others)
    before = content.parent.memory
    differ = sum(value[:2] != before.get(pfn, (None, None))[:2] for pfn, value in content.memory.items())
    expect(index.words == differ, f"{name}: {index.words} words, {differ} differ of {len(content.memory)}")


def check(source, number, to, path, name):
    """Verified, read by the second reader with its parents, restored: it is the suspended guest, and goes on."""
    verified = source.pvferry("verify", path)
    expect(verified.status == 0, f"{name}: {verified}")
    others = [other.read_bytes() for other in sorted(path.parent.iterdir()) if other != path]
    status, summary = read_image.read(path.read_bytes(), others=others)
    expect(status == 0, f"{name}: the second reader says {summary}")
    copy = to.restore(path, "-p", "--name", "copy")
    source.same(number, to, copy, name)
    pairings.goes_on(to, copy, name)
    to.destroy(copy)


def chain(stage, source, to, guest, live):
    """A full image and increments of one guest, in a directory of their own."""
    where = stage.folder / "chain"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    number = source.guest(guest.mem, **guest.options)
    path, names = None, [f"{letter}.pvf" for letter in "dacb"[:LINKS]]    # in no order that could help
    for n, name in enumerate(names):
        more = ("--parent", path) if path else ("--index",)
        path = where / name
        source.freeze(number, path, *more, *(live if n % 2 else ()))
        check(source, number, to, path, f"{guest} {live}, link {n}")
        facts = json.loads(source.must("inspect", "--json", path).out)
        expect(facts.get("parents", 0) == n and facts["state"] == read_image.find_index(path.read_bytes()).state.hex(),
               f"{guest} {live}, link {n}: {facts}")
        if n and not (live and n % 2):
            has_no_more(path, f"{guest} {live}, link {n}")
        source.driver("resume", number)
        source.goes_on(number)
    return number, where, [where / name for name in names]


def from_a_copy(stage, source, to, guest):
    """A restored guest is the parent's guest still: its increment has what changed since, not all."""
    where = stage.folder / "copies"
    where.mkdir()
    number = source.guest(guest.mem, **guest.options)
    source.freeze(number, where / "a.pvf", "--index")
    copy = to.restore(where / "a.pvf", "-p", "--name", "copy")
    to.driver("unpause", copy)
    to.freeze(copy, where / "b.pvf", "--parent", where / "a.pvf")
    again = source.restore(where / "b.pvf", "-p", "--name", "again")
    to.same(copy, source, again, "an increment of a copy")
    has_no_more(where / "b.pvf", "an increment of a copy on another host")
    source.destroy(number, again)
    to.destroy(copy)


def flips(source, files):
    """Each flipped bit anywhere in the chain is found, in the file where it is."""
    dice = random.Random(20261126)
    for _ in range(FLIPS):
        path = dice.choice(files)
        at, bit = dice.randrange(path.stat().st_size), dice.randrange(8)
        sound = path.read_bytes()
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1:])
        verdict = source.pvferry("verify", files[-1])
        path.write_bytes(sound)
        expect(verdict.status in (1, 2) and path.name in verdict.err and verdict.is_one_line(),
               f"bit {bit} of byte {at} of {path.name}: {verdict}")


def refused(source, files):
    """What is wrong with a chain is said in one line, which names the file; a restore leaves no domain."""
    newest, middle, full = files[-1], files[1], files[0]

    def says(words, name, *options, what="verify"):
        domains = source.domains()
        result = source.pvferry(what, *options, newest)
        expect(result.status == 1 and words in result.err and name in result.err and result.is_one_line(),
               f"{what} with {words!r}, {name}: {result}")
        expect(source.domains() == domains, f"{what}: {source.domains()}")

    elsewhere = middle.parent.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    middle.rename(elsewhere / middle.name)
    for what in ("verify", "inspect", "restore"):
        says("no file here holds state", files[2].name, what=what)
    for where in (elsewhere, elsewhere / middle.name):
        found = source.pvferry("verify", "--parent", where, newest)
        expect(found.status == 0, f"--parent {where}: {found}")
    (elsewhere / middle.name).rename(middle)
    # Another chain's image that says it is this state.
    data = bytearray(full.read_bytes())
    index = read_image.find_index(bytes(data))
    at = bytes(data).rindex(b"PVFINDX\0")
    parent = read_image.find_index(middle.read_bytes()).parent
    expect(index.state == parent, "the chain is another one")
    data[at + 8 + 32] ^= 1    # of its root
    data[at + 232:at + 240] = read_image.xxh64(bytes(data[at:at + 232])).to_bytes(8, "little")
    sound = full.read_bytes()
    full.write_bytes(data)
    says("with other contents", full.name)
    says("with other contents", full.name, what="restore")
    # A circle: the full one goes on from the newest.
    data = bytearray(sound)
    data[at + 24:at + 40] = read_image.find_index(newest.read_bytes()).state
    data[at + 232:at + 240] = read_image.xxh64(bytes(data[at:at + 232])).to_bytes(8, "little")
    full.write_bytes(data)
    says("which is based on it", full.name)
    full.write_bytes(sound)
    plain = full.with_suffix(".plain")
    source.pvferry("save", "-c", max(source.domains()), plain)
    without = source.pvferry("save", "-c", "--parent", plain, max(source.domains()), full.with_suffix(".no"))
    expect(without.status == 1 and "has no index" in without.err and without.is_one_line(), f"no index: {without}")
    piped = source.pvferry("restore", "-", stdin=open(newest, "rb"))    # a file all the same, but in no directory
    expect(piped.status == 1 and piped.is_one_line(), f"standard input: {piped}")
    plain.unlink()


def run(stage):
    source, to = stage.host("from", 64), stage.host("to", 64)
    count, files, last = 0, None, None
    for guest in GUESTS:
        # By content alone what is so small goes without a round.
        for live in ((), ("--live", "--dirty-tracking", "auto", "--max-rounds", 3))[:2 if guest.options["workload"] in ("fork", "mix") else 1]:
            if last:
                source.destroy(last)
            last, _, files = chain(stage, source, to, guest, live)
            count += len(files)
    refused(source, files)
    flips(source, files)
    source.destroy(last)
    from_a_copy(stage, source, to, pairings.Guest(workload="write", mem=16))
    stage.figure(f"{count} images, {FLIPS} flips")

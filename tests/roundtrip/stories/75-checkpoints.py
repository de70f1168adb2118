"""A directory of checkpoints is listed, checked and restored from by number, tag and time; what is missing or damaged is named, and the rest is there."""
import json
import shutil
import sys
import time

import hosts
from hosts import expect

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image  # noqa: E402

OTHER = "is the newest other checkpoint that can be restored, by the indexes alone: \"pvferry verify DIR\" reads all"


def take(source, number, where, *options):
    source.must("checkpoint", *options, number, where)
    return max(f for f in where.iterdir() if not f.name.startswith("."))


def listed(source, where):
    """{number: what is said of it}"""
    return {point.get("number", point["file"]): point for point in json.loads(source.must("checkpoints", "--json", where).out)}


def restorable(source, where):
    return [number for number, point in listed(source, where).items() if point["restorable"]]


def is_restored(source, to, where, which, number):
    """Whose memory it is was held against its digests on the way: the domain's image is that point's."""
    shown = json.loads(source.must("inspect", "--json", f"{where}{which}").out)["state"]
    expect(shown == listed(source, where)[number]["state"], f"{which}: {shown}")
    copy = to.restore(f"{where}{which}", "--name", "copy")
    to.goes_on(copy, which)
    to.destroy(copy)


def selected(source, to, where, files):
    time = files[1].name[7:23]
    for which, number in ("", 4), ("@latest", 4), ("@2", 2), ("@before", 3):
        is_restored(source, to, where, which, number)
    meant = json.loads(source.must("inspect", "--json", f"{where}@{time}").out)["state"]
    same = [point["state"] for point in listed(source, where).values() if point["file"][7:23] <= time]
    expect(meant == same[-1], f"@{time} of {same}")
    for which, words in ("@9", "no checkpoint @9 in"), ("@nothing", "no checkpoint @nothing in"), ("@1x", "is neither a number"):
        result = source.pvferry("restore", f"{where}{which}")
        expect(result.status == 1 and words in result.err and result.is_one_line(), f"{which}: {result}")
    (where.parent / "odd@name").write_bytes(files[0].read_bytes())
    source.must("inspect", where.parent / "odd@name")


def shown(source, where):
    table = source.must("checkpoints", where).out.splitlines()
    expect(len(table) == 6 and table[0].startswith("Number") and table[-1] == "4 checkpoints, 4 can be restored", table)
    expect(table[3].split()[-3:] == ["2", "before", "restorable"], table)
    tree = source.must("checkpoints", "--tree", where).out.splitlines()
    expect([line[:8].rstrip() for line in tree[1:-1]] == ["1", "  2", "  3", "  4"], tree)


def broken(source, where, files):
    """One goes missing, or is damaged: what leans on it is named, and all else stays."""
    away = files[1].rename(where.parent / "away")
    points = listed(source, where)
    expect([p["verdict"] for p in points.values()] == ["restorable", "its parent is missing", "a parent is missing or damaged"], points)
    expect(source.must("checkpoints", where).out.splitlines()[-1] == "3 checkpoints, 1 can be restored; the newest of these is @1",
           "the last line")
    verdict = source.pvferry("verify", where)
    expect(verdict.status == 1 and "no file here holds state" in verdict.err and "1" in verdict.out, verdict)
    result = source.pvferry("restore", where)
    expect(result.status == 1 and "no file here holds state" in result.err and result.is_one_line(), result)
    expect(result.err.endswith(f"; no domain was made; @1 {OTHER}\n"), result)
    files[1].write_bytes(away.read_bytes()[:-20])
    expect(listed(source, where)[2]["verdict"] == "it has no index", listed(source, where))
    data = bytearray(away.read_bytes())
    data[data.rindex(b"PVFINDX\0") + 9] ^= 1
    files[1].write_bytes(data)
    points = listed(source, where)
    expect("index is damaged" in points[2]["verdict"] and restorable(source, where) == [1], points)
    # A byte of a page: only to read all of it finds that, in the right file.
    data = bytearray(away.read_bytes())
    data[len(data) // 3] ^= 1
    files[1].write_bytes(data)
    verdict = source.pvferry("verify", where)
    expect(verdict.status == 1 and files[1].name in verdict.err, verdict)
    result = source.pvferry("restore", f"{where}@2")
    expect(result.status == 1 and files[1].name in result.err and result.is_one_line() and result.err.count("no domain was made") == 1 and
           result.err.endswith(f"; @1 {OTHER}\n"), result)
    away.rename(files[1])
    # A merged image takes the place of two, under any name.
    source.must("merge", f"{where}@2", where / "both.pvf")
    files[0].unlink()
    files[1].unlink()
    # Its name reaches no terminal as it is.
    odd = (where / "both.pvf").rename(where / "both\x1b[2J.pvf")
    odd_shown = [source.must(*words, where).out for words in (("checkpoints",), ("checkpoints", "--tree"))] + [source.must("verify", odd).out]
    expect(all("\\x1b[2J.pvf" in out and "\x1b" not in out for out in odd_shown), f"an odd name: {odd_shown}")
    odd.rename(where / "both.pvf")
    expect(restorable(source, where) == ["both.pvf", 3, 4], listed(source, where))
    last = source.must("checkpoints", where).out.splitlines()[-1]
    expect(last == "2 checkpoints, 2 can be restored; 1 images of other names, 1 can be restored", last)
    sound = source.must("verify", where)
    expect(sound.out.count(": sound: ") == 1, sound)


def in_parts(stage, source, files):
    """Each file is in one part of N, whatever N is; a flipped byte is found in its part, a missing parent in each."""
    where = stage.folder / "parts"
    shutil.copytree(files[0].parent, where)
    names = sorted(path.name for path in files)

    def part(which, status=0):
        result = source.pvferry("verify", "--subset", which, where)
        expect(result.status == status, f"--subset {which}: {result} {result.out}")
        return [line.split(": ")[0].rsplit("/")[-1] for line in result.out.splitlines() if line != f"part {which.replace('/', ' of ')}: no file"], result.err
    for count in 1, 2, 3, 7:
        parts = [part(f"{n}/{count}")[0] for n in range(1, count + 1)]
        expect(sorted(sum(parts, [])) == names and max(map(len, parts)) - min(map(len, parts)) <= 1, f"{count}: {parts}")
    days = int(time.time()) // 86400
    today, still = part("3")[0], int(time.time()) // 86400
    expect(today in [part(f"{day % 3 + 1}/3")[0] for day in (days, still)], f"day {days}: {today}")
    whole = (where / names[1]).read_bytes()
    for at in len(whole) // 3, 100, len(whole) - 60:
        data = bytearray(whole)
        data[at] ^= 4
        (where / names[1]).write_bytes(data)
        found, said = part("3/3", status=1)
        expect(not found and names[1] in said, f"byte {at}: {found} {said}")
    (where / names[1]).write_bytes(whole)
    shown = json.loads(source.must("verify", "--json", "--subset", "3/3", where).out)
    expect(shown == {"file": str(where / names[1]), "verdict": "sound"}, shown)
    (where / names[0]).unlink()
    found, said = part("2/4", status=1)
    expect(not found and said.count("\n") == 3 and "its parent is missing" in said, f"no parent: {found} {said}")
    expect(source.must("verify", "--subset", "9/10", where.parent / "points").out == "part 9 of 10: no file\n", "a part of nothing")
    for wrong in "0/3", "4/3", "0", "x", "1/3x", "1/", "99999", "4294967297/4294967298":
        result = source.pvferry("verify", "--subset", wrong, where)
        expect(result.status == 2 and "--subset" in result.err, f"{wrong}: {result}")
    expect(source.pvferry("verify", "--subset", "1/3", files[0]).status == 2, "of a file")


def no_index(stage, source, files):
    """An image that has no index any more is passed over by no name; what is no image is, and an image without an index is sound."""
    where = stage.folder / "no-index"
    shutil.copytree(files[0].parent, where)
    for name in "README", "hook.json", "empty":
        (where / name).write_text("" if name == "empty" else name)
    (where / "folder.pvf").mkdir()
    expect(source.must("verify", where).out.count("\n") == 1, "what is no image")
    first, second = files[0].read_bytes(), files[1].read_bytes()
    cut = len(second) - 100
    for name, data, said in (("0.pvf", b"", "is empty"), ("full.pvf", first[:cut], f"is cut short: it ends at byte {len(first[:cut])}"),
                             ("cut", second[:cut], f"is cut short: it ends at byte {cut}"), (files[1].name, second[:cut], "is cut short"),
                             ("more.pvf", second + b"x", "something follows the seek table"), ("zero.pvf", bytes(9000), "is neither an image"),
                             ("end.pvf", second[:-9] + bytes(9), "the seek table does not fit")):
        was = (where / name).read_bytes() if (where / name).exists() else None
        (where / name).write_bytes(data)
        whole, shown = source.pvferry("verify", where), source.pvferry("verify", "--json", where)
        expect(whole.status in (1, 2) and f"/{name}: " in whole.err and said in whole.err, f"{name}: {whole}")
        expect(shown.status == whole.status and said in shown.out, f"{name}: {shown} {shown.out}")
        part = source.pvferry("verify", "--subset", "1/1", where)
        expect(part.status in (1, 2) and f"/{name}: " in part.err, f"{name}: {part}")
        if was is None:
            (where / name).unlink()
        else:
            (where / name).write_bytes(was)
    away = stage.folder / "alone.d"
    away.mkdir()
    (away / "alone.pvf").write_bytes(second)
    alone, shown = source.pvferry("verify", away / "alone.pvf"), source.pvferry("verify", "--json", away / "alone.pvf")
    expect(alone.status == 1 and "damaged" not in alone.err and alone.err.endswith("; --parent DIR looks there, too\n"), alone)
    expect(shown.status == 1 and json.loads(shown.out)["verdict"] == "parent-missing", shown)
    source.must("verify", "--parent", where, away / "alone.pvf")


def twice(stage, source, files):
    """Two hold one state: one goes on from a file that is gone, the other from one that is there. Names and order decide nothing."""
    for name in "000000-first.pvf", "zz-last.pvf":
        where, pruned = stage.folder / f"twice-{name}", stage.folder / f"pruned-{name}"
        for folder in where, pruned:
            folder.mkdir()
            for n, path in enumerate(files):
                shutil.copy(path, folder / (path.name if n else path.name.replace(".pvf", "-keep.pvf")))
        source.must("prune", "--keep-last", 2, pruned)
        shutil.copy(pruned / files[2].name, where / name)
        (where / files[1].name).unlink()
        expect(set(restorable(source, where)) == {1, 4, name}, f"{name}: {restorable(source, where)}")
        source.must("verify", f"{where}@4")
        # The whole one among them is taken, too, where the other could be had.
        shutil.copy(files[1], where)
        source.must("verify", where)


def circle(stage, source, files):
    """Two that go on from each other have no newest: verify names both. And one that goes on from itself."""
    for names in files[:2], files[:1]:
        where = stage.folder / f"circle{len(names)}"
        where.mkdir()
        heads = [data[data.rindex(b"PVFINDX\0"):][:56] for data in (f.read_bytes() for f in names)]
        for n, path in enumerate(names):
            data, other = bytearray(path.read_bytes()), heads[n - 1]
            at = data.rindex(b"PVFINDX\0")
            data[at + 24:at + 40], data[at + 56:at + 72] = other[8:24], other[40:56]
            data[at + 232:at + 240] = read_image.xxh64(bytes(data[at:at + 232])).to_bytes(8, "little")
            (where / path.name).write_bytes(data)
        expect(restorable(source, where) == [], listed(source, where))
        verdict = source.pvferry("verify", where)
        expect(verdict.status == 1 and all(path.name in verdict.err for path in names), verdict)


def run(stage):
    source, to = stage.host("from", 64), stage.host("to", 64)
    where, number = stage.folder / "points", source.guest(4, workload="mix")
    none = source.pvferry("checkpoints", where)
    expect(none.status == 1 and "cannot open the directory" in none.err and none.is_one_line(), none)
    where.mkdir()
    expect(source.must("checkpoints", where).out.splitlines()[1:] == ["0 checkpoints, 0 can be restored"], "an empty one")
    none = source.pvferry("verify", where)
    expect(none.status == 2 and "there is no checkpoint in it" in none.err and none.is_one_line(), none)
    files = [take(source, number, where, *options) for options in ((), (), ("--tag", "before"), ())]
    source.destroy(number)
    sound = source.must("verify", where)
    expect(sound.out.count(": sound: ") == 1, f"one chain: {sound}")
    shown(source, where)
    selected(source, to, where, files)
    in_parts(stage, source, files)
    no_index(stage, source, files)
    twice(stage, source, files)
    circle(stage, source, files)
    broken(source, where, files)

"""Checkpoints of a guest that runs on: one after the other into one directory, whose files say all; what is in the way is said."""
import json
import pathlib
import re
import signal
import sys
import time

import daemons
import hosts
import moves
import pairings
from hosts import expect

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import read_image  # noqa: E402

NAME = re.compile(r"(\d{6})-\d{8}T\d{6}Z(?:-(\w+))?\.pvf")


def points(where):
    """The files of a directory of checkpoints, in order; nothing else is in there but the lock, and what is being written."""
    names = sorted(f.name for f in where.iterdir() if not f.name.startswith("."))
    for name in names:
        expect(NAME.fullmatch(name), f"{name} is in the directory: {names}")
    return [where / name for name in names]


def index_of(path):
    return read_image.find_index(path.read_bytes())


def is_increment(path):
    return any(index_of(path).parent)


def lines(result):
    return [json.loads(line) for line in result.out.splitlines()]


def is_the_guest(source, number, to, path, name):
    """What was restored is the guest that waits as it was saved, and goes on."""
    expect(source.pvferry("verify", path).status == 0, f"{name}: {path.name} is damaged")
    copy = to.restore(path, "-p", "--name", "copy")
    source.same(number, to, copy, name)
    pairings.goes_on(to, copy, name)
    to.destroy(copy)


def freeze(source, number, where, *options):
    """A checkpoint, and the guest stays as it was then, as Xen does not resume it."""
    result = source.pvferry("checkpoint", *options, number, where, fault="domctl.setvcpucontext:*:EPERM")
    expect(result.status == 1 and result.err.rstrip().endswith("the image is complete"), f"freeze: {result}")
    return points(where)[-1]


def by_hand(stage, source, to, guest, where):
    """One command each: the newest in the directory is the parent, whatever its age, and however it is called."""
    number = source.guest(guest.mem, **guest.options)
    source.must("checkpoint", number, where)
    # So small a guest is copied in a moment, whatever it has changed.
    result = source.must("checkpoint", "-v", "--tag", "before", number, where)
    expect("differ from the parent: no round" in result.err, f"{guest}: {result}")
    source.must("checkpoint", "--full", number, where)
    path = freeze(source, number, where)
    is_the_guest(source, number, to, path, f"{guest}")
    source.driver("resume", number)
    source.goes_on(number)
    files = points(where)
    expect([int(f.name[:6]) for f in files] == [1, 2, 3, 4] and "-before." in files[1].name, f"{files}")
    expect([is_increment(f) for f in files] == [False, True, False, True], f"{files}")
    expect(not where.stat().st_mode & 0o077 and not any(f.stat().st_mode & 0o077 for f in files), "others may read them")
    return number


def periodic(source, number, where):
    """Each goes on from the one before, and no index is read again; after so many there is a full one."""
    done = lines(source.must("checkpoint", "--json", "--every", "0", "--count", 5, "--full-every", 2, "--full", number, where))
    expect([bool(line.get("parent")) for line in done] == [False, True, True, False, True], done)
    for line, before in zip(done[1:], done):
        expect(line.get("parent") in (None, before["state"]), f"{line} after {before}")
    expect([line["number"] for line in done] == list(range(5, 10)), done)
    verified = source.pvferry("verify", points(where)[-1])
    expect(verified.status == 0, verified)
    source.goes_on(number)


def loses_parents(source, number, where):
    """What is missing or damaged costs a full image, and a line."""
    points(where)[-1].unlink()
    said = source.must("checkpoint", number, where)
    expect("warning" not in said.err and is_increment(points(where)[-1]), f"the newest went: {said}")
    files = points(where)
    files[7].rename(where / ".away")    # a full one, the parent of all later
    said = source.must("checkpoint", number, where)
    (where / ".away").rename(files[7])
    expect("no file here holds state" in said.err and "is a full image" in said.err and not is_increment(points(where)[-1]), said)
    newest = points(where)[-1]
    data = bytearray(newest.read_bytes())
    data[data.rindex(b"PVFINDX\0") + 8] ^= 1
    newest.write_bytes(data)
    said = source.must("checkpoint", number, where)
    expect(newest.name in said.err and "is a full image" in said.err and not is_increment(points(where)[-1]), said)
    newest.unlink()
    source.goes_on(number)


def while_it_goes_on(source, number, where):
    """A second one is refused; a parent that goes meanwhile; the end by a signal, which is not a failure."""
    first = source.start(source.program, "checkpoint", "--every", "10ms", "--json", number, where)
    first.stdout.readline()
    second = source.pvferry("checkpoint", number, where)
    expect(second.status == 1 and "another pvferry process" in second.err and second.is_one_line(), f"two at once: {second}")
    points(where)[0].unlink(missing_ok=True)
    json.loads(first.stdout.readline())
    first.send_signal(signal.SIGTERM)
    end = source.end(first)
    expect(end.status == 0, f"ended by a signal: {end}")
    source.goes_on(number)


def refused(stage, source, number, where):
    def says(words, *args, status=1):
        result = source.pvferry("checkpoint", *args)
        expect(result.status == status and words in result.err and (status == 2 or result.is_one_line()), f"{words}: {result}")
        expect(not list(where.glob(".0*")), "something half written is left")

    says("no domain", "nothing", where)
    says("cannot make the directory", number, where / "no" / "such")
    full = where.parent / "full-numbers"
    full.mkdir()
    (full / "999999999999-20261126T070616Z.pvf").write_bytes(points(where)[0].read_bytes())
    says("the highest number", number, full)
    says("cannot open the directory", number, points(where)[0])
    says("makes images", "--level", 0, number, where, status=2)
    says("cannot be a tag", "--tag", "12", number, where, status=2)
    says("is not a time", "--every", "1x", number, where, status=2)
    says("only with --every", "--count", 2, number, where, status=2)
    says("too short", "--hook-timeout", 0, number, where, status=2)
    source.goes_on(number)


def disk_full(stage, source, number):
    """A checkpoint that cannot be written is one that is not there; the next covers the gap."""
    small = stage.small_disk("small", "size=32m")
    if not small:
        return
    series = source.start(source.program, "checkpoint", "--every", "200ms", "--level", 1, "--json", number, small)
    series.stdout.readline()
    with open(small / ".filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"full" * 4096):
                pass
        except OSError:
            pass
    said = "\n"
    while said and "No space left" not in said:    # notes of rounds may come first
        said = series.stderr.readline().decode()
    expect("No space left" in said and ("the domain runs on" in said or "was not stopped" in said), f"disk full: {said}")
    (small / ".filler").unlink()
    before = len(points(small))
    hosts.poll("a checkpoint after one that failed", lambda: len(points(small)) > before)
    series.send_signal(signal.SIGTERM)
    end = source.end(series)
    expect(end.status == 0, end)
    verified = source.pvferry("verify", points(small)[-1])
    expect(verified.status == 0, f"after a full disk: {verified}")
    expect(all(is_increment(path) for path in points(small)[1:]), "a full image, as if the parent were lost")
    expect(not list(small.glob(".0*")), "something half written is left")
    source.goes_on(number)


def with_hook(stage, source, number, where):
    """A program runs while the guest is stopped, and hears what became of the checkpoint; if it fails, no checkpoint is made."""
    told, hook = stage.folder / "told", stage.folder / "hook"

    def take(body, *options):
        hook.write_text(f"""#!/bin/sh
echo $1 $PVFERRY_DOMID $PVFERRY_CHECKPOINT $({hosts.SIMHOST} list {source.path} | grep "^ *{number} ") >>{told}
{body}
""")
        hook.chmod(0o755)
        told.unlink(missing_ok=True)
        before = len(points(where))
        result = source.pvferry("checkpoint", "-q", "--hook", hook, *options, number, where)
        lines = [line.split() for line in told.read_text().splitlines()]
        for line in lines:
            expect(line[1] == str(number) and NAME.fullmatch(line[2]), f"the hook heard {line}")
        source.goes_on(number)
        # The flags that simhost lists come last but some: s is a guest that has suspended.
        return result, [line[0] for line in lines], len(points(where)) - before, lines[0]

    result, phases, more, first = take("echo made")
    expect(result.status == 0 and phases == ["stopped", "done"] and more == 1, f"{result} {phases}")
    expect(any(word[:3] == "--s" for word in first), f"the guest was not stopped when the hook ran: {first}")
    expect(first[2] == points(where)[-1].name and "made\n" in result.err, f"{first} {result}")
    result, phases, more, _ = take("test $1 != stopped || exit 3")
    expect(result.status == 1 and "ended with status 3; the domain runs on" in result.err and result.is_one_line(), result)
    expect(phases == ["stopped", "failed"] and not more, f"a hook that fails: {phases} {more}")
    result, phases, more, _ = take("test $1 != stopped || exec sleep 1000", "--hook-timeout", "50ms")
    expect(result.status == 1 and "has not ended within 0.1 s; the domain runs on" in result.err and result.is_one_line(), result)
    expect(phases[-1] == "failed" and not more, f"a hook that hangs: {phases} {more}")    # it may have been killed before it wrote
    result = source.pvferry("checkpoint", "--hook", stage.folder / "nothing", number, where)
    expect(result.status == 1 and "cannot start the hook" in result.err and result.err.count("; the domain runs on") == 1, result)
    source.goes_on(number)


def hears_what_goes(stage, source, number):
    """The hook hears of each that went, after its file is gone, and never of one that stays."""
    where, told, hook = stage.folder / "pruned", stage.folder / "told-pruned", stage.folder / "hears"
    hook.write_text(f"#!/bin/sh\necho $1 $PVFERRY_CHECKPOINT $PVFERRY_STATE_ID $(ls $PVFERRY_DIR | grep -c $PVFERRY_CHECKPOINT) >>{told}\n")
    hook.chmod(0o755)
    made = lines(source.must("checkpoint", "--every", 0, "--count", 4, "--keep-last", 2, "--json", "--level", 1, "--hook", hook, number, where))
    names = [f"{pathlib.Path(each['file']).name} {each['state']}" for each in made]
    expected = [f"{phase} {names[n]} {there}" for n in range(4) for phase, n, there in
                (("stopped", n, 0), ("done", n, 1), *([("pruned", n - 2, 0)] if n >= 2 else ()))]
    expect(told.read_text().splitlines() == expected, f"{told.read_text()} of {expected}")
    # One that is shipped, for a guest without disks.
    result = source.must("checkpoint", "--hook", hosts.ROOT / "examples/hooks/reflink", number, where)
    expect("warning" not in result.err and "reflink" not in result.err, result)


def shown_by_jobs(stage, source, number):
    """Who makes checkpoints is among the jobs, with the last one and when the next is due; who was killed is not."""
    where = stage.folder / "shown"

    def jobs():
        return [job for job in json.loads(source.must("jobs", "--json").out) if job["role"] == "checkpoint"]

    watched = source.start(source.program, "checkpoint", "--every", "1h", "--json", "--level", 1, number, where)
    made = json.loads(watched.stdout.readline())
    (job,) = hosts.poll("a checkpoint among the jobs", lambda: [job for job in jobs() if "due" in job])
    expect((job["number"], job["file"], job["failures"], job["directory"]) == (1, points(where)[0].name, 0, str(where)), f"{job} {made}")
    expect(job["state"] == "running" and job["stopped-ms"] > 0 and 0 < job["due"] - job["time"] <= 3601 + hosts.DEADLINE, f"{job} {made}")
    row = source.must("jobs").out.splitlines()[-1]
    expect(row.split()[0] == "-" and f" into {where} " in row and "@1 of " in row and "; next at 20" in row, row)
    text = source.must("metrics").out
    sample = f'{{domain="{job["domain"]}",directory="{where}"}}'
    expect(f"pvferry_checkpoint_timestamp_seconds{sample} {job['time']}\npvferry" not in text and
           f"pvferry_checkpoint_timestamp_seconds{sample} {job['time']}\n" in text and f"pvferry_checkpoint_failures{sample} 0\n" in text, text)
    watched.kill()
    source.end(watched)
    expect(not jobs() and "checkpoint_failures{" not in source.must("metrics").out, "one that was killed is shown")
    source.must("checkpoint", "--every", 0, "--count", 1, "--level", 1, number, where)
    expect(not jobs(), "one that has ended is shown")
    left = [f.name for f in (source.path / "run/checkpoints").iterdir() if f.suffix != ".lock"]
    expect(not left, f"left in /run: {left}")


def command_of_the_unit(conf):
    """What systemd makes of ExecStart= and the file of settings: each ${NAME} is one word, each $NAME as many as it has."""
    unit = hosts.ROOT / "checkpoint/pvferry-checkpoint@.service"
    settings = dict(line.split("=", 1) for line in conf.read_text().splitlines() if line and line[0] != "#")
    line = re.search(r"^ExecStart=/usr/sbin/pvferry (.*)$", unit.read_text(), re.MULTILINE)[1]
    words = [re.sub(r"^\$\{(\w+)\}$", lambda name: settings[name[1]], word) for word in line.split()]
    return [more for word in words for more in (settings[word[1:]].split() if word[0] == "$" else [word])], daemons.as_in_the_unit(unit)


def as_a_unit(stage, source, number, where):
    """With the settings that are shipped; and a stop finishes what is under way, and leaves the rest."""
    conf, hook, began, may_end = (stage.folder / name for name in ("web1.conf", "waits", "began", "may-end"))
    hook.write_text(f"#!/bin/sh\ntest $1 = stopped || exit 0\ntouch {began}\nuntil test -e {may_end}; do sleep 0.02; done\n")
    hook.chmod(0o755)
    text = (hosts.ROOT / "examples/checkpoint.conf").read_text()
    text = text.replace("DIR=/srv/web1", f"DIR={where}").replace("OPTIONS=--every 5m", f"OPTIONS=--every 5m --hook-timeout 1h --hook {hook}")
    conf.write_text(f"{text}DOMAIN={number}\n")
    words, within = command_of_the_unit(conf)
    unit = source.start(*within, source.program, *words)
    hosts.poll("a hook that runs", began.exists)
    unit.send_signal(signal.SIGTERM)
    # Time for one that does not wait to end the hook.
    hosts.poll("a signal that is held", lambda: not pending(unit.pid, signal.SIGTERM))
    time.sleep(0.2)
    may_end.touch()
    end = source.end(unit)
    made = points(where)
    expect(end.status == 0 and len(made) == 1 and "checkpoint 1, " in end.err and "warning" not in end.err, f"{words}: {end}")
    expect(source.pvferry("verify", made[0]).status == 0, "the one that was under way is damaged")
    # The second signal does not wait, but for what cannot end at once: it is not killed in the middle.
    began.unlink()
    may_end.unlink()
    ended = stage.folder / "ended"
    hook.write_text(f"""#!/bin/sh
test $1 = stopped || exit 0
sh -c 'trap "" TERM; touch {began}; while kill -0 $0; do sleep 0.02; done; touch {ended}' $$ 2>/dev/null &
wait
""")
    unit = source.start(*within, source.program, *words)
    hosts.poll("a hook that runs", began.exists)
    unit.send_signal(signal.SIGTERM)
    hosts.poll("a signal that is held", lambda: not pending(unit.pid, signal.SIGTERM))
    unit.send_signal(signal.SIGTERM)
    end = source.end(unit)
    expect(end.status == 0 and "stopped by SIGTERM" in end.err and points(where) == made, f"told twice: {end}")
    expect(ended.exists(), f"a child of the hook that holds SIGTERM back was killed: {end}")
    source.goes_on(number)


def pending(pid, number):
    """Is the signal still on its way to it?"""
    masks = re.findall(r"^S\w*Pnd:\s*(\w+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def between_two(source, watched):
    """It stands still, and works on no domain: whatever time what follows takes, it sees only how that ended."""
    def stands():
        watched.send_signal(signal.SIGSTOP)
        hosts.poll("a process that stands", lambda: "\nState:\tT" in pathlib.Path(f"/proc/{watched.pid}/status").read_text())
        if not moves.locks(source):
            return True
        watched.send_signal(signal.SIGCONT)
        return False
    hosts.poll("a moment between two checkpoints", stands)


def ends(source, number, where):
    """Where the domain ends or gets another id meanwhile, that is said, and is no failure."""
    watched = source.start(source.program, "checkpoint", "--every", "200ms", "--json", number, where)
    newest = json.loads(watched.stdout.readline())["file"]
    between_two(source, watched)
    source.destroy(number)
    # A reboot: it is gone, and soon after here again, with its UUID and another id.
    again = source.restore(newest)
    source.goes_on(again)
    before = len(points(where))
    watched.send_signal(signal.SIGCONT)
    hosts.poll("a checkpoint after it was made again", lambda: len(points(where)) > before)
    source.destroy(again)
    end = source.end(watched)
    said = end.err.splitlines()
    expect(end.status == 0 and f"is domain {again} now" in end.err and "no more checkpoints of it" in said[-1], f"the domain has ended: {end}")


def run(stage):
    source, to = stage.host("from", 64), stage.host("to", 64)
    for n, guest in enumerate((pairings.Guest(workload="mix"), pairings.Guest(width=32, p2m="list", vcpus=2, holes=40))):
        where = stage.folder / f"points{n}"
        number = by_hand(stage, source, to, guest, where)
        periodic(source, number, where)
        if n:
            source.destroy(number)
    where, number = stage.folder / "points0", min(source.domains())
    loses_parents(source, number, where)
    refused(stage, source, number, where)
    disk_full(stage, source, number)
    while_it_goes_on(source, number, where)
    with_hook(stage, source, number, where)
    hears_what_goes(stage, source, number)
    shown_by_jobs(stage, source, number)
    as_a_unit(stage, source, number, stage.folder / "unit")
    ends(source, number, where)
    stage.figure(f"{len(points(where))} checkpoints")

"""save -c resumes the guest before its image is written: it runs while no process reads the image, whatever dies or fails then is the save's affair, and the image is of the moment of the stop."""
import contextlib
import json
import os
import resource
import signal

import faults
import moves
from hosts import PVFERRY, expect, poll

OLD = b"the old one\n"
STOPPED = ("-c", "--no-live")    # all memory is copied while it is stopped: the image comes after
MIB = 1 << 20


def flags(host, number):
    return host.domains()[number][:3]


@contextlib.contextmanager
def unread_save(host, number, *options):
    """Its processes, the parent first; by then the guest was suspended, and no process has read one byte of the image."""
    before = host.check(number)["suspends"]
    out, to = os.pipe()
    process = host.start(PVFERRY, "save", *options, number, "-", stdout=to)
    os.close(to)
    try:
        poll("a guest that was suspended", lambda: (host.check(number) or {}).get("suspends", 0) > before)
        yield process, out
    finally:
        with contextlib.suppress(OSError):
            os.close(out)
        if process in host.started:
            host.end(process)


def runs_while_unread(host, number, to):
    """And then the image is read, and is a whole one."""
    with unread_save(host, number, *STOPPED) as (process, out):
        host.goes_on(number, "while its image is not read")
        expect(process.poll() is None, "the save is over before its image was read")
        expect(not moves.jobs(host), f"a journal is left of a guest that runs: {moves.jobs(host)}")
        row, = [r for r in json.loads(host.must("list", "--json").out) if r["domid"] == number]
        expect(not row["suspended"], f"list: {row}")
        second = host.pvferry("save", "-c", number, "/dev/null")
        expect(second.status == 1 and "another pvferry is saving or moving it" in second.err, f"two saves at once: {second}")
        with os.fdopen(os.dup(out), "rb") as file:
            (host.stage.folder / "read").write_bytes(file.read())
        result = host.end(process)
        expect(result.status == 0 and "written in" in result.err, f"unread: {result}")
    copy = to.restore(host.stage.folder / "read", "--name", "read")
    to.goes_on(copy, "what was read")
    to.destroy(copy)


def lives_on(host, number, what):
    """It was not resumed a second time: Xen would not do it, and would say so."""
    host.goes_on(number, what)
    expect(not moves.jobs(host), f"{what}: {moves.jobs(host)}")
    host.must("resolve", "--recover")
    expect(flags(host, number) == "r--", f"{what}: {host.domains()}")


def dies_afterwards(host, number):
    """Either process, or both, by a signal that it hears or not."""
    for kind in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        for which in ((0,), (1,), (0, 1)):
            what = f"{kind.name} to {which} after the resume"
            with unread_save(host, number, *STOPPED) as (process, _out):
                poll(f"{what}: it runs", lambda: flags(host, number) == "r--" and not moves.jobs(host))
                pids = [process.pid, *moves.children(process.pid)]
                for pid in pids:
                    moves.wait_idle(pid)
                for each in which:
                    os.kill(pids[each], kind)
                result = host.end(process)
            poll(f"{what}: the end of its processes", lambda: not any(moves.is_alive(p) for p in pids))
            if result.status != -signal.SIGKILL:
                faults.says_one_line(result, what)
                expect("the domain runs on" in result.err and kind.name in result.err, f"{what}: {result}")
            lives_on(host, number, what)
    return 9


def limit(kib):
    def before():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, kib << 10))
    return before


def is_kept(folder, image, what):
    expect([f.name for f in folder.iterdir()] == [image.name] and image.read_bytes() == OLD,
           f"{what}: the old one is not as it was: {list(folder.iterdir())}")


def fails_to_write(stage, host, number, folder):
    """The guest was resumed once, and then there was no room: a limit on files, a full disk."""
    image = folder / "image"
    image.write_bytes(OLD)
    suspends = host.check(number)["suspends"]
    for options in (("-c", "--no-live"), ("-c", "--no-live", "--level", 0)):
        result = host.pvferry("save", *options, "--force", number, image, preexec_fn=limit(300))
        faults.says_one_line(result, f"a limit {options}")
        expect("File too large" in result.err and "the domain runs on" in result.err, f"a limit: {result}")
        is_kept(folder, image, "a limit")
        lives_on(host, number, "a limit")
    small = stage.small_disk("small", "size=300k")
    if small:
        (small / "image").write_bytes(OLD)
        result = host.pvferry("save", "-c", "--no-live", "--force", number, small / "image")
        faults.says_one_line(result, "a full disk")
        expect("No space left" in result.err and "the domain runs on" in result.err, f"a full disk: {result}")
        is_kept(small, small / "image", "a full disk")
        lives_on(host, number, "a full disk")
    expect(host.check(number)["suspends"] == suspends + 2 + bool(small), "it was stopped more than once a save")
    image.unlink()


def buffer_is_too_small(stage, host, number, to, folder):
    """Said, and no page is lost: the image is what the guest was when it stopped. With more threads it would be on its way as a whole."""
    image = folder / "image"
    for options in (("--no-live",), ("--no-live", "--level", 0), ("--live", "--max-rounds", 2)):
        done = host.must("save", "-c", "--json", "--buffer", 1, "--threads", 2, *options, number, image)
        facts = json.loads(done.out)
        expect(facts["buffer-bytes"] == MIB, f"buffer: {facts}")
        if "--live" not in options:
            expect("the buffer of 1 MiB is full" in done.err and done.err.count("\n") <= 2, f"buffer: {done}")
            expect(facts["written-while-stopped-bytes"] > MIB * 9 // 10, f"buffer: {facts}")
        expect(abs(sum(facts[f"{part}-ms"] for part in ("suspend", "copy", "state", "resume")) - facts["stopped-ms"]) < 0.01
               and facts["stopped-ms"] <= facts["total-ms"], f"times: {facts}")
        host.goes_on(number, f"a small buffer {options}")
        image.unlink()
        host.freeze(number, image, "--buffer", 1, *options)
        expect(host.pvferry("verify", image).status == 0, f"a small buffer {options}: a bad image")
        copy = to.restore(image, "-p", "--name", "small")
        host.same(number, to, copy, f"a small buffer {options}")
        to.destroy(copy)
        host.driver("resume", number)
        host.goes_on(number, "resumed")
        host.must("resolve", "--recover")
        image.unlink()


def buffer_cannot_be_had(host, number, folder):
    """Asked for: refused while the guest runs. By default: as large as a limit allows."""
    before = faults.Before(host, folder)
    result = host.pvferry("save", "-c", "--buffer", 1 << 20, number, folder / "image")
    faults.says_one_line(result, "a buffer of a TiB")
    expect("1048576 MiB cannot be had" in result.err and "the domain was not stopped" in result.err, f"a TiB: {result}")
    result = host.pvferry("save", "--buffer", 64, number, folder / "image")
    expect(result.status == 2 and "-c" in result.err, f"--buffer without -c: {result}")
    before.is_as_it_was("a buffer that cannot be had")


def run(stage):
    host, to, folder = stage.host("host", 64), stage.host("to", 64), faults.folder_of(stage)
    number = host.guest(16, vcpus=2, workload="mix")
    runs_while_unread(host, number, to)
    tried = dies_afterwards(host, number)
    fails_to_write(stage, host, number, folder)
    buffer_is_too_small(stage, host, number, to, folder)
    buffer_cannot_be_had(host, number, folder)
    stage.figure(f"{tried} deaths after the resume")

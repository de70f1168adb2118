"""pvferry-save-helper and a libxl that is strict, refuses, breaks its promises or goes: byte for byte, the guest runs on and nothing is left."""
import os
import pathlib

import libxl
import stream
from hosts import expect, poll
from libxl import COMPLETE, LIVE, RESULTS, STATIC, SUSPEND, Libxl

AFTER = b"what is libxl's own, and nobody else's"
LIVE_HOW = {"PVFERRY_HELPER": "max-downtime=1,max-rounds=3", "PVFERRY_HELPER_CONF": "/nonexistent"}


def sink(stage):
    return os.open(stage.folder / "stream", os.O_RDWR | os.O_CREAT | os.O_TRUNC)


def order_of(run, *numbers):
    return [m[0] for m in run.said if m[0] in numbers]


def log_is_off(host, number, what):
    expect("l" not in host.domains()[number], f"{what}: its writes are still logged")


def resume(host, number, what):
    """As libxl does after a failure, if it has suspended the guest."""
    log_is_off(host, number, what)
    if host.domains()[number][2] == "s":
        host.driver("resume", number)
    host.goes_on(number, what)


def good_save(stage, host, number, flags):
    fd = sink(stage)
    run = Libxl.save(host, number, fd, flags, env=LIVE_HOW)
    result = run.run()
    expect(result == (0, 0), f"save: {result} {run.log()}")
    expect(order_of(run, SUSPEND, STATIC, RESULTS, COMPLETE) == [SUSPEND, COMPLETE], f"save: {run.said}")
    expect(any(m[0] == libxl.PROGRESS for m in run.said) or flags, "no progress was said")
    os.close(fd)
    resume(host, number, "save")


def good_restore(stage, host):
    """The stream from a pipe with something behind it; nothing of that is taken. The pipe stays as it was."""
    data = (stage.folder / "stream").read_bytes()
    out, into = os.pipe()
    feeder = os.fork()
    if not feeder:
        os.close(out)
        with os.fdopen(into, "wb") as pipe:
            pipe.write(data + AFTER)
        os._exit(0)
    os.close(into)
    run = Libxl.restore(host, out)
    result = run.run()
    expect(result == (0, 0), f"restore: {result} {run.log()}")
    expect(order_of(run, SUSPEND, STATIC, RESULTS, COMPLETE) == [STATIC, RESULTS, COMPLETE], f"restore: {run.said}")
    expect([m[1] for m in run.said if m[0] == STATIC] == [0], "static data is missing")
    expect(os.get_blocking(out), "the pipe is not blocking any more")
    with os.fdopen(out, "rb") as pipe:
        rest = pipe.read()
    expect(rest == AFTER, f"behind END {len(AFTER)} bytes stood, {len(rest)} are left")
    os.waitpid(feeder, 0)
    host.driver("introduce", run.domain, run.results[0], run.store_port)
    host.driver("unpause", run.domain)
    host.goes_on(run.domain)
    host.destroy(run.domain)


def broken_save(stage, host, number, flags):
    """libxl refuses, lies, or goes at each point where it can."""
    def failing(what, status, suspend=None, until=None, says=None):
        fd = sink(stage)
        run = Libxl.save(host, number, fd, flags, env=LIVE_HOW, **({"suspend": suspend} if suspend else {}))
        if until is None:
            complete, ended = run.run()
            expect((complete, ended) == (-1, 0), f"{what}: {complete}, {ended}")
            expect(run.errors() and says in run.errors()[-1], f"{what}: {run.errors()}")
        else:
            if until:
                run.hear_until(until)
                host.store.write(f"/local/domain/{number}/control/shutdown", "suspend")
            run.leave()
            ended = run.process.wait(60)
            expect(ended == status, f"{what}: status {ended}")
            run.host.started.discard(run.process)
            poll("the end of its children", lambda: not libxl.in_group(run.pid))
        os.close(fd)
        expect(until is None or host.domains()[number][2] != "s", f"{what}: the guest waits for nobody")
        resume(host, number, what)
    failing("suspend refused", 0, suspend=lambda: 0, says="suspended")
    failing("suspended, it says, and is not", 0, suspend=lambda: 1, says="Xen does not")
    failing("libxl goes at once", 1, until=0)
    failing("libxl goes when asked to suspend", 1, until=SUSPEND)


def gone_after_suspend(stage, host, number):
    """Nobody is left to resume a guest that was suspended: then the helper does."""
    fd = sink(stage)
    run = Libxl.save(host, number, fd)
    run.hear_until(SUSPEND)
    run.answer(libxl.suspended(host, number))
    run.hear_until(COMPLETE)
    run.leave()
    expect(run.process.wait(60) == 1, "a status of its own")
    host.started.discard(run.process)
    os.close(fd)
    host.goes_on(number, "libxl went before it answered COMPLETE")


def broken_restore(stage, host):
    """Refused, cut, or of a libxl that goes: the domain stays, for libxl to destroy."""
    data = (stage.folder / "stream").read_bytes()
    free = host.domains() and None or host.free_frames
    cut = stage.folder / "cut"

    def failing(what, content, says=None, static=0, until=None):
        cut.write_bytes(content)
        fd = os.open(cut, os.O_RDONLY)
        run = Libxl.restore(host, fd, static=static)
        if until is not None:
            if until == RESULTS:
                run.hear_until(STATIC)
                run.answer(0)
            if until:
                run.hear_until(until)
            run.leave()
            expect(run.process.wait(60) == 1, what)
            host.started.discard(run.process)
            poll("the end of its children", lambda: not libxl.in_group(run.pid))
        else:
            result = run.run()
            expect(result == (-1, 0) and not order_of(run, RESULTS), f"{what}: {result}, {run.said}")
            expect(says in run.errors()[-1], f"{what}: {run.errors()}")
        os.close(fd)
        expect(run.domain in host.domains(), f"{what}: it has destroyed the domain")
        host.driver("destroy", run.domain)
        expect(not host.domains() and host.free_frames == free, f"{what}: {free - host.free_frames} frames are lost")
    failing("static data refused", data, "refuses", static=-1)
    failing("cut", data[:len(data) // 2], "cut short")
    failing("nothing", b"", "empty")
    failing("an xl file", stream.wrap(data), "where libxc's stream should begin")
    failing("damaged", data[:40] + b"\x7f\0\0\0" + data[44:], "unknown type")
    failing("libxl goes at once", data, until=0)
    failing("libxl goes when asked for the static data", data, until=STATIC)
    failing("libxl goes when told the results", data, until=RESULTS)


def interrupted(stage, host, number, flags):
    """SIGTERM in the midst: complete(-1), and all is off. Also while libxl has not yet answered: it will."""
    out, into = os.pipe()
    run = Libxl.save(host, number, into, flags, env=LIVE_HOW)
    if not flags:
        run.hear_until(SUSPEND)
        os.kill(run.pid, 15)
        run.answer(libxl.suspended(host, number))
    else:
        pathlib.Path(f"/proc/{run.pid}/stat").read_text()
        os.read(out, 4096)    # it writes, and stands still in the full pipe
        os.kill(run.pid, 15)
    result = run.run()
    expect(result == (-1, 0) and "SIGTERM" in run.errors()[-1], f"SIGTERM: {result} {run.errors()}")
    expect(os.get_blocking(into), "the pipe is not blocking any more")
    os.close(into)
    os.close(out)
    resume(host, number, "SIGTERM")


def run(stage):
    for flavour in ("shadow", "noshadow"):
        host, to = stage.host(flavour, 64, "--flavour", flavour), stage.host(f"to-{flavour}", 64)
        number = host.guest(4)
        for flags in (LIVE, LIVE | libxl.DEBUG, 0):
            good_save(stage, host, number, flags)
            good_restore(stage, to)
        for flags in (LIVE, 0):
            broken_save(stage, host, number, flags)
            interrupted(stage, host, number, flags)
        gone_after_suspend(stage, host, number)
        broken_restore(stage, to)
    stage.figure("two flavours, live and stopped")

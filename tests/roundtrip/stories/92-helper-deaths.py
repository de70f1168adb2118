"""pvferry-save-helper, or its worker, dies at each call, or its peer goes: libxl is told, the guest can go on, no log is left on, no frame lost."""
import os
import signal
import time

import faults
import libxl
from hosts import DEADLINE, expect, poll
from libxl import LIVE, Libxl

HOW = {"PVFERRY_HELPER": "max-downtime=1 max-rounds=3", "PVFERRY_HELPER_CONF": "/nonexistent"}


def resume(host, number, what):
    """What libxl does after a failure."""
    if host.domains()[number][2] == "s":
        host.driver("resume", number)
    host.goes_on(number, what)


def some(number):
    """Not each call: the first ones, then ever fewer."""
    return number + 1 + number // 8


def saves(stage, host, number, flags, fault):
    """One helper for each call at which it fails."""
    free = {}

    def job(where, what):
        what = f"save with {what}"
        trace = faults.Trace(stage)
        fd = os.open(stage.folder / "stream", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        run = Libxl.save(host, number, fd, flags, env=dict(HOW, **trace), fault=where)
        complete, status = run.run()
        os.close(fd)
        # Dead, silent of COMPLETE, or it says so itself: libxl takes each for a failure.
        good = complete == 0 and status == 0
        expect(good or status or complete == -1, f"{what}: {complete}, {status}")
        expect(good or status < 0 or run.errors(), f"{what}: nobody says why: {run.said}")
        expect("l" not in host.domains()[number] or status < 0, f"{what}: its writes are still logged")
        free[good] = free.get(good, 0) + 1
        resume(host, number, what)
        return good and not trace.reached(where)
    return faults.each("any", fault, job, step=some)


def dies_at(stage, host, number):
    """The worker dies where it matters: the log just on, the guest just stopped, the log to be switched off."""
    places = ("domctl.shadow_op:2", "domctl.shadow_op:3", "domctl.getvcpuinfo:1", "domctl.shadow_op:9+")
    for where in places:
        fd = os.open(stage.folder / "stream", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        run = Libxl.save(host, number, fd, LIVE, env=HOW, fault=f"{where}:kill")
        complete, status = run.run()
        os.close(fd)
        expect(complete in (0, -1) or status, f"{where}: {complete}, {status}")
        expect("l" not in host.domains()[number] or status < 0, f"{where}: its writes are still logged")
        resume(host, number, where)
    return len(places)


def restores(stage, host, stream, fault):
    before = host.domains() and None or host.free_frames

    def job(where, what):
        what = f"restore with {what}"
        trace = faults.Trace(stage)
        fd = os.open(stream, os.O_RDONLY)
        run = Libxl.restore(host, fd, env=dict(HOW, **trace), fault=where)
        complete, status = run.run()
        os.close(fd)
        good = complete == 0 and status == 0
        expect(good or status or complete == -1, f"{what}: {complete}, {status}")
        expect(good or status < 0 or run.errors(), f"{what}: nobody says why: {run.said}")
        expect(run.domain in host.domains(), f"{what}: the domain is gone, which is libxl's")
        host.driver("destroy", run.domain)
        expect(not host.domains() and host.free_frames == before, f"{what}: {before - host.free_frames} frames are lost")
        return good and not trace.reached(where)
    return faults.each("any", fault, job, step=some)


def peer_goes(stage, host, number):
    """The other end of pipe or socket is closed in the midst."""
    import socket
    for kind in ("pipe", "socket"):
        for flags in (0, LIVE):
            a, b = os.pipe()[::-1] if kind == "pipe" else [s.detach() for s in socket.socketpair()]
            run = Libxl.save(host, number, a, flags, env=HOW)
            if not flags:
                run.hear_until(libxl.SUSPEND)
                run.answer(libxl.suspended(host, number))
            os.read(b, 4096)
            os.close(b)
            result = run.run()
            os.close(a)
            expect(result == (-1, 0) and "write the stream" in run.errors()[-1], f"{kind}: {result}, {run.errors()}")
            expect("l" not in host.domains()[number], f"{kind}: its writes are still logged")
            resume(host, number, f"a closed {kind}")


def leaves_when_asked(stage, host, number, flags, request=()):
    """A helper whose libxl goes when it is to have the guest suspended, after so many writes to the guest's node."""
    fd = os.open(stage.folder / "stream", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    run = Libxl.save(host, number, fd, flags, env=HOW)
    os.close(fd)
    run.hear_until(libxl.SUSPEND)
    for word in request:
        host.store.write(f"/local/domain/{number}/control/shutdown", word)
    run.leave()
    return run


def ended(host, run):
    """Soon: a guest that does not suspend would be waited for a minute."""
    start = time.monotonic()
    status = run.process.wait(DEADLINE)
    poll("the end of its children", lambda: not libxl.in_group(run.pid))
    took = time.monotonic() - start
    host.started.discard(run.process)
    expect(status == 1 and took < 45, f"status {status} after {took:.1f} s")


def gone_before_it_asked(stage, host, number, flags):
    """The guest will not suspend, and nobody waits for that: whoever asks it next would find it resumed under his hands."""
    ended(host, leaves_when_asked(stage, host, number, flags))
    host.goes_on(number, "libxl went before it asked the guest")


def gone_while_it_stops(stage, host, number, flags):
    """The guest has taken the request, and stops a second later: nobody else is there to let it go on."""
    host.stop_guests()
    run = leaves_when_asked(stage, host, number, flags, ("suspend", ""))
    time.sleep(1)
    expect(libxl.in_group(run.pid), "it does not wait for a guest that is about to stop")
    host.run_guests()
    host.store.write(f"/local/domain/{number}/control/shutdown", "suspend")
    ended(host, run)
    host.goes_on(number, "libxl went while the guest was about to stop")


def run(stage):
    host, to = stage.host("host", 64), stage.host("to", 64)
    number = host.guest(4)
    tried = sum(saves(stage, host, number, LIVE, fault) for fault in ("kill", "ENOMEM"))
    tried += saves(stage, host, number, 0, "kill") + dies_at(stage, host, number)
    peer_goes(stage, host, number)
    for flags in (0, LIVE):
        gone_before_it_asked(stage, host, number, flags)
        gone_while_it_stops(stage, host, number, flags)
    stream = stage.folder / "good"
    host.driver("save", number, stream)
    tried += sum(restores(stage, to, stream, fault) for fault in ("kill", "EINVAL"))
    stage.figure(f"{tried} faults")

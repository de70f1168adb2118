"""pvferry-save-helper, or its worker, dies at each call, or its peer goes: libxl is told, the guest can go on, no log is left on, no frame lost."""
import os
import signal

import faults
import libxl
from hosts import expect
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


def run(stage):
    host, to = stage.host("host", 64), stage.host("to", 64)
    number = host.guest(4)
    tried = sum(saves(stage, host, number, LIVE, fault) for fault in ("kill", "ENOMEM"))
    tried += saves(stage, host, number, 0, "kill") + dies_at(stage, host, number)
    peer_goes(stage, host, number)
    stream = stage.folder / "good"
    host.driver("save", number, stream)
    tried += sum(restores(stage, to, stream, fault) for fault in ("kill", "EINVAL"))
    stage.figure(f"{tried} faults")

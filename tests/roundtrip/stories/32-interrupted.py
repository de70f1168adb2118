"""SIGTERM, SIGHUP and SIGINT at each call of save and restore: the guest runs on and no file is left; no domain is left."""
import os
import random
import signal
import time

import faults
from hosts import expect

EVERYBODY = "exec=trap '' {0}; kill -{0} 0"    # all of pvferry's processes, as a terminal does


def saves(stage, host, folder, names):
    number, image = host.guest(4, vcpus=2), folder / "image"
    before = faults.Before(host, folder)
    tried = 0
    for name in names:
        def job(fault, what, name=name):
            what = f"save with {what}"
            trace = faults.Trace(stage)
            result = host.pvferry("save", "-c", number, image, fault=fault, env=trace)
            if result.status == 0:
                expect(host.pvferry("verify", image).status == 0, f"{what}: a bad image")
                image.unlink()
            else:
                faults.says_one_line(result, what)
                expect(f"SIG{name}" in result.err, f"{what}: {result}")
            host.goes_on(number, what)
            before.is_as_it_was(what)
            return not trace.reached(fault)
        tried += faults.each("any", EVERYBODY.format(name), job)
    host.freeze(number, stage.folder / "made")
    return tried


def restores(stage, host, image, folder, names):
    before = faults.Before(host, folder)
    tried = 0
    for name in names:
        def job(fault, what, name=name):
            what = f"restore with {what}"
            trace = faults.Trace(stage)
            result = host.pvferry("restore", image, fault=fault, env=trace)
            if result.status == 0:
                copy, = host.domains()
                host.goes_on(copy, what)
                host.destroy(copy)
            else:
                faults.says_one_line(result, what)
                expect(f"SIG{name}" in result.err, f"{what}: {result}")
            before.is_as_it_was(what)
            return not trace.reached(fault)
        tried += faults.each("any", EVERYBODY.format(name), job)
    return tried


def at_any_moment(stage, host, image, folder):
    """From outside, whenever; either it came too late, or nothing is there. SIGKILL goes to the parent alone."""
    random.seed(20261120)
    before = faults.Before(host, folder)
    for i in range(30):
        process = host.start(host.program, "restore", image)
        time.sleep(random.random() * 0.06)
        kind = (signal.SIGINT, signal.SIGTERM, signal.SIGINT)[i % 3]
        try:
            (os.kill if i % 2 else os.killpg)(process.pid, kind)
        except ProcessLookupError:
            pass
        result = host.end(process)
        what = f"restore with {kind.name} from outside"
        if result.status == 0:
            copy, = host.domains()
            host.goes_on(copy, what)
            host.destroy(copy)
        else:
            # Before it has installed its handlers it dies as anybody.
            expect(result.status == -kind or faults.ONE_LINE.fullmatch(result.err), f"{what}: {result}")
        before.is_as_it_was(what)
    return 30


def run(stage):
    source, host, folder = stage.host("from", 48), stage.host("to", 48), faults.folder_of(stage)
    tried = saves(stage, source, folder, ("TERM", "HUP"))
    tried += restores(stage, host, stage.folder / "made", folder, ("TERM",))
    tried += at_any_moment(stage, host, stage.folder / "made", folder)
    stage.figure(f"{tried} interruptions")

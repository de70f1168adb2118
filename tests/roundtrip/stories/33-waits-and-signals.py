"""Who waits for the other end of a FIFO hears a signal; what was ignored at the start stays ignored; descriptors 0 to 2 may be closed."""
import os
import signal
import subprocess

import faults
from hosts import PVFERRY, expect, poll


def is_waiting(process, fifo):
    """Asleep with the FIFO in sight: it has opened it, or tries to."""
    def answer():
        try:
            with open(f"/proc/{process.pid}/comm") as comm, open(f"/proc/{process.pid}/stat") as stat:
                return comm.read().startswith("pvferry") and stat.read().rsplit(")", 1)[1].split()[0] == "S" \
                    and catches(process.pid)
        except OSError:
            return False
    poll(f"it waits for {fifo}", answer)


def catches(pid):
    """It has its handlers by now."""
    with open(f"/proc/{pid}/status") as status:
        caught = next(line for line in status if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1


def waits(stage, host, number, folder):
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    before = faults.Before(host, folder.parent / "none")
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for args in (("save", "-c", number), ("restore",), ("verify",), ("inspect",)):
            process = host.start(PVFERRY, *args, fifo)
            is_waiting(process, fifo)
            process.send_signal(kind)
            result = host.end(process)
            expect(result.status in (1, 2) and kind.name in result.err, f"{args[0]}, {kind.name}: {result}")
        host.goes_on(number, f"a save that waited, {kind.name}")
        before.is_as_it_was(f"waiting, {kind.name}")
    host.must("save", "-c", number, folder.parent / "after")    # the domain's lock is free
    return 12


def ignored(stage, host, number):
    """nohup, and a shell's job in the background: its reader is slow, so that it is in the middle of it."""
    for kind in (signal.SIGHUP, signal.SIGINT):
        out, to = os.pipe()
        process = host.start(PVFERRY, "save", "-c", number, "-", stdout=to, preexec_fn=lambda: signal.signal(kind, signal.SIG_IGN))
        os.close(to)
        os.read(out, 1)    # something of the image is there, so it is well past its start
        os.killpg(process.pid, kind)
        with os.fdopen(out, "rb") as file:
            count = 1 + len(file.read())
        result = host.end(process)
        expect(result.status == 0, f"{kind.name} was ignored: {result}, {count} bytes")
        host.goes_on(number, f"{kind.name} ignored")
    return 2


def close(*descriptors):
    def before():
        for each in descriptors:
            os.close(each)
    return before


def opened_on_nothing(host, fifo):
    """Without simhost, which has files open before pvferry begins: the first file is not standard input or output."""
    process = subprocess.Popen([PVFERRY, "verify", fifo], preexec_fn=close(0, 1, 2))
    try:
        is_waiting(process, fifo)
        for each in range(3):
            seen = os.readlink(f"/proc/{process.pid}/fd/{each}")
            expect(seen == "/dev/null", f"descriptor {each}, closed at the start, is {seen}")
    finally:
        process.kill()
        process.wait()


def closed(stage, host, number, folder):
    """What is printed, or read, never becomes part of an image, or comes out of one."""
    image = folder / "image"
    for gone in ((0,), (1,), (2,), (0, 1, 2)):
        result = host.pvferry("save", "-c", number, image, preexec_fn=close(*gone))
        expect(result.status == 0 and host.pvferry("verify", image).status == 0, f"{gone} closed: {result}")
        expect(host.pvferry("verify", image, preexec_fn=close(*gone)).status == (1 if 1 in gone else 0), f"verify, {gone} closed")
        image.unlink()
    for args in (("save", "--force", number, "-"), ("save", "-c", number, "-")):
        result = host.pvferry(*args, preexec_fn=close(1))
        faults.says_one_line(result, f"{args}: standard output is closed")
        host.goes_on(number, f"{args}: standard output is closed")
    opened_on_nothing(host, folder / "fifo")
    expect(host.pvferry("verify", "-", preexec_fn=close(0)).status == 2, "verify -: standard input is closed")
    return 10


def run(stage):
    host, folder = stage.host("host", 64), faults.folder_of(stage)
    (stage.folder / "none").mkdir()
    number = host.guest(16, vcpus=2, workload="mix")
    tried = waits(stage, host, number, folder) + ignored(stage, host, number) + closed(stage, host, number, folder)
    stage.figure(f"{tried} trials")

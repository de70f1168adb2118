"""A guest that suspends late is resumed by a process that stays; one that drops the request is asked again; one that ends instead is said to have ended; what others asked of it is not lost."""
import os
import signal
import sys

import faults
import moves
from hosts import PVFERRY, expect, poll

SHUT = """import ctypes, sys
x = ctypes.CDLL('libxenctrl.so'); x.xc_interface_open.restype = ctypes.c_void_p
x.xc_domain_shutdown(ctypes.c_void_p(x.xc_interface_open(None, None, 0)), int(sys.argv[1]), int(sys.argv[2]))"""
POWEROFF, REBOOT, CRASH = 0, 1, 3


def request_of(number):
    return f"/local/domain/{number}/control/shutdown"


def take(host, number):
    """The guest takes the request, and goes no further."""
    poll("a request", lambda: host.store.read(request_of(number)) == "suspend")
    host.store.write(request_of(number), "")


def library():
    """libxenctrl's file: its name has Xen's version."""
    import subprocess
    lines = subprocess.run(["ldd", str(PVFERRY)], capture_output=True, text=True).stdout.split()
    return next(word for word in lines if word.startswith("libxenctrl.so"))


def shut(host, number, reason):
    program = host.stage.folder / "shut.py"
    program.write_text(SHUT.replace("libxenctrl.so", library()))
    result = host.end(host.start(sys.executable, program, number, reason))
    expect(result.status == 0, f"shut: {result}")


def takes_too_long(host, number, image):
    """A save whose time is over when the guest has taken the request, but not yet suspended."""
    for seconds in (1, 5, 25):    # on a busy machine it may be over before the guest has taken it: the request is withdrawn then
        process = host.start(PVFERRY, "save", "--timeout", seconds, number, image)
        poll("a request", lambda: host.store.read(request_of(number)) == "suspend" or process.poll() is not None)
        while host.store.read(request_of(number)):
            host.must_simhost("guests", host.path, "--steps", 1, "--domain", number)
        result = host.end(process)
        if "runs on" not in result.err:
            break
    return result


def suspends_late(host, image):
    """Until it has, no other save gets at it; then it runs, and nothing is left."""
    number = host.guest(4, workload="idle")
    host.stop_guests()
    result = takes_too_long(host, number, image)
    expect(result.status == 1 and faults.ONE_LINE.fullmatch(result.err) and "may suspend yet: process" in result.err
           and "runs on" not in result.err, f"late: {result}")
    waiter = int(result.err.split("process ")[1].split()[0])
    expect(moves.is_alive(waiter) and not image.exists(), f"late: {waiter}")
    refused = host.pvferry("save", number, image)
    expect(refused.status == 1 and "saving or moving it" in refused.err, f"late: {refused}")
    host.run_guests()
    poll("the end of the process that stays", lambda: not moves.is_alive(waiter))
    host.goes_on(number, "a guest that suspended late")
    expect(not moves.jobs(host) and not moves.locks(host), f"late: {moves.jobs(host)}, {moves.locks(host)}")
    host.destroy(number)


def suspends_when_all_are_killed(host, image):
    """The process that stays is killed, too: the journal is left, and recovery resumes the guest."""
    number = host.guest(4, workload="idle")
    host.stop_guests()
    waiter = int(takes_too_long(host, number, image).err.split("process ")[1].split()[0])
    os.kill(waiter, signal.SIGKILL)
    poll("its death", lambda: not moves.is_alive(waiter))
    host.run_guests()
    poll("a guest that is suspended", lambda: host.domains()[number][:3] == "--s")
    host.must("resolve", "--recover")
    host.goes_on(number, "a guest that suspended late")
    expect(not moves.jobs(host), f"late: {moves.jobs(host)}")
    host.destroy(number)


def drops_the_request(host, image):
    """As Linux 7.2 does that hibernates just then."""
    number = host.guest(4)
    host.stop_guests()
    process = host.start(PVFERRY, "save", "-c", "--timeout", 600, number, image)
    take(host, number)
    poll("a second request", lambda: host.store.read(request_of(number)) == "suspend")
    host.run_guests()
    result = host.end(process)
    expect(result.status == 0, f"dropped: {result}")
    host.goes_on(number, "a guest that dropped a request")
    host.destroy(number)
    image.unlink()


def ends_instead(host, image):
    host.stop_guests()
    for reason, words in ((POWEROFF, "has powered off"), (REBOOT, "has asked to be rebooted"), (CRASH, "has crashed")):
        number = host.guest(4)
        process = host.start(PVFERRY, "save", number, image)
        take(host, number)
        shut(host, number, reason)
        result = host.end(process)
        expect(result.status == 1 and faults.ONE_LINE.fullmatch(result.err) and words in result.err
               and "runs on" not in result.err, f"{words}: {result}")
        expect(host.domains()[number][:3] == "--s" and not image.exists(), f"{words}: {host.domains()}")
        refused = host.pvferry("resume", number)
        expect(refused.status == 1 and words in refused.err, f"{words}: {refused}")
        expect(not moves.jobs(host) and not moves.locks(host), f"{words}: {moves.jobs(host)}")
        host.destroy(number)
    host.run_guests()


def ends_on_its_way(host, to):
    number = host.guest(4)
    host.stop_guests()
    move = moves.Move(host, to, number, None, ())
    take(host, number)
    shut(host, number, POWEROFF)
    result, _ = move.end()
    expect(result.status == 1 and "has powered off" in result.err and "runs on" not in result.err, f"moved: {result}")
    expect(not to.domains(), f"moved: {to.domains()}")
    expect([j["stage"] for j in moves.jobs(host).values()] == ["ended"], f"moved: {moves.jobs(host)}")
    host.destroy(number)
    host.run_guests()


def was_asked_before(host, image):
    number = host.guest(4)
    host.stop_guests()
    host.store.write(request_of(number), "poweroff")
    result = host.pvferry("save", number, image)
    expect(result.status == 1 and faults.ONE_LINE.fullmatch(result.err) and '"poweroff"' in result.err, f"poweroff: {result}")
    expect(host.store.read(request_of(number)) == "poweroff", "poweroff: the request is lost")
    host.store.write(request_of(number), "")
    host.run_guests()
    host.goes_on(number, "a guest that was asked before")
    host.destroy(number)


def no_room_for_signals(host, image):
    """A thread cannot be cancelled: nothing is that depends on it while the guest is stopped."""
    number = host.guest(4)
    result = host.end(host.start("/bin/sh", "-c", 'ulimit -i 0 && exec "$@"', "sh", PVFERRY, "save", "-c", number, image))
    expect(result.status == 0 or "signal" not in result.err, f"no signals: {result}")
    host.goes_on(number, "without room for signals")
    host.destroy(number)


def run(stage):
    host, to, folder = stage.host("host", 64), stage.host("to", 32), faults.folder_of(stage)
    image = folder / "image"
    suspends_late(host, image)
    suspends_when_all_are_killed(host, image)
    drops_the_request(host, image)
    ends_instead(host, image)
    ends_on_its_way(host, to)
    was_asked_before(host, image)
    no_room_for_signals(host, image)

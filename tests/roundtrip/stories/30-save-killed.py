"""pvferry dies at each call of a save, whole or its worker alone: the guest is intact and can go on, the old FILE is.

Of a pvferry that SIGKILL takes away whole no process is left to resume the guest: it stays suspended until `pvferry
resume`, or recovery, finds it. A worker that dies leaves its parent, and that resumes it."""
import signal

import faults
import moves
from hosts import expect, poll

OLD = b"the old one\n"
SAYS_STOPPED = "; the domain could not be resumed"


def settled(host, number):
    """Whether it runs with nothing asked of it, or has suspended."""
    def look():
        facts = host.check(number)
        if facts and facts.get("phase") == 3:
            return "suspended"
        asked = host.store.read(f"/local/domain/{number}/control/shutdown")
        return "runs" if facts and facts.get("phase") == 1 and not asked else None
    return poll("a guest that runs or is suspended", look)


def lives(host, number, what):
    """It is intact; resumed, if that is needed."""
    for _ in range(3):
        if settled(host, number) == "suspended":
            expect(host.domains()[number][:3] == "--s", f"{what}: {host.domains()}")
            host.is_sound(number, what)
            host.must("resume", number)
        host.pvferry("resolve", "--recover")    # of one that ran on, or was never asked
        expect(not moves.jobs(host), f"{what}: {moves.jobs(host)} is left")
        try:
            return host.goes_on(number, what)
        except Exception:
            if settled(host, number) != "suspended":    # it had the order in its hands
                raise
    return None


def check_files(host, folder, image, what):
    """The old image, or a whole new one; unfinished ones have hidden names, and only SIGKILL leaves them."""
    for file in folder.iterdir():
        if file != image:
            expect(file.name.startswith(".image."), f"{what}: {file.name} is left")
            file.unlink()
    if image.read_bytes() != OLD:
        sound = host.pvferry("verify", image)
        expect(sound.status == 0, f"{what}: FILE is neither the old one nor a sound one: {sound}")
        image.write_bytes(OLD)
        return True
    return False


def run(stage):
    host, folder = stage.host("host", 48), faults.folder_of(stage)
    image = folder / "image"
    image.write_bytes(OLD)
    number = host.guest(4, vcpus=2)
    ended = {}

    def job(fault, what):
        what = f"save with {what}"
        trace = faults.Trace(stage)
        result = host.pvferry("save", "-c", "--force", number, image, fault=fault, env=trace)
        ended[result.status] = ended.get(result.status, 0) + 1
        if result.status == 1:
            faults.says_one_line(result, what)
            # Where the parent came to the same call of its own it is dead too, and says nothing.
            expect("SIGKILL" in result.err and not result.err.rstrip().endswith(SAYS_STOPPED), f"{what}: {result}")
            host.goes_on(number, what)
        else:
            expect(result.status in (0, -signal.SIGKILL), f"{what}: {result}")
            lives(host, number, what)
        check_files(host, folder, image, what)
        return result.status == 0 and not trace.reached(fault)

    tried = faults.each("any", "kill", job)
    for call in ("domctl.setvcpucontext", "domctl.resumedomain"):
        job(f"{call}:1:kill", call)
    expect(ended.get(1) and ended.get(-signal.SIGKILL), f"not both the worker and the whole were killed: {ended}")
    stage.figure(f"{tried + 2} deaths")

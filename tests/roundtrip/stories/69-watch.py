"""A restored guest is watched: it powers off, reboots, crashes, as its config wants; by one watcher, that may die at any time."""
import json
import os
import signal
import time

import devices
import faults
import hosts
import moves
from hosts import XEN_RELEASE, expect, poll

POWEROFF, REBOOT, CRASH = 0, 1, 3    # SHUTDOWN_* of Xen's sched.h
BOOTS, STAYS = ("--allow", "scripts,boot"), ("--allow", "scripts")
HANGS = "[ $1 = add ] || exit 0; touch {folder}/waits; while [ -e {folder} ] && [ ! -e {folder}/go ]; do sleep 0.02; done; exit 0"


class Watched(devices.Devices):
    """A host, and an image of a guest with devices."""

    def __init__(self, stage, name):
        super().__init__(stage, name)
        self.files = faults.folder_of(stage, f"{name}-files")
        number = self.host.guest(4, name="web")
        self.host.freeze(number, self.files / "bare")
        self.host.destroy(number)
        self.kernel = devices.kernel(self.files / "kernel")
        (self.host.path / "xenstored/dump").mkdir()

    def restore(self, *options, **config):
        """The guest's id, when it runs and is watched."""
        wanted = dict({"b_info": {"kernel": self.kernel}, "on_reboot": "restart"}, **config)
        devices.edit(self.files / "bare", self.files / "image", **self.config(**wanted))
        number = self.host.restore(self.files / "image", *(options or BOOTS))
        self.host.goes_on(number)
        self.one_watches(number)
        self.ran()
        return number

    def by_xl(self):
        """The id of a guest that xl has restored, and watches."""
        devices.edit(self.files / "bare", self.files / "image", **self.config(b_info={"kernel": self.kernel}, on_reboot="restart"))
        result = self.host.end(self.host.start(devices.XL, "restore", self.files / "image"))
        expect(not result.status, result)
        number = self.xl_lists()["web"]
        self.host.goes_on(number)
        self.connected(number)
        poll("xl watches it", lambda: f"(domid {number}) to die" in self.xl_log())
        expect(not self.watchers() and "watcher" not in self.listed(number), "it has two watchers")
        return number

    def xl_log(self):
        log = self.host.path / "xen-log/xl-web.log"
        return log.read_text() if log.exists() else ""

    def xls(self):
        """pids of xl's processes that watch."""
        return [int(pid) for pid, name in self.host_processes() if name == "xl"]

    def listed(self, number):
        return {row["domid"]: row for row in json.loads(self.host.must("list", "--json").out)}.get(number, {})

    def one_watches(self, number):
        expect([self.listed(number).get("watcher")] == self.watchers(), f"{self.listed(number)}, watchers {self.watchers()}")

    def ends(self, number, reason):
        """The guest does so by itself."""
        self.host.driver("shutdown", number, reason)

    def is_started_again(self, before):
        """The new domain's id."""
        def there():
            rest = [number for number, flags in self.host.listed().items() if number > before and flags[0] == "r"]
            return rest if before not in self.host.listed() or self.says(before, "stays as") else None
        number, = poll("it is started again", there)
        poll("its watcher says so", lambda: self.says(number, "is started again"))
        poll("the restart is over", lambda: not list((self.host.path / "run/watch").glob("*.restart")))
        expect(self.host.store.read(f"/local/domain/{number}/name") == "web", "it has another name")
        self.one_watches(number)
        return number

    def says(self, number, words):
        return any(f"(domain {number}): {words}" in line for line in self.log().splitlines())

    def is_over(self, what):
        poll(f"{what}: the domain goes", lambda: not self.host.listed())
        poll(f"{what}: its watcher ends", lambda: not self.watchers())
        expect(not self.left() and not list((self.host.path / "run/watch").iterdir()), f"{what}: left: {self.left()}")
        self.ran()


def poweroff(host):
    number = host.restore()
    host.host.store.write(f"/local/domain/{number}/control/shutdown", "poweroff")
    host.is_over("poweroff")
    expect(host.says(number, "has shut down (poweroff): destroy"), host.log())


def reboot(host):
    """Also after a checkpoint, which suspends the guest; and again; and if the guest may not boot."""
    first = host.restore()
    host.host.freeze(first, host.files / "checkpoint", "--force")
    poll("its watcher sees that it is suspended", lambda: host.says(first, "is suspended"))
    host.host.must("resume", first)
    host.host.goes_on(first)
    host.one_watches(first)
    host.host.store.write(f"/local/domain/{first}/control/shutdown", "reboot")
    second = host.is_started_again(first)
    expect(len(host.ran()) == 4, "the devices are not made again")
    host.ends(second, REBOOT)
    third = host.is_started_again(second)
    host.ends(third, POWEROFF)
    host.is_over("poweroff after two reboots")

    number = host.restore(*STAYS)
    host.ends(number, REBOOT)
    poll("its watcher ends", lambda: not host.watchers())
    expect(host.says(number, "stays as it is and is not started again: what it boots was named by an image"), host.log())
    expect("s" in host.host.listed()[number], f"{host.host.listed()}")
    host.host.end(host.host.start(devices.XL, "destroy", number))
    host.is_over("reboot without --allow boot")


def crash(host):
    """With a dump, under another name, kept."""
    number = host.restore(on_crash="coredump_restart")
    host.ends(number, CRASH)
    second = host.is_started_again(number)
    expect((host.host.path / "xenstored/dump/web").stat().st_size > 4 << 20, "no dump")
    host.ends(second, POWEROFF)
    host.is_over("coredump-restart")

    number = host.restore(on_crash="restart_rename")
    host.ends(number, CRASH)
    second = host.is_started_again(number)
    name = host.host.store.read(f"/local/domain/{number}/name")
    expect(name.startswith("web-2"), f"it is called {name}")
    host.ends(second, POWEROFF)
    poll("one of them goes", lambda: list(host.host.listed()) == [number])
    host.host.end(host.host.start(devices.XL, "destroy", number))
    host.is_over("rename-restart")

    number = host.restore(on_crash="preserve")
    host.ends(number, CRASH)
    poll("its watcher ends", lambda: not host.watchers())
    expect(host.host.listed()[number][:3] == "--s" or host.host.listed()[number][2] == "s", f"{host.host.listed()}")
    host.host.end(host.host.start(devices.XL, "destroy", number))
    host.is_over("preserve")


def kill(host):
    watcher, = host.watchers()
    os.kill(watcher, signal.SIGKILL)
    poll("the watcher dies", lambda: not host.watchers())


def death(host):
    """Of the watcher: another one finds what has happened; of two that come at once one stays."""
    number = host.restore()
    kill(host)
    expect(host.listed(number)["watcher"] == 0 and " died " in host.host.must("list").out, "list does not show it")
    host.ends(number, REBOOT)
    both = [host.host.start(host.host.program, "resolve", "--recover") for _ in range(2)]
    for process in both:
        result = host.host.end(process)
        expect(not result.status, result)
    second = host.is_started_again(number)

    # in the middle of a restart: the domain of before is gone
    (host.folder / "go").unlink(missing_ok=True)
    host.write("ok", HANGS.format(folder=host.folder))
    host.ends(second, REBOOT)
    poll("the script runs", (host.folder / "waits").exists)
    kill(host)
    (host.folder / "go").touch()
    host.host.must("resolve", "--recover")
    third = host.is_started_again(second)
    host.host.must("resolve", "--recover")
    host.one_watches(third)
    host.write("ok", "exit 0")
    host.host.end(host.host.start(devices.XL, "destroy", third))
    host.is_over("destroyed by xl")
    host.host.must("resolve", "--recover")
    expect(not host.watchers(), "there is nothing to watch")


def in_its_place(host):
    """A restart that was cut short is not gone on with where a guest of the UUID runs already; an old one is forgotten."""
    number = host.restore()
    watched, = (path for path in (host.host.path / "run/watch").iterdir() if len(path.name) == 36)
    left = watched.with_name(f"{watched.name}.restart")
    for age, words in ((0, f"is not started again: domain {number} has its UUID"), (700, None)):
        kill(host)
        watched.write_text(f"{number + 1000:10} boots\n ")
        left.write_text(json.dumps(host.config(b_info={"kernel": host.kernel})))
        os.utime(left, (time.time() - age,) * 2)
        host.host.must("resolve", "--recover")
        expect(not watched.exists() and not left.exists() and not host.watchers(), "the restart is not forgotten")
        expect(not words or host.says(number + 1000, words), host.log())
        host.host.goes_on(number)
        if not age:
            watched.write_text(f"{number:10} boots\n ")
            host.host.must("resolve", "--recover")
            host.one_watches(number)
    host.host.end(host.host.start(devices.XL, "destroy", number))
    host.is_over("one that was in its place")

    # a person has made it, and it has not run yet: it has the name, the UUID, and no mark
    number = host.host.restore(host.files / "image", *BOOTS, "-p")
    host.one_watches(number)
    kill(host)
    watched.write_text(f"{number + 1000:10} boots\n ")
    left.write_text(json.dumps(host.config(b_info={"kernel": host.kernel})))
    host.host.must("resolve", "--recover")
    expect(host.says(number + 1000, f"is not started again: domain {number} has its UUID"), host.log())
    expect(host.host.listed()[number][1] == "p", f"{host.host.listed()}")
    host.host.end(host.host.start(devices.XL, "destroy", number))
    host.is_over("one that has not run yet")


def of_xl(host):
    """A domain whose xl ends when it is suspended, as up to Xen 4.19, has our watcher afterwards: one, and not before."""
    number = host.by_xl()
    result = host.host.pvferry("save", "-c", number, "/nowhere/image")
    expect(result.status == 1 and not host.watchers(), f"a save that did not suspend it: {result}")
    host.host.freeze(number, host.files / "checkpoint", "--force")
    poll("xl sees that it is suspended, and ends", lambda: "Exiting now" in host.xl_log())
    for _ in range(2):
        host.host.must("resume", number) if _ == 0 else host.host.save(number, host.files / "checkpoint", "-c", "--force")
        host.host.goes_on(number)
        host.one_watches(number)
    host.ends(number, REBOOT)
    again = host.is_started_again(number)
    host.ends(again, POWEROFF)
    host.is_over("a domain of xl's")


def left_suspended(host):
    """The processes of a save are killed, and xl's has ended: who lets the guest run again has it watched."""
    number = host.by_xl()
    r, w = os.pipe()
    save = host.host.start(hosts.PVFERRY, "save", "--force", number, "-", stdout=w)
    os.close(w)
    poll("xl sees that it is suspended, and ends", lambda: "Exiting now" in host.xl_log())
    pids = [save.pid, *moves.children(save.pid)]
    for pid in pids:
        moves.wait_idle(pid)
        os.kill(pid, signal.SIGSTOP)    # none sees the other's end
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    os.close(r)
    host.host.end(save)
    poll("the end of its processes", lambda: not any(moves.is_alive(p) for p in pids))
    host.host.must("resolve", "--recover")
    host.host.goes_on(number)
    host.one_watches(number)
    expect(len(host.watchers()) == 1, "none watches it")
    host.host.end(host.host.start(devices.XL, "destroy", number))
    host.is_over("left suspended")


def xl_stays(host):
    """If xl's process is there all the same, what is to be done is done once: by xl. It is stopped while the domain is suspended."""
    number = host.by_xl()
    xl, = host.xls()
    os.kill(xl, signal.SIGSTOP)
    try:
        host.host.save(number, host.files / "checkpoint", "-c", "--force")
        host.host.goes_on(number)
        host.one_watches(number)
        host.ends(number, POWEROFF)
        poll("our watcher ends", lambda: not host.watchers())
        expect(host.says(number, "has shut down (poweroff), and is left to xl") and number in host.host.listed(), host.log())
    finally:
        os.kill(xl, signal.SIGCONT)
    host.is_over("left to xl")
    poll("xl ends", lambda: not host.xls())


def run(stage):
    host = Watched(stage, "host")
    parts = [poweroff, reboot, crash, death, in_its_place, of_xl, left_suspended, xl_stays]
    if tuple(map(int, XEN_RELEASE.split("."))) >= (4, 20):
        parts.remove(of_xl)
        parts.remove(left_suspended)
        stage.figure("xl of this Xen stays when its domain is suspended: not ended")
    for part in parts:
        part(host)

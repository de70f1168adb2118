"""pvferry-toolstack by itself: its orders, early and late, cut short at each place, and orders that are none."""
import fcntl
import json
import socket
import subprocess

import devices
import faults
from hosts import DEADLINE, PVFERRY, SIMHOST, expect, poll

UUID = "01234567-89ab-cdef-0123-456789abcdef"


class Toolstack:
    """One process of it, and the other end of its socket."""

    def __init__(self, target):
        ours, theirs = socket.socketpair()
        ours.settimeout(DEADLINE)
        self.socket, self.target = ours, target
        self.lines = ours.makefile("r")
        self.process = subprocess.Popen(
            [SIMHOST, "run", target.host.path, "--", "bash", "-c", f"exec \"$0\" 3<&{theirs.fileno()} {theirs.fileno()}<&-",
             PVFERRY.parent / "pvferry-toolstack"],
            pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, start_new_session=True, env=target.host.environment())
        target.host.started.add(self.process)
        theirs.close()

    def order(self, order, **more):
        self.socket.sendall((json.dumps(dict(order=order, **more)) + "\n").encode())

    def hear(self):
        return json.loads(self.lines.readline() or "null")

    def ask(self, order, **more):
        self.order(order, **more)
        return self.hear()

    def create(self, config, how):
        """What the gate reports."""
        heard = self.ask("create", config=json.dumps(config), name="web--incoming", width=8, devices=how)
        expect(heard and "gate" in heard and heard["store"] != heard["console"], f"create: {heard}")
        return heard["gate"]

    def give(self, descriptor, order):
        socket.send_fds(self.socket, [(json.dumps(order) + "\n").encode()], [descriptor])

    def end(self):
        self.lines.close()
        self.socket.close()
        expect(self.process.wait(DEADLINE) == 0, "it ends otherwise")
        self.target.host.started.discard(self.process)


def config(target, **more):
    return {"c_info": {"type": "pv", "name": "web", "uuid": UUID},
            "b_info": {"max_vcpus": 1, "max_memkb": 8192, "target_memkb": 8192, "numa_placement": "False", "type.pv": {}},
            **target.config(**more)}


def early(target):
    """Devices at once; config, run and destroy."""
    tool = Toolstack(target)
    number = tool.create(config(target), "early")
    expect(tool.hear() == {"domid": number, "done": "create"}, "early: no end")
    expect(len(target.ran()) == 2, "early: scripts")
    expect("failed" in tool.ask("create", config="{}", name="b", width=8, devices="early"), "a second domain")
    told = json.loads(tool.ask("config", domid=number)["config"])
    expect(told["disks"][0]["vdev"] == "xvda" and told["c_info"]["uuid"] == UUID, f"config: {told}")
    expect(tool.ask("run", name="web", paused=True) == {"done": "run"}, "run")
    expect(target.xl_lists() == {"Domain-0": 0, "web": number}, f"xl lists {target.xl_lists()}")
    tool.end()
    expect(number in target.host.domains(), "a domain that runs goes with the toolstack")
    tool = Toolstack(target)
    expect(tool.ask("destroy", domid=number) == {"done": "destroy"}, "destroy")
    tool.end()
    target.ran()


def late(target):
    """No script before the gate opens."""
    tool = Toolstack(target)
    number = tool.create(config(target), "late")
    expect(tool.process.poll() is None and not target.ran() and not target.left(), "late: scripts before the gate is open")
    tool.order("open")
    expect(tool.hear() == {"domid": number, "done": "create"}, "late: no end")
    expect(len(target.ran()) == 2, "late: scripts")
    expect(tool.ask("abandon") == {"done": "abandon"}, "abandon")
    tool.end()
    expect(len(target.ran()) == 2, "late: scripts at the end")


def kept(target):
    """It stays when the program ends; a lock that came with an order is held until then."""
    lock = target.folder / "lock"
    tool = Toolstack(target)
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        tool.give(held.fileno(), {"order": "create", "config": json.dumps(config(target)), "name": "web--incoming", "width": 8, "devices": "early"})
        number = tool.hear()["gate"]
    expect(tool.hear() == {"domid": number, "done": "create"}, "kept: no end")
    with open(lock, "w") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            expect(False, "the lock is free while the toolstack lives")
        except BlockingIOError:
            pass
        expect(tool.ask("keep") == {"done": "keep"}, "keep")
        expect("failed" in tool.ask("keep"), "keep it twice")
        tool.end()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock.unlink()
    expect(target.host.domains().get(number, "")[:3] == "-p-", f"kept: {target.host.domains()}")
    tool = Toolstack(target)
    expect(tool.ask("destroy", domid=number) == {"done": "destroy"}, "destroy")
    tool.end()
    target.ran()


def cut(target):
    """Abandoned, or left alone, at the gate, behind it and at the end."""
    target.write("hangs", f"[ $1 = add ] || exit 0; touch {target.folder}/waits; while [ -e {target.folder}/waits ]; do sleep 0.02; done")
    for way in ("abandon", "end"):
        for place in ("at the gate", "behind it", "at the end"):
            tool = Toolstack(target)
            number = tool.create(config(target, disk="hangs" if place == "behind it" else "ok"),
                                 "late" if place == "at the gate" else "early")
            if place == "behind it":
                poll("the script runs", (target.folder / "waits").exists)
            elif place == "at the end":
                expect(tool.hear() == {"domid": number, "done": "create"}, "no end")
            if way == "abandon":
                heard = tool.ask("abandon")
                if place != "at the end":
                    expect(heard["failed"] == "create" and "no longer wanted" in heard["reason"], f"{place}: {heard}")
                    heard = tool.hear()
                expect(heard == {"done": "abandon"}, f"{place}: {heard}")
            tool.end()
            (target.folder / "waits").unlink(missing_ok=True)
            expect(not target.host.domains(), f"{way} {place}: {target.host.domains()}")
            expect(not target.left(), f"{way} {place}: {target.left()}")


def quiet(target):
    """A disk that cannot be written out, and a ring that cannot be read, are failures; at rest is a disk when both can."""
    disk = target.folder / "disk"
    disk.write_bytes(bytes(65536))
    wanted = config(target)
    wanted["disks"][0]["pdev_path"] = str(disk)
    tool = Toolstack(target)
    number = tool.create(wanted, "early")
    expect(tool.hear() == {"domid": number, "done": "create"}, "no end")
    expect(tool.ask("quiet", domid=number) == {"done": "quiet"}, "a disk that is at rest")

    disk.unlink()
    disk.symlink_to(disk)
    heard = tool.ask("quiet", domid=number)
    expect(heard.get("failed") == "quiet" and f"the disk xvda: cannot open {disk} to write it out: " in heard["reason"], f"no flush: {heard}")
    disk.unlink()
    disk.write_bytes(bytes(65536))

    backend, ring = f"/local/domain/0/backend/vbd/{number}/51712/state", f"/local/domain/{number}/device/vbd/51712/ring-ref"
    state = target.host.store.read(backend)
    target.host.store.write(ring, "4000000000")
    expect(tool.ask("quiet", domid=number) == {"done": "quiet"}, "a backend that has no rings yet")
    target.host.store.write(backend, "4")
    heard = tool.ask("quiet", domid=number)
    expect(heard.get("failed") == "quiet" and heard["reason"], f"a ring that cannot be read: {heard}")
    target.host.store.remove(ring)
    expect(tool.ask("quiet", domid=number) == {"done": "quiet"}, "no ring")
    target.host.store.write(backend, state)
    expect(tool.ask("abandon") == {"done": "abandon"}, "abandon")
    tool.end()
    disk.unlink()
    target.ran()


def no_orders(target):
    tool = Toolstack(target)
    for order in ({"order": "dance"}, {}, {"order": None}, {"order": "run", "name": None}, {"order": "destroy"}, {"order": "keep"}, {"order": "run", "name": "a"}, {"order": "create"},
                  {"order": "create", "config": "[", "name": "a", "width": 8},
                  {"order": "create", "config": json.dumps(config(target)), "width": 8},
                  {"order": "config", "domid": 77}):
        tool.socket.sendall((json.dumps(order) + "\n").encode())
        heard = tool.hear()
        expect(heard and heard["failed"] == (order.get("order") or "") and heard["reason"] and heard["errno"] > 0, f"{order}: {heard}")
    tool.socket.sendall(b"no JSON\n")
    expect(tool.hear() is None, "it answers what is no JSON")
    tool.end()
    expect(not target.host.domains(), "a domain was made")


def run(stage):
    target, folder = devices.Devices(stage, "target"), faults.folder_of(stage)
    before = faults.Before(target.host, folder)
    for part in (early, late, kept, cut, quiet, no_orders):
        part(target)
        before.is_as_it_was(part.__name__)
    expect((target.host.path / "xen-log/pvferry-toolstack.log").exists(), "libxl's words are lost")

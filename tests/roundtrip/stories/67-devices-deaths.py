"""libxl at work on devices, and one of pvferry's processes dies or is told to stop: one clear line, and nothing is left."""
import contextlib
import os
import signal
import socket
import subprocess
import threading

import devices
import faults
from hosts import PVFERRY, SIMHOST, expect, poll

ALLOW = ("--allow", "scripts")
# Waits for a word, or for the end of the story.
HANGS = "[ $1 = add ] || exit 0; touch {folder}/waits; while [ -e {folder} ] && [ ! -e {folder}/go ]; do sleep 0.02; done; exit 0"


def pid_of(target, name):
    """The one process of that name."""
    found = poll(f"there is a {name}", lambda: [int(pid) for pid, comm in target.processes() if comm == name[:15]])
    expect(len(found) == 1, f"{name}: {found}")
    return found[0]


def hanging(target, image):
    """A restore whose disk's script waits."""
    (target.folder / "waits").unlink(missing_ok=True)
    process = target.host.start(target.host.program, "restore", *ALLOW, image)
    poll("the script runs", (target.folder / "waits").exists)
    return process


class Unit:
    """In place of systemd: a toolstack for each connection to the socket of its unit."""

    def __init__(self, target):
        self.target, self.started = target, 0
        path = target.host.path / "run/toolstack.sock"
        path.parent.mkdir(exist_ok=True)
        self.path, self.listener = path, socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            fd = connection.fileno()
            if self.path is None:
                return
            self.started += 1
            process = subprocess.Popen(
                [SIMHOST, "run", self.target.host.path, "--", "bash", "-c", f"exec \"$0\" 3<&{fd} {fd}<&-", PVFERRY.parent / "pvferry-toolstack"],
                pass_fds=(fd,), stdin=subprocess.DEVNULL, start_new_session=True, env=self.target.host.environment())
            self.target.host.started.add(process)
            threading.Thread(target=process.wait, daemon=True).start()
            connection.close()

    def end(self):
        path, self.path = self.path, None
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        self.thread.join()
        self.listener.close()


def all_is_as_before(target, before, what):
    poll(f"{what}: all processes end", lambda: not target.processes())
    poll(f"{what}: the domain goes", lambda: set(target.host.listed()) == before.domains)
    before.is_as_it_was(what)
    expect(not target.left(), f"{what}: {target.left()}")


def while_a_script_hangs(target, image):
    target.write("hangs", HANGS.format(folder=target.folder))
    before = faults.Before(target.host, image.parent)

    process = hanging(target, image)
    os.kill(pid_of(target, "pvferry-toolstack"), signal.SIGKILL)
    result = target.host.end(process)
    faults.says_one_line(result, "the toolstack is killed")
    expect("pvferry-toolstack ended" in result.err and "no domain was made" in result.err, result)
    all_is_as_before(target, before, "the toolstack is killed")

    process = hanging(target, image)
    os.kill(pid_of(target, "pvferry"), signal.SIGTERM)
    result = target.host.end(process)
    faults.says_one_line(result, "SIGTERM")
    expect("SIGTERM" in result.err and "no domain was made" in result.err, result)
    all_is_as_before(target, before, "SIGTERM")

    process = hanging(target, image)
    os.kill(pid_of(target, "pvferry"), signal.SIGKILL)
    target.host.end(process)
    all_is_as_before(target, before, "pvferry is killed")


def in_the_builder(target, image):
    """It dies while libxl is done with the devices, or is not."""
    before = faults.Before(target.host, image.parent)
    for fault in ("domctl.setvcpucontext:1:kill", "memory.populate_physmap:1:kill", "mmu_update:1:ENOMEM"):
        result = target.host.pvferry("restore", *ALLOW, image, fault=fault, only="pvferry-builder")
        faults.says_one_line(result, fault)
        expect("no domain was made" in result.err, f"{fault}: {result}")
        all_is_as_before(target, before, fault)
    for fault in ("memory.populate_physmap:1:ENOMEM", "grant_map:1:ENOMEM", "any:5:kill"):
        result = target.host.pvferry("restore", *ALLOW, image, fault=fault, only="pvferry-save-helper")
        if result.status == 0:    # it does not make that call
            target.host.must("save", "--force", "web", image.parent.parent / "away")
            continue
        faults.says_one_line(result, f"{fault} at the gate")
        all_is_as_before(target, before, f"{fault} at the gate")


def image_that_does_not_end(target, image, folder):
    """A script fails while the memory comes in: nobody waits for the rest."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    before = faults.Before(target.host, image.parent)
    process = target.host.start(target.host.program, "restore", *ALLOW, pipe)
    with open(pipe, "wb", buffering=0) as writer:
        data = image.read_bytes()
        with contextlib.suppress(BrokenPipeError):    # the script may have failed already
            writer.write(data[:len(data) // 2])
        result = target.host.end(process)
    faults.says_one_line(result, "a script fails and the image goes on")
    expect("burns add: the disk burns" in result.err, result)
    all_is_as_before(target, before, "a script fails and the image goes on")


def at_the_destruction(target, image, away):
    """libxl's process dies when a saved guest is to go: the guest goes all the same, and it is said what stays."""
    number = target.host.restore(image, *ALLOW)
    target.host.goes_on(number)
    result = target.host.pvferry("save", number, away, fault="domctl.destroydomain:1:kill", only="pvferry-toolstack")
    expect(result.status == 0 and "what served its devices stays, the domain itself is destroyed now: libxl could not destroy the domain" in result.err, result)
    expect(number not in target.host.domains(), f"the guest is still there: {target.host.domains()}")
    expect(target.host.pvferry("verify", away).status == 0, "the image is not sound")


def run(stage):
    target, folder = devices.Devices(stage, "target"), faults.folder_of(stage)
    number = target.host.guest(4, name="web")
    target.host.freeze(number, stage.folder / "bare")
    target.host.destroy(number)
    devices.edit(stage.folder / "bare", folder / "hangs", **target.config(disk="hangs"))
    while_a_script_hangs(target, folder / "hangs")
    unit = Unit(target)
    while_a_script_hangs(target, folder / "hangs")
    expect(unit.started >= 3, f"the unit has started {unit.started}")
    unit.end()    # the socket stays, and no process listens: pvferry starts its own, unless it is a job of pvferryd's unit
    before = faults.Before(target.host, folder)
    result = target.host.pvferry("restore", *ALLOW, folder / "hangs", env={"PVFERRY_TOOLSTACK": "socket"})
    faults.says_one_line(result, "no unit")
    expect("systemctl start pvferry-toolstack.socket" in result.err and "no domain was made" in result.err, result)
    before.is_as_it_was("no unit")
    (folder / "hangs").unlink()
    target.write("burns", 'xenstore-write "$XENBUS_PATH/hotplug-error" "the disk burns"; exit 1')
    devices.edit(stage.folder / "bare", folder / "burns", **target.config(disk="burns"))
    image_that_does_not_end(target, folder / "burns", stage.folder)
    (folder / "burns").unlink()
    devices.edit(stage.folder / "bare", folder / "works", **target.config())
    in_the_builder(target, folder / "works")
    at_the_destruction(target, folder / "works", stage.folder / "last")

"""Two hosts and a guest with two disks and a network, which is at one of them."""
import devices
import faults
import moves
from hosts import expect, poll

ALLOW = ("--allow-config", "scripts", "--allow-device", "/dev/null,xenbr0")
DISKS = [51712, 51728]


def config(target):
    more = target.config()
    more["disks"].append({**more["disks"][0], "vdev": "xvdb", "readwrite": 0})
    return more


class Bench:
    """Two hosts with devices; the guest is at one of them."""

    def __init__(self, stage):
        self.stage = stage
        self.hosts = [devices.Devices(stage, name) for name in "ab"]
        self.empty = [faults.Before(each.host, faults.folder_of(stage, f"files-{name}")) for each, name in zip(self.hosts, "ab")]
        self.log = stage.folder / "scripts-ran"
        self.to_fail = stage.folder / "scripts-fail"
        self.to_hold = stage.folder / "scripts-hold"
        # its path is in the config on both
        self.hosts[0].write("ok", f'what="$(basename "$SIMHOST") $1"; echo "$what" >>{self.log}\n'
                                  f'while [ "$what" = "$(cat {self.to_hold} 2>/dev/null)" ]; do sleep 0.05; done\n'
                                  f'[ "$what" = "$(cat {self.to_fail} 2>/dev/null)" ] || exit 0\n'
                                  'xenstore-write "$XENBUS_PATH/hotplug-error" "the disk burns"; exit 1')

    def fails(self, what=""):
        """What of a host fails from now on: "b add"."""
        self.to_fail.write_text(what)

    def holds(self, what=""):
        """What of a host begins, and does not end while this is so."""
        self.to_hold.write_text(what)

    def has_run(self):
        """[(host, action)] since ran()."""
        return [tuple(line.split()) for line in (self.log.read_text().splitlines() if self.log.exists() else [])]

    def ran(self):
        """The same, and from now on anew."""
        lines = self.has_run()
        self.log.unlink(missing_ok=True)
        return lines

    def begin(self):
        """The guest, at the first host."""
        first = self.hosts[0]
        number = first.host.guest(4, vcpus=2, name="web")
        first.host.freeze(number, self.stage.folder / "bare")
        first.host.destroy(number)
        devices.edit(self.stage.folder / "bare", self.stage.folder / "image", **config(first))
        number = first.host.restore(self.stage.folder / "image", "--allow", "scripts")
        self.is_whole(first, number, "at the beginning")
        self.at, self.number = 0, number
        return number

    def source(self):
        return self.hosts[self.at]

    def destination(self):
        return self.hosts[1 - self.at]

    def is_whole(self, target, number, what):
        """It runs there with all its devices, and xl knows it."""
        target.host.goes_on(number, what)
        for vdev in DISKS:
            poll(f"{what}: disk {vdev}", lambda: target.host.store.read(f"/local/domain/{number}/device/vbd/{vdev}/state") == "4")
        target.connected(number)
        expect(target.xl_lists() == {"Domain-0": 0, "web": number}, f"{what}: xl lists {target.xl_lists()}")
        expect(not target.processes(), f"{what}: there still are {target.processes()}")
        poll(f"{what}: it is watched", lambda: len(target.watchers()) == 1)
        self.ran()

    def is_away(self, target, what):
        """Nothing is left of it."""
        index = self.hosts.index(target)
        expect(not target.left(), f"{what}: {target.left()}")
        moves.forget_jobs(target.host)
        self.empty[index].is_as_it_was(what)

"""A guest with two disks and two networks, made by Xen's own hotplug scripts; all four in use (guest/blocks.c, ping)."""
import struct
import time

import migrations
from scenario import Failure, expect

SLOTS, BLOCK_BYTES = 64, 4096       # as in guest/blocks.c
FILE_BYTES = 4 << 20
# The first is a block device that all hosts of the scenario see, the second a file on a file system that they share.
DISKS = {"xvda": "phy:/dev/vda,xvda,w", "xvdb": "file:/lab/common/second,xvdb,w"}
NETS = ("mac=00:16:3e:00:00:01,bridge=xenbr0", "mac=00:16:3e:00:00:02,bridge=xenbr1")
ALLOWED = "--allow-device /dev/vda --allow-device '/lab/common/*' --allow-device 'xenbr*'"
PATIENCE_S = 120


class Devices:
    """The guest, and what is seen of its disks and networks from outside."""

    def __init__(self, stage, disks=tuple(DISKS), **how):
        first = stage.host
        first.must("dd if=/dev/zero of=/dev/vda bs=1M count=1 conv=fsync 2>/dev/null; "
                   f"dd if=/dev/zero of=/lab/common/second bs={FILE_BYTES} count=1 2>/dev/null")
        places = {"xvda": first.disk, "xvdb": first.common / "second"}
        self.disks = {vdev: places[vdev] for vdev in disks}
        self.guest = stage.guest(extra=f"disk = {[DISKS[vdev] for vdev in disks]}\nvif = {list(NETS)}", timeout=600,
                                 boot=f"blocks={','.join('/dev/' + vdev for vdev in disks)} nets=2", **how)
        self.works("before anything")

    def works(self, what):
        """Each disk takes more blocks, the last ones are there and whole, and each network answers."""
        before = {vdev: self.newest(vdev) for vdev in self.disks}
        for net in range(len(NETS)):
            answer = self.guest.host.sh(f"for i in $(seq 60); do ping -c 1 -w 2 10.9.{net}.2 >/dev/null && exit 0; done; "
                                        "ip addr; cat /var/log/xen/xen-hotplug.log; exit 1", PATIENCE_S + 60)
            expect(answer.status == 0, f"{what}: network {net} does not answer: {answer}\n{self.guest.console()[-800:]}")
        end = time.monotonic() + PATIENCE_S
        for vdev, number in before.items():
            while self.newest(vdev) <= number + 3:
                expect(time.monotonic() < end, f"{what}: {vdev} stands at block {number}: {self.guest.console()[-800:]}")
                time.sleep(0.2)
        expect(not self.guest.corrupt(), f"{what}: {self.guest.corrupt()}")

    def newest(self, vdev, patience=PATIENCE_S):
        """The number of the last block on a disk; the SLOTS - 1 before it have to be there. One that is being written
        this moment may be seen by half, hence the patience."""
        end = time.monotonic() + patience
        while True:
            numbers, wrong = self._blocks(vdev)
            if not wrong:
                return max(numbers)
            if time.monotonic() > end:
                raise Failure(f"{vdev}: {wrong}")
            time.sleep(0.02)

    def whole(self):
        """Nobody writes any more: all is on the disks, and in order."""
        return {vdev: self.newest(vdev, 0) for vdev in self.disks}

    def _blocks(self, vdev):
        with open(self.disks[vdev], "rb") as disk:
            data = disk.read(SLOTS * BLOCK_BYTES)
        numbers, wrong = [], []
        for slot in range(SLOTS):
            words = struct.unpack_from(f"<{BLOCK_BYTES // 8}Q", data, slot * BLOCK_BYTES)
            number = words[0] >> 16
            numbers.append(number)
            if number and words != tuple((number << 16) + i for i in range(len(words))):
                wrong.append(f"block {number} is torn")
        last = max(numbers)
        for number in range(max(1, last - SLOTS + 1), last + 1):
            if numbers[number % SLOTS] != number:
                wrong.append(f"block {number} is lost: {numbers[number % SLOTS]} is in its place, and {last} came after it")
        return numbers, "; ".join(wrong[:5])


def nothing_left(host, patience=PATIENCE_S):
    """Soon no domain, backend, loop device, interface, hotplug state, userdata or watcher of a guest is there any more."""
    look = ("xl list | tail -n +3; xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E 'backend/[a-z]+/[0-9]+/[0-9]+/state'; "
            "losetup -a; ls /sys/class/net | grep -E '^(vif|tap)'; ls /var/lib/xen | grep 'userdata-.*[.][1-9][0-9]*[.]'; "
            "ls /run/xen-hotplug; ps | grep -E 'pvferry-(watch|toolstack)|scripts/(block|vif)' | grep -v grep; true")
    end = time.monotonic() + patience
    while left := host.must(look):
        expect(time.monotonic() < end, f"left on {host.name}: {left}\n{host.must('tail -n 30 /var/log/xen/xen-hotplug.log')}")
        time.sleep(1)


def certificates(stage):
    """Made outside, by this build's own command."""
    done = stage.here("pvferry cert init-ca --ca ca && " + " && ".join(
        f"pvferry cert issue --ca ca --pki {host.name} --also {host.link.address} {host.name}" for host in stage.hosts))
    expect(done.status == 0, done)
    for host in stage.hosts:
        for name in ("ca.pem", "cert.pem", "key.pem"):
            host.put(stage.folder / host.name / name, f"/etc/pvferry/pki/{name}")
        host.must("chmod 600 /etc/pvferry/pki/key.pem")


def move(stage, devices, order="auto"):
    """To the other host of the pair, over TLS; nothing of it is left where it was. order: see --devices."""
    guest, source = devices.guest, devices.guest.host
    target, = (host for host in stage.hosts if host is not source)
    one = migrations.Measured("tls", guest, target, f"--devices {order} --max-suspended 1800", 3600,
                              f"--allow {source.name} {ALLOWED}")
    one.moved()
    nothing_left(source)
    devices.works(f"{order}: {one}")
    stage.figure(f"{order}: {one}")

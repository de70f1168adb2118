"""xl with pvferry-save-helper, or with the helper that Xen brings, at either end."""
import time

from host import LabError
from scenario import expect

OURS = "LIBXL_SAVE_HELPER=/usr/bin/pvferry-save-helper"
HELPERS = {"ours": OURS + " ", "stock": ""}
DISK = "/tmp/disk"
DEVICES = """disk = ["phy:/dev/loop0,xvda,w"]
vif = ["mac=00:16:3e:00:00:01,bridge=none"]"""
# Each line of the disk's first sector is a number that is one more than the one before; what was written is read again.
WRITER = ("(n=0; while sleep 0.1; do n=$((n+1)); printf \"%-511s\\n\" $n | dd of=/dev/xvda bs=512 conv=fsync,notrunc 2>/dev/null; "
          "blockdev --flushbufs /dev/xvda; read m rest </dev/xvda; [ \"$m\" = $n ] || echo COR\"\"RUPT disk $m $n; done) &")


def migrate_here(guest, sender="ours", receiver="ours", options="", env=""):
    """`xl migrate` to the same host; the command."""
    return (f"{env} {HELPERS[sender]} xl {options} migrate -s '' {guest.name} "
            f"'env -u LIBXL_SAVE_HELPER {env} {HELPERS[receiver]} xl migrate-receive'")


SAYS = {("ours", "saves"): "written, stopped for", ("stock", "saves"): "Saving domain",
        ("ours", "restores"): "MiB restored", ("stock", "restores"): "Restoring domain"}


def used(result, **who):
    """The work was done by these helpers, as libxl's log tells: saves="ours", restores="stock"."""
    for does, helper in who.items():
        expect(SAYS[helper, does] in result.text(), f"not {helper} {does}: {result}")


def stays(stage, guest, before):
    """It runs on where it was, nothing else is there, and none of its writes is logged."""
    stage.goes_on(guest, before)
    expect(stage.domains() == [guest.name], f"domains: {stage.domains()}")


def typed(guest, line, mark):
    """A console that was just opened may lose what comes at once: its echo tells."""
    for _ in range(5):
        guest.type(line)
        if guest.host.sh(f"grep -qa '{mark}' {guest.log}").status == 0:
            return
    raise LabError(f"the console of {guest.name} takes nothing: {guest.console()[-500:]}")


class Devices:
    """A guest with a disk and a network card, both in use."""

    def __init__(self, stage, host, name="guest", **how):
        self.stage = stage
        make_disk(host)
        self.guest = stage.guest(name, extra=DEVICES, **how)
        typed(self.guest, "ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up", "ip addr add")
        typed(self.guest, WRITER.replace("'", '"'), "dd of=")
        self.works("before anything")

    def works(self, what, host=None):
        """The disk's number grows, the guest answers on its network card."""
        host = host or self.guest.host
        answer = host.sh(f"ip link set vif$(xl domid {self.guest.name}).0 up; ip addr flush to 10.9.0.1 2>/dev/null; "
                         f"ip addr add 10.9.0.1/24 dev vif$(xl domid {self.guest.name}).0; "
                         "for i in $(seq 60); do ping -c 1 -w 2 10.9.0.2 >/dev/null && exit 0; done; ip addr; exit 1", 180)
        expect(answer.status == 0, f"{what}: the network card is dead: {answer}\n{self.guest.console()[-800:]}")
        first, end = self.number(host), time.monotonic() + 60
        while self.number(host) <= first + 3:
            expect(time.monotonic() < end, f"{what}: the disk is dead at {first}: {self.guest.console()[-800:]}")
            time.sleep(0.5)
        expect(not self.guest.corrupt(), f"{what}: {self.guest.corrupt()}")

    @staticmethod
    def number(host):
        text = host.sh(f"head -c 511 {DISK}").text().strip("\0 \n")
        return int(text or 0)


def carry_disk(source, target):
    """What a shared disk would be: the target's has what the source's had. It is behind by what is written meanwhile."""
    source.must(f"cp {DISK} /lab/share/disk")
    (target.share / "disk").write_bytes((source.share / "disk").read_bytes())
    target.must(f"dd if=/lab/share/disk of=/dev/loop0 bs=480k conv=notrunc,fsync 2>/dev/null")


def make_disk(host):
    host.must(f"[ -e {DISK} ] || {{ dd if=/dev/zero of={DISK} bs=1M count=8 2>/dev/null && losetup /dev/loop0 {DISK}; }}")

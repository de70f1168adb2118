"""A guest that finds too little free memory: domain 0 gets smaller for it where xl.conf lets it, as for one of xl's; else the message says what frees enough. Domain 0 keeps a reserve, also from a peer's offer."""
import json
import re

import devices
import faults
import moves
from hosts import expect

UUID = "00000000-0000-0000-0000-000000000000"
MEM, FREE = 512, 6    # MiB; a guest of 4 needs 12
RESERVE = 512         # MiB, which stay available in domain 0; or a tenth of what it has


class Full(devices.Devices):
    """A host of which domain 0 has nearly all."""

    def __init__(self, stage, name, *options):
        super().__init__(stage, name, MEM, "--domain-0", MEM, *options)
        self.was = self.domain_0()
        # what xen-init-dom0 enters, and what is to be free for guests
        (self.host.path / f"xenstored/userdata-d.0.{UUID}.libxl-json").write_text(json.dumps(
            {"c_info": {"type": "pv", "name": "Domain-0", "uuid": UUID}, "b_info": {"type.pv": {}}}) + "\0")
        self.back()
        self.host.store.write("/local/domain/0/memory/static-max", str(self.was << 10))
        self.host.store.write("/local/domain/0/memory/freemem-slack", "0")
        self.conf = stage.folder / f"{name}.conf"
        self.conf.write_text("# empty\n")
        # this machine's own has nothing to do with simhost's domain 0
        self.meminfo = stage.folder / f"{name}.meminfo"
        self.available(2 * RESERVE)
        self.env = {"PVFERRY_XL_CONF": str(self.conf), "PVFERRY_MEMINFO": str(self.meminfo)}

    def available(self, mib):
        self.meminfo.write_text(f"MemTotal: {self.was << 10} kB\nMemFree: 4096 kB\nMemAvailable: {mib << 10} kB\n")

    def domain_0(self):
        """MiB that it has."""
        shown = self.host.end(self.host.start(devices.XL, "list"))
        return int(shown.out.splitlines()[1].split()[2])

    def back(self):
        """To the size at which little is free."""
        self.host.store.write(f"/vm/{UUID}/memory", str(self.was - FREE))
        self.host.store.write("/local/domain/0/memory/target", str((self.was - FREE) << 10))
        self.settles(self.was - FREE)

    def settles(self, mib):
        devices.poll("domain 0's balloon", lambda: self.domain_0() == mib)


def refused(host, image, word, what):
    """One line that says how much is missing and what frees it; domain 0 is as it was."""
    before = faults.Before(host.host, image.parent)
    size = host.domain_0()
    result = host.host.pvferry("restore", image, env=host.env)
    faults.says_one_line(result, what)
    start = f"too little free memory: the domain needs 4 MiB, {FREE} MiB are free: "
    expect(start in result.err and word in result.err and "no domain was made" in result.err, f"{what}: {result}")
    host.settles(size)
    before.is_as_it_was(what)
    return result.err


def restored(host, image, what):
    host.host.must("restore", image, env=host.env)
    number, = host.host.domains()
    host.host.goes_on(number, what)
    expect(host.domain_0() < host.was - FREE, f"{what}: domain 0 has {host.domain_0()} MiB")
    host.host.must("save", "--force", number, image.parent / "last", env=host.env)
    host.back()


def moved(source, number, host):
    receiver = moves.Receiver(host.host, env=host.env)
    result = source.pvferry("migrate", "--via", "tcp", "--port", receiver.port, *moves.QUICK, number, "127.0.0.1")
    receiver.end()
    return result


def keeps_reserve(source, host, image):
    """What a guest needs is the word of an image or a peer: it costs domain 0 what it can do without, and no more."""
    host.conf.write_text('autoballoon="on"\n')
    host.available(RESERVE + 12 - FREE - 1)
    says = f"domain 0, which has {host.was - FREE} MiB, can give {12 - FREE - 1} MiB and keep a reserve for itself"
    refused(host, image, says, "an image")
    number = source.guest(4, name="offered")
    result = moved(source, number, host)
    faults.says_one_line(result, "an offer")
    expect(says in result.err and "the domain was not stopped" in result.err, result)
    source.goes_on(number, "it was refused")
    source.destroy(number)
    expect(host.domain_0() == host.was - FREE, f"an offer: domain 0 has {host.domain_0()} MiB")
    host.meminfo.write_text("MemTotal: 1 kB\n")
    refused(host, image, f"{host.meminfo} does not say how much memory is available", "a reserve that is not known")
    host.available(RESERVE + 12 - FREE)
    restored(host, image, "as much as the reserve leaves")
    host.available(2 * RESERVE)


def run(stage):
    source, folder = stage.host("source"), faults.folder_of(stage)
    number = source.guest(4, name="web")
    source.freeze(number, folder / "image")
    source.destroy(number)
    image = folder / "image"
    host, own = Full(stage, "full"), Full(stage, "own", "--command-line", "placeholder dom0_mem=500M,max:500M")

    for text in ("autoballoon=0", 'autoballoon="off"'):
        host.conf.write_text(text + "\n")
        said = refused(host, image, f"autoballoon is off in {host.conf}", text)
        less = re.search(r'"xl mem-set Domain-0 (\d+)m" frees enough', said)
        expect(less and int(less[1]) == host.domain_0() - (12 - FREE), said)
    host.conf.write_text("autoballoon=off\n")
    refused(host, image, "xl cannot read", "a file that is not xl's")
    refused(own, image, "Xen was started with dom0_mem, and autoballoon is not on", "dom0_mem")
    for text in ('autoballoon="auto"', ""):
        host.conf.write_text(text + "\n")
        restored(host, image, text)
    own.conf.write_text("autoballoon=1\n")
    restored(own, image, "on")

    keeps_reserve(source, host, image)

    # a balloon that does not move
    (host.host.path / "devices.no").write_text("balloon")
    refused(host, image, "domain 0 was told to get smaller, and has", "a balloon that does not move")
    target = host.host.store.read("/local/domain/0/memory/target")
    expect(int(target) >> 10 == host.was - FREE, f"its target is {target}")
    (host.host.path / "devices.no").unlink()

    # a guest that comes from another host
    number = source.guest(4, name="moves")
    own.conf.write_text('autoballoon="off"\n')
    result = moved(source, number, own)
    faults.says_one_line(result, "a move")
    expect("autoballoon is off" in result.err and "the domain was not stopped" in result.err, result)
    source.goes_on(number, "it was not stopped")
    own.conf.write_text('autoballoon="on"\n')
    result = moved(source, number, own)
    expect(not result.status, f"move: {result}")
    there, = own.host.domains()
    own.host.goes_on(there, "moved")
    expect(own.domain_0() < own.was - FREE, f"domain 0 has {own.domain_0()} MiB")

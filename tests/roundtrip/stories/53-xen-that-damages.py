"""Xens that pvferry does not fit: one that loses registers of each vCPU (4.21.0, 4.21.1), where nothing is saved or built;
and libraries of another release, which the line names."""
import faults
import moves
from hosts import expect

SAID = "loses the registers r8 to r15"


def refused(result, what):
    faults.says_one_line(result, what)
    expect(result.status and SAID in result.err and "4.21.2 or later" in result.err, f"{what}: {result}")


def run(stage):
    good, folder = stage.host("good", 64, "--xen", "4.21.2"), faults.folder_of(stage)
    number, image = good.guest(4, name="web"), folder / "image"
    good.run_guests()
    good.must("save", "-c", number, image)
    for release in ("4.21.0", "4.21.1"):
        bad = stage.host(f"bad-{release}", 64, "--xen", release)
        guest = bad.guest(4, name="db")
        bad.run_guests()
        for options in ((), ("-c",), ("-c", "--live")):
            refused(bad.pvferry("save", *options, guest, folder / "none"), f"save {options} on {release}")
        expect(not (folder / "none").exists(), "a file of a refused save")
        bad.goes_on(guest, "the guest that was not saved")
        before = faults.Before(bad, folder)
        refused(bad.pvferry("restore", image), f"restore on {release}")
        before.is_as_it_was("a refused restore")
        moved, _ = moves.Move(good, bad, number).end()
        expect(moved.status == 1 and SAID in moved.err, f"a move to {release}: {moved}")
        before.is_as_it_was("a refused move")
    good.goes_on(number, "the guest that did not move")
    for words in (("save", "-c", number, folder / "none"), ("restore", "--name", "other", image)):
        result = good.pvferry(*words, fault="domctl.get_address_size:*:EACCES")
        faults.says_one_line(result, f"{words[0]} with libraries of another release")
        expect(result.status and "are built for Xen" in result.err and "4.21.2" in result.err, f"{words}: {result}")
    listed = good.pvferry("list", fault="domctl.get_address_size:*:EACCES")
    expect(listed.status == 1 and listed.err.startswith("pvferry: list: this pvferry"), f"list: {listed}")
    good.goes_on(number, "the guest that other libraries did not save")
    stage.figure("2 releases refuse, 1 does not")

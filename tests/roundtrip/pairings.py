"""One guest, saved by ours and by upstream from the same moment, restored by ours and by upstream."""
import pathlib

import stream
from hosts import expect


class Guest:
    """What is to be tried. options are simhost's."""

    def __init__(self, mem=8, vcpus=1, width=64, p2m="linear", workload="mix", **more):
        self.mem, self.vcpus = mem, vcpus
        self.options = dict(vcpus=vcpus, width=width, p2m=p2m, workload=workload, **more)

    def __str__(self):
        return " ".join(f"{key} {value}" for key, value in self.options.items())


def convert(source, target, how, *args):
    data = pathlib.Path(source).read_bytes()
    pathlib.Path(target).write_bytes(how(data, *args))


def restore(to, guest, files, saver, restorer):
    """The id of the new domain, which is paused; and what it is called here."""
    name = f"{guest} {saver} -> {restorer}"
    if restorer == "upstream":
        return int(to.driver("restore", files[saver, "libxc"], guest.vcpus)), name
    return to.restore(files[saver, "xl"], "-p", "--name", f"by-{saver}"), name


def save_both(stage, source, number, guest):
    """Files by (saver, form), all of the same moment; the guest stays suspended."""
    files = {(saver, form): stage.folder / f"{saver}.{form}" for saver in ("ours", "upstream") for form in ("xl", "libxc")}
    source.freeze(number, files["ours", "xl"], "--force")
    source.driver("save", number, files["upstream", "libxc"])
    convert(files["ours", "xl"], files["ours", "libxc"], stream.unwrap)
    convert(files["upstream", "libxc"], files["upstream", "xl"], stream.wrap, "wrapped", guest.vcpus, guest.mem)
    return files


def goes_on(to, number, name):
    to.driver("unpause", number)
    if to.store.read(f"/local/domain/{number}/control/shutdown") is None:
        raise RuntimeError("no control node")
    to.goes_on(number, name)


def again(stage, to, number, name):
    """What was restored can be saved again, by ours, and restored."""
    path = stage.folder / "again.pvf"
    to.freeze(number, path, "--force")
    copy = to.restore(path, "-p", "--name", "again")
    to.same(number, to, copy, f"{name}, again")
    to.destroy(number)
    goes_on(to, copy, f"{name}, again")
    to.destroy(copy)


def try_all(stage, source, to, guests):
    """Every guest in every pairing."""
    stage.upstream()
    cells = 0
    for guest in guests:
        number = source.guest(guest.mem, **guest.options)
        files = save_both(stage, source, number, guest)
        verified = source.pvferry("verify", files["upstream", "xl"])
        expect(verified.status == 0, f"{guest}: verify of upstream's: {verified}")
        for saver in ("ours", "upstream"):
            for restorer in ("ours", "upstream"):
                copy, name = restore(to, guest, files, saver, restorer)
                source.same(number, to, copy, name)
                goes_on(to, copy, name)
                cells += 1
                if saver == restorer == "ours":
                    again(stage, to, copy, name)
                else:
                    to.destroy(copy)
        source.driver("resume", number)
        source.goes_on(number, f"{guest}: the source")
        source.destroy(number)
        left = {h.path.name: h.domains() for h in (source, to) if h.domains()}
        expect(not left, f"{guest}: domains are left: {left}")
    stage.figure(f"{len(guests)} guests, {cells} pairings equal")

"""A guest whose max_pfn lies within the last leaf of its p2m, or where that leaf begins: no page is left out; upstream restores the image, too. Saved live it goes on."""
import stream
from hosts import expect
from pairings import Guest, convert, goes_on, restore

UNANNOUNCED = 100


def pair(stage, source, to, guest):
    """Upstream's own save drops the pages behind max_pfn: it restores only."""
    number = source.guest(guest.mem, **guest.options)
    files = {("ours", form): stage.folder / f"ours.{form}" for form in ("xl", "libxc")}
    source.must("save", "-c", "--live", "--force", number, files["ours", "xl"])
    source.goes_on(number, f"{guest}: live")
    copy = to.restore(files["ours", "xl"], "-p", "--name", "live")
    goes_on(to, copy, f"{guest}: the copy of a live save")
    to.destroy(copy)
    source.freeze(number, files["ours", "xl"], "--level", 0, "--force")
    convert(files["ours", "xl"], files["ours", "libxc"], stream.unwrap)
    last = stream.Guest(files["ours", "xl"].read_bytes()).last
    expect(last >= guest.mem * 256 - guest.options["unannounced"], f"{guest}: the last pfn of the stream is {last}")
    for restorer in ("ours", "upstream"):
        copy, name = restore(to, guest, files, "ours", restorer)
        source.same(number, to, copy, name)
        goes_on(to, copy, name)
        to.destroy(copy)
    source.destroy(number)


def run(stage):
    stage.upstream()
    source, to = stage.host("from", 64), stage.host("to", 64)
    guests = [Guest(mem=mem, width=width, p2m=p2m, unannounced=UNANNOUNCED, workload="remap")    # none that gives up the last page
              for mem in (4, 7) for width, p2m in ((64, "linear"), (64, "list"), (32, "linear"), (32, "list"))]
    # all of the last leaf, as after memory hotplug
    guests += [Guest(mem=8, width=width, p2m=p2m, unannounced=4096 // (width // 8), workload="remap")
               for width in (64, 32) for p2m in ("linear", "list")]
    for guest in guests:
        pair(stage, source, to, guest)
    stage.figure(f"{len(guests)} guests whose last {UNANNOUNCED} pfns, or last leaf, are not announced")

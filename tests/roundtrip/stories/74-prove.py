"""restore --prove: what comes back right is proven; a changed, lost or exchanged page, table, p2m entry or register is found and named, and no domain is left."""
import json

import faults
import hosts
import stream
from hosts import expect

# The last call before the built domain is read again.
BUILT = "memory.acquire_resource:1:exec="
OPTIONS = {64: ((), ("--index",)), 32: (("--level", 0), ("--live", "--max-rounds", 3, "--index"))}


def proven(source, to, number, path, options):
    """An image of the guest; the restored one is proven, and runs."""
    source.save(number, path, "-c", "--force", *options)
    done = to.must("restore", "--prove", "--json", path)
    facts = json.loads(done.out)
    expect(facts["frames"] - 12 < facts["proven-pages"] < facts["frames"], f"{options}: {facts}")
    to.goes_on(facts["domid"], f"{options}")
    to.destroy(facts["domid"])


def pick(guest, wanted):
    """A page of the guest as the image has it, of which nothing is left out."""
    left_out = {guest.start_info(), *guest.leaves}
    return next(pfn for pfn in guest.types if pfn in guest.page_at and pfn not in left_out and wanted(pfn))


def damages(guest):
    """(what simhost does to the new domain, what pvferry says of it)"""
    page = pick(guest, lambda pfn: guest.types[pfn] == 0 and pfn > 100)
    table = pick(guest, lambda pfn: guest.types[pfn] & 7 == 1 and any(e & 1 for e in guest.entries(pfn)))
    slot = next(i for i, entry in enumerate(guest.entries(table)) if entry & 1)
    yield f"--flip newest {page} 77", f"pages differ at pfns {page:#x} (1 in all)"
    yield f"--lose newest {page}", f"pages differ at pfns {page:#x} (1 in all)"
    yield f"--flip newest {table} {slot * 8 + 1}", f"pages differ at pfns {table:#x} (1 in all)"
    yield f"--flip newest {guest.leaves[0]} 0", "p2m entries differ at pfns 0 (1 in all)"
    yield "--register newest 0", "vcpu 0 has other registers"
    yield f"--flip newest {guest.start_info()} 32", "start info has another"


def refused(result, said):
    faults.says_one_line(result, said)
    expect(said in result.err and "; no domain was made" in result.err, f"not {said!r}: {result}")


def found(to, folder, path):
    """Each damage of the built domain; how many."""
    before, tried = faults.Before(to, folder), 0
    for damage, said in damages(stream.Guest(stream.plain(path.read_bytes()))):
        refused(to.pvferry("restore", "--prove", path, only="pvferry-builder",
                           fault=f"{BUILT}{hosts.SIMHOST} fault {to.path} {damage}"), said)
        before.is_as_it_was(damage)
        tried += 1
    return tried


def run(stage):
    source, to, folder = stage.host("from", 64), stage.host("to", 64), faults.folder_of(stage)
    path, tried = folder / "image", 0
    for width, ways in OPTIONS.items():
        number = source.guest(4, width=width, p2m="list" if width == 32 else "linear", holes=40, vcpus=2, workload="mix")
        for options in ways:
            proven(source, to, number, path, options)
        if "--live" not in ways[0]:
            source.save(number, path, "-c", "--no-live", "--force")
        tried += found(to, folder, path)
        source.destroy(number)
    with open(path, "rb") as piped:
        done = to.must("restore", "--prove", "-", stdin=piped)
    expect("restored and proven" in done.err, f"a pipe: {done}")
    stage.figure(f"{tried} damages found")

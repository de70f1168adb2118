"""Where upstream loses data or dies: foreign frames in tables, pfns out of range, start info's flags; each the worst moment."""
import struct

import faults
import stream
from hosts import expect

P2M_4TOOLS = 16
PRESENT, USER = 1, 4
PAGE_DATA, P2M_FRAMES = 1, 3
HEADER = struct.Struct("<8sQQQQ")    # magic, version, frames_at, memory_at, file_bytes


def poke(host, mfn, slot, value):
    """A shell command that writes an entry into the machine's memory, where nobody guards it."""
    with open(host.path / "machine", "rb") as machine:
        start = HEADER.unpack(machine.read(HEADER.size))[3]
    octal = "".join(f"\\{byte:03o}" for byte in struct.pack("<Q", value))
    return f"printf '{octal}' | dd of={host.path}/machine bs=8 seek={(start + mfn * 4096) // 8 + slot} conv=notrunc status=none"


def empty_slots(guest):
    """(pfn, level, slot, entry that would be right) of tables with room: an L1's beside pages, an L2's beside tables."""
    for level in (1, 2):
        for pfn in guest.tables(level):
            entries = guest.entries(pfn)
            used = [slot for slot, entry in enumerate(entries) if entry & PRESENT]
            free = [slot for slot in range(300) if not entries[slot]]
            if used and free:
                yield pfn, level, free[0], entries[used[0]]
                break


def foreign_frames(stage):
    """An entry that names what is not the guest's: named with pfn and slot, and the guest goes on."""
    count = 0
    for width, p2m in ((64, "linear"), (64, "list"), (32, "linear")):
        host, folder = stage.host(f"foreign-{width}-{p2m}", 48), faults.folder_of(stage, f"files-{width}-{p2m}")
        number, other = host.guest(4, width=width, p2m=p2m), host.guest(4)
        host.save(other, stage.folder / "other", "-c", "--level", 0, "--force")
        host.save(number, stage.folder / "plain", "-c", "--level", 0, "--force")
        host.goes_on(number)
        theirs = stream.Guest((stage.folder / "other").read_bytes())
        guest = stream.Guest((stage.folder / "plain").read_bytes())
        before = faults.Before(host, folder)
        for pfn, level, slot, _ in empty_slots(guest):
            for what, frame in (("another guest's", theirs.mfn(100)), ("no", 0xFFFFFF)):
                where = guest.mfn(pfn)
                # The guest has stopped when its frames are typed, and has not gone on when its registers are set.
                result = host.pvferry("save", number, folder / "image", fault=",".join((
                    f"domctl.getpageframeinfo3:1:exec={poke(host, where, slot, frame << 12 | PRESENT | USER)}",
                    f"domctl.setvcpucontext:1:exec={poke(host, where, slot, 0)}")))
                name = f"{what} frame in a level-{level} table of a {width}-bit guest"
                faults.says_one_line(result, name)
                for word in (f"pfn {pfn:#x}", f"slot {slot}", f"level {level}", "the domain runs on"):
                    expect(word in result.err, f"{name}: not said: {word}: {result}")
                host.goes_on(number, name)
                before.is_as_it_was(name)
                count += 1
        host.must("save", number, folder / "image")
    stage.figure(f"{count} foreign frames")


def patch(data, at, form, value):
    data = bytearray(data)
    struct.pack_into(form, data, at, value)
    return bytes(data)


def hostile(data):
    """(name, bytes) of streams on which an upstream restorer dies, or which it takes."""
    guest = stream.Guest(data)
    pfn = guest.tables(1)[0]
    slot = next(i for i, entry in enumerate(guest.entries(pfn)) if entry & PRESENT)
    entry_at = guest.page_at[pfn] + 8 * slot
    flags = guest.entries(pfn)[slot] & 0xFFF
    word_at, word = guest.word_at[7], guest.types[7] << 60
    for far in (guest.last + 1, guest.last + 1000, (1 << 40) - 1):
        yield f"an entry that names pfn {far:#x}", patch(data, entry_at, "<Q", far << 12 | flags)
    for far in (guest.last + 1, 1 << 32, (1 << 52) - 1):
        yield f"a page with pfn {far:#x}", patch(data, word_at, "<Q", word | far)
    yield "a page of type 6", patch(data, word_at, "<Q", 6 << 60 | 7)
    for at, kind, body, length in stream.records(data):
        if kind == P2M_FRAMES:
            yield "a p2m that ends before it begins", patch(data, body, "<I", guest.last + 5)
            yield "a p2m of four billion pfns", patch(data, body + 4, "<I", 0xFFFFFFFF)
            yield "a p2m page with a pfn out of range", patch(data, body + 8, "<Q", guest.last + 9)
        if kind == PAGE_DATA:
            yield "a record of four billion pages", patch(data, body, "<I", 0xFFFFFFFF)
            yield "a record of no pages", patch(data, body, "<I", 0)
            yield "a record longer than any", patch(data, at + 4, "<I", 0xFFFFFFF8)
            break
    vcpu = guest.vcpus[0]
    form, cr3 = ("<Q", 4984 + 24) if guest.width == 8 else ("<I", 2716 + 12)
    yield "a cr3 out of range", patch(data, vcpu + cr3, form, (guest.last + 3) << 12)
    yield "a cr3 that is an ordinary page", patch(data, vcpu + cr3, form, guest.start_info() << 12)
    form, start = ("<Q", 616) if guest.width == 8 else ("<I", 524)
    yield "a start info out of range", patch(data, vcpu + start, form, guest.last + 1)
    form, ents = ("<Q", 4960) if guest.width == 8 else ("<I", 2704)
    yield "a GDT of 8192 entries", patch(data, vcpu + ents, form, 8192)


def hostile_streams(stage):
    host, folder = stage.host("hostile", 48), faults.folder_of(stage)
    count = 0
    for width in (64, 32):
        source = stage.host(f"source-{width}", 48)
        source.freeze(source.guest(4, width=width), stage.folder / "plain", "--level", 0, "--force")
        data = (stage.folder / "plain").read_bytes()
        before = faults.Before(host, folder)
        for name, damaged in hostile(data):
            path = stage.folder / "hostile.xl"
            path.write_bytes(damaged)
            for command in ("verify", "restore"):
                result = host.pvferry(command, path)
                expect(result.status == 1 and result.is_one_line(), f"{command}: {name}: {result}")
            before.is_as_it_was(name)
            count += 1
    stage.figure(f"{count} hostile streams")


def start_info_flags(stage):
    """SIF_VIRT_P2M_4TOOLS is still there after ours -> ours, twice."""
    host = stage.host("flags", 48)
    for width in (64, 32):
        number, image = host.guest(4, width=width), stage.folder / "flags.xl"
        for _ in range(3):
            host.freeze(number, image, "--level", 0, "--force")
            guest = stream.Guest(image.read_bytes())
            expect(guest.start_info_flags() & P2M_4TOOLS, f"start_info.flags is {guest.start_info_flags():#x}")
            host.destroy(number)
            number = host.restore(image)
            host.goes_on(number)
        host.destroy(number)


def run(stage):
    foreign_frames(stage)
    hostile_streams(stage)
    start_info_flags(stage)

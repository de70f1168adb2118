"""Small images that ask for much memory or time: inspect, verify, restore and receive stay within their budget, end in seconds, and soon after SIGTERM."""
import concurrent.futures
import json
import os
import pathlib
import resource
import signal
import struct
import sys
import time

import hosts
import moves
from hosts import Skip, expect, poll

sys.path.insert(0, str(hosts.ROOT / "tests/golden"))
import make_image as images  # noqa: E402
from make_image import PAGE_DATA, P2M_FRAMES, XSAVE, MSRS, Raw, Record  # noqa: E402
from read_image import xxh64  # noqa: E402

MIB = 1 << 20
ALLOWED, SECONDS = 64 * MIB, 30    # bytes beside 32 for each pfn; of processor time
TEN = 10 << 20
HOST_MIB = 2304    # else restore refuses so many pfns before it reads a page
COMMANDS = (("inspect",), ("verify",), ("restore", "--force"))    # the image names CPU features that this host lacks
BEGUN, LATER, ANSWER = 0.1, 0.5, 1    # seconds of processor time: work has begun; how much of it may follow a SIGTERM
LENIENCE = 1 << 20    # pfns beyond those that are promised are believed
UUID = "01234567-89ab-cdef-0123-456789abcdef"


def config(**build):
    build = {"max_vcpus": 1, "target_memkb": 65536, "max_memkb": 65536, **build}
    return json.dumps({"c_info": {"type": "pv", "name": "bomb", "uuid": UUID}, "b_info": build})


def opening(text, pfns, leaf=0):
    guest = images.Guest("bomb", 8, pfns, "linear")
    guest.p2m = [leaf] * -(-pfns // 512)
    records = images.opening(guest)
    raw = text.encode() + b"\0"
    records[0] = Raw(None, struct.pack("<32s5I", images.page.XL_MAGIC, 0x01020304, 3, 0, len(raw) + 4, len(raw)) + raw)
    return b"".join(r.bytes() for r in records)


def pages(words, data=b""):
    return Record(PAGE_DATA, struct.pack("<II", len(words), 0) + struct.pack(f"<{len(words)}Q", *words) + data).bytes()


def hole(pfn):
    return 15 << 60 | pfn


def seal(frames):
    """An image of frames: (stored, expanded length) each."""
    image = images.Image(images.sparse64())
    image.features = 1    # rounds: pfns may come in any order
    pieces, table = [image.head()], []
    table.append((len(pieces[0]), 0))
    for stored, expanded in frames:
        pieces.append(stored)
        table.append((len(stored), expanded))
    closing = image.sealed(b"".join(pieces), sum(t[1] for t in table))
    table.append((len(closing), 0))
    seek = b"".join(struct.pack("<II", *t) for t in table) + struct.pack("<IBI", len(table), 0, images.page.MAGIC_SEEK_END)
    return b"".join(pieces) + closing + images.skippable(images.page.MAGIC_SEEK, seek)


def image(*contents):
    return seal([(images.compress(c), len(c)) for c in contents])


def large_frames():
    big = pages(range(2500), bytes(4096 * 2500))
    return image(opening(config(max_memkb=131072), 32768), *[big] * 40), 32768


def huge_frames():
    """As they may no longer be."""
    big = pages(range(32700), bytes(4096 * 32700))
    return image(opening(config(max_memkb=131072), 32768), *[big] * 4), 32768


def tables():
    """Nothing but page tables of level 1, each pfn twice."""
    def some(n, type):
        return pages([type << 60 | n * 2500 + i for i in range(2500)], bytes(4096 * 2500))
    return image(opening(config(max_memkb=1 << 19), 100000), *(some(n, 1) for n in list(range(40)) * 2)), 100000


def pfns():
    """More than have pages: of such a byte is kept, and no more."""
    return image(opening(config(max_memkb=1 << 50), 1 << 27), pages([hole(5)])), 1 << 23


def vcpus():
    big = [b"".join(Record(kind, struct.pack("<II", v, 0) + bytes(64 << 10)).bytes() for v in range(s, s + 100))
           for kind in (XSAVE, MSRS) for s in range(0, 1000, 100)]
    return image(opening(config(max_vcpus=1000), 512), pages([hole(5)]), *big), 512


def values():
    return image(opening(config(x="@").replace('"@"', "[" + "0," * 1900000 + "0]"), 512), pages([hole(5)])), 512


def listed(item, count):
    """A config with so many of it."""
    return image(opening(config(x="@").replace('"@"', "[" + f"{item}," * count + "0]"), 512), pages([hole(5)])), 512


def objects():
    """json-c makes room in each for 16 members, before it has one."""
    return listed("{}", 131000)


def texts():
    """As many as a config may have."""
    return listed('"a"', 260000)


def available():
    return image(opening(config(max_vcpus=8192, avail_vcpus="@").replace('"@"', "[" + "9," * 30000 + "9]"), 512),
                 pages([hole(5)])), 512


def again():
    """One pfn in 320 000 records; the guest is large."""
    one = pages([hole(5)])
    return image(opening(config(max_memkb=1 << 23), 1 << 21), *[one * 320000] * 2), 1 << 21


def blocks():
    """A zstd frame of 24 MiB of empty blocks, which expands to 8 bytes."""
    content = bytes(8)
    frame = struct.pack("<IBI", 0xFD2FB528, 0b10100100, 8) + b"\0\0\0" * TEN + (1 | 8 << 3).to_bytes(3, "little") + content
    frame += struct.pack("<I", xxh64(content) & 0xFFFFFFFF)
    first = opening(config(), 512)
    return seal([(images.compress(first), len(first)), (frame, 8)]), 512


def frames(count=300000 if hosts.EVERY else 100000):
    """Frames of one small record each, so many that it shows if what stands in the seek table is kept."""
    one = pages([hole(5)])
    first = opening(config(), 512)
    return seal([(images.compress(first), len(first)), *[(images.compress(one), len(one))] * count]), 512


BOMBS = (large_frames, huge_frames, tables, pfns, vcpus, values, objects, texts, available, again, blocks, frames)


def peak(process):
    """Of it and those it starts: what each had at most, in one number."""
    most = {}
    while process.poll() is None:
        for status in [pathlib.Path(f"/proc/{pid}/status") for pid in family(process.pid)]:
            try:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
                if "pvferry" in lines["Name"]:
                    most[status] = max(most.get(status, 0), int(lines["RssAnon"].split()[0]) << 10)
            except (OSError, KeyError, ValueError):
                pass
        time.sleep(0.01)
    return max(most.values(), default=0)


def family(pid):
    try:
        children = [int(p) for t in pathlib.Path(f"/proc/{pid}/task").iterdir() for p in (t / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(p for child in children for p in family(child))]


def stored(content):
    return images.compress(content), len(content)


def slow():
    """(name, image) of some that keep each command busy for seconds: their frames come again and again."""
    yield "large_frames", seal([stored(opening(config(max_memkb=131072), 32768))] + [stored(pages(range(2500), bytes(4096 * 2500)))] * 1000)
    level1 = [stored(pages([1 << 60 | n * 2500 + i for i in range(2500)], bytes(4096 * 2500))) for n in range(8)]
    yield "tables", seal([stored(opening(config(max_memkb=1 << 19), 100000))] + level1 * 100)
    yield "again", seal([stored(opening(config(max_memkb=1 << 23), 1 << 21))] + [stored(pages([hole(5)]) * 320000)] * 100)
    yield "frames", frames(300000)[0]


def processor_seconds(pid):
    """Of a process, those it starts, and those of them that have ended."""
    ticks = 0
    for each in family(pid):
        try:
            ticks += sum(map(int, pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def spent():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def is_gone(pid):
    return not pathlib.Path(f"/proc/{pid}").exists()


def stop(host, name, path, command, begun):
    """SIGTERM once it has worked for so long: the processor time that follows, however busy the machine is."""
    before = spent()
    process = host.start(hosts.PVFERRY, *command, "--threads", 2, path, stdout=hosts.subprocess.DEVNULL)
    poll(f"{name}: {command[0]} works", lambda: process.poll() is not None or processor_seconds(process.pid) >= begun)
    at, pids = processor_seconds(process.pid), family(process.pid)
    process.send_signal(signal.SIGTERM)
    result = host.end(process)
    more = spent() - before - at
    what = f"{command[0]} of {name}, SIGTERM after {at:.2f} s of processor time"
    expect(result.status in (1, 2) and "SIGTERM" in result.err, f"{what}: {result}")
    expect(more < ANSWER, f"{what}: {more:.2f} s of it followed: {result}")
    poll(f"{what}: none of its processes is left", lambda: all(map(is_gone, pids)))
    expect(not host.domains(), f"{what}: {host.domains()} is left")
    return more


def stop_all(stage, host, path):
    for name, data in slow():
        path.write_bytes(data)
        told = {command[0]: max(stop(host, name, path, command, begun) for begun in stage.some((BEGUN, LATER), 1))
                for command in COMMANDS}
        stage.figure(f"{name} stopped after {', '.join(f'{command} {more:.2f} s' for command, more in told.items())}")


def defuse(host, name, path, pfn_count, command, from_pipe, *more):
    """One command on one bomb: how much and how long."""
    allowed = ALLOWED + 32 * pfn_count
    with open(path, "rb") as file:
        cat = hosts.subprocess.Popen(["cat"], stdin=file, stdout=hosts.subprocess.PIPE) if from_pipe else None
        before = spent()
        process = host.start(hosts.PVFERRY, *command, "--threads", 8, "-" if cat else path, *more, stdin=cat.stdout if cat else None,
                             stdout=hosts.subprocess.DEVNULL)
        most = peak(process)
        result = host.end(process)
        if cat:
            cat.stdout.close()
            cat.wait()
    seconds = spent() - before
    what = f"{command[0]} of {name}{' by pipe' if from_pipe else ''}"
    expect(result.status in (0, 1, 2) and "(--force continues anyway)" not in result.err, f"{what}: {result}")
    expect(most <= allowed, f"{what}: {most // MIB} MiB, {allowed // MIB} are allowed: {result}")
    expect(seconds < SECONDS, f"{what}: {seconds:.1f} s of processor time: {result}")
    return most, seconds


def receive(host, name, data, pfn_count, offered):
    """From another host, which offers a guest of so many pfns: how much and how long."""
    receiver = moves.Receiver(host, "--threads", 8)
    before = spent()
    with concurrent.futures.ThreadPoolExecutor(1) as peer:
        heard = peer.submit(moves.throw, receiver.port, data, pfns=offered, **{"max-memory-kib": 4 * offered, "uuid": UUID, "force": True})
        most = peak(receiver.process)
        kind, body = heard.result()
    result, seconds = receiver.end(), spent() - before
    what = f"receive of {name}, {offered} pfns offered"
    expect(kind == "FAILED" and result.status == 1, f"{what}: {kind} {body} {result}")
    refusal = f"{LENIENCE + 2 * offered} pfns are allowed here"
    expect(offered == pfn_count or refusal in result.err, f"{what}: not refused: {result}")
    allowed = ALLOWED + 32 * offered
    expect(most <= allowed, f"{what}: {most // MIB} MiB, {allowed // MIB} are allowed: {result}")
    expect(seconds < SECONDS, f"{what}: {seconds:.1f} s of processor time: {result}")
    moves.forget_jobs(host)
    return most, seconds


def run(stage):
    if hosts.SAN:
        raise Skip("a sanitiser's own memory counts with it")
    host = stage.host("host", HOST_MIB)
    images.LEVEL = 1
    path = stage.folder / "bomb"
    for bomb in BOMBS:
        data, pfn_count = bomb()
        path.write_bytes(data)
        told = [defuse(host, bomb.__name__, path, pfn_count, command, by_pipe)
                for command in COMMANDS for by_pipe in stage.some((False, True), 1)]
        told += [receive(host, bomb.__name__, data, pfn_count, offered)
                 for offered in ((pfn_count, 1) if pfn_count > LENIENCE + 2 else (pfn_count,))]
        expect(not host.domains(), f"{bomb.__name__}: {host.domains()} is left")
        stage.figure(f"{bomb.__name__} {len(data) >> 10} KiB: {max(t[0] for t in told) // MIB} MiB, "
                     f"{max(t[1] for t in told):.1f} s")
    stop_all(stage, host, path)

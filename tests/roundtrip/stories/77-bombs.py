"""A permitted peer sends small images that want all memory or processor time, while another guest comes to the same pvferryd: that guest arrives, pvferryd lives, and nothing of the others stays."""
import json
import pathlib
import struct
import subprocess
import sys

import daemons
import hosts
import pki
from hosts import expect, poll
from moves import throw

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "golden"))
import make_image  # noqa: E402
import read_image as form  # noqa: E402
from make_image import Raw, Record, compress, skippable  # noqa: E402

UUID = "01234567-89ab-cdef-0123-456789abcdef"
PFNS = 1 << 22
BIG = 8000    # pages of a frame of 32 MiB


def headers(build=(), config=None):
    """The beginning of an image: xl's header and config, libxl's, libxc's, and what comes first there."""
    facts = {"c_info": {"type": "pv", "name": "bomb", "uuid": UUID},
             "b_info": {"max_vcpus": 1, "target_memkb": 65536, "max_memkb": 65536, **dict(build)}}
    config = (config or json.dumps(facts).encode()) + b"\0"
    xl = struct.pack("<32s5I", form.XL_MAGIC, 0x01020304, 3, 0, len(config) + 4, len(config)) + config
    libxl = struct.pack(">QII", 0x4C6962786C466D74, 2, 0) + struct.pack("<II", 1, 0)
    libxc = struct.pack(">QIIH6x", form.MASK, 0x58454E46, 3, 0) + struct.pack("<IHHII", 1, 12, 0, 4, 17)
    return [Raw(None, xl), Raw(None, libxl), Raw(None, libxc), Record(form.PV_INFO, struct.pack("<BB6x", 8, 4)),
            Record(form.STATIC_DATA_END)]


def p2m(pfns):
    return Record(form.P2M_FRAMES, struct.pack(f"<II{(pfns - 1) // 512 + 1}Q", 0, pfns - 1, *[0] * ((pfns - 1) // 512 + 1)))


def pages(words, data=b""):
    return Record(form.PAGE_DATA, struct.pack(f"<II{len(words)}Q", len(words), 0, *words) + data)


def image(opening, *frames, features=1):
    """As it is sent; a frame is its content, or (stored, bytes of content)."""
    text = json.dumps({"domain": "bomb", "uuid": UUID, "domid": 7, "host": "h", "saved": "x", "pvferry": "0", "xen": "4",
                       "p2m": "linear"}).encode()
    head = struct.pack("<8sIIQI", b"PVFERRY\0", 1, features, 1, len(text)) + text
    stored = [compress(b"".join(record.bytes() for record in opening)), *(f[0] if isinstance(f, tuple) else compress(f) for f in frames)]
    return skippable(form.MAGIC_HEAD, head + struct.pack("<Q", form.xxh64(head))) + b"".join(stored)


def bombs():
    """{what it wants: the bytes of its image}."""
    make_image.LEVEL = 1
    zeros = pages(list(range(BIG)), bytes(4096 * BIG)).bytes()
    tables = pages([1 << 60 | pfn for pfn in range(BIG)], bytes(4096 * BIG)).bytes()
    again = pages([15 << 60 | 5]).bytes() * 100000
    vcpus = b"".join(Record(form.XSAVE, struct.pack("<II", number, 0) + bytes(64 << 10)).bytes() for number in range(500))
    tiny = struct.pack("<IBI", form.MAGIC_ZSTD, 0b10100100, 8) + b"\0\0\0" * (4 << 20) + (1 | 8 << 3).to_bytes(3, "little") + bytes(8)
    tiny += struct.pack("<I", form.xxh64(bytes(8)) & 0xFFFFFFFF)
    much = {"max_memkb": 1 << 50}
    numbers = json.dumps({"c_info": {"type": "pv", "name": "bomb", "uuid": UUID}, "b_info": {"max_vcpus": 8, "avail_vcpus": "@"}}).encode()
    return {"a p2m of a huge guest": image([*headers(much), p2m(PFNS)], pages([15 << 60]).bytes()),
            "frames that expand": image([*headers(much), p2m(BIG)], *[zeros] * 8),
            "tables": image([*headers(much), p2m(BIG)], *[tables] * 4),
            "one page again and again": image([*headers(much), p2m(PFNS)], again),
            "vCPUs": image([*headers(), p2m(512)], *[vcpus] * 4),
            "empty blocks": image([*headers(), p2m(512)], (tiny, 8)),
            "a config of numbers": image([*headers(config=numbers.replace(b'"@"', b"[" + b"9," * 1000000 + b"9]")), p2m(512)], b"")}


def run(stage):
    source, host = stage.host("a", 64), stage.host("b", 96)
    daemon = daemons.Daemon(host, pki.make(stage.folder / "pki", "localhost") / "localhost", "localhost", "transport = tcp")
    number = source.guest(40, workload="mix")
    moving = source.start(hosts.PVFERRY, "migrate", "--control", "--via", "tcp", "--port", daemon.port, "--bandwidth", "1",
                          "--timeout", "3600", number, "127.0.0.1", stdin=subprocess.PIPE)
    job = daemon.job("running")["job"]
    thrown = bombs()
    for count, (what, bomb) in enumerate(thrown.items()):
        name = f"{count + 1:032x}"
        heard = throw(daemon.port, bomb, job=name, domain=f"bomb{count + 1}", uuid=UUID)
        expect(heard[0] == "FAILED", f"{what}: heard {heard}")
        expect(daemon.process.poll() is None, f"{what}: pvferryd ended: {daemon.said()}")
        daemon.job("ended", job=name)    # until then the next one's UUID is its own
        expect(moving.poll() is None, f"{what}: the other guest's move has ended: {daemon.said()}")
        poll(f"{what}: nothing of it is left", lambda: len(host.domains()) <= 1)
    moving.stdin.write(b'{"set":{"bandwidth":0}}\n')
    moving.stdin.flush()
    result = source.end(moving)
    expect(result.status == 0, f"the other guest: {result}")
    daemon.job("ended", job=job)
    there, = host.domains()
    host.goes_on(there, "the other guest")
    daemon.end()
    stage.figure(f"{len(thrown)} bombs of {sum(map(len, thrown.values())) >> 10} KiB in all")

#!/usr/bin/env python3
"""Between what helpers speak and what xl keeps: the bare libxc stream, and the xl save file around it.

Usage: stream.py wrap LIBXC XL [NAME [VCPUS [MIB]]]     xl header, config, libxl header around a libxc stream
       stream.py unwrap FILE LIBXC                      the libxc stream out of an xl save file, or of an image
       stream.py records FILE                           where each record of an xl save file, or of an image, ends
"""
import json
import struct
import subprocess
import sys
import uuid

XL_MAGIC = b"Xen saved domain, xl format\n \0 \r"
LIBXL_HEADER = struct.pack(">QII", 0x4C6962786C466D74, 2, 0)
LIBXC_CONTEXT = struct.pack("<II", 1, 0)
LIBXL_END = struct.pack("<II", 0, 0)
IMAGE_MAGIC = struct.pack("<I", 0x184D2A50)
END, PAGE_DATA, PV_INFO, P2M_FRAMES, BASIC, SHARED_INFO = 0, 1, 2, 3, 4, 7
WITH_DATA = frozenset((0, 1, 2, 3, 4, 9, 10, 11, 12))
PAGE = 4096


def config(name, vcpus, mib):
    return {"c_info": {"type": "pv", "name": name, "uuid": str(uuid.uuid4())},
            "b_info": {"max_vcpus": vcpus, "avail_vcpus": list(range(vcpus)), "max_memkb": mib << 10,
                       "target_memkb": mib << 10, "type.pv": {}}}


def wrap(libxc, name="wrapped", vcpus=1, mib=64):
    text = json.dumps(config(name, vcpus, mib)).encode() + b"\0"
    header = XL_MAGIC + struct.pack("<IIII", 0x01020304, 3, 0, len(text) + 4) + struct.pack("<I", len(text)) + text
    return header + LIBXL_HEADER + LIBXC_CONTEXT + libxc + LIBXL_END


def plain(data):
    """The xl save file in it: an image is expanded."""
    if data[:4] != IMAGE_MAGIC:
        return data
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


def start_of_libxc(data):
    assert data[:32] == XL_MAGIC, "no xl save file"
    return 48 + struct.unpack_from("<I", data, 44)[0] + len(LIBXL_HEADER) + len(LIBXC_CONTEXT)


def records(data):
    """(offset, type, offset of the body, length of the body) of each record of the libxc stream, the END included."""
    at = start_of_libxc(data) + 24 + 16
    kind = None
    while kind != END:
        kind, length = struct.unpack_from("<II", data, at)
        yield at, kind, at + 8, length
        at += 8 + (length + 7 & ~7)


def unwrap(data):
    data = plain(data)
    *_, (at, _, body, _) = records(data)
    assert data[body:] == LIBXL_END, "something follows the libxc stream"
    return data[start_of_libxc(data):body]


class Guest:
    """What a plain stream says of a guest: type and page by pfn, the vCPUs, the machine's frames."""

    def __init__(self, data):
        self.data = data
        self.types, self.page_at, self.word_at, self.vcpus = {}, {}, {}, {}
        for _, kind, body, length in records(data):
            if kind == PV_INFO:
                self.width = data[body]
            elif kind == P2M_FRAMES:
                self.last = struct.unpack_from("<II", data, body)[1]
                self.leaves = struct.unpack_from(f"<{(length - 8) // 8}Q", data, body + 8)
            elif kind == PAGE_DATA:
                self.take_pages(body)
            elif kind == BASIC:
                self.vcpus[struct.unpack_from("<I", data, body)[0]] = body + 8
            elif kind == SHARED_INFO:
                self.shared_info = body

    def take_pages(self, body):
        count = struct.unpack_from("<I", self.data, body)[0]
        at = body + 8 + 8 * count
        for i in range(count):
            word, = struct.unpack_from("<Q", self.data, body + 8 + 8 * i)
            pfn, kind = word & (1 << 52) - 1, word >> 60
            self.types[pfn], self.word_at[pfn] = kind, body + 8 + 8 * i
            if kind in WITH_DATA:
                self.page_at[pfn] = at
                at += PAGE

    def page(self, pfn):
        return self.data[self.page_at[pfn]:self.page_at[pfn] + PAGE]

    def entries(self, pfn):
        return struct.unpack("<512Q", self.page(pfn))

    def tables(self, level):
        return [pfn for pfn, kind in self.types.items() if kind & 7 == level and kind in WITH_DATA]

    def mfn(self, pfn):
        """Where it was in the machine: the guest's own p2m, which is ordinary memory, still says it."""
        entry = "Q" if self.width == 8 else "I"
        page = self.page(self.leaves[pfn // (PAGE // self.width)])
        return struct.unpack_from("<" + entry, page, pfn % (PAGE // self.width) * self.width)[0]

    def start_info(self):
        form, at = ("<Q", 616) if self.width == 8 else ("<I", 524)
        return struct.unpack_from(form, self.data, self.vcpus[0] + at)[0]

    def start_info_flags(self):
        return struct.unpack_from("<I", self.page(self.start_info()), 48 if self.width == 8 else 40)[0]


def main(args):
    if len(args) < 2 or args[0] not in ("wrap", "unwrap", "records"):
        sys.exit(__doc__)
    with open(args[1], "rb") as f:
        data = f.read()
    if args[0] == "records":
        for at, kind, body, length in records(plain(data)):
            print(at, kind, body + (length + 7 & ~7))
        return
    out = unwrap(data) if args[0] == "unwrap" else wrap(data, *args[3:4], *map(int, args[4:6]))
    with open(args[2], "wb") as f:
        f.write(out)


if __name__ == "__main__":
    main(sys.argv[1:])

#!/usr/bin/env python3
"""Builds small synthetic images: sound ones, and ones with one defect each, that a reader must find.

Usage: make_image.py list
       make_image.py [--xl] GUEST[/DAMAGE] FILE     an image, or the plain xl save file
       make_image.py golden FOLDER                  the images that stay in the tree
Output depends on nothing but the arguments (and, stored, on the version of libzstd). The path:
Guest (pfns, tables, vCPUs) -> Image (records in frames, all fields open to damage) -> bytes.
"""
import copy
import ctypes
import functools
import json
import os
import struct
import sys

import image_index
import read_image as page
from read_image import (BASIC, CONTEXT, CPUID_POLICY, END, EXTENDED, MSR_POLICY, MSRS, P2M_FRAMES, PAGE_DATA, PV_INFO,
                        SHARED_INFO, STATIC_DATA_END, TSC_INFO, VERIFY, WITH_DATA, WITH_FRAME, XSAVE, xxh64)

LEVEL = 19
ORDINARY, ALLOCATED, BROKEN, NONE = 0, 14, 13, 15
PINNED = 8
PRESENT, WRITABLE, USER, ACCESSED, DIRTY, NX = 1, 2, 4, 0x20, 0x40, 1 << 63
RO, RW, LINK = PRESENT | ACCESSED, PRESENT | WRITABLE | ACCESSED | DIRTY, PRESENT | WRITABLE | USER | ACCESSED


def entry(pfn, flags):
    return pfn << 12 | flags


# --- zstd ------------------------------------------------------------------------------------------------------

def load_zstd():
    size_t, pointer = ctypes.c_size_t, ctypes.c_void_p
    return page.library('libzstd.so.1', ZSTD_createCCtx=(pointer, []), ZSTD_freeCCtx=(size_t, [pointer]),
                        ZSTD_CCtx_setParameter=(size_t, [pointer, ctypes.c_int, ctypes.c_int]),
                        ZSTD_compress2=(size_t, [pointer, pointer, size_t, ctypes.c_char_p, size_t]),
                        ZSTD_compressBound=(size_t, [size_t]), ZSTD_isError=(ctypes.c_uint, [size_t]))


LIBZSTD = load_zstd()
PARAMETER_LEVEL, PARAMETER_CONTENT_SIZE, PARAMETER_CHECKSUM = 100, 200, 201


@functools.lru_cache(maxsize=64)
def compress(data, checksum=True, content_size=True):
    context = LIBZSTD.ZSTD_createCCtx()
    for parameter, value in ((PARAMETER_LEVEL, LEVEL), (PARAMETER_CONTENT_SIZE, content_size),
                             (PARAMETER_CHECKSUM, checksum)):
        LIBZSTD.ZSTD_CCtx_setParameter(context, parameter, int(value))
    out = ctypes.create_string_buffer(LIBZSTD.ZSTD_compressBound(len(data)))
    n = LIBZSTD.ZSTD_compress2(context, out, len(out), data, len(data))
    assert not LIBZSTD.ZSTD_isError(n)
    LIBZSTD.ZSTD_freeCCtx(context)
    return out.raw[:n]


# --- guests ----------------------------------------------------------------------------------------------------

class Guest:
    """What a domain consists of; tables hold pfns, as in an image."""

    def __init__(self, name, width, pfns, form):
        self.name, self.width, self.pfns, self.form = name, width, pfns, form
        self.levels = 4 if width == 8 else 3
        self.types = {}  # pfn -> type, where not ordinary
        self.tables = {}  # pfn -> 512 entries
        self.p2m, self.start_info, self.gdt = [], 2, [8]
        self.vcpus = []  # (number, cr3's pfn, user root's pfn or None)

    def type(self, pfn):
        return self.types.get(pfn, ORDINARY)

    def table(self, pfn, level, entries=(), pinned=False):
        """A table with entries {slot: entry}."""
        self.types[pfn] = level + PINNED * pinned
        self.tables[pfn] = [0] * 512
        for slot, value in dict(entries).items():
            self.tables[pfn][slot] = value
        return pfn

    def page(self, pfn):
        if pfn in self.tables:
            return struct.pack('<512Q', *self.tables[pfn])
        if pfn in self.p2m:
            per_page = 4096 // self.width
            first = self.p2m.index(pfn) * per_page
            return struct.pack(f'<{per_page}{"Q" if self.width == 8 else "I"}',
                               *(self.left_behind(p) for p in range(first, first + per_page)))
        if pfn == self.start_info:
            return b'xen-3.0-x86'.ljust(32, b'\0') + struct.pack('<Q', self.pfns).ljust(4064, b'\0')
        return struct.pack('<II', pfn, pfn * 2654435761 & 0xFFFFFFFF) * 512 if pfn % 16 == 0 else bytes(4096)

    def left_behind(self, pfn):
        """The p2m entry of the source's machine."""
        return 0x40000 + pfn if pfn < self.pfns and self.type(pfn) in WITH_FRAME else (1 << 8 * self.width) - 1

    def map(self, tables, first):
        """Fills level-1 tables with a straight map of the pfns from first on: tables read-only, holes left out."""
        for n, pfn in enumerate(tables):
            for slot in range(512):
                target = first + 512 * n + slot
                if target < self.pfns and self.type(target) in WITH_FRAME:
                    flags = RO if self.type(target) in page.TABLES else RW
                    self.tables[pfn][slot] = entry(target, flags | (NX if target >= 64 else 0))


def linux64():
    """A 64-bit guest with linear p2m: two processes, holes, one table tree that is validated but not pinned."""
    g = Guest('linux64', 8, 1500, 'linear')
    g.p2m = [5, 6, 7]
    for hole in (0, 1, *range(600, 640), *range(1100, 1150), 1499):
        g.types[hole] = NONE
    for pfn in range(900, 916):
        g.types[pfn] = ALLOCATED
    g.types[1200] = BROKEN
    direct = [g.table(pfn, 1) for pfn in (19, 20, 21)]
    middle = g.table(18, 2, {n: entry(pfn, LINK) for n, pfn in enumerate(direct)})
    upper = g.table(17, 3, {0: entry(middle, LINK), 510: entry(middle, LINK)})
    g.table(26, 1, {n: entry(pfn, RO | NX) for n, pfn in enumerate(g.p2m)})
    g.table(25, 2, {0: entry(26, LINK)})
    g.table(24, 3, {0: entry(25, LINK)})
    kernel = {272: entry(upper, LINK), 402: entry(24, LINK), 511: entry(upper, LINK)}
    g.table(16, 4, kernel, pinned=True)
    for first, pinned in ((30, True), (40, False)):
        g.table(first + 5, 1, {0: entry(first + 600, RW | USER), 1: entry(910, RW | USER), 2: 0xDEADBEEF000,
                               3: 0x7FFFFFFFFFFFF2, 511: entry(first + 17, RO | USER | NX)}, pinned=pinned)
        g.table(first + 4, 2, {0: entry(first + 5, LINK), 1: 0x1234000})
        g.table(first + 3, 3, {0: entry(first + 4, LINK)})
        g.table(first + 1, 4, {0: entry(first + 3, LINK)}, pinned=pinned)
        g.table(first, 4, {**kernel, 0: entry(first + 3, LINK)}, pinned=pinned)
    g.types[630] = ORDINARY
    g.map(direct, 0)
    g.vcpus = [(0, 30, 31), (1, 40, 41)]
    return g


def pae32():
    """A 32-bit guest that publishes its p2m as a list: a level 3 of four entries, pinned."""
    g = Guest('pae32', 4, 1500, 'list')
    g.p2m = [5, 6]
    for hole in (0, 1, *range(700, 720)):
        g.types[hole] = NONE
    direct = [g.table(pfn, 1) for pfn in (19, 20, 21)]
    for root in (16, 32):
        for n in range(4):
            g.table(root + 8 + n, 2, {100 * n + 3: 0x777000})
        for n, pfn in enumerate(direct):
            g.tables[root + 11][n] = entry(pfn, LINK)
        g.table(root + 6, 1, {9: entry(800 + root, RW | USER), 10: entry(19, RO | USER)})
        g.tables[root + 8][5] = entry(root + 6, LINK)
        g.table(root, 3, {n: entry(root + 8 + n, PRESENT) for n in range(4)}, pinned=True)
    g.map(direct, 0)
    g.vcpus = [(0, 16, None), (1, 32, None)]
    return g


def sparse64():
    """A guest with a whole window of holes, vCPU 1 offline, no user root, a last window of one pfn."""
    g = Guest('sparse64', 8, 1537, 'list')
    g.p2m = [5, 6, 7, 6]  # a list may name a page twice
    for hole in range(512, 1024):
        g.types[hole] = NONE
    g.table(20, 1, {0: entry(21, RO), 1: entry(1536, RW)})
    g.table(21, 2, {0: entry(20, LINK)})
    g.table(22, 3, {0: entry(21, LINK)})
    g.table(23, 4, {511: entry(22, LINK)}, pinned=True)
    g.vcpus = [(0, 23, None), (2, 23, None)]
    return g


GUESTS = {f.__name__: f for f in (linux64, pae32, sparse64)}


# --- images ----------------------------------------------------------------------------------------------------

class Record:
    """A record, with the fields that damage may make wrong."""

    def __init__(self, kind, body=b''):
        self.kind, self.body, self.length, self.pad = kind, bytearray(body), None, None

    def bytes(self):
        length = len(self.body) if self.length is None else self.length
        pad = bytes(-len(self.body) % 8) if self.pad is None else self.pad
        return struct.pack('<II', self.kind, length) + bytes(self.body) + pad

    def set(self, form, offset, value):
        struct.pack_into('<' + form, self.body, offset, value)


class Raw(Record):
    """Bytes without a frame of their own: headers, libxl's END."""

    def bytes(self):
        return bytes(self.body)


class Image:
    """Frames of records, and what stands around them."""

    KEY = bytes(range(7, 143))    # a secret that is known

    def __init__(self, guest):
        self.guest = guest
        self.mark, self.version, self.features, self.head_tail = b'PVFERRY\0', 1, 0, b''
        self.provenance = dict(domain=guest.name, uuid='3b1e6f0a-7d0c-4a53-9a55-5d2f6a2c9b01', domid=7,
                               host='source', saved='2026-11-20T12:00:00Z', pvferry='0.1', xen='4.17.7',
                               p2m=guest.form)
        self.json, self.json_length, self.head_hash = None, None, None
        self.to_allocate = sum(guest.type(pfn) in WITH_FRAME for pfn in range(guest.pfns))
        self.frames = [opening(guest)] + [[r] for r in memory(guest)] + [closing(guest)]
        self.zstd = {}  # frame -> options of compress()
        self.edit = {}  # frame -> what to do to its stored bytes
        self.extra = {}  # frame -> stored bytes to put before it; the frame after the last is the seal
        self.index, self.index_edit = None, None  # fields of its head; what to do to its groups
        self.seal, self.seal_own = {}, None
        self.seek, self.seek_tail, self.tail = None, None, b''

    def records(self):
        return [r for frame in self.frames for r in frame if type(r) is Record]

    def record(self, kind, n=0):
        return [r for r in self.records() if r.kind == kind][n]

    def frame_of(self, record):
        return next(f for f in self.frames if any(r is record for r in f))

    def drop(self, record):
        frame = self.frame_of(record)
        frame[:] = [r for r in frame if r is not record]

    def insert(self, before, record):
        frame = self.frame_of(before)
        frame.insert(next(i for i, r in enumerate(frame) if r is before), record)

    def plain(self):
        return b''.join(r.bytes() for frame in self.frames for r in frame)

    def head(self):
        text = json.dumps(self.provenance).encode() if self.json is None else self.json
        length = len(text) if self.json_length is None else self.json_length
        content = struct.pack('<8sIIQI', self.mark, self.version, self.features, self.to_allocate, length) + text
        digest = xxh64(content) if self.head_hash is None else self.head_hash
        return skippable(page.MAGIC_HEAD, content + struct.pack('<Q', digest) + self.head_tail)

    def sealed(self, stored, expanded):
        content = struct.pack('<8sQQQ', self.seal.get('mark', b'PVFSEAL\0'), self.seal.get('stored', len(stored)),
                              self.seal.get('expanded', expanded), self.seal.get('hash', xxh64(stored)))
        own = xxh64(content) if self.seal_own is None else self.seal_own
        return skippable(page.MAGIC_SEAL, content + struct.pack('<Q', own) + self.seal.get('tail', b''))

    def memory(self):
        """{pfn: (type, page)}"""
        g = self.guest
        return {pfn: (g.type(pfn), bytes(g.page(pfn)) if g.type(pfn) in WITH_DATA else None) for pfn in range(g.pfns)}

    def indexed(self, table):
        """The index of frames that hold the guest's pages once each; table: (stored, expanded) of all frames so far."""
        groups, at = [], 0
        for n, (stored, expanded) in enumerate(table):
            if n:
                groups.append(self.group(n, at, stored, expanded))
            at += stored
        if self.index_edit:
            self.index_edit(groups)
        head = dict(dict(key=self.KEY, pfns=self.guest.pfns, state=b'a state of 1500.'), **self.index)
        head.setdefault('root', image_index.root(self.memory(), self.guest.pfns, head['key']))
        return skippable(page.MAGIC_INDEX, image_index.build(head, groups, compress, xxh64))

    def group(self, n, at, stored, expanded):
        group = image_index.Group(at, n, stored, expanded, 0)
        for record in self.frames[n - 1]:
            if type(record) is Record and record.kind == PAGE_DATA:
                group.count, = struct.unpack_from('<I', record.body)
                group.words = struct.unpack_from(f'<{group.count}Q', record.body, 8)
                pages = [bytes(record.body[i:i + 4096]) for i in range(8 + 8 * group.count, len(record.body), 4096)]
                group.digests = [image_index.digest(each, self.KEY) for each in pages]
        return group

    def pieces(self):
        """The frames as they stand in the file, the seek table last."""
        pieces = [self.head()]
        table = [(len(pieces[0]), 0)]

        def put(piece, expanded=0):
            pieces.append(piece)
            table.append((len(piece), expanded))
        for n, frame in enumerate(self.frames):
            for piece in self.extra.get(n, ()):
                put(piece)
            content = b''.join(r.bytes() for r in frame)
            put(self.edit.get(n, bytes)(compress(content, **self.zstd.get(n, {}))), len(content))
        if self.index is not None:
            put(self.indexed(table))
        for piece in self.extra.get(len(self.frames), ()):
            put(piece)
        if self.seal is not None:
            put(self.sealed(b''.join(pieces), sum(t[1] for t in table)))
        table = self.seek(table) if self.seek else table
        body = b''.join(struct.pack('<II', *t) for t in table)
        body += self.seek_tail or struct.pack('<IBI', len(table), 0, page.MAGIC_SEEK_END)
        return pieces + [skippable(page.MAGIC_SEEK, body) + self.tail]

    def stored(self):
        return b''.join(self.pieces())


def skippable(magic, content):
    return struct.pack('<II', magic, len(content)) + content


def opening(g):
    config = json.dumps(dict(c_info=dict(type='pv', name=g.name), b_info=dict(max_vcpus=3))).encode() + b'\0'
    xl = struct.pack('<32s5I', page.XL_MAGIC, 0x01020304, 3, 0, len(config) + 4, len(config)) + config
    libxl = struct.pack('>QII', 0x4C6962786C466D74, 2, 0) + struct.pack('<II', 1, 0)
    libxc = struct.pack('>QIIH6x', page.MASK, 0x58454E46, 3, 0) + struct.pack('<IHHII', 1, 12, 0, 4, 17)
    leaves = b''.join(struct.pack('<6I', n, 0xFFFFFFFF, 13, 0x756E6547, 0x6C65746E, 0x49656E69) for n in range(4))
    p2m = struct.pack(f'<II{len(g.p2m)}Q', 0, g.pfns - 1, *g.p2m)
    return [Raw(None, xl), Raw(None, libxl), Raw(None, libxc),
            Record(PV_INFO, struct.pack('<BB6x', g.width, g.levels)), Record(CPUID_POLICY, leaves),
            Record(MSR_POLICY, struct.pack('<IIQ', 0xCE, 0, 0x80000000)), Record(STATIC_DATA_END),
            Record(P2M_FRAMES, p2m)]


def page_data(g, pfns):
    words = [g.type(pfn) << 60 | pfn for pfn in pfns]
    pages = b''.join(g.page(pfn) for pfn in pfns if g.type(pfn) in WITH_DATA)
    return Record(PAGE_DATA, struct.pack(f'<II{len(words)}Q', len(words), 0, *words) + pages)


def memory(g):
    return [page_data(g, range(n, min(n + 512, g.pfns))) for n in range(0, g.pfns, 512)]


def closing(g):
    records = [Record(TSC_INFO, struct.pack('<IIQII', 0, 2400000, 123456789, 1, 0)),
               Record(SHARED_INFO, struct.pack('<512Q', *([0] * 386 + [g.pfns] + [0] * 125)))]
    for vcpu, cr3, user in g.vcpus:
        who = struct.pack('<II', vcpu, 0)
        records += [Record(BASIC, who + context(g, cr3, user)),
                    Record(EXTENDED, who + struct.pack('<II', vcpu, 64).ljust(64, b'\0')),
                    Record(XSAVE, who + struct.pack('<QQ', 3, 3) + bytes(576)),
                    Record(MSRS, who + struct.pack('<IIQ', 0xC0000103, 0, vcpu))]
    return records + [Record(END), Raw(None, bytes(8))]


def context(g, cr3, user):
    at = CONTEXT[g.width]
    raw = bytearray(at['size'])

    def put(offset, value):
        struct.pack_into('<' + at['word'], raw, offset, value)
    put(at['rdx'], g.start_info)
    put(at['gdt_ents'], 512 * len(g.gdt))
    for n, pfn in enumerate(g.gdt):
        put(at['gdt_frames'] + n * g.width, pfn)
    put(at['ctrlreg'] + 3 * g.width, cr3 << 12 if g.width == 8 else (cr3 << 12 | cr3 >> 20) & 0xFFFFFFFF)
    if user is not None:
        put(at['ctrlreg'] + g.width, user << 12 | 1)
    return bytes(raw)


def more_optional_data(image):
    """Eight bytes behind the config, which readers of foreign files skip."""
    xl = image.frames[0][0]
    xl.set('I', 44, struct.unpack_from('<I', xl.body, 44)[0] + 8)
    xl.body += b'whatever'


def indexed():
    """pae32 with an index."""
    image = Image(pae32())
    image.features, image.index = page.INDEX, {}
    return image


def foreign64():
    """linux64 as another tool might write it: odd batches, tables late, pfns again, an optional record, VERIFY."""
    g = linux64()
    image = Image(g)
    more_optional_data(image)
    stale = copy.deepcopy(g)
    stale.tables[19][3] = entry(70000, RW)
    order = list(range(1023, -1, -1))
    batches = [page_data(stale, order), Record(0x80000077, b'skip me'), page_data(g, range(1024, 1500)),
               page_data(g, [19, 20, 640]), Record(VERIFY), page_data(g, range(1024))]
    image.frames[1:-1] = [[r] for r in batches]
    return image


# --- the program -----------------------------------------------------------------------------------------------

def golden_files():
    """Name, bytes, and plain xl save file of all that make_golden() writes into images/."""
    for name, guest in GUESTS.items():
        yield f'{name}.pvf', Image(guest()).stored(), Image(guest()).plain()
    yield 'indexed32.pvf', indexed().stored(), indexed().plain()
    yield 'foreign64.xl.zst', compress(foreign64().plain()), foreign64().plain()


def make_golden(folder):
    """The images, and what the second reader says of them, which was looked over before it was committed."""
    os.makedirs(folder, exist_ok=True)
    expected = {}
    for name, stored, plain in golden_files():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(stored)
        if name.endswith('.pvf'):
            expected[name], expected[f'zstd -dc {name}'] = page.read(stored)[1], page.read(plain)[1]
        else:
            expected[name] = page.read(plain)[1]
        print(f'{name}: {len(stored)} bytes')
    with open(os.path.join(folder, 'expected.json'), 'w', encoding='utf-8') as f:
        json.dump(expected, f, indent=1)
        f.write('\n')


def main():
    arguments = [a for a in sys.argv[1:] if a != '--xl']
    if arguments == ['list']:
        from damage import DAMAGE
        print(*GUESTS, 'foreign64', *(f'{d.guest}/{name}: {d.found}' for name, d in DAMAGE.items()), sep='\n')
        return 0
    if len(arguments) != 2 or arguments[0].startswith('-'):
        print(__doc__.strip())
        return 2
    if arguments[0] == 'golden':
        make_golden(arguments[1])
        return 0
    guest, _, name = arguments[0].partition('/')
    if name:
        from damage import DAMAGE
        source = DAMAGE[name]
    else:
        source = foreign64() if guest == 'foreign64' else Image(GUESTS[guest]())
    with open(arguments[1], 'wb') as f:
        f.write(source.plain() if '--xl' in sys.argv else source.stored())
    return 0


if __name__ == '__main__':
    sys.exit(main())

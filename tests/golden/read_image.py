#!/usr/bin/env python3
"""The second reader of pvferry images, written from man/pvferry-image.5 and from no C of ours.

Usage: read_image.py FILE [OTHER...]
Reads an image, or a plain xl save file, checks all that the page says can be checked without Xen, and prints a
JSON summary. The first defect is named with its frame, record, pfn and slot; frames count from the head, which
is 0, as the seek table counts them; records count from the first of the libxc stream, which is 0.
Of an increment, the parents are among the other files.
Exit status: 0 sound, 1 damaged, 2 unreadable (not an image, empty, or newer than this reader).
"""
import ctypes
import json
import os
import shutil
import stat
import struct
import subprocess
import sys

import image_index

MAGIC_HEAD, MAGIC_SEAL, MAGIC_SEEK, MAGIC_SEEK_END = 0x184D2A50, 0x184D2A51, 0x184D2A5E, 0x8F92EAB1
MAGIC_INDEX, MAGIC_ZSTD = 0x184D2A53, 0xFD2FB528
XL_MAGIC = b'Xen saved domain, xl format\n \0 \r'
VERSION, PAGE, WINDOW, SLOTS = 1, 4096, 512, 512
ROUNDS, INDEX, INCREMENT = 1, 2, 4    # features
INCREMENT_FLAG = 1 << 31    # xl's
FRAME_MAX, RECORD_MAX = 14 << 20, 10 << 20
ZERO_PAGE = bytes(PAGE)
JSON_KEYS = ('domain', 'uuid', 'domid', 'host', 'saved', 'pvferry', 'xen', 'p2m')

END, PAGE_DATA, PV_INFO, P2M_FRAMES, BASIC, EXTENDED, XSAVE, SHARED_INFO, TSC_INFO = range(9)
MSRS, VERIFY, STATIC_DATA_END, CPUID_POLICY, MSR_POLICY = 12, 13, 16, 17, 18
NAMES = {END: 'END', PAGE_DATA: 'PAGE_DATA', PV_INFO: 'X86_PV_INFO', P2M_FRAMES: 'X86_PV_P2M_FRAMES',
         BASIC: 'X86_PV_VCPU_BASIC', EXTENDED: 'X86_PV_VCPU_EXTENDED', XSAVE: 'X86_PV_VCPU_XSAVE',
         SHARED_INFO: 'SHARED_INFO', TSC_INFO: 'X86_TSC_INFO', MSRS: 'X86_PV_VCPU_MSRS', VERIFY: 'VERIFY',
         STATIC_DATA_END: 'STATIC_DATA_END', CPUID_POLICY: 'X86_CPUID_POLICY', MSR_POLICY: 'X86_MSR_POLICY'}
VCPU_RECORDS = (BASIC, EXTENDED, XSAVE, MSRS)
AFTER_VCPU = {BASIC, END}
# What may follow each record in an image of pvferry.
NEXT = {None: {PV_INFO}, PV_INFO: {CPUID_POLICY, MSR_POLICY, STATIC_DATA_END},
        CPUID_POLICY: {MSR_POLICY, STATIC_DATA_END}, MSR_POLICY: {STATIC_DATA_END},
        STATIC_DATA_END: {P2M_FRAMES}, P2M_FRAMES: {PAGE_DATA}, PAGE_DATA: {PAGE_DATA, TSC_INFO},
        TSC_INFO: {SHARED_INFO}, SHARED_INFO: {BASIC}, BASIC: {EXTENDED, XSAVE, MSRS} | AFTER_VCPU,
        EXTENDED: {XSAVE, MSRS} | AFTER_VCPU, XSAVE: {MSRS} | AFTER_VCPU, MSRS: AFTER_VCPU}
# What must have come before each record in a stream of others.
NEEDS = {PV_INFO: (), TSC_INFO: (), CPUID_POLICY: (PV_INFO,), MSR_POLICY: (PV_INFO,), STATIC_DATA_END: (PV_INFO,),
         P2M_FRAMES: (STATIC_DATA_END,), PAGE_DATA: (P2M_FRAMES,), VERIFY: (PAGE_DATA,), SHARED_INFO: (PV_INFO,),
         BASIC: (PV_INFO,), EXTENDED: (PV_INFO,), XSAVE: (PV_INFO,), MSRS: (PV_INFO,),
         END: (PV_INFO, STATIC_DATA_END, P2M_FRAMES, SHARED_INFO, BASIC)}
EXACT = {END: 0, PV_INFO: 8, SHARED_INFO: 4096, TSC_INFO: 24, VERIFY: 0, STATIC_DATA_END: 0}

BROKEN, ALLOCATED, NONE = 13, 14, 15
TYPE_NAMES = {0: 'ordinary', **{n: f'l{n}' for n in (1, 2, 3, 4)}, **{n + 8: f'l{n}_pinned' for n in (1, 2, 3, 4)},
              BROKEN: 'broken', ALLOCATED: 'allocated', NONE: 'none'}
WITH_DATA = frozenset((0, 1, 2, 3, 4, 9, 10, 11, 12))
WITH_FRAME = WITH_DATA | {ALLOCATED}
TABLES = WITH_DATA - {0}

# Where Xen's vcpu_guest_context (public/arch-x86/xen.h) keeps what names a frame: 64-bit and 32-bit guests.
CONTEXT = {8: dict(size=5168, rdx=616, gdt_frames=4832, gdt_ents=4960, ctrlreg=4984, word='Q'),
           4: dict(size=2800, rdx=524, gdt_frames=2640, gdt_ents=2704, ctrlreg=2716, word='I')}
GDT_ENTRIES_MAX = 7168


class Defect(Exception):
    """The image is damaged, here."""

    def __init__(self, what, frame=None, record=None, pfn=None, slot=None):
        super().__init__(what)
        self.what = what
        self.place = {k: v for k, v in dict(frame=frame, record=record, pfn=pfn, slot=slot).items() if v is not None}

    def __str__(self):
        place = ', '.join(f'{k} {v}' for k, v in self.place.items())
        return f'{place}: {self.what}' if place else self.what


class Unreadable(Exception):
    """Not an image, or one that this reader must not read."""


# --- hashes and zstd -------------------------------------------------------------------------------------------

def library(name, **functions):
    try:
        lib = ctypes.CDLL(name)
        for function, (result, arguments) in functions.items():
            getattr(lib, function).restype, getattr(lib, function).argtypes = result, arguments
        return lib
    except (OSError, AttributeError):
        return None


size_t, pointer = ctypes.c_size_t, ctypes.c_void_p
LIBXXHASH = library('libxxhash.so.0', XXH64=(ctypes.c_uint64, [ctypes.c_char_p, size_t, ctypes.c_uint64]))
LIBZSTD = library('libzstd.so.1', ZSTD_decompress=(size_t, [pointer, size_t, ctypes.c_char_p, size_t]),
                  ZSTD_isError=(ctypes.c_uint, [size_t]), ZSTD_getErrorName=(ctypes.c_char_p, [size_t]))

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)


def rotl(x, r):
    return ((x << r) | (x >> (64 - r))) & MASK


def xxh64_round(acc, lane):
    return rotl((acc + lane * P2) & MASK, 31) * P1 & MASK


def xxh64_slow(data):
    """XXH64 with seed 0, as its specification has it."""
    n, at = len(data), 0
    if n >= 32:
        acc = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        while at + 32 <= n:
            acc = [xxh64_round(a, lane) for a, lane in zip(acc, struct.unpack_from('<4Q', data, at))]
            at += 32
        h = sum(rotl(a, r) for a, r in zip(acc, (1, 7, 12, 18))) & MASK
        for a in acc:
            h = ((h ^ xxh64_round(0, a)) * P1 + P4) & MASK
    else:
        h = P5
    h = (h + n) & MASK
    while at + 8 <= n:
        h = (rotl(h ^ xxh64_round(0, struct.unpack_from('<Q', data, at)[0]), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= n:
        h = (rotl(h ^ (struct.unpack_from('<I', data, at)[0] * P1 & MASK), 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        h = rotl(h ^ (byte * P5 & MASK), 11) * P1 & MASK
    h = (h ^ (h >> 33)) * P2 & MASK
    h = (h ^ (h >> 29)) * P3 & MASK
    return h ^ (h >> 32)


def xxh64(data, length=None):
    """The hash of data, or of its first length bytes."""
    length = len(data) if length is None else length
    return LIBXXHASH.XXH64(data, length, 0) if LIBXXHASH else xxh64_slow(data[:length])


def expand(stored, size, frame):
    """One zstd frame, whose header says that it expands to size."""
    if LIBZSTD:
        out = ctypes.create_string_buffer(size or 1)
        got = LIBZSTD.ZSTD_decompress(out, size, stored, len(stored))
        if LIBZSTD.ZSTD_isError(got):
            raise Defect(f'does not expand: {LIBZSTD.ZSTD_getErrorName(got).decode()}', frame)
        content = ctypes.string_at(out, got)
    else:
        if not shutil.which('zstd'):
            raise Unreadable('neither libzstd.so.1 nor the zstd program is here')
        run = subprocess.run(['zstd', '-dcq'], input=stored, capture_output=True)
        if run.returncode:
            raise Defect(f'does not expand: {run.stderr.decode(errors="replace").strip()}', frame)
        content = run.stdout
    if len(content) != size:
        raise Defect(f'expands to {len(content)} bytes, its header says {size}', frame)
    return content


def zstd_frame(data, at, frame):
    """Where the zstd frame at this offset ends, and the content size of its header (RFC 8878, 3.1.1)."""
    def need(end):
        if end > len(data):
            raise Defect('cut short inside a zstd frame', frame)
        return end
    need(at + 5)
    descriptor = data[at + 4]
    if descriptor & 8:
        raise Defect('a reserved bit of the zstd frame header is set', frame)
    if not descriptor & 4:
        raise Defect('zstd frame without a content checksum', frame)
    if descriptor & 3:
        raise Defect('zstd frame wants a dictionary', frame)
    single, code = descriptor >> 5 & 1, descriptor >> 6
    width = (single, 2, 4, 8)[code]
    if not width:
        raise Defect('zstd frame without a content size', frame)
    field = at + 5 + (0 if single else 1)
    end = need(field + width)
    size = int.from_bytes(data[field:end], 'little') + (256 if width == 2 else 0)
    if size > FRAME_MAX:
        raise Defect(f'zstd frame expands to {size} bytes, more than {FRAME_MAX}', frame)
    last = False
    while not last:
        block = int.from_bytes(data[end:need(end + 3)], 'little')
        last, kind, length = block & 1, block >> 1 & 3, block >> 3
        if kind == 3:
            raise Defect('reserved zstd block type', frame)
        end = need(end + 3 + (1 if kind == 1 else length))
    return need(end + 4), size


# --- the content -----------------------------------------------------------------------------------------------

class Piece:
    """Bytes that are read from front to back: what one frame expands to, or a whole plain file."""

    def __init__(self, data, frame=None):
        self.data, self.frame, self.at = data, frame, 0

    def take(self, n, what):
        if self.at + n > len(self.data):
            raise Defect(f'{what}: {n} bytes due, {len(self.data) - self.at} left', self.frame)
        self.at += n
        return self.data[self.at - n:self.at]

    def unpack(self, form, what):
        return struct.unpack(form, self.take(struct.calcsize(form), what))

    def done(self):
        return self.at == len(self.data)


class Content:
    """Reads xl header to libxl END, checks each record as it comes and, at the end, what needs all of them.

    ours: an image of pvferry, where the page is stricter than for the streams of others.
    rounds: the guest ran meanwhile, or this is an increment; its pfns come in any order, and again.
    parent: of an increment, the content of the image it goes on from.
    """

    def __init__(self, ours, features=0, parent=None):
        self.rounds, self.increment = bool(features & (ROUNDS | INCREMENT)), bool(features & INCREMENT)
        self.page_frames = set()
        self.parent, self.memory = parent, {}    # pfn -> (type, page, frame; None if it is the parent's)
        self.ours, self.last, self.seen, self.records = ours, None, set(), 0
        self.config_name = self.width = self.levels = self.end = None
        self.p2m, self.vcpus, self.windows, self.verifying = (), {}, 0, False
        self.types, self.zero = bytearray(), bytearray()  # by pfn; types are one up, 0 is "not named"
        self.tables = {}  # pfn -> (512 entries, frame, record)
        self.vcpu_at, self.p2m_at = {}, None

    # headers

    def foreign(self, what, frame):
        """A header that is not as the page has it: damage in our image, a stranger's dialect elsewhere."""
        return Defect(what, frame) if self.ours else Unreadable(what)

    def read_xl(self, piece):
        fr = piece.frame
        magic, order, mandatory, optional, length = piece.unpack('<32sIIII', 'xl header')
        if magic != XL_MAGIC:
            raise self.foreign('no xl magic', fr)
        if order != 0x01020304:
            raise self.foreign(f'xl byte order {order:#x}', fr)
        if mandatory != 3 | (INCREMENT_FLAG if self.increment else 0):
            raise self.foreign(f'xl mandatory flags {mandatory:#x}, not 0x3', fr)
        if self.ours and optional:
            raise Defect(f'xl optional flags {optional:#x}', fr)
        extra = Piece(piece.take(length, 'xl optional data'), fr)
        config = extra.take(extra.unpack('<I', 'xl config length')[0], 'xl config')
        if self.ours and not extra.done():
            raise Defect(f'xl optional data has {length} bytes, its config {len(config)}', fr)
        if config[-1:] != b'\0' or 0 in config[:-1]:
            raise Defect('xl config has no zero byte at its end, or one before', fr)
        self.config_name = self.domain_name(config[:-1], fr)

    def domain_name(self, config, frame):
        try:
            parsed = json.loads(config.decode(errors='surrogateescape'))
        except (ValueError, RecursionError) as e:
            raise Defect(f'xl config is not JSON: {e}', frame) from None
        if not isinstance(parsed, dict):
            raise Defect('xl config is not a JSON object', frame)
        info = parsed.get('c_info')
        return info.get('name') if isinstance(info, dict) else None

    def read_libxl(self, piece):
        magic, version, options = piece.unpack('>QII', 'libxl header')
        if magic != 0x4C6962786C466D74:
            raise Defect(f'libxl magic {magic:#x}', piece.frame)
        if version != 2 or options:
            raise self.foreign(f'libxl stream version {version}, options {options:#x}', piece.frame)
        kind, length = piece.unpack('<II', 'libxl record')
        if (kind, length) != (1, 0):
            raise Defect(f'libxl record {kind} of {length} bytes where LIBXC_CONTEXT was due', piece.frame)

    def read_libxc(self, piece):
        marker, ident, version, options, zero = piece.unpack('>QIIH6s', 'libxc image header')
        if marker != MASK or ident != 0x58454E46:
            raise Defect(f'libxc marker {marker:#x}, id {ident:#x}', piece.frame)
        if version != 3 or options or any(zero):
            raise self.foreign(f'libxc stream version {version}, options {options:#x}, {zero.hex()}', piece.frame)
        kind, shift, zero, _, _ = piece.unpack('<IHHII', 'libxc domain header')
        if (kind, shift) != (1, 12):
            raise self.foreign(f'domain type {kind}, page shift {shift}: not x86 PV', piece.frame)
        if zero:
            raise Defect(f'domain header has {zero:#x} in its zero field', piece.frame)

    def read_headers(self, piece):
        self.read_xl(piece)
        self.read_libxl(piece)
        self.read_libxc(piece)

    def read_libxl_end(self, piece):
        kind, length = piece.unpack('<II', 'libxl END')
        if (kind, length) != (0, 0):
            raise Defect(f'libxl record {kind} of {length} bytes where END was due', piece.frame)

    # records

    def defect(self, what, pfn=None, slot=None):
        return Defect(f'{self.name}: {what}', self.frame, self.record, pfn, slot)

    def read_record(self, piece):
        """Reads one libxc record and says which it was."""
        self.frame, self.record, self.name = piece.frame, self.records, 'record'
        if piece.done():
            raise self.defect('the frame or file ends where a record was due')
        try:
            kind, length = piece.unpack('<II', 'header')
            self.name = NAMES.get(kind, f'record of type {kind:#x}')
            if length > RECORD_MAX:
                raise self.defect(f'{length} bytes, more than {RECORD_MAX}')
            body = piece.take(length, 'content')
            pad = piece.take(-length % 8, 'padding')
        except Defect as e:
            raise e if 'record' in e.place else self.defect(e.what) from None
        if any(pad):
            raise self.defect('padding is not zero')
        self.records += 1
        if kind >> 31 and not self.ours:
            return kind
        self.check_order(kind)
        self.check_length(kind, length)
        self.take_record(kind, body)
        self.last = kind
        self.seen.add(kind)
        return kind

    def check_order(self, kind):
        if kind not in NAMES:
            raise self.defect('not a record of a PV stream')
        if self.ours:
            if self.rounds and self.last == PAGE_DATA and kind == P2M_FRAMES:
                return
            if self.rounds and self.last == P2M_FRAMES and kind in (TSC_INFO, P2M_FRAMES):
                return
            if kind not in NEXT[self.last]:
                due = ' or '.join(NAMES[k] for k in sorted(NEXT[self.last]))
                raise self.defect(f'stands where {due} was due')
            if not self.rounds and self.last == PAGE_DATA and kind != PAGE_DATA and self.windows * WINDOW <= self.end:
                raise self.defect('the memory is not complete: missing', pfn=self.windows * WINDOW)
            return
        for need in NEEDS[kind]:
            if need not in self.seen:
                raise self.defect(f'comes before {NAMES[need]}')
        if kind in (PV_INFO, STATIC_DATA_END) and kind in self.seen:
            raise self.defect('comes twice')
        if kind in (CPUID_POLICY, MSR_POLICY) and STATIC_DATA_END in self.seen:
            raise self.defect('comes after STATIC_DATA_END')

    def check_length(self, kind, n):
        if kind in EXACT:
            fits = n == EXACT[kind]
        elif kind == CPUID_POLICY:
            fits = n % 24 == 0 and (n or not self.ours)
        elif kind == MSR_POLICY:
            fits = n % 16 == 0 and (n or not self.ours)
        elif kind == BASIC:
            fits = n == 8 + CONTEXT[self.width]['size']
        elif kind == EXTENDED:
            fits = 8 <= n <= 8 + 128
        elif kind == XSAVE:
            fits = n >= 8 + 16
        elif kind == MSRS:
            fits = n >= 8 and n % 16 == 8
        else:
            fits = n >= 8
        if not fits:
            raise self.defect(f'has a length of {n}')

    def take_record(self, kind, body):
        if kind == PV_INFO:
            self.take_pv_info(body)
        elif kind == P2M_FRAMES:
            self.take_p2m_frames(body)
        elif kind == PAGE_DATA:
            self.take_page_data(body)
        elif kind == TSC_INFO:
            if body[20:] != bytes(4):
                raise self.defect('its last field is not zero')
        elif kind in VCPU_RECORDS:
            self.take_vcpu(kind, body)
        elif kind == VERIFY:
            self.verifying = True

    def take_pv_info(self, body):
        self.width, self.levels = body[0], body[1]
        if (self.width, self.levels) not in ((8, 4), (4, 3)):
            raise self.defect(f'width {self.width} with {self.levels} levels')
        if any(body[2:]):
            raise self.defect('its zero field is not zero')

    def take_p2m_frames(self, body):
        start, end = struct.unpack_from('<II', body)
        per_page = PAGE // self.width
        due = end // per_page - start // per_page + 1
        if start > end or len(body) != 8 + 8 * due:
            raise self.defect(f'pfns {start} to {end} with a length of {len(body)}')
        if self.end is not None and end < self.end:
            raise self.defect(f'its end goes back from {self.end} to {end}')
        self.end, self.p2m = end, struct.unpack_from(f'<{due}Q', body, 8)
        self.p2m_at = (self.frame, self.record)
        for array in (self.types, self.zero):
            array.extend(bytes(end + 1 - len(array)))
        self.inherit()

    def inherit(self):
        """What the parent has and no record of this image has named."""
        for pfn, (kind, page, _) in (self.parent.memory.items() if self.parent else ()):
            if pfn > self.end or pfn in self.memory:
                continue
            self.memory[pfn] = (kind, page, None)
            self.types[pfn] = kind + 1
            self.zero[pfn] = kind == 0 and page == ZERO_PAGE
            if kind in TABLES:
                self.tables[pfn] = self.parent.tables[pfn]

    def take_page_data(self, body):
        count, zero = struct.unpack_from('<II', body)
        if zero:
            raise self.defect('its zero field is not zero')
        if not count or len(body) < 8 + 8 * count:
            raise self.defect(f'{count} frames with a length of {len(body)}')
        words = struct.unpack_from(f'<{count}Q', body, 8)
        for word in words:
            self.check_word(word)
        data = sum(word >> 60 in WITH_DATA for word in words)
        if len(body) != 8 + 8 * count + PAGE * data:
            raise self.defect(f'{count} frames, {data} with a page, with a length of {len(body)}')
        if self.ours and not self.rounds:
            self.check_window(words)
        self.windows += 1
        self.page_frames.add(self.frame)
        if not self.verifying:
            self.take_pages(words, body, 8 + 8 * count)

    def check_word(self, word):
        kind, pfn = word >> 60, word & (1 << 52) - 1
        if word >> 52 & 0xFF:
            raise self.defect(f'frame word {word:#x} has bits 59-52 set', pfn)
        if pfn > self.end:
            raise self.defect(f'beyond the last pfn {self.end}', pfn)
        if kind not in TYPE_NAMES:
            raise self.defect(f'unknown frame type {kind}', pfn)
        if kind in TABLES and kind & 7 > self.levels:
            raise self.defect(f'a table of level {kind & 7} in a guest of {self.levels} levels', pfn)

    def check_window(self, words):
        """One window, whole and ascending."""
        first = self.windows * WINDOW
        due = range(first, min(first + WINDOW, self.end + 1))
        before = set()
        for i, word in enumerate(words):
            pfn = word & (1 << 52) - 1
            if pfn in before or pfn < first:
                raise self.defect('stands twice, or too late', pfn)
            if i >= len(due):
                raise self.defect(f'outside of the window that begins with {first}', pfn)
            if pfn != due[i]:
                raise self.defect('missing, or out of order', due[i])
            before.add(pfn)
        if len(words) < len(due):
            raise self.defect('missing', due[len(words)])

    def take_pages(self, words, body, at):
        for word in words:
            kind, pfn = word >> 60, word & (1 << 52) - 1
            self.types[pfn] = kind + 1
            self.tables.pop(pfn, None)
            self.memory[pfn] = (kind, body[at:at + PAGE] if kind in WITH_DATA else None, self.frame)
            if kind in WITH_DATA:
                page = body[at:at + PAGE]
                at += PAGE
                self.zero[pfn] = kind == 0 and page == ZERO_PAGE
                if kind:
                    self.tables[pfn] = (struct.unpack(f'<{SLOTS}Q', page), self.frame, self.record)
            else:
                self.zero[pfn] = 0

    def take_vcpu(self, kind, body):
        vcpu, zero = struct.unpack_from('<II', body)
        if zero:
            raise self.defect('its zero field is not zero')
        if self.ours and kind == BASIC and self.vcpus and vcpu <= max(self.vcpus):
            raise self.defect(f'vCPU {vcpu} after vCPU {max(self.vcpus)}')
        if self.ours and kind != BASIC and vcpu != max(self.vcpus):
            raise self.defect(f'vCPU {vcpu} among the records of vCPU {max(self.vcpus)}')
        if kind == BASIC:
            self.vcpus[vcpu] = body[8:]
            self.vcpu_at[vcpu] = (self.frame, self.record)

    # what needs everything

    def kind_of(self, pfn):
        """The type of a pfn, NONE where there is no such pfn."""
        return self.types[pfn] - 1 if pfn <= self.end and self.types[pfn] else NONE

    def check_whole(self):
        if 0 not in self.vcpus:
            raise Defect('vCPU 0 is missing')
        for i, pfn in enumerate(self.p2m):
            if self.kind_of(pfn) != 0:
                raise Defect(f'{self.describe(pfn)}: no place for the p2m', *self.p2m_at, pfn, i)
        for pfn in sorted(self.tables):
            self.check_table(pfn)
        for vcpu in sorted(self.vcpus):
            self.check_vcpu(vcpu)

    def describe(self, pfn):
        if pfn > self.end:
            return f'pfn {pfn} (beyond the last, {self.end})'
        return f'pfn {pfn} ({TYPE_NAMES[self.kind_of(pfn)]})'

    def xen_slots(self, level):
        """Slots of a table that belong to Xen, whoever names the table."""
        if self.width == 8 and level == 4:
            return range(256, 272)
        if self.width == 4 and level == 3:
            return range(4, SLOTS)
        return range(0)

    def check_table(self, pfn):
        entries, frame, record = self.tables[pfn]
        level = self.types[pfn] - 1 & 7
        self.check_zero_slots(pfn, self.xen_slots(level))
        for slot, entry in enumerate(entries):
            if not entry & 1:
                continue
            target = entry >> 12 & (1 << 40) - 1
            kind = self.kind_of(target)
            where = (frame, record, pfn, slot)
            if kind not in WITH_FRAME:
                raise Defect(f'level {level} entry {entry:#x} names {self.describe(target)}: no frame', *where)
            if level > 1 and (kind not in TABLES or kind & 7 != level - 1):
                raise Defect(f'level {level} entry {entry:#x} names {self.describe(target)}: wrong type', *where)
            if level == 1 and kind in TABLES and entry & 2:
                raise Defect(f'level 1 entry {entry:#x} maps {self.describe(target)} writable', *where)
            if self.width == 4 and level == 3 and slot == 3:
                self.check_zero_slots(target, range(428, SLOTS))

    def check_zero_slots(self, pfn, slots):
        entries, frame, record = self.tables[pfn]
        for slot in slots:
            if entries[slot]:
                raise Defect(f'entry {entries[slot]:#x} in a slot of Xen', frame, record, pfn, slot)

    def check_vcpu(self, vcpu):
        context, at = self.vcpus[vcpu], CONTEXT[self.width]
        where = self.vcpu_at[vcpu]

        def word(offset):
            return struct.unpack_from('<' + at['word'], context, offset)[0]

        def top(what, raw, pfn, exact):
            if self.kind_of(pfn) not in (self.levels, self.levels + 8) or not exact:
                raise Defect(f'vCPU {vcpu}: {what} {raw:#x} names {self.describe(pfn)}: no top-level table', *where)

        cr3, user = word(at['ctrlreg'] + 3 * self.width), word(at['ctrlreg'] + self.width)
        if self.width == 8:
            top('cr3', cr3, cr3 >> 12, cr3 & 0xFFF == 0)
            if user:
                top('user root', user, user >> 12, user & 0xFFF == 1)
        else:
            top('cr3', cr3, cr3 >> 12 | (cr3 & 0xFFF) << 20, True)
        if vcpu == 0 and self.kind_of(word(at['rdx'])) != 0:
            raise Defect(f'vCPU 0: start info in {self.describe(word(at["rdx"]))}', *where)
        entries = word(at['gdt_ents'])
        if entries > GDT_ENTRIES_MAX:
            raise Defect(f'vCPU {vcpu}: GDT of {entries} entries', *where)
        for i in range((entries + 511) // 512):
            pfn = word(at['gdt_frames'] + i * self.width)
            if self.kind_of(pfn) not in WITH_FRAME:
                raise Defect(f'vCPU {vcpu}: GDT frame {i} in {self.describe(pfn)}', *where)

    def summary(self):
        by_type = {name: self.types.count(kind + 1) for kind, name in TYPE_NAMES.items()}
        return dict(domain=self.config_name, vcpus=sorted(self.vcpus), width=self.width * 8, pfns=self.end + 1,
                    p2m_pages=len(self.p2m), frames={k: v for k, v in by_type.items() if v},
                    zero_pages=self.zero.count(1), records=self.records)

    def frames_to_allocate(self):
        return sum(self.types.count(kind + 1) for kind in WITH_FRAME)


# --- the frames ------------------------------------------------------------------------------------------------

def skippable(data, at, frame):
    """Content and end of the skippable frame at this offset."""
    if at + 8 > len(data):
        raise Defect('cut short inside a frame header', frame)
    length, = struct.unpack_from('<I', data, at + 4)
    if at + 8 + length > len(data):
        raise Defect(f'cut short: a skippable frame of {length} bytes has {len(data) - at - 8}', frame)
    return data[at + 8:at + 8 + length], at + 8 + length


def read_head(data):
    if len(data) < 20:
        raise Unreadable('too short to be an image') if len(data) < 16 else Defect('cut short inside the head', 0)
    if struct.unpack_from('<I', data, 16)[0] > VERSION:
        raise Unreadable(f'image of version {struct.unpack_from("<I", data, 16)[0]}, this reader knows {VERSION}')
    content, end = skippable(data, 0, 0)
    if len(content) < 36:
        raise Defect(f'head of {len(content)} bytes', 0)
    version, features, frames, length = struct.unpack_from('<IIQI', content, 8)
    if len(content) != 36 + length:
        raise Defect(f'head of {len(content)} bytes with {length} bytes of JSON', 0)
    if xxh64(content[:-8]) != int.from_bytes(content[-8:], 'little'):
        raise Defect('the hash of the head is wrong', 0)
    if version != VERSION:
        raise Defect(f'image of version {version}', 0)
    if features & ~(ROUNDS | INDEX | INCREMENT):
        raise Unreadable(f'image with unknown features {features:#x}')
    check_provenance(content[28:-8])
    return frames, features, end


def check_provenance(raw):
    try:
        provenance = json.loads(raw.decode())
    except (ValueError, RecursionError) as e:
        raise Defect(f'provenance is not JSON in UTF-8: {e}', 0) from None
    if 0 in raw or not isinstance(provenance, dict):
        raise Defect('provenance has a zero byte or is not an object', 0)
    for key in JSON_KEYS:
        if key not in provenance:
            raise Defect(f'provenance lacks "{key}"', 0)
    if provenance['p2m'] not in ('linear', 'list'):
        raise Defect(f'provenance has the p2m form {provenance["p2m"]!r}', 0)


def read_frame_content(content, piece, state):
    """The records of one zstd frame; returns what the next frame may be."""
    if state == 'opening':
        content.read_headers(piece)
        while content.last != P2M_FRAMES:
            content.read_record(piece)
        if not piece.done():
            raise Defect('the opening goes on after X86_PV_P2M_FRAMES', piece.frame)
        return 'pages'
    if content.read_record(piece) in (PAGE_DATA, P2M_FRAMES):
        if not piece.done():
            raise Defect('more than one PAGE_DATA record in a frame', piece.frame)
        return 'pages'
    while content.last != END:
        content.read_record(piece)
    content.read_libxl_end(piece)
    if not piece.done():
        raise Defect('bytes after the END of libxl', piece.frame)
    return 'seal'


def read_seal(data, at, frame, expanded):
    content, end = skippable(data, at, frame)
    if len(content) != 40 or content[:8] != b'PVFSEAL\0':
        raise Defect(f'seal of {len(content)} bytes, marked {content[:8]!r}', frame)
    stored, said, digest, own = struct.unpack_from('<4Q', content, 8)
    if xxh64(content[:-8]) != own:
        raise Defect("the seal's hash of itself is wrong", frame)
    if (stored, said) != (at, expanded):
        raise Defect(f'seal says {stored} stored, {said} expanded; there are {at} and {expanded}', frame)
    if xxh64(data, at) != digest:
        raise Defect('the hash of the seal is not that of the file', frame)
    return end


def read_seek_table(data, at, frames):
    body = b''.join(struct.pack('<II', *f) for f in frames) + struct.pack('<IBI', len(frames), 0, MAGIC_SEEK_END)
    due = struct.pack('<II', MAGIC_SEEK, len(body)) + body
    got = data[at:at + len(due)]
    if got != due:
        if due.startswith(got):
            raise Defect('cut short inside the seek table', len(frames))
        byte = next(i for i, (a, b) in enumerate(zip(got, due)) if a != b)
        raise Defect(f'the seek table is not that of this file, from its byte {byte}', len(frames))
    return at + len(due)


def check_tail(data, end, device, what, frame=None):
    """A block device is larger than the image that was written to it; a file is not."""
    if end != len(data) and not device:
        raise Defect(f'{len(data) - end} bytes after {what}', frame)


def read_index(data, at, frame):
    content, end = skippable(data, at, frame)
    try:
        return image_index.Index(content, lambda stored, size: expand(stored, size, frame), xxh64), end
    except image_index.Wrong as e:
        raise Defect(str(e), frame) from None


def check_index(index, frames, content):
    try:
        if index.is_increment != content.increment:
            raise image_index.Wrong('the head says otherwise whether the image has a parent')
        index.check(frames, content)
    except image_index.Wrong as e:
        raise Defect(str(e), len(frames)) from None


def find_index(data):
    """The index of an image, found from its end."""
    frames, = struct.unpack_from('<I', data, len(data) - 9)
    table = len(data) - 17 - 8 * frames
    stored = [struct.unpack_from('<I', data, table + 8 + 8 * n)[0] for n in (frames - 2, frames - 1)]
    return read_index(data, table - sum(stored), frames - 2)[0]


def find_parent(data, others):
    """The content of the parent, and of its own."""
    index = find_index(data)
    for other in others:
        features = read_head(other)[1]
        if features & INDEX and find_index(other).state == index.parent:
            rest = [o for o in others if o is not other]
            content, _, _, theirs = read_content(other, False, rest)
            if (theirs.root, theirs.key) != (index.parent_root, index.key):
                raise Defect('the parent is another one: its root or its key differs')
            return content
    raise Defect(f'no file here holds state {index.parent.hex()}, the parent')


def read_content(data, device, others):
    """(content, end, expanded, index) of an image of pvferry, with its parents."""
    to_allocate, features, at = read_head(data)
    parent = find_parent(data, others) if features & INCREMENT else None
    frames, content, state, expanded, index = [(at, 0)], Content(True, features, parent), 'opening', 0, None
    while state != 'seek table':
        n = len(frames)
        if at == len(data):
            raise Defect('the image was cut short: it has no seal', n)
        magic = int.from_bytes(data[at:at + 4], 'little')
        if state == 'index' and magic == MAGIC_INDEX:
            (index, end), size, state = read_index(data, at, n), 0, 'seal'
        elif state == 'seal' and magic == MAGIC_SEAL:
            end, size, state = read_seal(data, at, n, expanded), 0, 'seek table'
        elif state not in ('seal', 'index') and magic == MAGIC_ZSTD:
            end, size = zstd_frame(data, at, n)
            state = read_frame_content(content, Piece(expand(data[at:end], size, n), n), state)
            if state == 'seal':
                content.check_whole()
                state = 'index' if features & INDEX else 'seal'
        else:
            raise Defect(f'magic {magic:#x} where the {state} was due', n)
        frames.append((end - at, size))
        expanded += size
        at = end
    if index:
        check_index(index, frames[:-2], content)
    end = read_seek_table(data, at, frames)
    check_tail(data, end, device, 'the seek table', len(frames))
    if not features & ROUNDS and to_allocate != content.frames_to_allocate():
        raise Defect(f'head says {to_allocate} frames to allocate, there are {content.frames_to_allocate()}', 0)
    return content, end, expanded, index


def read_frames(data, device, others):
    """An image of pvferry."""
    content, end, expanded, index = read_content(data, device, others)
    summary = dict(kind='pvferry', **content.summary(), expanded=expanded, stored=end)
    if index:
        summary['state'] = index.state.hex()
    if index and index.is_increment:
        summary['parent'] = index.parent.hex()
    return summary


def read_plain(data, device):
    """A plain xl save file."""
    content, piece = Content(ours=False), Piece(data)
    content.read_headers(piece)
    while content.last != END:
        content.read_record(piece)
    content.read_libxl_end(piece)
    check_tail(data, piece.at, device, 'the END of libxl')
    content.check_whole()
    return dict(kind='xl', **content.summary(), expanded=piece.at, stored=piece.at)


def read(data, device=False, others=()):
    """(exit status, summary) of the bytes of a file, or of a block device. others: files with parents in them."""
    try:
        if data[:4] == struct.pack('<I', MAGIC_HEAD) and data[8:16] == b'PVFERRY\0':
            return 0, dict(verdict='sound', **read_frames(data, device, others))
        if data[:32] == XL_MAGIC:
            return 0, dict(verdict='sound', **read_plain(data, device))
        raise Unreadable('neither an image of pvferry nor an xl save file' if data else 'empty')
    except Defect as e:
        return 1, dict(verdict='damaged', defect=str(e), **e.place)
    except Unreadable as e:
        return 2, dict(verdict='unreadable', defect=str(e))


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(__doc__.strip())
        return 0 if len(sys.argv) > 1 else 2
    try:
        others = []
        for name in sys.argv[2:]:
            with open(name, 'rb') as f:
                others.append(f.read())
        with open(sys.argv[1], 'rb') as f:
            status, summary = read(f.read(), stat.S_ISBLK(os.fstat(f.fileno()).st_mode), others)
    except OSError as e:
        status, summary = 2, dict(verdict='unreadable', defect=f'{e.filename}: {e.strerror}')
    print(json.dumps(summary, indent=2))
    return status


if __name__ == '__main__':
    sys.exit(main())

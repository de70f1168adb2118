"""Images with one defect each: how it comes in, what a reader must say, and where.

Each function damages one stage of make_image.py's path: the guest, the image, or the stored bytes. Its name is
the name of the defect. All hashes, sizes and the seek table are right unless they are themselves the defect.
"""
import struct

import read_image as page
from make_image import (GUESTS, LINK, NONE, PRESENT, RO, RW, Image, Raw, Record, compress, entry,
                        more_optional_data, page_data, skippable)
from read_image import (BASIC, CONTEXT, CPUID_POLICY, END, EXTENDED, MSR_POLICY, MSRS, P2M_FRAMES, PAGE_DATA, PV_INFO,
                        SHARED_INFO, STATIC_DATA_END, TSC_INFO, VERIFY, XSAVE)

DAMAGE = {}
SOUND, DAMAGED, UNREADABLE = 0, 1, 2


class Damage:
    """found: words of the message. verdict: over the image. xl: over the plain file, None where that is no matter.
    place: frame, record, pfn, slot, as far as they must be named."""

    def __init__(self, apply, stage, found, guest='linux64', verdict=DAMAGED, xl=None, **place):
        self.apply, self.stage, self.guest, self.found = apply, stage, guest, found
        self.verdict, self.xl, self.place = verdict, xl, place

    def image(self):
        guest = GUESTS[self.guest]()
        if self.stage == 'guest':
            self.apply(guest)
        image = Image(guest)
        if self.stage == 'image':
            self.apply(image)
        return image

    def stored(self):
        data = self.image().stored()
        return self.apply(data) if self.stage == 'bytes' else data

    def plain(self):
        return self.image().plain()


def damage(stage, found, **more):
    def add(apply):
        name = apply.__name__.replace('_', '-')
        assert name not in DAMAGE, name
        DAMAGE[name] = Damage(apply, stage, found, **more)
        return apply
    return add


def head(found, verdict=DAMAGED):
    return damage('image', found, verdict=verdict, **({'frame': 0} if verdict == DAMAGED else {}))


# --- head ------------------------------------------------------------------------------------------------------

@head('neither', UNREADABLE)
def head_mark(i): i.mark = b'PVFERRX\0'


@head('version 2', UNREADABLE)
def newer_version(i): i.version = 2


@head('version 2', UNREADABLE)
def newer_version_with_another_head(i): i.version, i.features, i.head_hash, i.json_length = 2, 1, 0, 1 << 30


@head('version 0')
def version_zero(i): i.version = 0


@head('features 0x8', UNREADABLE)
def unknown_feature(i): i.features = 8


@head('features 0x80000000', UNREADABLE)
def unknown_feature_high(i): i.features = 1 << 31


@damage('image', 'where the index was due', frame=6)
def index_missing(i): i.features = page.INDEX


@damage('image', 'where the seal was due', frame=6)
def index_unannounced(i): i.index = {}


@head('hash of the head')
def head_hash(i): i.head_hash = 1


@head('bytes of JSON')
def head_json_length(i): i.json_length = 10


@head('bytes of JSON')
def head_json_length_huge(i): i.json_length = 0xFFFFFFFF


@head('bytes of JSON')
def head_with_a_tail(i): i.head_tail = bytes(8)


@damage('bytes', 'head of 20 bytes', frame=0)
def head_too_short(data): return data[:4] + struct.pack('<I', 20) + data[8:28]


@head('frames to allocate')
def head_counts_a_frame_too_many(i): i.to_allocate += 1


@head('not JSON')
def provenance_is_no_json(i): i.json = b'{"domain": '


@head('not an object')
def provenance_is_no_object(i): i.json = b'[]'


@head('UTF-8')
def provenance_is_no_utf8(i): i.json = b'{"domain": "\xff"}'


@head('')
def provenance_with_zero_byte(i): i.json = b'{"domain": "a"}\0'


@head('lacks "uuid"')
def provenance_lacks_a_key(i): del i.provenance['uuid']


@head('p2m form')
def provenance_of_another_p2m(i): i.provenance['p2m'] = 'tree'


# --- frames ----------------------------------------------------------------------------------------------------

@damage('image', 'content checksum', frame=2)
def frame_without_checksum(i): i.zstd[1] = dict(checksum=False)


@damage('image', 'content size', frame=2)
def frame_without_content_size(i): i.zstd[1] = dict(content_size=False)


@damage('image', 'dictionary', frame=2)
def frame_with_dictionary(i):
    def add_dictionary_id(stored):
        at = 5 if stored[4] & 0x20 else 6
        return stored[:4] + bytes([stored[4] | 1]) + stored[5:at] + b'\x07' + stored[at:]
    i.edit[1] = add_dictionary_id


@damage('image', 'reserved bit', frame=2)
def frame_with_reserved_bit(i): i.edit[1] = lambda stored: stored[:4] + bytes([stored[4] | 8]) + stored[5:]


@damage('image', 'reserved zstd block', frame=2)
def frame_with_reserved_block(i):
    def reserve_first_block(stored):
        at = 4 + 1 + (0 if stored[4] & 0x20 else 1) + (stored[4] >> 5 & 1, 2, 4, 8)[stored[4] >> 6]
        return stored[:at] + bytes([stored[at] | 6]) + stored[at + 1:]
    i.edit[1] = reserve_first_block


@damage('image', 'does not expand', frame=2)
def frame_with_wrong_checksum(i): i.edit[1] = lambda stored: stored[:-1] + bytes([stored[-1] ^ 1])


@damage('image', 'more than 14680064', frame=5)
def frame_too_large(i): i.frames[4].append(Raw(None, bytes(page.FRAME_MAX)))


@damage('image', 'ends where a record was due', frame=1)
def opening_is_missing_its_end(i): i.frames[1:1] = [[i.frames[0].pop()]]


@damage('image', 'more than one PAGE_DATA', frame=2)
def two_windows_in_a_frame(i): i.frames[1:3] = [i.frames[1] + i.frames[2]]


@damage('image', 'content', frame=2)
def record_across_frames(i):
    whole = i.frames[1][0].bytes()
    i.frames[1:2] = [[Raw(None, whole[:10000])], [Raw(None, whole[10000:])]]


@damage('image', 'ends where a record was due', frame=2)
def empty_frame(i): i.frames.insert(1, [])


@damage('image', 'goes on', frame=1)
def memory_in_the_opening(i): i.frames[0].append(i.frames.pop(1)[0])


@damage('image', 'PAGE_DATA', frame=4)
def memory_in_the_closing(i): i.frames[3:5] = [i.frames[3] + i.frames[4]]


@damage('image', 'magic 0x184d2a52', frame=3)
def stranger_between_frames(i): i.extra[2] = [skippable(0x184D2A52, b'hello')]


@damage('image', 'magic 0x184d2a50', frame=1)
def head_twice(i): i.extra[0] = [i.head()]


@damage('image', 'magic 0xfd2fb528', frame=6)
def frame_after_the_closing(i): i.frames.append([Raw(None, bytes(8))])


@damage('image', 'magic 0xfd2fb528', frame=6)
def empty_frame_after_the_closing(i): i.extra[5] = [compress(b'')]


@damage('image', 'magic 0x184d2a51', frame=5)
def closing_is_missing(i): del i.frames[4]


@damage('image', 'not complete', frame=4, pfn=1024)
def last_window_is_missing(i): del i.frames[3]


@damage('image', 'no xl magic', frame=1)
def opening_is_missing(i): del i.frames[0]


# --- seal and seek table ---------------------------------------------------------------------------------------

@damage('image', 'seal', frame=6)
def no_seal(i): i.seal = None


@damage('image', 'seek table', frame=7)
def seal_twice(i): i.extra[5] = [i.sealed(b''.join(i.pieces()[:6]), len(i.plain()))]


@damage('image', 'marked', frame=6)
def seal_mark(i): i.seal['mark'] = b'PVFSEAM\0'


@damage('image', 'stored', frame=6)
def seal_stored(i): i.seal['stored'] = 4096


@damage('image', 'expanded', frame=6)
def seal_expanded(i): i.seal['expanded'] = 4096


@damage('image', 'not that of the file', frame=6)
def seal_hash(i): i.seal['hash'] = 1


@damage('image', 'hash of itself', frame=6)
def seal_self(i): i.seal_own = 1


@damage('image', 'seal of 48 bytes', frame=6)
def seal_with_a_tail(i): i.seal['tail'] = bytes(8)


def seek(found='the seek table is not'):
    return damage('image', found, frame=7)


@seek()
def seek_stored(i): i.seek = lambda t: t[:2] + [(t[2][0] + 1, t[2][1])] + t[3:]


@seek()
def seek_expanded(i): i.seek = lambda t: t[:2] + [(t[2][0], t[2][1] - 1)] + t[3:]


@seek()
def seek_expands_the_head(i): i.seek = lambda t: [(t[0][0], 8)] + t[1:]


@seek()
def seek_lacks_a_frame(i): i.seek = lambda t: t[:-1]


@seek()
def seek_has_a_frame_too_many(i): i.seek = lambda t: t + [(8, 0)]


@seek()
def seek_swaps_frames(i): i.seek = lambda t: t[:2] + [t[3], t[2]] + t[4:]


@seek()
def seek_count(i): i.seek_tail = struct.pack('<IBI', 6, 0, page.MAGIC_SEEK_END)


@seek()
def seek_descriptor(i): i.seek_tail = struct.pack('<IBI', 7, 0x80, page.MAGIC_SEEK_END)


@seek()
def seek_magic(i): i.seek_tail = struct.pack('<IBI', 7, 0, page.MAGIC_SEEK_END + 1)


@damage('bytes', '1 bytes after', frame=7)
def trailing_byte(data): return data + b'\0'


@damage('bytes', 'after the seek table', frame=7)
def trailing_page(data): return data + bytes(4096)


@damage('bytes', 'after the seek table', frame=7)
def image_twice(data): return data + data


@damage('bytes', 'neither', verdict=UNREADABLE)
def leading_byte(data): return b'\0' + data


@damage('bytes', 'empty', verdict=UNREADABLE)
def empty(_): return b''


@damage('bytes', 'neither', verdict=UNREADABLE)
def text(_): return b'This is no image.\n' * 100


@damage('bytes', 'neither', verdict=UNREADABLE)
def zeros(data): return bytes(len(data))


@damage('bytes', 'neither', verdict=UNREADABLE)
def one_zstd_frame_without_head(_): return compress(Image(GUESTS['linux64']()).plain())


# --- the headers of xl, libxl and libxc ------------------------------------------------------------------------

def header(found, xl=UNREADABLE):
    return damage('image', found, xl=xl, frame=1)


@header('xl magic')
def xl_magic(i): i.frames[0][0].set('B', 31, 1)


@header('byte order')
def xl_byteorder(i): i.frames[0][0].set('I', 32, 0x04030201)


@header('mandatory')
def xl_flag_unknown(i): i.frames[0][0].set('I', 36, 7)


@header('mandatory')
def xl_stream_of_version_1(i): i.frames[0][0].set('I', 36, 1)


@header('optional flags', xl=SOUND)
def xl_optional_flag(i): i.frames[0][0].set('I', 40, 1)


@header('optional data has', xl=SOUND)
def xl_optional_data(i): more_optional_data(i)


@header('xl config', xl=DAMAGED)
def xl_config_longer_than_its_data(i): i.frames[0][0].set('I', 48, 4096)


@header('xl optional data', xl=DAMAGED)
def xl_optional_length_huge(i): i.frames[0][0].set('I', 44, 0xFFFFFFFF)


@header('zero byte', xl=DAMAGED)
def xl_config_without_zero_byte(i): i.frames[0][0].body[-1] = 0x20


@header('not JSON', xl=DAMAGED)
def xl_config_is_no_json(i): i.frames[0][0].body[-2] = 0x20


@header('not a JSON object', xl=DAMAGED)
def xl_config_is_no_object(i):
    xl = i.frames[0][0]
    xl.body[52:] = b'[' + b' ' * (len(xl.body) - 55) + b']\0'


@header('libxl magic', xl=DAMAGED)
def libxl_magic(i): i.frames[0][1].set('B', 0, 0)


@header('version 3')
def libxl_version(i): i.frames[0][1].set('B', 11, 3)


@header('options 0x1')
def libxl_options(i): i.frames[0][1].set('B', 15, 1)


@header('LIBXC_CONTEXT was due', xl=DAMAGED)
def libxl_record(i): i.frames[0][1].set('I', 16, 3)


@header('LIBXC_CONTEXT was due', xl=DAMAGED)
def libxl_record_length(i): i.frames[0][1].set('I', 20, 8)


@header('marker', xl=DAMAGED)
def libxc_marker(i): i.frames[0][2].set('B', 3, 0)


@header('id 0x', xl=DAMAGED)
def libxc_id(i): i.frames[0][2].set('B', 8, 0)


@header('version 4')
def libxc_version(i): i.frames[0][2].set('B', 15, 4)


@header('options 0x1')
def libxc_options(i): i.frames[0][2].set('B', 17, 1)


@header('domain type 2')
def domain_type(i): i.frames[0][2].set('I', 24, 2)


@header('page shift 13')
def domain_page_shift(i): i.frames[0][2].set('H', 28, 13)


@header('zero field', xl=DAMAGED)
def domain_zero(i): i.frames[0][2].set('H', 30, 1)


@damage('image', 'END was due', xl=DAMAGED, frame=5)
def libxl_end(i): i.frames[-1][-1].set('I', 0, 1)


@damage('image', 'END was due', xl=DAMAGED, frame=5)
def libxl_end_length(i): i.frames[-1][-1].set('I', 4, 8)


@damage('image', 'libxl END', xl=DAMAGED, frame=5)
def libxl_end_missing(i): i.frames[-1].pop()


@damage('image', 'after the END', xl=DAMAGED, frame=5)
def bytes_after_libxl_end(i): i.frames[-1].append(Raw(None, bytes(8)))


# --- the order of records --------------------------------------------------------------------------------------

def order(found='stands where', xl=DAMAGED, **place):
    return damage('image', found, xl=xl, **place)


@order(record=0)
def pv_info_missing(i): i.drop(i.record(PV_INFO))


@order(record=1)
def pv_info_twice(i): i.insert(i.record(CPUID_POLICY), i.record(PV_INFO))


@order(record=2, xl=SOUND)
def msr_policy_before_cpuid_policy(i):
    msr = i.record(MSR_POLICY)
    i.drop(msr)
    i.insert(i.record(CPUID_POLICY), msr)


@order(record=4)
def cpuid_policy_after_static_data(i): i.insert(i.record(P2M_FRAMES), i.record(CPUID_POLICY))


@order(record=3)
def static_data_end_missing(i): i.drop(i.record(STATIC_DATA_END))


@order(record=4)
def static_data_end_twice(i): i.insert(i.record(P2M_FRAMES), i.record(STATIC_DATA_END))


@order('PAGE_DATA', frame=1)
def p2m_frames_missing(i): i.frames[0][-1] = i.record(PAGE_DATA)


@order('goes on', frame=1, xl=SOUND)
def p2m_frames_twice(i): i.frames[0].append(i.record(P2M_FRAMES))


@order('goes on', frame=1)
def p2m_frames_twice_going_back(i):
    i.frames[0].append(Record(P2M_FRAMES, struct.pack('<II2Q', 0, 1000, 5, 6)))


@order(record=8, xl=SOUND)
def tsc_missing(i): i.drop(i.record(TSC_INFO))


@order(record=9)
def shared_info_missing(i): i.drop(i.record(SHARED_INFO))


@order(record=8, xl=SOUND)
def shared_info_before_tsc(i): i.frames[-1][:2] = i.frames[-1][1::-1]


@order(record=10, xl=SOUND)
def shared_info_twice(i): i.insert(i.record(BASIC), i.record(SHARED_INFO))


@order(record=10, xl=SOUND)
def extended_before_basic(i): i.frames[-1][2:4] = i.frames[-1][3:1:-1]


@order(record=13, xl=SOUND)
def xsave_after_msrs(i): i.frames[-1][4:6] = i.frames[-1][5:3:-1]


@order(record=17, xl=SOUND)
def extended_after_all_vcpus(i):
    late = i.record(EXTENDED)
    i.drop(late)
    i.insert(i.record(END), late)


@order('vCPU 0 after vCPU 1', record=14, xl=SOUND)
def vcpus_in_wrong_order(i): i.frames[-1][2:10] = i.frames[-1][6:10] + i.frames[-1][2:6]


@order('vCPU 0 after vCPU 0', record=14, xl=SOUND)
def vcpu_twice(i): i.frames[-1][6:6] = i.frames[-1][2:6]


@order('among the records of vCPU 0', record=11, xl=SOUND)
def extended_of_another_vcpu(i): i.record(EXTENDED).set('I', 0, 1)


@order('vCPU 0 is missing')
def vcpu_0_missing(i): del i.frames[-1][2:6]


@order(record=10)
def no_vcpus(i): del i.frames[-1][2:10]


@order('END', frame=5)
def end_missing(i): i.drop(i.record(END))


@order('END was due', frame=5)
def record_after_end(i): i.frames[-1][-1:-1] = [Record(TSC_INFO, i.record(TSC_INFO).body)]


@order(record=8, xl=SOUND)
def verify_record(i): i.frames[-1].insert(0, Record(VERIFY))


@order('not a record', record=8, xl=SOUND)
def optional_record(i): i.frames[-1].insert(0, Record(0x80000001, b'optional'))


@order('not a record', record=8)
def unknown_record(i): i.frames[-1].insert(0, Record(0x13, b'mandatory'))


@order('not a record', record=8)
def hvm_record(i): i.frames[-1].insert(0, Record(9, bytes(8)))


@order('not a record', record=8)
def checkpoint_record(i): i.frames[-1].insert(0, Record(14))


# --- the length and the fields of records ----------------------------------------------------------------------

def shape(found='has a length of', **more):
    return damage('image', found, **{'xl': DAMAGED, **more})


@shape(record=0)
def pv_info_long(i): i.record(PV_INFO).body += bytes(8)


@shape(record=1)
def cpuid_policy_odd(i): i.record(CPUID_POLICY).body += bytes(8)


@shape(record=1, xl=SOUND)
def cpuid_policy_empty(i): i.record(CPUID_POLICY).body.clear()


@shape(record=2)
def msr_policy_odd(i): del i.record(MSR_POLICY).body[8:]


@shape(record=2, xl=SOUND)
def msr_policy_empty(i): i.record(MSR_POLICY).body.clear()


@shape(record=3)
def static_data_end_with_content(i): i.record(STATIC_DATA_END).body += bytes(8)


@shape('with a length of', record=4)
def p2m_frames_short(i): del i.record(P2M_FRAMES).body[-8:]


@shape('with a length of', record=4)
def p2m_frames_long(i): i.record(P2M_FRAMES).body += bytes(8)


@shape(record=4)
def p2m_frames_empty(i): i.record(P2M_FRAMES).body.clear()


@shape('with a length of', record=4)
def p2m_frames_backwards(i): i.record(P2M_FRAMES).set('I', 0, 1500)


@shape('with a length of', record=4)
def p2m_frames_end_huge(i): i.record(P2M_FRAMES).set('I', 4, 0xFFFFFFFF)


@shape('missing', record=7, pfn=1500, xl=SOUND)
def p2m_frames_end_one_up(i): i.record(P2M_FRAMES).set('I', 4, 1500)


@shape('beyond the last pfn 1498', record=7, pfn=1499)
def p2m_frames_end_one_down(i): i.record(P2M_FRAMES).set('I', 4, 1498)


@shape(record=8)
def tsc_short(i): del i.record(TSC_INFO).body[16:]


@shape(record=9)
def shared_info_short(i): del i.record(SHARED_INFO).body[4088:]


@shape(record=10)
def basic_short(i): del i.record(BASIC).body[-8:]


@shape(record=10)
def basic_of_the_other_width(i): del i.record(BASIC).body[8 + 2800:]


@shape(record=11)
def extended_long(i): i.record(EXTENDED).body[:] = bytes(8 + 136)


@shape(record=11)
def extended_without_vcpu(i): i.record(EXTENDED).body.clear()


@shape(record=12)
def xsave_short(i): del i.record(XSAVE).body[16:]


@shape(record=13)
def msrs_odd(i): i.record(MSRS).body += bytes(8)


@shape(frame=5)
def end_with_content(i): i.record(END).body += bytes(8)


@shape('padding', record=11)
def padding_not_zero(i):
    extended = i.record(EXTENDED)
    del extended.body[-4:]
    extended.pad = b'\0\0\0\1'


@shape('more than 10485760', record=10)
def record_longer_than_all(i): i.record(BASIC).length = page.RECORD_MAX + 8


@shape('left', record=14)
def record_longer_than_its_frame(i): i.record(BASIC, 1).length = 1 << 20


@shape('width 8 with 3 levels', record=0)
def pv_info_levels(i): i.record(PV_INFO).set('B', 1, 3)


@shape('width 5', record=0)
def pv_info_width(i): i.record(PV_INFO).set('B', 0, 5)


@shape('zero field', record=0)
def pv_info_zero(i): i.record(PV_INFO).set('B', 7, 1)


@shape('not zero', record=8)
def tsc_zero(i): i.record(TSC_INFO).set('I', 20, 1)


@shape('zero field', record=10)
def basic_zero(i): i.record(BASIC).set('I', 4, 1)


@shape('zero field', record=12)
def xsave_zero(i): i.record(XSAVE).set('I', 4, 1)


# --- the memory ------------------------------------------------------------------------------------------------

def memory(found, **more):
    return damage('image', found, **{'xl': DAMAGED, 'frame': 3, 'record': 6, **more})


def word_at(pfn):
    """Offset of the frame word of a pfn in its window's record."""
    return 8 + 8 * (pfn % 512)


def again(i, n, pfns):
    """Window n, with these pfns instead."""
    i.record(PAGE_DATA, n).body = page_data(i.guest, pfns).body


@memory('zero field')
def page_data_zero(i): i.record(PAGE_DATA, 1).set('I', 4, 1)


@memory('0 frames')
def page_data_of_nothing(i): i.record(PAGE_DATA, 1).body[:] = bytes(8)


@memory('has a length of')
def page_data_empty(i): i.record(PAGE_DATA, 1).body.clear()


@memory('frames with a length of')
def page_data_count_huge(i): i.record(PAGE_DATA, 1).set('I', 0, 0xFFFFFFFF)


@memory('with a page, with a length of')
def page_missing(i): del i.record(PAGE_DATA, 1).body[-4096:]


@memory('with a page, with a length of')
def page_too_many(i): i.record(PAGE_DATA, 1).body += bytes(4096)


@memory('with a page, with a length of')
def page_cut(i): del i.record(PAGE_DATA, 1).body[-8:]


@memory('bits 59-52', pfn=700)
def frame_word_bit_52(i): i.record(PAGE_DATA, 1).set('Q', word_at(700), 1 << 52 | 700)


@memory('bits 59-52', pfn=700)
def frame_word_bit_59(i): i.record(PAGE_DATA, 1).set('Q', word_at(700), 1 << 59 | 700)


@memory('unknown frame type 5', pfn=700)
def frame_type_5(i): i.record(PAGE_DATA, 1).set('Q', word_at(700), 5 << 60 | 700)


@memory('unknown frame type 8', pfn=700)
def frame_type_8(i): i.record(PAGE_DATA, 1).set('Q', word_at(700), 8 << 60 | 700)


@memory('table of level 4', guest='pae32', pfn=700)
def level_4_in_32_bit(i): i.record(PAGE_DATA, 1).set('Q', word_at(700), 4 << 60 | 700)


@memory('beyond the last pfn', frame=4, record=7, pfn=1500)
def pfn_beyond_the_last(i): i.record(PAGE_DATA, 2).set('Q', word_at(1499), NONE << 60 | 1500)


@memory('beyond the last pfn', frame=4, record=7, pfn=1 << 51)
def pfn_beyond_all(i): i.record(PAGE_DATA, 2).set('Q', word_at(1499), NONE << 60 | 1 << 51)


@memory('missing', pfn=601, xl=SOUND)
def pfn_missing(i): again(i, 1, [p for p in range(512, 1024) if p != 601])


@memory('missing', pfn=1023)
def last_pfn_of_a_window_missing(i): again(i, 1, range(512, 1023))


@memory('missing', frame=4, record=7, pfn=1499, xl=SOUND)
def last_pfn_missing(i): again(i, 2, range(1024, 1499))


@memory('twice', pfn=601)
def pfn_twice(i): again(i, 1, [*range(512, 602), *range(601, 1023)])


@memory('twice', pfn=1023, xl=SOUND)
def pfn_twice_at_the_end(i): again(i, 1, [*range(512, 1024), 1023])


@memory('twice', pfn=511)
def pfn_of_the_window_before(i): again(i, 1, range(511, 1023))


@memory('outside', pfn=1024, xl=SOUND)
def pfn_of_the_window_after(i): again(i, 1, range(512, 1025))


@memory('out of order', pfn=700, xl=SOUND)
def pfns_out_of_order(i): again(i, 1, [*range(512, 700), 701, 700, *range(702, 1024)])


@memory('missing', frame=2, record=5, pfn=0, xl=SOUND)
def windows_out_of_order(i): i.frames[1:3] = i.frames[2:0:-1]


@memory('twice', frame=4, record=7, pfn=512, xl=SOUND)
def window_twice(i): i.frames[3:3] = [i.frames[2]]


@memory('missing', pfn=768, xl=SOUND)
def window_in_halves(i):
    i.frames[2:3] = [[page_data(i.guest, range(512, 768))], [page_data(i.guest, range(768, 1024))]]


@memory('outside', frame=2, record=5, pfn=512, xl=SOUND)
def window_of_1024(i): i.frames[1:3] = [[page_data(i.guest, range(1024))]]


@memory('missing', pfn=512, xl=SOUND, guest='sparse64')
def window_of_holes_left_out(i): del i.frames[2]


# --- page tables -----------------------------------------------------------------------------------------------

def table(found, **more):
    return damage('guest', found, **{'xl': DAMAGED, **more})


@table('no frame', pfn=19, slot=9)
def entry_names_a_hole(g): g.tables[19][9] = entry(600, RO)


@table('beyond the last', pfn=19, slot=9)
def entry_names_a_pfn_beyond_the_last(g): g.tables[19][9] = entry(1500, RO)


@table('beyond the last', pfn=19, slot=9)
def entry_names_a_pfn_beyond_all(g): g.tables[19][9] = entry((1 << 40) - 1, RO)


@table('no frame', pfn=19, slot=9)
def entry_names_a_broken_frame(g): g.tables[19][9] = entry(1200, RO)


@table('no frame', pfn=19, slot=9)
def entry_names_a_hole_without_other_bits(g): g.tables[19][9] = entry(600, PRESENT)


@table('no frame', pfn=18, slot=3)
def level_2_entry_names_a_hole(g): g.tables[18][3] = entry(600, LINK)


@table('beyond the last', pfn=17, slot=511)
def level_3_entry_names_a_pfn_beyond_the_last(g): g.tables[17][511] = entry(5000, LINK)


@table('wrong type', pfn=18, slot=3)
def level_2_entry_names_an_ordinary_page(g): g.tables[18][3] = entry(700, LINK)


@table('wrong type', pfn=18, slot=3)
def level_2_entry_names_a_page_without_content(g): g.tables[18][3] = entry(905, LINK)


@table('wrong type', pfn=18, slot=3)
def level_2_entry_names_level_2(g): g.tables[18][3] = entry(25, LINK)


@table('wrong type', pfn=17, slot=7)
def level_3_entry_names_level_1(g): g.tables[17][7] = entry(19, LINK)


@table('wrong type', pfn=30, slot=1)
def level_4_entry_names_level_2(g): g.tables[30][1] = entry(18, LINK)


@table('wrong type', pfn=40, slot=300)
def level_4_entry_names_level_4(g): g.tables[40][300] = entry(30, LINK)


@table('wrong type', pfn=31, slot=1)
def user_level_4_entry_names_an_ordinary_page(g): g.tables[31][1] = entry(700, LINK)


@table('writable', pfn=19, slot=19)
def table_maps_itself_writable(g): g.tables[19][19] = entry(19, RW)


@table('writable', pfn=35, slot=5)
def pinned_root_is_mapped_writable(g): g.tables[35][5] = entry(16, RW)


@table('slot of Xen', pfn=16, slot=256)
def entry_in_the_first_slot_of_xen(g): g.tables[16][256] = entry(17, LINK)


@table('slot of Xen', pfn=41, slot=271)
def bits_in_the_last_slot_of_xen(g): g.tables[41][271] = 0x1000


@table('slot of Xen', guest='pae32', pfn=16, slot=4)
def entry_in_slot_4_of_pae_level_3(g): g.tables[16][4] = entry(24, PRESENT)


@table('slot of Xen', guest='pae32', pfn=32, slot=511)
def bits_in_slot_511_of_pae_level_3(g): g.tables[32][511] = 2


@table('slot of Xen', guest='pae32', pfn=27, slot=428)
def entry_in_slot_428_of_pae_level_2(g): g.tables[27][428] = entry(19, LINK)


@table('no frame', guest='pae32', pfn=19, slot=9)
def pae_entry_names_a_hole(g): g.tables[19][9] = entry(700, RO)


@table('wrong type', guest='pae32', pfn=16, slot=2)
def pae_level_3_entry_names_level_1(g): g.tables[16][2] = entry(19, PRESENT)


@table('writable', guest='pae32', pfn=20, slot=0)
def pae_table_is_mapped_writable(g): g.tables[20][0] = entry(16, RW)


@table('wrong type', pfn=18, slot=1)
def table_lost_its_type(g): del g.types[20]


# --- what else names frames ------------------------------------------------------------------------------------

def names(found, **more):
    return damage('guest', found, **{'xl': DAMAGED, **more})


@names('p2m', record=4, pfn=600, slot=1)
def p2m_in_a_hole(g): g.p2m[1] = 600


@names('p2m', record=4, pfn=5000, slot=2)
def p2m_beyond_the_last(g): g.p2m[2] = 5000


@names('p2m', record=4, pfn=19, slot=0)
def p2m_in_a_table(g): g.p2m[0] = 19


@names('cr3', record=10)
def cr3_names_level_3(g): g.vcpus[0] = (0, 17, 31)


@names('cr3', record=10)
def cr3_names_an_ordinary_page(g): g.vcpus[0] = (0, 700, 31)


@names('cr3', record=10)
def cr3_names_a_hole(g): g.vcpus[0] = (0, 600, 31)


@names('cr3', record=14)
def cr3_beyond_the_last(g): g.vcpus[1] = (1, 1500, 41)


@names('user root', record=10)
def user_root_names_level_3(g): g.vcpus[0] = (0, 30, 17)


@names('user root', record=14)
def user_root_names_an_ordinary_page(g): g.vcpus[1] = (1, 40, 700)


@names('cr3', guest='pae32', record=10)
def pae_cr3_names_level_2(g): g.vcpus[0] = (0, 24, None)


@names('cr3', guest='pae32', record=14)
def pae_cr3_beyond_the_last(g): g.vcpus[1] = (1, 1 << 20 | 32, None)


@names('start info', record=10)
def start_info_in_a_hole(g): g.start_info = 600


@names('start info', record=10)
def start_info_in_a_table(g): g.start_info = 19


@names('GDT frame 1', record=10)
def gdt_in_a_hole(g): g.gdt = [8, 600]


def vcpu_word(i, offset, value):
    i.record(BASIC).set('Q', 8 + offset, value)


@shape('user root', record=10)
def user_root_without_its_bit(i): vcpu_word(i, CONTEXT[8]['ctrlreg'] + 8, 31 << 12)


@shape('GDT of 7169 entries', record=10)
def gdt_too_long(i): vcpu_word(i, CONTEXT[8]['gdt_ents'], 7169)


# --- the index -------------------------------------------------------------------------------------------------

def indexed(found, **more):
    """Damage to an image with an index, or to the groups of that."""
    def add(apply):
        def to_image(i):
            i.features |= page.INDEX
            i.index = {}
            apply(i)
        to_image.__name__ = apply.__name__
        damage('image', found, **more)(to_image)
        return apply
    return add


def index_groups(found):
    """apply: to the groups of the index, of frames 1 (opening) to 5 (closing)."""
    def add(apply):
        def to_image(i): i.index_edit = apply
        to_image.__name__ = apply.__name__
        indexed(found)(to_image)
        return apply
    return add


def put_word(group, n, word):
    group.words = group.words[:n] + (word,) + group.words[n + 1:]


@indexed("index's head")
def index_mark(i): i.index['mark'] = b'PVFINDY\0'


@indexed("index's head")
def index_head_hash(i): i.index['hash'] = 1


@indexed('root')
def index_root(i): i.index['root'] = bytes(range(16))


@indexed('parent')
def index_parent_of_a_full_image(i): i.index['parent'] = b'a state of 1499.'


@indexed('numbers of words')
def index_words_of_the_head(i): i.index['words'] = 1499


@indexed('numbers of words')
def index_pages_of_the_head(i): i.index['pages'] = 1


@indexed('digest of pfn')
def index_key(i): i.index['key'] = bytes(136)


@indexed('pfns')
def index_pfns_more(i): i.index['pfns'] = 1501


@indexed('is wrong')
def index_pfns_fewer(i): i.index['pfns'] = 1499


@index_groups('digest of pfn')
def index_digest(g): g[1].digests[7] = bytes(16)


@index_groups('not where the index says')
def index_frame_number(g): g[3].frame += 1


@index_groups('not where the index says')
def index_frame_place(g): g[2].at += 1


@index_groups('not where the index says')
def index_frame_stored(g): g[1].stored -= 1


@index_groups('not where the index says')
def index_frame_expanded(g): g[1].expanded += 8


@index_groups('not where the index says')
def index_frames_in_no_order(g): g[1], g[2] = g[2], g[1]


@index_groups('is wrong')
def index_words_in_no_order(g): g[1].words = (g[1].words[1], g[1].words[0]) + g[1].words[2:]


@index_groups('is wrong')
def index_word_with_reserved_bits(g): put_word(g[1], 3, g[1].words[3] | 1 << 55)


@index_groups('is wrong')
def index_word_of_no_type(g): put_word(g[1], 3, g[1].words[3] | 5 << 60)


@index_groups('other words')
def index_word_of_another_type(g): put_word(g[1], 3, g[1].words[3] ^ 1 << 60)


@index_groups('words')
def index_word_missing(g):
    g[1].words, g[1].count = g[1].words[:-1], g[1].count - 1
    g[1].digests.pop()


@index_groups('begin with the opening')
def index_opening_missing(g): del g[0]


@index_groups('begin with the opening')
def index_closing_missing(g): del g[-1]


@indexed('other words')
def index_of_older_words(i):
    i.features |= page.ROUNDS
    i.frames.insert(-1, [page_data(i.guest, [5])])
    i.index_edit = lambda g: g.pop(-2)


@indexed('hold no pages')
def index_lacks_p2m_frames(i):
    i.features |= page.ROUNDS
    i.frames.insert(-1, [i.record(P2M_FRAMES)])
    i.index_edit = lambda g: g.pop(-2)

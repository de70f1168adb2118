#!/usr/bin/env python3
"""The first inputs of fuzz-stream and fuzz-image: guests of some twenty pages, packed as in stream-model.h.

Usage: make_seeds.py FOLDER        writes FOLDER/fuzz-stream/*, FOLDER/fuzz-image/*, and the same for fuzz-sink, fuzz-message, fuzz-protocol and fuzz-journal, and a config in FOLDER/fuzz-machine/
"""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'golden'))
import make_image as make
from make_image import LINK, RO, RW, Image, entry

CONTROLS = 64   # bytes before the stream in an input of fuzz-image, see there; all zero: an image as it should be


class Guest(make.Guest):
    def page(self, pfn):
        if pfn == self.start_info and self.pfns < 512:   # with the pages of xenstore and console, which restore wants
            words = (56, 72, '<Q') if self.width == 8 else (44, 52, '<I')
            page = bytearray(4096)
            struct.pack_into(words[2], page, words[0], 3)
            struct.pack_into(words[2], page, words[1], 4)
            return bytes(page)
        return bytes(4096) if pfn not in self.tables and pfn not in self.p2m else super().page(pfn)

    def left_behind(self, pfn):
        return 0


def wide(names_itself=True):
    g = Guest('wide', 8, 20, 'linear')
    g.p2m, g.start_info, g.gdt = [5], 2, [8]
    g.types.update({0: make.NONE, 9: make.ALLOCATED, 10: make.BROKEN})
    g.table(11, 1, {0: entry(1, RW), 1: entry(11, RO), 2: 0xDEAD000, 511: entry(9, RW)})
    g.table(12, 2, {0: entry(11, LINK)})
    g.table(13, 3, {0: entry(12, LINK)})
    g.table(14, 4, {0: entry(13, LINK), 272: entry(13, LINK), **({511: entry(14, RO)} if names_itself else {})}, pinned=True)
    g.table(15, 4, {0: entry(13, LINK)}, pinned=True)
    g.vcpus = [(0, 14, 15)]
    return g


def narrow():
    g = Guest('narrow', 4, 20, 'list')
    g.p2m, g.start_info, g.gdt = [5], 2, [8]
    g.types.update({0: make.NONE})
    g.table(10, 1, {0: entry(1, RW), 1: entry(10, RO)})
    for pfn in range(11, 15):
        g.table(pfn, 2, {0: entry(10, LINK), 427: entry(10, LINK)})
    g.table(15, 3, {n: entry(11 + n, 1) for n in range(4)}, pinned=True)
    g.vcpus = [(0, 15, None), (2, 15, None)]
    return g


def small():
    g = Guest('small', 8, 600, 'list')
    g.p2m, g.start_info, g.gdt = [0, 0], 0, []
    g.types.update({pfn: make.NONE for pfn in range(2, 600)})
    g.table(1, 4)
    g.vcpus = [(0, 1, None)]
    return g


def live(g):
    """As xl's live migration sends it: again, out of order, an optional record, VERIFY."""
    image = Image(g)
    pfns = list(range(g.pfns))
    batches = [make.page_data(g, pfns[::-1]), make.Record(0x80000077, b'skip'), make.page_data(g, pfns[11:13]),
               make.Record(make.VERIFY), make.page_data(g, pfns[2:3])]
    image.frames[1:-1] = [[r] for r in batches]
    return image


def version_2(g):
    image = Image(g)
    image.frames[0][2].body[15] = 2
    image.frames[0][4:7] = []
    return image


def pack(plain):
    out, i = bytearray(), 0
    while i < len(plain):
        run = 0
        while i + run < len(plain) and run < 1 << 15 and not plain[i + run]:
            run += 1
        out.append(plain[i])
        if run:
            out += struct.pack('B', run - 1) if run <= 128 else struct.pack('BB', (run - 1) & 127 | 128, run - 1 >> 7)
        i += run or 1
    return bytes(out)


def message(kind, body=b''):
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    return struct.pack('<2I', 0x46565000 + kind, len(body)) + body


def conversations():
    """What the two sides of a move say, see man/pvferry-protocol.7."""
    hello = message(1, dict(protocol=1, software='pvferry', features=['lanes'], limits={'data-bytes': 1048576}))
    offer = message(2, dict(job='0123456789abcdef' * 2, domain='web1', uuid='3b1e6f0a-7d0c-4a53-9a55-5d2f6a2c9b01', domid=7,
                            frames=512, pfns=512, width=8, p2m='auto', devices='', lanes=2, live=True, **{
                                'max-memory-kib': 2048, 'config-bytes': 100}))
    policy = message(3, struct.pack('<8I', 0x11, 24, 7, 0, 0, 1, 0, 0))
    ready, running = message(10, {'domid': 3, 'build-ms': 5}), message(12, {'domid': 3, 'unpause-ms': 1})
    return {
        'source': hello + offer + policy + message(6, b'abc') + message(9) + message(7, bytes(16)) + message(11),
        'destination': hello + message(4, {}) + message(8, dict(frames=12)) + ready + running,
        'refusal': hello + message(5, dict(reason='no memory')),
        'failure': hello + message(13, dict(reason='no memory', state='destroyed')),
        'question': hello + message(14, dict(job='0123456789abcdef' * 2)) + message(15, dict(state='running', domid=3)),
        'lane': hello + message(16, dict(job='0123456789abcdef' * 2, lane=1)) + message(6, b'abc'),
    }


def sessions():
    """What a peer says in fuzz-protocol, see there: three bytes of controls, then a type, a length and a body each."""
    job, ends_well, source, as_front, has_journal = '0123456789abcdef' * 2, 4, 1, 2, 32

    def say(kind, body=b''):
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        return struct.pack('<BH', kind, len(body)) + body

    pause = b'\xfe'
    hello = say(1, dict(protocol=1, software='pvferry', features=['lanes'], limits={'data-bytes': 1048576})) + pause
    offer = say(2, dict(job=job, domain='web1', uuid='3b1e6f0a-7d0c-4a53-9a55-5d2f6a2c9b01', frames=512, pfns=512, width=8,
                        p2m='auto', devices='', lanes=1, live=True, **{'max-memory-kib': 2048, 'config-bytes': 100}))
    policy = say(3, struct.pack('<8I', 0x11, 24, 7, 0, 0, 1, 0, 0))
    image = offer + say(3) + say(6, b'abc') + say(9) + say(6, b'defghi') + say(7, bytes(16)) + pause
    taken = say(4, {}) + say(8, dict(frames=12, bytes=100)) + pause + say(10, {'domid': 3, 'build-ms': 5}) + pause
    destroyed = say(13, dict(reason='no memory', state='destroyed'))
    question, peer = say(14, dict(job=job)), say(17, {'name': 'x'}) + pause
    return {
        'sends': (ends_well, 0, hello + image + say(11)),
        'sends-inside': (ends_well | as_front, 0, peer + image + say(11)),
        'sends-and-leaves': (ends_well, 0, hello + image + say(13, dict(reason='no memory'))),
        'sends-for-more': (ends_well, 0, hello + offer + policy),
        'asks-building': (has_journal, 0, hello + question),
        'asks-go': (has_journal | as_front, 2, peer + question),
        'asks-running': (has_journal, 3, hello + question),
        'joins': (0, 0, hello + say(16, dict(job=job, lane=1)) + say(6, b'abc')),
        'takes': (source, 0, hello + taken + say(12, {'domid': 3, 'unpause-ms': 1})),
        'takes-inside': (source | as_front, 0, peer + taken + say(12, {'domid': 3})),
        'takes-and-destroys': (source, 0, hello + taken + destroyed),
        'takes-and-leaves': (source, 0, hello + taken),
        'refuses': (source, 0, hello + say(5, dict(reason='no memory'))),
    }


def main():
    images = {'wide': Image(wide()), 'narrow': Image(narrow()), 'small': Image(small()), 'live': live(wide()),
              'live-narrow': live(narrow()), 'version-2': version_2(wide())}
    for target in ('fuzz-stream', 'fuzz-image', 'fuzz-sink', 'fuzz-protocol', 'fuzz-machine', 'fuzz-message', 'fuzz-journal'):
        os.makedirs(os.path.join(sys.argv[1], target), exist_ok=True)
    for name, image in images.items():
        packed = pack(image.plain())
        print(f'{name}: {len(image.plain())} bytes, packed {len(packed)}')
        with open(os.path.join(sys.argv[1], 'fuzz-stream', f'seed-{name}'), 'wb') as f:
            f.write(packed)
        with open(os.path.join(sys.argv[1], 'fuzz-image', f'seed-{name}'), 'wb') as f:
            f.write(bytes(CONTROLS) + packed)
    # Two bytes: the call to Xen that fails; one: options, see fuzz-sink.c. Its Xen takes no table that names itself.
    built = {'wide': Image(wide(False)), 'narrow': Image(narrow()), 'live': live(wide(False)), 'version-2': version_2(wide(False))}
    for name, image, controls in (('wide', 'wide', (0, 0, 8)), ('narrow', 'narrow', (0, 0, 8)), ('live', 'live', (0, 0, 9)),
                                  ('version-2', 'version-2', (0, 0, 10)), ('adopted', 'narrow', (0, 0, 16)), ('pipe', 'live', (0, 0, 64)),
                                  ('fails', 'wide', (30, 0, 0))):
        with open(os.path.join(sys.argv[1], 'fuzz-sink', f'seed-{name}'), 'wb') as f:
            f.write(bytes(controls) + pack(built[image].plain()))
    for name, said in conversations().items():
        with open(os.path.join(sys.argv[1], 'fuzz-message', f'seed-{name}'), 'wb') as f:
            f.write(said)
    for name, (flags, stage, said) in sessions().items():
        with open(os.path.join(sys.argv[1], 'fuzz-protocol', f'seed-{name}'), 'wb') as f:
            f.write(bytes((flags, 0, stage)) + said)
    for stage, role in (('go', 'source'), ('kept', 'source'), ('building', 'destination'), ('destroyed', 'destination')):
        entry_of = dict(job='0123456789abcdef' * 2, uuid='3b1e6f0a-7d0c-4a53-9a55-5d2f6a2c9b01', domain='web1', peer='host2', via='tls',
                        ssh='', pki='/etc/pvferry', reason='', role=role, stage=stage, domid=7, port=8666, pid=1, time=1, **{'boot-id': 'x'})
        with open(os.path.join(sys.argv[1], 'fuzz-journal', f'seed-{role}-{stage}'), 'w', encoding='utf-8') as f:
            json.dump(entry_of, f)
    config = dict(c_info=dict(type='pv', name='config', uuid='3b1e6f0a-7d0c-4a53-9a55-5d2f6a2c9b01'),
                  b_info=dict(max_vcpus=3, avail_vcpus=[0, 2], target_memkb=65536, max_memkb=65536),
                  disks=[dict(vdev='xvda')])
    with open(os.path.join(sys.argv[1], 'fuzz-machine', 'seed-config'), 'w', encoding='utf-8') as f:
        json.dump(config, f)


if __name__ == '__main__':
    main()

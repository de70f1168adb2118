#!/usr/bin/env python3
"""The first inputs of fuzz-stream and fuzz-image: guests of some twenty pages, packed as in stream-model.h.

Usage: make_seeds.py FOLDER        writes FOLDER/fuzz-stream/*, FOLDER/fuzz-image/*, FOLDER/fuzz-message/*, FOLDER/fuzz-journal/* and a config in FOLDER/fuzz-machine/
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
        return bytes(4096) if pfn not in self.tables and pfn not in self.p2m else super().page(pfn)

    def left_behind(self, pfn):
        return 0


def wide():
    g = Guest('wide', 8, 20, 'linear')
    g.p2m, g.start_info, g.gdt = [5], 2, [8]
    g.types.update({0: make.NONE, 9: make.ALLOCATED, 10: make.BROKEN})
    g.table(11, 1, {0: entry(1, RW), 1: entry(11, RO), 2: 0xDEAD000, 511: entry(9, RW)})
    g.table(12, 2, {0: entry(11, LINK)})
    g.table(13, 3, {0: entry(12, LINK)})
    g.table(14, 4, {0: entry(13, LINK), 272: entry(13, LINK), 511: entry(14, RO)}, pinned=True)
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


def main():
    images = {'wide': Image(wide()), 'narrow': Image(narrow()), 'small': Image(small()), 'live': live(wide()),
              'live-narrow': live(narrow()), 'version-2': version_2(wide())}
    for target in ('fuzz-stream', 'fuzz-image', 'fuzz-machine', 'fuzz-message', 'fuzz-journal'):
        os.makedirs(os.path.join(sys.argv[1], target), exist_ok=True)
    for name, image in images.items():
        packed = pack(image.plain())
        print(f'{name}: {len(image.plain())} bytes, packed {len(packed)}')
        with open(os.path.join(sys.argv[1], 'fuzz-stream', f'seed-{name}'), 'wb') as f:
            f.write(packed)
        with open(os.path.join(sys.argv[1], 'fuzz-image', f'seed-{name}'), 'wb') as f:
            f.write(bytes(CONTROLS) + packed)
    for name, said in conversations().items():
        with open(os.path.join(sys.argv[1], 'fuzz-message', f'seed-{name}'), 'wb') as f:
            f.write(said)
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

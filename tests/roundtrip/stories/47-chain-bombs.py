"""Small chains that ask for much memory or time: what their indexes say costs no more than the budget allows, and is refused where it cannot be."""
import importlib
import struct
import sys

import hosts
from hosts import Skip, expect

sys.path.insert(0, str(hosts.ROOT / "tests/roundtrip/stories"))
bombs = importlib.import_module("45-bombs")
import image_index  # noqa: E402
import make_image as images  # noqa: E402
from read_image import INCREMENT, INDEX, ROUNDS, find_index, xxh64  # noqa: E402

KEY = bytes(range(136))
COMMANDS = (("inspect",), ("verify",), ("restore", "--force"))
ZERO = image_index.digest(bytes(4096), KEY)


def mark(opening):
    """An opening of an increment: bit 31 of xl's mandatory flags."""
    return opening[:36] + struct.pack("<I", struct.unpack_from("<I", opening, 36)[0] | 1 << 31) + opening[40:]


def closing():
    return b"".join(record.bytes() for record in images.closing(images.sparse64()))


def chained(contents, state, parent=None, pfns=512, head=None, groups=None):
    """An image with an index. contents: (bytes of a frame, its words, digests); parent: (state, root) of an increment."""
    image = images.Image(images.sparse64())
    image.features = ROUNDS | INDEX | (INCREMENT if parent else 0)
    pieces, table, found = [image.head()], [(len(image.head()), 0)], []
    at = len(pieces[0])
    for content, words, digests in contents:
        stored = images.compress(content)
        group = image_index.Group(at, len(table), len(stored), len(content), len(words))
        group.words, group.digests = words, digests
        found.append(group)
        pieces.append(stored)
        table.append((len(stored), len(content)))
        at += len(stored)
    fields = dict(key=KEY, pfns=pfns, state=state, **(dict(parent=parent[0], parent_root=parent[1]) if parent else {}), **(head or {}))
    frame = images.skippable(images.page.MAGIC_INDEX, index(fields, groups or found))
    pieces.append(frame)
    table.append((len(frame), 0))
    seal = image.sealed(b"".join(pieces), sum(t[1] for t in table))
    table.append((len(seal), 0))
    seek = b"".join(struct.pack("<II", *t) for t in table) + struct.pack("<IBI", len(table), 0, images.page.MAGIC_SEEK_END)
    return b"".join(pieces) + seal + images.skippable(images.page.MAGIC_SEEK, seek)


def index(fields, groups):
    """As image_index.build(), in pieces."""
    words, pages = sum(len(g.words) for g in groups), sum(len(g.digests) for g in groups)
    content = image_index.build(dict(dict(words=words, pages=pages), **fields), [], images.compress, xxh64)[:image_index.HEAD.size]
    at = 0
    while at < len(groups):
        count, some = 0, []
        while at < len(groups) and count + groups[at].count <= 8192 and len(some) < 8192:
            count += groups[at].count
            some.append(groups[at])
            at += 1
        content += image_index.build(dict(fields, words=0, pages=0), some, images.compress, xxh64)[image_index.HEAD.size:]
    return content


def root(memory, pfns):
    """memory: pfn -> (word, digest or zeros)."""
    return image_index.digest(b"".join(struct.pack("<Q", memory[pfn][0]) + memory[pfn][1] for pfn in range(pfns)), KEY)


def pages(first, count, type):
    """A frame of pages of zeros, or of holes."""
    words = tuple(type << 60 | pfn for pfn in range(first, first + count))
    digests = [ZERO] * count if type in image_index.WITH_DATA else []
    return bombs.pages(words, bytes(4096 * len(digests))), words, digests


def pair(pfns, type, config):
    """A full image of so many pages of one type, and an increment on it in which one of them has gone."""
    text = bombs.config(max_memkb=config)
    first = (bombs.opening(text, pfns, leaf=5), (), [])
    last = (closing(), (), [])
    frames = [pages(at, min(512, pfns - at), type) for at in range(0, pfns, 512)]
    memory = {pfn: (type << 60 | pfn, ZERO if type in image_index.WITH_DATA else bytes(16)) for pfn in range(pfns)}
    whole = root(memory, pfns)
    full = chained([first, *frames, last], b"full" * 4, pfns=pfns, head=dict(root=whole))
    memory[7] = (14 << 60 | 7, bytes(16))
    gone = (bombs.pages([14 << 60 | 7]), (14 << 60 | 7,), [])
    increment = chained([(mark(first[0]), (), []), gone, last], b"next" * 4, (b"full" * 4, whole), pfns, dict(root=root(memory, pfns)))
    return full, increment


def holes():
    return *pair(1 << 20, 15, 1 << 22), 1 << 20


def zeros():
    return *pair(1 << 17, 0, 1 << 19), 1 << 17


def tiny_frames():
    """A frame for each pfn: more than a chain may have."""
    pfns = 100000
    first, last = (bombs.opening(bombs.config(max_memkb=pfns * 4), pfns, leaf=5), (), []), (closing(), (), [])
    one = [(bombs.pages([15 << 60 | pfn]), (15 << 60 | pfn,), []) for pfn in range(pfns)]
    full = chained([first, *one, last], b"full" * 4, pfns=pfns, head=dict(root=b"r" * 16))
    return full, chained([(mark(first[0]), (), []), last], b"next" * 4, (b"full" * 4, b"r" * 16), pfns, dict(root=b"r" * 16)), pfns


def many_pieces():
    """An index of frames that hold no pages, again and again, each in the same place."""
    first, last = (bombs.opening(bombs.config(), 512, leaf=5), (), []), (closing(), (), [])
    frames = [first] + [(b"p2m frame", (), [])] * 150000 + [last]
    full, _, _ = zeros()
    return full, chained([(mark(first[0]), (), []), *frames[1:]], b"next" * 4, (b"full" * 4, find_index(full).root), 1 << 17), 1 << 17


def longest(stage, host):
    """More parents than a chain may have: refused by number, not by what they cost."""
    where = stage.folder / "long"
    where.mkdir()
    full, _ = pair(512, 15, 1 << 16)
    (where / "0").write_bytes(full)
    before = root({pfn: (15 << 60 | pfn, bytes(16)) for pfn in range(512)}, 512)
    after = root({pfn: ((14 if pfn == 7 else 15) << 60 | pfn, bytes(16)) for pfn in range(512)}, 512)
    first = (mark(bombs.opening(bombs.config(), 512, leaf=5)), (), [])
    gone, last = (bombs.pages([14 << 60 | 7]), (14 << 60 | 7,), []), (closing(), (), [])
    state, known = b"full" * 4, before
    for n in range(1, 131):
        following = b"state number %03d" % n
        (where / str(n)).write_bytes(chained([first, gone, last], following, (state, known), 512, dict(root=after)))
        state, known = following, after
    found = host.pvferry("inspect", where / "127")
    expect("more than" not in found.err and "state" not in found.err, f"127 parents: {found}")
    refused = host.pvferry("inspect", where / "130")
    expect(refused.status == 1 and "has more than 127 parents" in refused.err and refused.is_one_line(), f"130 parents: {refused}")


def run(stage):
    if hosts.SAN:
        raise Skip("a sanitiser's own memory counts with it")
    host = stage.host("host", 1024)
    images.LEVEL = 1
    where = stage.folder / "chain"
    where.mkdir()
    for bomb, words in ((holes, ""), (zeros, ""), (tiny_frames, "more than 9"), (many_pieces, "more than 9")):
        full, increment, pfns = bomb()
        (where / "full.pvf").write_bytes(full)
        (where / "next.pvf").write_bytes(increment)
        told = [bombs.defuse(host, bomb.__name__, where / "next.pvf", pfns, command, False) for command in COMMANDS]
        told.append(bombs.defuse(host, bomb.__name__, where / "next.pvf", pfns, ("merge", "--force"), False, stage.folder / "out"))
        refused = host.pvferry("verify", where / "next.pvf")
        expect(words in refused.err and (refused.status or not words), f"{bomb.__name__}: {refused}")
        expect(not host.domains(), f"{bomb.__name__}: {host.domains()} is left")
        stage.figure(f"{bomb.__name__} {(len(full) + len(increment)) >> 10} KiB: {max(t[0] for t in told) // bombs.MIB} MiB, "
                     f"{max(t[1] for t in told):.1f} s")
    longest(stage, host)

"""The index of a pvferry image, as the second reader sees it: written from man/pvferry-image.5, INDEX."""
import ctypes
import struct

HEAD = struct.Struct('<8s16s16s16s16s136sQQQQ')
PIECE, GROUP = struct.Struct('<IIII'), struct.Struct('<QIIII')
PIECE_WORDS, WINDOW, FRAME_MAX, PAGE = 8192, 512, 14 << 20, 4096
WITH_DATA = frozenset((0, 1, 2, 3, 4, 9, 10, 11, 12))
TYPES = WITH_DATA | {13, 14, 15}
NO_STATE = bytes(16)


class Wrong(Exception):
    """What is wrong with an index."""


class Hash128(ctypes.Structure):
    _fields_ = [('low', ctypes.c_uint64), ('high', ctypes.c_uint64)]


def load_xxh3():
    try:
        function = ctypes.CDLL('libxxhash.so.0').XXH3_128bits_withSecret
    except (OSError, AttributeError):
        return None
    function.restype = Hash128
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return function


XXH3 = load_xxh3()


def digest(data, key):
    """Sixteen bytes; None where there is no libxxhash."""
    if not XXH3:
        return None
    made = XXH3(data, len(data), key, len(key))
    return struct.pack('<QQ', made.low, made.high)


class Index:
    """What the frame holds; expand and xxh64 are the reader's."""

    def __init__(self, content, expand, xxh64):
        if len(content) < HEAD.size:
            raise Wrong(f'an index of {len(content)} bytes')
        (mark, self.state, self.parent, self.root, self.parent_root, self.key, self.pfns, self.words, self.pages,
         own) = HEAD.unpack_from(content)
        if mark != b'PVFINDX\0' or xxh64(content[:HEAD.size - 8]) != own:
            raise Wrong("the hash of the index's head is wrong")
        self.groups, at = [], HEAD.size
        while at < len(content):
            at = self.read_piece(content, at, expand)
        if sum(len(g.words) for g in self.groups) != self.words or sum(len(g.digests) for g in self.groups) != self.pages:
            raise Wrong('the numbers of words and pages are not those of the head')

    @property
    def is_increment(self):
        return self.parent != NO_STATE

    def read_piece(self, content, at, expand):
        if at + PIECE.size > len(content):
            raise Wrong('cut short before a piece')
        stored, groups, words, pages = PIECE.unpack_from(content, at)
        at += PIECE.size
        if max(groups, words) > PIECE_WORDS or pages > words or at + stored > len(content):
            raise Wrong('a piece is too large')
        body = expand(content[at:at + stored], groups * GROUP.size + 8 * words + 16 * pages)
        self.read_groups(body, groups, words, pages)
        return at + stored

    def read_groups(self, body, groups, words, pages):
        word_at = groups * GROUP.size
        words_end = digest_at = word_at + 8 * words
        end = digest_at + 16 * pages
        for n in range(groups):
            group = Group(*GROUP.unpack_from(body, n * GROUP.size))
            if group.count > WINDOW or word_at + 8 * group.count > words_end:
                raise Wrong('more words than the piece has')
            group.words = struct.unpack_from(f'<{group.count}Q', body, word_at)
            word_at += 8 * group.count
            for word in group.words:
                if word >> 60 in WITH_DATA:
                    if digest_at + 16 > end:
                        raise Wrong('more pages than the piece has')
                    group.digests.append(body[digest_at:digest_at + 16])
                    digest_at += 16
            self.check_words(group)
            self.groups.append(group)
        if word_at != words_end or digest_at != end:
            raise Wrong('words or digests belong to no frame')

    def check_words(self, group):
        before = -1
        for word in group.words:
            pfn = word & (1 << 52) - 1
            if word >> 52 & 0xFF or word >> 60 not in TYPES or not before < pfn < self.pfns:
                raise Wrong(f'word {word:#x} is wrong')
            before = pfn

    def check(self, frames, content):
        """Against the frames of the file, [(stored, expanded)] from the head on, and what was in them."""
        starts = [0]
        for stored, _ in frames:
            starts.append(starts[-1] + stored)
        named = {}
        last = 0
        for group in self.groups:
            if not last < group.frame < len(frames) or (group.at, group.stored, group.expanded) != (
                    starts[group.frame], *frames[group.frame]):
                raise Wrong(f'frame {group.frame} is not where the index says')
            last = group.frame
            digests = iter(group.digests)
            for word in group.words:
                pfn = word & (1 << 52) - 1
                named[pfn] = (word >> 60, group.frame, next(digests) if word >> 60 in WITH_DATA else None)
        if self.groups[0].words or self.groups[-1].words or len(named) != self.words:
            raise Wrong('it does not begin with the opening and end with the closing, or names a pfn twice')
        if [g.frame for g in self.groups if not g.words] != [n for n in range(1, len(frames)) if n not in content.page_frames]:
            raise Wrong('its frames without words are not those that hold no pages')
        if self.pfns != content.end + 1:
            raise Wrong(f'{self.pfns} pfns, the image has {content.end + 1}')
        own = {pfn: (kind, frame) for pfn, (kind, _, frame) in content.memory.items() if frame is not None}
        if {pfn: value[:2] for pfn, value in named.items()} != own:
            raise Wrong('it names other words than the frames hold')
        for pfn, (_, _, said) in named.items():
            if said is not None and XXH3 and digest(content.memory[pfn][1], self.key) != said:
                raise Wrong(f'the digest of pfn {pfn} is not that of its page')
        self.check_root(content.memory)

    def check_root(self, memory):
        if not XXH3:
            return
        entries = []
        for pfn in range(self.pfns):
            if pfn not in memory:
                raise Wrong(f'pfn {pfn} stands in no image of the chain')
            kind, page, _ = memory[pfn]
            entries.append(struct.pack('<Q', kind << 60 | pfn) + (digest(page, self.key) if kind in WITH_DATA else bytes(16)))
        if digest(b''.join(entries), self.key) != self.root:
            raise Wrong('the root is not that of the memory')


class Group:
    """A frame that the index names."""

    def __init__(self, at, frame, stored, expanded, count):
        self.at, self.frame, self.stored, self.expanded, self.count = at, frame, stored, expanded, count
        self.words, self.digests = (), []


# --- how one is made -------------------------------------------------------------------------------------------

def build(head, groups, compress, xxh64):
    """The content of an index frame. head: what the page calls its fields; groups as Group; the root is made from memory,
    {pfn: (type, page)}, unless head has one."""
    words, pages = sum(len(g.words) for g in groups), sum(len(g.digests) for g in groups)
    fields = dict(dict(mark=b'PVFINDX\0', state=NO_STATE, parent=NO_STATE, root=NO_STATE, parent_root=NO_STATE,
                       words=words, pages=pages), **head)
    raw = HEAD.pack(*(fields[name] for name in ('mark', 'state', 'parent', 'root', 'parent_root', 'key', 'pfns', 'words',
                                                'pages')), 0)[:-8]
    body = b''.join(GROUP.pack(g.at, g.frame, g.stored, g.expanded, g.count) for g in groups)
    body += b''.join(struct.pack('<Q', word) for g in groups for word in g.words)
    body += b''.join(each for g in groups for each in g.digests)
    stored = compress(body)
    piece = PIECE.pack(len(stored), len(groups), words, pages) + stored
    return raw + struct.pack('<Q', head.get('hash', xxh64(raw))) + piece


def root(memory, pfns, key):
    return digest(b''.join(struct.pack('<Q', memory[pfn][0] << 60 | pfn) +
                           (digest(memory[pfn][1], key) if memory[pfn][0] in WITH_DATA else bytes(16))
                           for pfn in range(pfns)), key)

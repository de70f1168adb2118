"""What an increment would take if it had nothing but its pages: those that count, compressed as they are there, and 16
bytes for each. Frames and words are read by the tests' own second reader."""
import ctypes
import struct

import read_image

LEVEL, PAGE, RECORD, BATCH = 1, 4096, 16, 512    # RECORD: its header, and the number of words


def live_pages(image):
    """Of each frame with pages: those that its index names."""
    index = read_image.find_index(image)
    for group in index.groups:
        if not group.words:
            continue
        content = read_image.expand(image[group.at:group.at + group.stored], group.expanded, group.frame)
        count, = struct.unpack_from("<I", content, RECORD - 8)
        words = struct.unpack_from(f"<{count}Q", content, RECORD)
        wanted, at = set(group.words), RECORD + 8 * count
        for word in words:
            if word >> 60 not in read_image.image_index.WITH_DATA:
                continue
            if word in wanted:
                yield content[at:at + PAGE]
            at += PAGE


def compress(data):
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compress.restype = library.ZSTD_compressBound.restype = ctypes.c_size_t
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    return library.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), LEVEL)


def ideal_bytes(path):
    pages = list(live_pages(path.read_bytes()))
    return sum(compress(b"".join(pages[n:n + BATCH])) for n in range(0, len(pages), BATCH)) + 16 * len(pages)

"""A damaged image is found out by verify and never becomes a domain: cut at any point, any bit flipped, not an image."""
import ctypes
import random

from scenario import expect

FLAVOUR = "noshadow"
CUTS, FLIPS, SEED = 12, 24, 20


def run(stage):
    stage.guest(check="mib=8")
    stage.host.must("xl save -c guest /tmp/by-xl", 180)
    stage.ok("pvferry save guest /tmp/image")
    image = stage.fetch("/tmp/image")
    stage.verified(image)
    bad = stage.folder / "bad"
    for name, data in damages(image.read_bytes()):
        bad.write_bytes(data)
        stage.found_bad(bad, name)
    for name, data in chosen(image.read_bytes()):
        bad.write_bytes(data)
        stage.host.put(bad, "/tmp/bad")
        result = stage.sh("pvferry restore /tmp/bad")
        expect(0 < result.status < 126, f"{name}: {result}")
        expect(stage.domains() == [], f"{name}: a domain is left: {stage.domains()}")
    plain = stage.fetch("/tmp/by-xl")
    bad.write_bytes(plain.read_bytes()[:100_000_000])
    stage.found_bad(bad, "xl's file cut at 100 MB")
    stage.ok("pvferry restore /tmp/image")


def damages(image):
    """(name, bytes): cuts and flips at places that are drawn, but the same in each run."""
    draw = random.Random(SEED)
    places = [0, 1, 7, 8, 12, 16, 40, len(image) - 1, len(image) - 5, len(image) - 20]
    for at in places[1:6] + [draw.randrange(len(image)) for _ in range(CUTS)] + [len(image) - 1]:
        yield f"cut at {at}", image[:at]
    for at in places + [draw.randrange(len(image)) for _ in range(FLIPS)]:
        yield f"bit flipped in byte {at}", flipped(image, at, draw.randrange(8))
    yield "a byte too many", image + b"\0"
    yield from chosen(image)


def chosen(image):
    yield "empty", b""
    yield "not an image", b"This is a letter, not an image of a domain.\n" * 1000
    yield "of a newer version", newer(image)
    yield "cut in the middle", image[:len(image) // 2]
    yield "one bit flipped in the middle", flipped(image, len(image) // 2, 3)


def flipped(image, at, bit):
    changed = bytearray(image)
    changed[at] ^= 1 << bit
    return bytes(changed)


def newer(image):
    """Version 2 in the head, its hash made right again (man/pvferry-image.5)."""
    length = int.from_bytes(image[4:8], "little")
    content = image[8:16] + (2).to_bytes(4, "little") + image[20:8 + length - 8]
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH64.restype = ctypes.c_uint64
    library.XXH64.argtypes = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64
    return image[:8] + content + library.XXH64(content, len(content), 0).to_bytes(8, "little") + image[8 + length:]

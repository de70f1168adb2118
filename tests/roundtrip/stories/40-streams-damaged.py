"""Images cut at every record's end and at random bytes, and with a bit flipped: restore and verify refuse, and no domain."""
import concurrent.futures
import json
import os
import random
import signal
import struct

import faults
import stream
from hosts import EVERY, SEED, expect

ROUNDS = 1000 if EVERY else 50    # at random, of each kind
SEEK_MAGIC = 0x8F92EAB1


def frame_ends(image):
    """Where each frame of an image ends, from its seek table."""
    count, _, magic = struct.unpack("<IBI", image[-9:])
    expect(magic == SEEK_MAGIC, "the image has no seek table")
    at, ends = 0, []
    for i in range(count):
        at += struct.unpack_from("<I", image, len(image) - 9 - 8 * (count - i))[0]
        ends.append(at)
    return ends


def cuts(stage, image, plain):
    """(name, bytes, whether it is a plain stream)"""
    for end in frame_ends(image):
        yield f"image cut after the frame that ends at {end}", image[:end], False
    yield from ((f"image without its last {n} bytes", image[:-n], False) for n in (1, 4, 9, 40))
    yield from ((f"image of {n} bytes", image[:n], False) for n in (0, 1, 4, 8, 20, 40))
    for at, kind, body, _length in stage.some(stream.records(plain), 30):
        yield f"plain stream cut before the record {kind} at {at}", plain[:at], True
        yield f"plain stream cut in the header of the record at {at}", plain[:at + 8], True
    *_, (_, _, body, _) = stream.records(plain)
    for at in (body, body + 7, 0, 1, 31, 48, 60):
        yield f"plain stream of {at} bytes", plain[:at], True
    for at in random.sample(range(len(image)), ROUNDS):
        yield f"image cut at {at}", image[:at], False
    for at in random.sample(range(len(plain)), ROUNDS // 10):
        yield f"plain stream cut at {at}", plain[:at], True


def flips(image):
    for bit in random.sample(range(8 * len(image)), ROUNDS):
        data = bytearray(image)
        data[bit // 8] ^= 1 << bit % 8
        yield f"image with bit {bit % 8} of byte {bit // 8} flipped", bytes(data), False


def smallest(stage, host):
    """An image and a plain stream that are as short as a guest's can be: most of its pages alike."""
    number = host.guest(1, holes=30)
    image, plain = stage.folder / "image", stage.folder / "plain"
    host.freeze(number, image)
    host.driver("resume", number)
    host.goes_on(number)
    host.freeze(number, plain, "--level", 0)
    return image.read_bytes(), plain.read_bytes()


def refuse(host, number, name, data):
    """What each command answers to damaged bytes."""
    path = host.stage.folder / f"damaged-{number}"
    path.write_bytes(data)
    for command, statuses in (("verify", (1, 2)), ("restore", (1,))):
        result = host.pvferry(command, "--threads", 1 + number % 2, path)
        expect(result.status in statuses, f"{command}, {name}: {result}")
        expect(result.err.count("\n") == 1 and result.err.startswith(f"pvferry: {command} "),
               f"{command}, {name}: not one clear line: {result}")
    path.unlink()


def through_pipe(host, before, image):
    """The same from a pipe that ends early."""
    for at in (0, 5, len(image) // 2, len(image) - 1):
        for command in ("restore", "verify"):
            read, write = os.pipe()
            process = host.start(host.program, command, "-", stdin=read)
            os.close(read)
            with os.fdopen(write, "wb") as pipe:
                try:
                    pipe.write(image[:at])
                except BrokenPipeError:
                    pass
            result = host.end(process)
            expect(result.status and result.err.count("\n") == 1, f"{command} from a pipe, cut at {at}: {result}")
    before.is_as_it_was("damaged images from a pipe")


def run(stage):
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    random.seed(SEED)
    host, folder = stage.host("host", 32), faults.folder_of(stage)
    source = stage.host("from", 32)
    image, plain = smallest(stage, source)
    before = faults.Before(host, folder)
    tried = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, (name, data, is_plain) in enumerate([*cuts(stage, image, plain), *flips(image)]):
            tried += 1
            if number % 200 == 0:
                jobs = []
            jobs.append(pool.submit(refuse, host, number, name, data))
            if number % 200 == 199:
                for job in jobs:
                    job.result()
                before.is_as_it_was(f"damaged images up to {name}")
        for job in jobs:
            job.result()
    before.is_as_it_was("damaged images")
    through_pipe(host, before, image)
    (stage.folder / "image").write_bytes(image)
    copy = host.restore(stage.folder / "image", "-p")
    expect(json.loads(host.must("verify", "--json", stage.folder / "image").out)["verdict"] == "sound", "not sound")
    host.destroy(copy)
    stage.figure(f"{tried} damaged files (SEED={SEED}) of up to {len(image) >> 10} KiB and {len(plain) >> 10} KiB")

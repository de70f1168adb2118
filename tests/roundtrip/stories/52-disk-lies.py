"""The disk takes every byte and then fails: fsync of the file, its renaming, fsync of the folder. The domain is kept."""
import shutil

import faults
from hosts import PVFERRY, Skip, expect

OLD = b"precious\n"
# The call that fails, and which of them. Each time it was there before, or not.
LIES = (("fsync", 1), ("renameat,renameat2", "1+"), ("fsync", 2))


def run(stage):
    strace = shutil.which("strace")
    if not strace:
        raise Skip("no strace to make calls fail with")
    host = stage.host("host", 64)
    number = host.guest(4, vcpus=2)
    folder = stage.folder / "images"
    folder.mkdir()
    for call, which in LIES:
        for old, options in ((OLD, ()), (OLD, ("-c",)), (None, ()), (None, ("-c",))):
            image = folder / "image"
            image.unlink(missing_ok=True)
            if old:
                image.write_bytes(old)
                options += ("--force",)
            what = f"{call} {which} fails, {options}"
            inject = f"inject={call}:error=EIO:when={which}"
            result = host.end(host.start(strace, "-f", "-qq", "-o", "/dev/null", "-e", inject, PVFERRY, "save", *options,
                                         number, image))
            faults.says_one_line(result, what)
            expect("Input/output error" in result.err and "the domain runs on" in result.err, f"{what}: {result}")
            host.goes_on(number, what)
            left = {f.name: f.read_bytes() for f in folder.iterdir()}
            expect(left == ({"image": OLD} if old else {}), f"{what}: files are {sorted(left)}, the old one is not as it was")
    stage.figure(f"{4 * len(LIES)} saves kept their domain")

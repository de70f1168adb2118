"""The disk takes every byte and then fails: fsync of the file, its renaming, fsync of the folder. The domain is kept."""
import shutil

import faults
from hosts import PVFERRY, Skip, expect

OLD = b"precious\n"
# The call that fails, which of them, whether the image has its name by then.
LIES = (("fsync", 1, False), ("renameat,renameat2", 1, False), ("fsync", 2, True))


def run(stage):
    strace = shutil.which("strace")
    if not strace:
        raise Skip("no strace to make calls fail with")
    host = stage.host("host", 64)
    number = host.guest(4, vcpus=2)
    folder = stage.folder / "images"
    folder.mkdir()
    for call, which, is_named in LIES:
        for options in ((), ("-c",)):
            image = folder / "image"
            image.write_bytes(OLD)
            what = f"{call} {which} fails"
            inject = f"inject={call}:error=EIO:when={which}"
            result = host.end(host.start(strace, "-f", "-qq", "-o", "/dev/null", "-e", inject, PVFERRY, "save", "--force",
                                         *options, number, image))
            faults.says_one_line(result, what)
            expect("Input/output error" in result.err and "the domain runs on" in result.err, f"{what}: {result}")
            host.goes_on(number, what)
            expect((image.read_bytes() == OLD) != is_named, f"{what}: the old file is {'still there' if is_named else 'gone'}")
            expect([f.name for f in folder.iterdir()] == ["image"], f"{what}: something is left beside it")
    stage.figure(f"{2 * len(LIES)} saves kept their domain")

"""No journal can be written, /var being full or read-only: save and restore work all the same, and a move says what it lacks before it begins."""
import hosts
import moves
from hosts import Skip, expect


def run(stage):
    host = stage.host("host", 64)
    number = host.guest(4)
    full, fixed = stage.small_disk("full", "size=64k,nr_inodes=2"), stage.small_disk("fixed", "ro")
    if not full or not fixed:
        raise Skip("no small disks to be had here")
    for disk, reason in ((full, "No space left on device"), (fixed, "Read-only file system")):
        with_journals_there = ("/usr/bin/env", f"PVFERRY_STATE={disk}/jobs", hosts.PVFERRY)
        image = stage.folder / f"image-{disk.name}"
        saved = host.end(host.start(*with_journals_there, "save", "-c", number, image))
        expect(saved.status == 0, f"{disk.name}: {saved}")
        restored = host.end(host.start(*with_journals_there, "restore", "--name", "copy", image))
        expect(restored.status == 0, f"{disk.name}: {restored}")
        copy, = set(host.domains()) - {number}
        host.destroy(copy)
        receiver = moves.Receiver(host)
        moved = host.end(host.start(*with_journals_there, "migrate", "--via", "tcp", "--port", receiver.port, number,
                                    "127.0.0.1"))
        receiver.end()
        expect(moved.status == 1 and moved.is_one_line() and f"{disk}/jobs" in moved.err and reason in moved.err,
               f"{disk.name}: {moved}")
        expect("the domain was not stopped" in moved.err, f"{disk.name}: {moved}")
        host.goes_on(number, disk.name)
        expect(not moves.locks(host), f"{disk.name}: {moves.locks(host)} is left")

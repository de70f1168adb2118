"""Each kind of job once with four threads, and a stream of a guest that grows between any two records: SAN=thread shows what races."""
import struct

import hosts
import stream
from hosts import expect

THREADS = ("--threads", 4)
WINDOW = 512


def growing(plain):
    """The same guest, its p2m named piece by piece: before each window of pfns the part that is of it."""
    first, *_ = stream.records(plain)
    out, leaves, last, window = [plain[:first[0]]], (), 0, 0
    for at, kind, body, length in stream.records(plain):
        if kind == stream.P2M_FRAMES:
            last = struct.unpack_from("<II", plain, body)[1]
            leaves = struct.unpack_from(f"<{(length - 8) // 8}Q", plain, body + 8)
            continue
        if kind == stream.PAGE_DATA:
            start = window * WINDOW
            out.append(struct.pack("<IIIIQ", stream.P2M_FRAMES, 16, start, min(start + WINDOW - 1, last), leaves[window]))
            window += 1
        out.append(plain[at:body + (length + 7 & ~7)])
    return b"".join(out) + stream.LIBXL_END


def from_pipe(host, command, path, *options):
    """What cat FILE | pvferry COMMAND - does."""
    with open(path, "rb") as file:
        cat = hosts.subprocess.Popen(["cat"], stdin=file, stdout=hosts.subprocess.PIPE)
        result = host.end(host.start(hosts.PVFERRY, command, *options, "-", stdin=cat.stdout))
        cat.stdout.close()
        cat.wait()
    expect(result.status == 0, f"{command} from a pipe: {result}")


def through_files(stage, source, to, number, name, *options):
    """Saves, reads and restores, by file and by pipe."""
    path = stage.folder / name
    source.save(number, path, "-c", *THREADS, *options)
    to.must("verify", *THREADS, path)
    from_pipe(to, "verify", path, *THREADS)
    to.must("restore", "--name", "by-file", *THREADS, path)
    from_pipe(to, "restore", path, "--name", "by-pipe", *THREADS)
    to.destroy(*to.domains())
    path.unlink()


def run(stage):
    source, to = stage.host("source", 96), stage.host("to", 96)
    number = source.guest(8, vcpus=2, workload="mix")
    through_files(stage, source, to, number, "stopped")
    for tracking in ("content", "log"):
        through_files(stage, source, to, number, tracking, "--live", "--max-rounds", 4, "--dirty-tracking", tracking)
    plain = stage.folder / "plain"
    source.freeze(number, plain, "--level", 0)
    plain.write_bytes(growing(plain.read_bytes()))
    copy = to.restore(plain, "-p", *THREADS)
    source.same(number, to, copy, "a stream that grows")
    to.destroy(copy)
    source.driver("resume", number)
    source.goes_on(number)
    command = f"{hosts.SIMHOST} run {to.path} -- {hosts.PVFERRY} receive"
    for options in ((), ("--level", 0, "--connections", 2)):
        source.must("migrate", "--via", "ssh", "--ssh", "", *THREADS, *options, number, command)
        source, to = to, source
        number, = source.domains()
        source.goes_on(number, "moved")
        command = f"{hosts.SIMHOST} run {to.path} -- {hosts.PVFERRY} receive"

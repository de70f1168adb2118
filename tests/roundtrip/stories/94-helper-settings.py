"""pvferry-save-helper's settings: what is wrong is said with its line and harms nobody; a limit is kept; zstd only where both ends say so."""
import os
import socket
import threading
import time

from hosts import expect
from libxl import LIVE, Libxl

NONE = {"PVFERRY_HELPER_CONF": "/nonexistent"}
PACKED = dict(NONE, PVFERRY_WIRE="zstd")
CONF = """# a comment
max-rounds = 2   # and another

max-downtime=1
bandwidth = fast
no-such-key = 1
nonsense
threads = 0
"""
COMPLAINTS = {5: "bandwidth takes", 6: "unknown setting", 7: "not KEY = VALUE", 8: "threads takes"}


def restored(host, source, number, path, env, what):
    fd = os.open(path, os.O_RDONLY)
    run = Libxl.restore(host, fd, env=env)
    result = run.run()
    at = os.lseek(fd, 0, os.SEEK_CUR)
    os.close(fd)
    if result != (0, 0):
        host.driver("destroy", run.domain)
        return result, run, at
    host.domains()
    source.same(number, host, run.domain, what)
    host.driver("destroy", run.domain)
    return result, run, at


def saved(host, number, path, flags, env):
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    run = Libxl.save(host, number, fd, flags, env=env)
    result = run.run()
    os.close(fd)
    expect(result == (0, 0), f"save: {result} {run.log()}")
    return run


def says_what_is_wrong(stage, host, number, path):
    conf = stage.folder / "helper.conf"
    conf.write_text(CONF)
    run = saved(host, number, path, LIVE, dict(PVFERRY_HELPER_CONF=str(conf), PVFERRY_HELPER="dirty-tracking=guess"))
    warnings = [m[4] for m in run.said if m[0] == 1 and m[1] == 7]
    for line, text in COMPLAINTS.items():
        expect(any(w.startswith(f"{conf}:{line}: ") and text in w for w in warnings), f"line {line}: {warnings}")
    expect(any(w.startswith("PVFERRY_HELPER: dirty-tracking takes") for w in warnings), f"{warnings}")
    expect(len(warnings) == 5, f"{warnings}")
    expect(any("in 2 rounds" in text or "in 3 rounds" in text for text in run.log()), f"max-rounds: {run.log()}")


def packed(stage, host, to, number, path):
    """Frames: smaller, read to the end and no further, refused by who was not told of them."""
    plain = path.stat().st_size
    for flags in (0, LIVE):
        if host.domains()[number][2] == "s":
            host.driver("resume", number)
            host.goes_on(number)
        saved(host, number, path, flags, dict(PACKED, PVFERRY_HELPER="max-downtime=1 max-rounds=3"))
        size = path.stat().st_size
        expect(size < plain, f"compressed {size} bytes, plain {plain}")
        with open(path, "ab") as f:
            f.write(b"and more")
        result, run, at = restored(to, host, number, path, PACKED, f"compressed, flags {flags}")
        expect(result == (0, 0) and at == size, f"compressed: {result} {run.log()}, read to {at} of {size}")
        result, run, _ = restored(to, host, number, path, NONE, "not told")
        expect(result == (-1, 0) and "PVFERRY_WIRE" in run.errors()[-1], f"not told: {result} {run.errors()}")
    cut(stage, to, path, size)


def cut(stage, to, path, size):
    data = path.read_bytes()
    for what, content in (("cut", data[:size // 2]), ("no end", data[:size - 16]),
                          ("a flipped bit", data[:size // 2] + bytes([data[size // 2] ^ 1]) + data[size // 2 + 1:])):
        path.write_bytes(content)
        result, run, _ = restored(to, None, 0, path, PACKED, what)
        expect(result == (-1, 0) and run.errors(), f"{what}: {result}")


def limited(host, number):
    """3 MiB a second: a guest of 4 takes more than a second, and stops for less."""
    a, b = socket.socketpair()
    got = []

    def drain():
        while True:
            data = b.recv(65536)
            if not data:
                return
            got.append(len(data))
    thread = threading.Thread(target=drain)
    thread.start()
    start = time.monotonic()
    run = Libxl.save(host, number, a.fileno(), LIVE, env=dict(NONE, PVFERRY_HELPER="bandwidth=3,max-downtime=1,max-rounds=2"))
    result = run.run()
    took = time.monotonic() - start
    a.close()
    thread.join()
    expect(result == (0, 0) and took > 1, f"{sum(got)} bytes in {took:.1f} s: {result}")


def run(stage):
    host, to = stage.host("host", 64), stage.host("to", 64)
    path = stage.folder / "stream"
    number = host.guest(4, workload="write")
    says_what_is_wrong(stage, host, number, path)
    packed(stage, host, to, number, path)
    host.driver("resume", number)
    host.goes_on(number)
    limited(host, number)

"""What restore refuses, with one clear line and no domain: names in use, too little memory, files that are none; -p and --name."""
import json
import os
import subprocess

import faults
import stream
from hosts import PVFERRY, expect


def run(stage):
    source, host, folder = stage.host("from", 48), stage.host("to", 48), faults.folder_of(stage)
    number, image = source.guest(4, vcpus=2, name="web", workload="mix"), folder / "image"
    source.freeze(number, image)
    (folder / "empty").write_bytes(b"")
    (folder / "text").write_bytes(b"no image at all, but long enough to be looked at\n" * 10)
    newer = bytearray(image.read_bytes())
    newer[16] = 2
    (folder / "newer").write_bytes(newer)
    (folder / "bare").write_bytes(stream.unwrap(image.read_bytes()))
    before = faults.Before(host, folder)
    count = 0

    def refused(words, *args, **how):
        nonlocal count
        result = host.pvferry("restore", *args, **how)
        faults.says_one_line(result, f"restore {args}")
        for word in words if isinstance(words, tuple) else (words,):
            expect(word in result.err, f"restore {args}: not said: {word}: {result}")
        count += 1

    def as_before(what):
        before.is_as_it_was(what)

    refused("No such file", folder / "missing")
    refused("there is no checkpoint in", folder)
    for name in ("empty", "text", "bare"):
        refused("", folder / name)
        expect(host.pvferry("verify", folder / name).status == 2, f"verify takes {name} for an image")
    refused("version", folder / "newer")
    as_before("files that are no images")

    # too little memory is said before there is a domain
    small = stage.host("small", 8)
    nothing, trace = faults.Before(small, folder), faults.Trace(stage)
    result = small.pvferry("restore", image, env=trace)
    faults.says_one_line(result, "too little memory")
    expect("too little free memory" in result.err, f"too little memory: {result}")
    expect(not any(name == "domctl.createdomain" for _, name in trace.calls()), "a domain was created all the same")
    nothing.is_as_it_was("too little memory")
    refused("memory", image, fault="memory.populate_physmap:2:oom")
    host.must_simhost("fault", host.path, "--memory-back")
    as_before("memory that runs out on the way")

    # from a pipe; paused; under another name beside itself
    with open(image, "rb") as stdin:
        first = json.loads(host.must("restore", "--json", "-p", "-", stdin=stdin).out)
    expect(first["domain"] == "web" and first["paused"], f"restore -p -: {first}")
    expect(host.domains()[first["domid"]][:3] == "-p-", f"restore -p: {host.domains()}")
    source.same(number, host, first["domid"], "restore -p")
    twins = faults.Before(host, folder)
    refused(("there is a domain \"web\"", "--name"), image)
    refused("there is a domain \"web\"", "--name", "web", image)
    twins.is_as_it_was("a name in use")
    second = host.restore(image, "--name", "web2")
    expect(host.store.read(f"/local/domain/{second}/name") == "web2", "it is not called web2")
    roads = [host.store.read(f"/local/domain/{n}/vm") for n in (first["domid"], second)]
    expect(roads[0] != roads[1] and all(roads), f"two domains have one UUID: {roads}")
    host.driver("unpause", first["domid"])
    for n in (first["domid"], second):
        host.goes_on(n, "side by side")
    for bad in ("", "7", "a/b"):
        result = host.pvferry("restore", "--name", bad, image)
        expect(result.status == 2 and "cannot be a domain's name" in result.err, f"--name {bad!r}: {result}")
    listed = {row["domid"]: row for row in json.loads(host.must("list", "--json").out)}
    expect(listed[second]["domain"] == "web2" and listed[second]["movable"] is True, f"list: {listed}")
    expect(listed[second]["vcpus-online"] == 2 and listed[0]["movable"] is False, f"list: {listed}")
    host.destroy(first["domid"], second)
    as_before("side by side")

    # no Xen: said so; what needs none works
    bare = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", XENSTORED_PATH="/nowhere")
    for args, status, words in ((("restore", image), 1, "no Xen here"), (("save", "web", folder / "x"), 1, "no Xen here"),
                                (("list",), 1, "no Xen here"), (("verify", image), 0, "")):
        if os.path.exists("/proc/xen/capabilities"):
            break
        done = subprocess.run([PVFERRY, *map(str, args)], capture_output=True, text=True, env=bare,
                              stdin=subprocess.DEVNULL)
        expect(done.returncode == status and words in done.stderr, f"without Xen: {args}: {done}")
    # output that cannot be written is no success
    with open("/dev/full", "wb") as full:
        for args in (("list", "--json"), ("inspect", image), ("verify", "--json", image)):
            done = host.pvferry(*args, stdout=full)
            expect(done.status != 0, f"{args[0]} >/dev/full: {done}")
    as_before("at the end")
    stage.figure(f"{count} refusals")

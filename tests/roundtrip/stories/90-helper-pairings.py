"""pvferry-save-helper and libxl's own at either end, stopped and while the guest runs, through files, pipes and sockets: the guest is the same."""
import os
import socket

import pairings
from hosts import DRIVER, HELPER, OUR_HELPER, expect

GUESTS = [pairings.Guest(mem=4, workload="mix"), pairings.Guest(mem=4, workload="write"),
          pairings.Guest(mem=4, workload="remap", width=32, p2m="list", vcpus=2, holes=40)]
HELPERS = {"ours": OUR_HELPER, "stock": HELPER}
QUICK = {"PVFERRY_HELPER": "max-downtime=1 max-rounds=4", "PVFERRY_HELPER_CONF": "/nonexistent"}


def ends(kind):
    """Two descriptors, one to write to and one to read from."""
    if kind == "socket":
        a, b = socket.socketpair()
        return a.detach(), b.detach()
    return os.pipe()[::-1]


def by_file(stage, source, number, to, guest, senders, live):
    path = stage.folder / "stream"
    sender, receiver = senders
    source.driver("save", number, path, *live, helper=HELPERS[sender], env=QUICK)
    return int(to.driver("restore", path, guest.vcpus, helper=HELPERS[receiver], env=QUICK))


def by_wire(kind):
    def move(stage, source, number, to, guest, senders, live):
        into, out = ends(kind)
        writer = source.start(DRIVER, "save", number, "-", *live, stdout=into,
                              env=dict(QUICK, LIBXL_SAVE_HELPER=str(HELPERS[senders[0]])))
        reader = to.start(DRIVER, "restore", "-", guest.vcpus, stdin=out,
                          env=dict(QUICK, LIBXL_SAVE_HELPER=str(HELPERS[senders[1]])))
        os.close(into)
        os.close(out)
        sent, received = source.end(writer), to.end(reader)
        expect(sent.status == received.status == 0, f"{senders}: {sent}; {received}")
        return int(received.out)
    return move


WAYS = [by_file, by_wire("pipe"), by_wire("socket")]


def cell(stage, source, to, guest, senders, live, way):
    name = f"{guest} {' -> '.join(senders)} {' '.join(live)}"
    number = source.guest(guest.mem, **guest.options)
    copy = way(stage, source, number, to, guest, senders, live)
    to.domains()    # what the dead processes had mapped is given back only now
    expect("l" not in source.domains()[number], f"{name}: its writes are still logged: {source.domains()}")
    source.same(number, to, copy, name)
    pairings.goes_on(to, copy, name)
    to.destroy(copy)
    source.driver("resume", number)
    source.goes_on(number, f"{name}: the source")
    source.destroy(number)


def run(stage):
    stage.upstream()
    to = stage.host("to", 96)
    count = 0
    for flavour in ("shadow", "noshadow"):
        source = stage.host(flavour, 96, "--flavour", flavour)
        for guest in GUESTS:
            for senders in (("ours", "ours"), ("ours", "stock"), ("stock", "ours"), ("stock", "stock")):
                for live in ((), ("live",)):
                    if live and senders[0] == "stock" and flavour == "noshadow":
                        continue
                    # libxl-save-helper keeps what was given away meanwhile: docs/features/migration.pandoc, "Known issues".
                    if live and senders[1] == "stock" and guest.options["workload"] in ("balloon", "mix"):
                        continue
                    # And its sender, which maps the p2m before the guest stops, gives up or trips when it moves.
                    still = ("write",) if live else ("write", "remap")
                    if senders[0] == "stock" and guest.options["workload"] not in still:
                        continue
                    cell(stage, source, to, guest, senders, live, WAYS[count % 3])
                    count += 1
    stage.figure(f"{count} guests carried over")

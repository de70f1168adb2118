"""A guest moves from one host to another and on one host, over a socket, TLS and ssh's place: the same guest, nothing left behind."""
import json
import pathlib

import faults
import hosts
import moves
import pki
from hosts import expect


def name_of(host, number):
    return host.store.read(f"/local/domain/{number}/name")


def check_moved(source, destination, name, what):
    """It goes on there, under its name; there is nothing of it here."""
    there, = destination.domains()
    destination.goes_on(there, what)
    expect(name_of(destination, there) == name, f"{what}: it is called {name_of(destination, there)}")
    machine = destination.store.read(f"/local/domain/{there}/vm")
    expect(destination.store.read(f"{machine}/name") == name, f"{what}: another name in {machine}")
    if source is not destination:
        expect(not source.domains(), f"{what}: {source.domains()} is left")
    for host in (source, destination):
        expect(not moves.locks(host), f"{what}: {moves.locks(host)} is left")
        left = host.leftovers()
        expect(not left, f"{what}: mappings of processes that are gone: {left}")
    return there


def by_socket(stage, options, what):
    source, destination = stage.host("a-" + what, 48), stage.host("b-" + what, 48)
    before = faults.Before(source, faults.folder_of(stage, what))
    number = source.guest(4, vcpus=2, workload="mix")
    name = name_of(source, number)
    move = moves.Move(source, destination, number, options=options)
    result, taken = move.end()
    expect(result.status == 0 and taken.status == 0, f"{what}: {result}; {taken}")
    end = move.event("end")
    expect(end["status"] == "completed" and end["downtime"] >= 0, f"{what}: {end}")
    check_moved(source, destination, name, what)
    before.is_as_it_was(what)
    return end["downtime"]


def on_one_host(stage):
    host = stage.host("one", 48)
    number = host.guest(4, vcpus=2, workload="mix")
    name = name_of(host, number)
    for _ in range(3):
        receiver = moves.Receiver(host, *moves.QUICK)    # with nothing between the two: it knows its own guest by that
        result = host.pvferry("migrate", "--via", "tcp", "--port", receiver.port, *moves.QUICK, number, "127.0.0.1")
        taken = receiver.end()
        expect(result.status == 0 and taken.status == 0, f"on one host: {result}; {taken}")
        there = check_moved(host, host, name, "on one host")
        expect(there != number, "on one host: it has not moved")
        number = there
    tree = host.store.tree()
    expect(not any("incoming" in v or "migratedaway" in v for v in tree.values()), f"on one host: {tree}")
    expect(all(job["from-here"] for name, job in moves.jobs(host).items() if "destination" in name), moves.jobs(host))
    kept, = [pathlib.Path(f).read_text() for f in host.uuid_files()]
    expect(json.loads(kept.rstrip("\0"))["c_info"]["name"] == name, f"on one host: {kept}")


def by_command(stage):
    """--ssh '' makes HOST the command, as xl has it; --ssh takes ssh's place."""
    source, destination = stage.host("ssh-a", 48), stage.host("ssh-b", 48)
    number = source.guest(4)
    name = name_of(source, number)
    command = f"{hosts.SIMHOST} run {destination.path} -- {hosts.PVFERRY} receive"
    source.must("migrate", "--via", "ssh", "--ssh", "", number, command)
    there = check_moved(source, destination, name, "--ssh ''")
    ssh = stage.folder / "ssh"
    ssh.write_text(f"#!/bin/sh\n[ \"$1 $2 $3 $#\" = \"a-host pvferry receive 3\" ] || exit 9\n"
                   f"exec {hosts.SIMHOST} run {source.path} -- {hosts.PVFERRY} receive\n")
    ssh.chmod(0o755)
    destination.must("migrate", "--via", "ssh", "--ssh", ssh, "--name", "elsewhere", there, "a-host")
    back, = source.domains()
    source.goes_on(back, "back again")
    expect(source.store.read(f"/local/domain/{back}/name") == "elsewhere", "--name")
    refused = source.pvferry("migrate", "--via", "ssh", "--ssh", "false", back, "a-host")
    expect(refused.status == 1 and refused.is_one_line() and "ssh ended with status 1:" in refused.err and
           "false a-host pvferry --version" in refused.err, f"an ssh that fails: {refused}")
    refused = source.pvferry("migrate", "--via", "ssh", "--ssh", stage.folder / "no-such-ssh", back, "a-host")
    expect(refused.status == 1 and "ended with status 127: there is no pvferry there, or no ssh here" in refused.err, f"no ssh: {refused}")
    refused = source.pvferry("migrate", "--via", "ssh", "--ssh", "", back, "exit 9")
    expect(refused.status == 1 and "ended with status 9: exit 9;" in refused.err, f"a command that fails: {refused}")
    source.goes_on(back, "after an ssh that fails")


def by_tls(stage):
    source, destination = stage.host("tls-a", 48), stage.host("tls-b", 48)
    folder = pki.make(stage.folder / "pki", "sender", "localhost")
    number = source.guest(4, vcpus=2, workload="mix")
    receiver = moves.Receiver(destination, "--pki", folder / "localhost", "--allow", "someone", "--allow", "sender",
                              plain=False)
    name = name_of(source, number)
    source.must("migrate", "--pki", folder / "sender", "--port", receiver.port, number, "localhost")
    expect(receiver.end().status == 0, "by TLS")
    check_moved(source, destination, name, "by TLS")


def by_many(stage):
    """Several connections, each with a receiver of its own; the pieces of the image come together in order."""
    source, destination = stage.host("many-a", 96), stage.host("many-b", 96)
    number = source.guest(16, vcpus=2, workload="mix")
    name = name_of(source, number)
    command = f"{hosts.SIMHOST} run {destination.path} -- {hosts.PVFERRY} receive"
    for connections in (2, 5):
        source.must("migrate", "--via", "ssh", "--ssh", "", "--level", "0" if connections == 5 else "1", "--connections",
                    connections, number, command)
        number = check_moved(source, destination, name, f"{connections} connections")
        source, destination = destination, source
        command = f"{hosts.SIMHOST} run {destination.path} -- {hosts.PVFERRY} receive"


def run(stage):
    stopped = by_socket(stage, ("--no-live",), "stopped")
    live = by_socket(stage, (), "live")
    on_one_host(stage)
    by_command(stage)
    by_tls(stage)
    by_many(stage)
    stage.figure(f"down for {stopped} ms stopped, {live} ms live")

#!/usr/bin/env python3
"""Stands in for the qemu that libxl starts for a PV domain: says that it runs, answers QMP, and ends when it is told to."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

ANSWERS = {"query-status": {"status": "running", "running": True}, "query-chardev": [], "query-vnc": {"enabled": False}}


def listen(words):
    """The socket of libxl's QMP."""
    text = next(word for word in words if "id=libxl-cmd" in word)
    given = re.search(r"fd=(\d+)", text)
    if given:
        return socket.socket(fileno=int(given[1]))
    path = re.search(r"path=([^,]+)", text)[1]
    pathlib.Path(path).unlink(missing_ok=True)    # as qemu does: one that was asked before left it
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(4)
    return server


def serve(connection):
    lines = connection.makefile("rw")
    print(json.dumps({"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}),
          end="\r\n", file=lines, flush=True)
    for line in lines:
        order = json.loads(line)
        print(json.dumps({"return": ANSWERS.get(order["execute"], {}), "id": order.get("id")}), end="\r\n", file=lines, flush=True)


def main():
    words = sys.argv[1:]
    signal.signal(signal.SIGHUP, lambda *_: os._exit(0))
    server = listen(words)
    if "-xen-domid" in words:    # without: libxl since 4.20 asks a qemu what it can do, and ends it
        domain = words[words.index("-xen-domid") + 1]
        subprocess.run(["xenstore-write", f"/local/domain/0/device-model/{domain}/state", "running"], check=True)
    while True:
        connection, _ = server.accept()
        try:
            serve(connection)
        except OSError:
            pass
        connection.close()


main()

"""Jobs of which one call fails, or in which pvferry dies; and what must be as it was afterwards."""
import pathlib
import re

from hosts import Failure, expect

ONE_LINE = re.compile(r"pvferry: (save|restore|migrate) \S+: [^\n]+\n")


# Nodes that hold others, and stay.
SHELVES = {"/", "/local", "/local/domain", "/local/domain/0", "/local/domain/0/backend", "/vm", "/libxl",
           "/local/domain/0/backend/console", "/local/domain/0/device-model"}


class Before:
    """How a host and a folder are; is_as_it_was() holds them against it."""

    def __init__(self, host, folder):
        self.host, self.folder = host, folder
        self.domains, self.frames = set(host.domains()), host.free_frames
        self.store, self.files, self.userdata = host.store.tree(), self.listing(), host.uuid_files()

    def listing(self):
        return {f.name: f.read_bytes() for f in self.folder.iterdir()}

    def is_as_it_was(self, what):
        domains = self.host.domains()
        expect(set(domains) == self.domains, f"{what}: domains are {domains}")
        # The shadow tables of a guest that runs come and go.
        expect(self.domains or self.host.free_frames == self.frames,
               f"{what}: {self.frames - self.host.free_frames} frames are lost")
        now = self.host.store.tree()
        odd = {path: value for path, value in set(now.items()) ^ set(self.store.items()) if path not in SHELVES}
        expect(not odd, f"{what}: xenstore differs: {odd}")
        expect(self.listing() == self.files, f"{what}: files are {sorted(self.listing())}, were {sorted(self.files)}")
        expect(self.host.uuid_files() == self.userdata, f"{what}: {self.host.uuid_files()} is left")
        left = self.host.leftovers()
        expect(not left, f"{what}: mappings of processes that are gone: {left}")


def says_one_line(result, what):
    expect(result.status == 1, f"{what}: {result}")
    expect(ONE_LINE.fullmatch(result.err), f"{what}: not one clear line: {result}")
    expect("Success" not in result.err and "(null)" not in result.err, f"{what}: not clear: {result}")


def each(kind, what, job, limit=2000, step=None):
    """job(fault, text) for N = 1, 2, ... until it returns true: the job succeeded and there was no Nth call. step(N) is the next N. Returns how many were tried."""
    number = tried = 0
    while number < limit:
        number = step(number) if step and number else number + 1
        tried += 1
        if job(f"{kind}:{number}:{what}", f"{kind}:{number}:{what}"):
            return tried
    raise Failure(f"{kind}: still failing when call {number} fails")


class Trace(dict):
    """For pvferry(env=...): notes the calls of all its processes, each of which counts for itself."""

    def __init__(self, stage):
        self.file = stage.folder / "trace"
        self.file.unlink(missing_ok=True)
        super().__init__(SIMHOST_TRACE=str(self.file))

    def calls(self):
        """(number, name) of each; a process's numbers begin where its parent's were."""
        if not self.file.exists():
            return []
        return [(int(number), name) for number, name in map(str.split, self.file.read_text().splitlines())]

    def reached(self, fault):
        """How many processes came to the call that was to fail."""
        kind, number, _ = fault.split(":", 2)
        if kind == "mapframe":    # not traced, and there is no telling
            return 0
        seen = [n for n, name in self.calls() if kind == "any" or name == kind or name.startswith(kind + ".")]
        if kind == "any":
            return seen.count(int(number))
        return len(seen) // int(number)    # at most; of several processes together


def folder_of(stage, name="files"):
    folder = pathlib.Path(stage.folder, name)
    folder.mkdir()
    return folder

#!/usr/bin/env python3
"""Golden, damaged, cut and flipped images through the second reader and, where it is given, through pvferry.

Usage: check.py [--pvferry PROGRAM] [--rounds N]
Both readers must give the same verdict: 0 sound, 1 damaged, 2 unreadable. The defect that was built in must be the
one the second reader names. One line a group; exit status 1 where anything failed.
"""
import argparse
import concurrent.futures
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import make_image  # noqa: E402
import read_image  # noqa: E402
from damage import DAMAGE  # noqa: E402

IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'images')
SEED = 20261120
# Up to the version field a change may as well make a file that is no image, or a newer one.
HEAD_BYTES = 20


class Groups:
    """Counts, and prints a line for each group and for each failure."""

    def __init__(self):
        self.passed = self.failed = 0

    def run(self, name, cases):
        """cases yields (name of the case, what is wrong with it or None)."""
        passed, wrong = 0, []
        for case, failure in cases:
            if failure:
                wrong.append(f'    {case}: {failure}')
            else:
                passed += 1
        print(f'{name}: {passed} passed' + (f', {len(wrong)} failed' if wrong else ''))
        print(*wrong[:80], *(['    ...'] if len(wrong) > 80 else []), sep='\n', end='\n' if wrong else '', flush=True)
        self.passed += passed
        self.failed += len(wrong)


class Program:
    """pvferry verify, over bytes. None of its answers may come from a signal, and --json must print JSON."""

    def __init__(self, path, folder):
        self.path, self.folder = os.path.abspath(path), folder

    def verdict(self, data):
        """(exit status, what is wrong with the answer itself or None)"""
        with tempfile.NamedTemporaryFile(dir=self.folder) as f:
            f.write(data)
            f.flush()
            try:
                run = subprocess.run([self.path, 'verify', '--json', f.name], capture_output=True, timeout=60)
            except subprocess.TimeoutExpired:
                return None, 'no answer within 60 s'
        if run.returncode not in (0, 1, 2):
            return run.returncode, f'exit status {run.returncode}: {run.stderr.decode(errors="replace")[-300:]}'
        return run.returncode, self.json_failure(run)

    @staticmethod
    def json_failure(run):
        if not run.stdout.strip():
            return None if run.returncode == 2 else 'prints no JSON'
        try:
            json.loads(run.stdout)
        except ValueError as e:
            return f'prints no JSON: {e}'
        return None

    def compare(self, cases):
        """cases: (name, bytes, verdicts that are right)."""
        def one(case):
            name, make, right = case
            got, failure = self.verdict(make())
            return name, failure or (None if got in right else f'verdict {got}, not {" or ".join(map(str, right))}')
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(one, cases)


# --- what there is to read -------------------------------------------------------------------------------------

def load(name):
    with open(os.path.join(IMAGES, name), 'rb') as f:
        return f.read()


def unpack(data):
    """What zstd -dc makes of a file: all its frames, without the skippable ones."""
    return subprocess.run(['zstd', '-dcq'], input=data, capture_output=True, check=True).stdout


def golden():
    """(name, bytes to read) of each image of the tree, and of what zstd makes of it."""
    for name in sorted(os.listdir(IMAGES)):
        if name.endswith('.pvf'):
            yield name, load(name)
            yield f'zstd -dc {name}', unpack(load(name))
        elif name.endswith('.xl.zst'):
            yield name, unpack(load(name))


def borders(data):
    """Offsets at which a frame begins, the end of the file included."""
    count, = struct.unpack_from('<I', data, len(data) - 9)
    at = [0]
    for n in range(count):
        at.append(at[-1] + struct.unpack_from('<I', data, len(data) - 9 - 8 * (count - n))[0])
    return at + [len(data)]


def cuts(data, rounds):
    """(name, bytes) cut at and around each frame border, and at random."""
    chosen = {b + d for b in borders(data) for d in (-1, 0, 1, 6, 8)} | set(range(0, 2 * HEAD_BYTES))
    dice = random.Random(SEED)
    chosen |= {dice.randrange(len(data)) for _ in range(rounds)}
    return [(f'cut at {n}', data[:n]) for n in sorted(chosen) if 0 <= n < len(data)]


def flip(data, bit):
    changed = bytearray(data)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


def flips(data, rounds):
    """(name, bytes) with one bit flipped: one in each frame header, and at random."""
    dice = random.Random(SEED + 1)
    chosen = {8 * b + 8 * d + dice.randrange(8) for b in borders(data)[:-1] for d in range(12)}
    chosen |= {dice.randrange(8 * len(data)) for _ in range(rounds)}
    return [(f'bit {bit & 7} of byte {bit >> 3}', flip(data, bit)) for bit in sorted(chosen) if bit < 8 * len(data)]


# --- the groups ------------------------------------------------------------------------------------------------

def check_golden():
    """The images of the tree are sound and say what they always said."""
    expected = json.loads(load('expected.json'))
    for name, data in golden():
        status, summary = read_image.read(data)
        if status:
            yield name, summary['defect']
        elif summary != expected.get(name):
            yield name, f'{summary} where {expected.get(name)} was due'
        else:
            yield name, None


def check_rebuilt():
    """What make_image.py builds today expands to what it built then."""
    for name, data, plain in make_image.golden_files():
        yield name, None if plain == unpack(load(name)) else 'expands to something else'
        status, summary = read_image.read(data if name.endswith('.pvf') else plain)
        yield f'{name}, just built', summary['defect'] if status else None


def damaged_failure(d):
    status, summary = read_image.read(d.stored())
    place = {k: summary.get(k) for k in d.place}
    if status != d.verdict or d.found not in summary.get('defect', '') or place != d.place:
        return f'{summary}, where verdict {d.verdict}, "{d.found}", {d.place} was due'
    return None


def check_damaged():
    for name, d in DAMAGE.items():
        yield name, damaged_failure(d)


def check_damaged_plain():
    for name, d in DAMAGE.items():
        if d.xl is not None:
            status, summary = read_image.read(d.plain())
            yield name, None if status == d.xl else f'{summary}, where verdict {d.xl} was due'


def check_found(cases):
    for name, data in cases:
        yield name, None if read_image.read(data)[0] in (1, 2) else 'not found'


def check_tails():
    """Whatever stands behind an image: damage in a file; of no account on a block device, which is larger."""
    for name, data in golden():
        due = read_image.read(data)[1]
        for tail in (b'\0' * 4096, data):
            seen, summary = read_image.read(data + tail), read_image.read(data + tail, device=True)
            right = seen[0] == 1 and summary == (0, due)
            yield name, None if right else f'as a file {seen}, on a device {summary}'


def check_slow_hash():
    """The reader's own XXH64, for machines without libxxhash."""
    data = load('pae32.pvf')
    for n in (*range(66), 4096, 4099):
        yield f'{n} bytes', None if read_image.xxh64_slow(data[:n]) == read_image.xxh64(data, n) else 'differs'


def same_verdict(cases):
    """(name, how to make the bytes, the second reader's verdict, or both in the head's first bytes)."""
    for name, data in cases:
        at = int(name.split()[-1])
        right = (1, 2) if at < HEAD_BYTES else (read_image.read(data)[0],)
        yield name, lambda data=data: data, right


# pvferry expands what the zstd command made of an xl file; the second reader does not.
UNPACKED = {'one-zstd-frame-without-head': 0}


def check_program(groups, program, changed):
    compare = program.compare
    groups.run('pvferry: golden images', compare((n, lambda d=d: d, (0,)) for n, d in golden()))
    groups.run('pvferry: damaged images', compare((n, d.stored, (UNPACKED.get(n, d.verdict),)) for n, d in DAMAGE.items()))
    groups.run('pvferry: damaged xl files',
               compare((n, d.plain, (d.xl,)) for n, d in DAMAGE.items() if d.xl is not None))
    groups.run('pvferry: something behind the image', compare((n, lambda d=d: d + b'more', (1,)) for n, d in golden()))
    for name, cases in changed.items():
        groups.run(f'pvferry: {name}', compare(same_verdict(cases)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--pvferry', metavar='PROGRAM', help='also compare the verdicts of PROGRAM verify')
    every = os.environ.get('EVERY', '0') not in ('', '0')
    parser.add_argument('--rounds', type=int, default=500 if every else 60, help='random cuts and flips each (default 60; 500 with EVERY=1)')
    options = parser.parse_args()
    groups, image = Groups(), load('linux64.pvf')
    changed = {'cut images': cuts(image, options.rounds), 'images with a flipped bit': flips(image, options.rounds)}
    groups.run('golden images', check_golden())
    groups.run('golden images, rebuilt', check_rebuilt())
    groups.run('damaged images', check_damaged())
    groups.run('damaged xl files', check_damaged_plain())
    for name, cases in changed.items():
        groups.run(name, check_found(cases))
    groups.run('cut xl files', check_found(cut_plain(options.rounds // 5)))
    groups.run('something behind the image', check_tails())
    groups.run('own hash', check_slow_hash())
    if options.pvferry:
        with tempfile.TemporaryDirectory() as folder:
            check_program(groups, Program(options.pvferry, folder), changed)
    print(f'{groups.passed} passed, {groups.failed} failed')
    return 1 if groups.failed else 0


def cut_plain(rounds):
    data, dice = unpack(load('sparse64.pvf')), random.Random(SEED + 2)
    chosen = {*range(0, 1200, 8), *range(len(data) - 9000, len(data), 64), *(len(data) - n for n in range(1, 32))}
    chosen |= {dice.randrange(len(data)) for _ in range(rounds)}
    return ((f'cut at {n}', data[:n]) for n in sorted(chosen))


if __name__ == '__main__':
    sys.exit(main())

"""canon.c's figures: one line of JSON a case."""
import json
import subprocess

import subjects

PROGRAM = subjects.BUILD / "tests/bench/canon"


def measure():
    out = subprocess.run([PROGRAM], stdout=subprocess.PIPE, text=True, check=True, timeout=subjects.DEADLINE).stdout
    return [json.loads(line) for line in out.splitlines()]

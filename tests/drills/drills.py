"""Drills: kills, damaged and forged runs, damaged inputs, a full disk, hostile files; prints a table of outcomes.

python tests/drills/drills.py            all drills, some minutes
python tests/drills/drills.py kill -n 10 one drill, 10 tries of each kind
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import faults
import inputs
import runs
from outcomes import BAD, table

DRILLS = {
    "kill": (faults.kills, 20),
    "overwrite": (faults.kills_of_overwrite, 30),
    "full disk": (faults.full_disk, 15),
    "damaged run": (runs.damaged, 12),
    "forged run": (runs.forged, 40),
    "forged index": (runs.forged_indexes, 100),
    "damaged sentiment run": (runs.sentiment, 15),
    "damaged input": (inputs.damaged, 12),
    "hostile input": (inputs.hostile, 1),
}


def drill(name, folder, number=None, *, seed=0, fork=True):
    """The counts of one drill, a list of ``Counts``."""
    function, usual = DRILLS[name]
    folder.mkdir(parents=True, exist_ok=True)
    return function(folder, usual if number is None else number, seed=seed, fork=fork)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drills", nargs="*", help=f"of: {', '.join(DRILLS)}; all by default")
    parser.add_argument("-n", type=int, help="tries of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":  # forked processes hang if threads were started
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"OMP_NUM_THREADS": "1"})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MMKG_CACHE"] = str(Path(folder) / "cache")
        for name in options.drills or DRILLS:
            rows += drill(name, Path(folder) / name.replace(" ", "-"), options.n, seed=options.seed)
            print(f"{name}: done", file=sys.stderr, flush=True)
    print(table(rows))
    for counts in rows:
        for text in counts.bad:
            print(text)
    return int(any(counts.found[column] for counts in rows for column in BAD))


if __name__ == "__main__":
    sys.exit(main())

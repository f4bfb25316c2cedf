"""Five hundred kills of an editing process, and a look at what is left after each.

    python tests/benchmarks/crashes.py [--kills 500] [--seed 1000]

The process dies while it rates, folds, builds the mirror, splits or formats; every acknowledged edit must be
there at the next open. The test run does the same with sixty kills and other seeds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CRASHING = Path(__file__).parents[1] / "storage" / "crashing.py"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=500)
    options.add_argument("--seed", type=int, default=1000)
    chosen = options.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, CRASHING, Path(folder) / "project", chosen.kills, chosen.seed]
        subprocess.run([str(word) for word in words], check=True)
    print(f"{time.monotonic() - begun:.0f} s on {os.cpu_count()} cores, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()

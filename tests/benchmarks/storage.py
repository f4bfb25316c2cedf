"""How close storage comes to the limits of the machine: each target beside the anchor of the same run.

    python tests/benchmarks/storage.py [--sizes 1000 100000 1000000] [--folder DIR] [--kills 500]

Ratios compare CPU time where there is some, and wall time where a disk is waited for; each figure is
the least of several, taken in turns with its anchor. Targets are those for 1,000,000 examples.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import storage_data
from storage_stages import STAGES

from aitelier_nb.schema import Config
from aitelier_nb.storage.project import create

CRASHING = Path(__file__).parents[1] / "storage" / "crashing.py"
HEAD = f"  {'':32} {'wall':>11} {'CPU':>11}  {'ratio':>6} {'anchor':26} {'target':>18}  met  peak MB"


def measure(folder, count):
    """Make `count` examples and print all figures for them; return the rows."""
    create(folder, Config(name="benchmark", model="m")).close()
    path = folder / "data" / "examples.jsonl"
    storage_data.write(path, count)
    print(f"\n{count:,} examples, {path.stat().st_size / 1e6:,.0f} MB\n{HEAD}", flush=True)
    rows = []
    stages = Path(__file__).with_name("storage_stages.py")
    for stage in STAGES:
        with subprocess.Popen([sys.executable, stages, stage, folder], stdout=subprocess.PIPE) as running:
            for line in running.stdout:
                rows.append(json.loads(line))
                print(shown(rows[-1]), flush=True)
        if running.returncode:
            sys.exit(f"{stage} failed")
    return rows


def shown(row):
    """Return one figure as a line of the table."""
    unit = row["unit"]
    digits = 2 if unit == "ms" and row["wall"] < 1000 else 0
    wall = f"{row['wall']:,.{digits}f} {unit}" if unit != "examples/s" else f"{row['wall']:,.0f} /s"
    cpu = "" if row["cpu"] is None else f"{row['cpu']:,.{digits}f} ms"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    times, own = row["target"]
    sign = ">" if unit == "examples/s" else "<"
    target = " ".join(
        [*([f"<{times:.2f}x"] if times else []), *([f"{sign}{own:,.4g} {unit.split('/')[0]}"] if own else [])]
    )
    met = {None: "", True: "yes", False: "NO"}[row["met"]]
    return f"  {row['what']:32} {wall:>11} {cpu:>11}  {ratio:>6} {row['anchor']:26} {target:>18}  {met:3}  {row['peak']:7.0f}"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--sizes", type=int, nargs="*", default=[1000, 100_000, 1_000_000])
    options.add_argument("--kills", type=int, default=0)
    options.add_argument(
        "--folder", type=Path, help="where the data is made; a temporary folder if not given"
    )
    chosen = options.parse_args()
    print(f"{os.cpu_count()} cores ({platform.machine()}), Python {sys.version.split()[0]}")
    rated = {}
    for count in chosen.sizes:
        folder = Path(tempfile.mkdtemp(dir=chosen.folder))
        try:
            rows = measure(folder / "project", count)
        finally:
            shutil.rmtree(folder)
        rated[count] = next(row["wall"] for row in rows if row["what"].startswith("rate one"))
    if len(rated) > 1:
        growth = rated[max(rated)] / rated[min(rated)]
        met = "yes" if growth < 1.3 else "NO"
        print(
            f"\nrating at {max(rated):,} over rating at {min(rated):,}: {growth:.2f} (target <1.30, met: {met})"
        )
    if chosen.kills:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [sys.executable, CRASHING, Path(folder) / "project", str(chosen.kills)], check=True
            )


if __name__ == "__main__":
    main()

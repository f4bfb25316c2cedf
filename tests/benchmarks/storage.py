"""How close storage comes to the limits of the machine, each figure as a ratio to an anchor of the same run.

    python tests/benchmarks/storage.py [--sizes 1000 100000 1000000] [--kills 500]

Times are the best of several, in milliseconds of wall time and of CPU.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import storage_data

from aitelier_nb.schema import Config
from aitelier_nb.storage import bodies, heads, lines, mirrors
from aitelier_nb.storage.project import create, open_project

CRASHING = Path(__file__).parents[1] / "storage" / "crashing.py"


def best(work, times=5):
    """Return the best wall and CPU time of some work, in ms."""
    wall = cpu = float("inf")
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        work()
        wall, cpu = min(wall, time.perf_counter() - begun), min(cpu, time.process_time() - used)
    return wall * 1e3, cpu * 1e3


def show(what, figure, anchor="", against=None):
    ratio = f"{figure[0] / against[0]:8.2f} x {anchor}" if against else ""
    print(f"  {what:44} {figure[0]:10.2f} ms  CPU {figure[1]:10.2f} ms  {ratio}", flush=True)


def resident():
    """Return the memory that the process holds now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def appended(path):
    """Append and sync 120 bytes: the least that a durable edit can cost."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def work():
        os.write(descriptor, b"x" * 120)
        os.fsync(descriptor)

    found = [best(work, 1) for _ in range(100)]
    os.close(descriptor)
    return median(found)


def median(found):
    middle = sorted(found)[len(found) // 2]
    return middle[0], sorted(each[1] for each in found)[len(found) // 2]


def measure(folder, count):
    create(folder, Config(name="benchmark", model="m")).close()
    path = folder / "data" / "examples.jsonl"
    storage_data.write(path, count)
    print(f"\n{count} examples, {path.stat().st_size / 1e6:.0f} MB")
    counted = best(lambda: subprocess.run(["wc", "-l", path], capture_output=True, check=True))
    show("anchor: wc -l", counted)
    before = resident()
    project = open_project(folder)
    dataset = project.dataset
    show("first build of the head", best(dataset.frame, 1), "wc -l", counted)
    show("first build of the body", best(dataset.mirror, 1), "wc -l", counted)
    reading(folder, count, before)
    editing(dataset, folder, count)
    outside(dataset, path)
    sample = [body for _, body in zip(range(100_000), dataset.raw(), strict=False)]
    show("parse and validate, 100k at most", best(lambda: [lines.parse(body) and None for body in sample], 3))
    project.close()


def reading(folder, count, before):
    parquet = folder / "data" / "parquet"

    def raw():
        pq.read_table(parquet / "examples.head.parquet", columns=list(mirrors.FRAME)).to_pandas(
            types_mapper=pd.ArrowDtype
        )

    def raw_text():
        pq.read_table(parquet / "examples.head.parquet", columns=list(mirrors.FRAME))
        pq.read_table(parquet / "examples.body.parquet", columns=list(bodies.TEXT[1:]))

    scalars, texts = best(raw), best(raw_text, 3)
    show("anchor: raw read of the scalars", scalars)
    opened = []

    def opening():
        opened[:] = [open_project(folder)]
        opened[0].dataset.frame()

    show("open, scalars as a frame", best(opening), "raw read", scalars)
    dataset = opened[0].dataset
    ids = dataset.ids()
    for number in range(min(1000, count)):
        dataset.annotate(ids[number * 7919 % count], note=f"n{number}")
    show("open, scalars, journal of up to 1,000", best(opening), "raw read", scalars)
    opened[0].dataset.fold()
    dataset.mirror()
    print(f"  memory over what was loaded before          {resident() - before:10.0f} MB")
    show("anchor: raw read of all text", texts)
    show("all text as a frame", best(lambda: dataset.frame(text=True), 3), "raw read", texts)


def editing(dataset, folder, count):
    show("anchor: append and fsync", synced := appended(folder / "anchor"))
    ids = dataset.ids()
    rated = [
        best(lambda n=number: dataset.set_rating(ids[n * 7919 % count], n % 10 + 1), 1)
        for number in range(300)
    ]
    show("rate one, durable (median)", median(rated), "append and fsync", synced)
    show("page of 20", best(lambda: dataset.page(count // 2, 20)))
    show("unchanged check", best(dataset._state._stale))
    show("fold 300 edits", best(dataset.fold, 1))


def outside(dataset, path):
    counted = best(lambda: subprocess.run(["wc", "-l", path], capture_output=True, check=True), 3)
    body = dataset._state.body(dataset.ids()[len(dataset) // 2])
    with path.open("r+b") as stream:
        stream.seek(int(dataset._state.index.starts.values[len(dataset) // 2]))  # noqa: PD011 - no frame
        stream.write(lines.changed(body, {"createdAt": "2027-01-01T00:00:00.000Z"}))
    show("one line edited outside", best(lambda: len(dataset), 1), "wc -l", counted)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--sizes", type=int, nargs="*", default=[1000, 100_000, 1_000_000])
    options.add_argument("--kills", type=int, default=0)
    options.add_argument(
        "--folder", type=Path, help="where the data is made; a temporary folder if not given"
    )
    chosen = options.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, head of version {heads.VERSION}")
    for count in chosen.sizes:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            measure(Path(folder) / "project", count)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if chosen.kills:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [sys.executable, CRASHING, Path(folder) / "project", str(chosen.kills)], check=True
            )


if __name__ == "__main__":
    main()

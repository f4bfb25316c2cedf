"""One file and shards of the same examples: what opening, a fold and the mirror cost, and who can read it.

    python tests/benchmarks/shards.py [--count 100000] [--shard 32] [--ray]

The mirror's parts are read by DuckDB and, with --ray, by Ray Data on this machine, as they lie there.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import storage_data

from aitelier_nb.schema import Config
from aitelier_nb.storage.project import create, open_project


def measured(what, work):
    """Run some work once; print its wall and CPU time, and return what it returned."""
    begun, used = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    print(f"  {what:44} {wall * 1e3:10.1f} ms  CPU {cpu * 1e3:10.1f} ms", flush=True)
    return found


def edits(folder, count):
    """Measure what a person feels: open, rate one, fold one."""
    project = measured("open, scalars as a frame", lambda: opened(folder))
    dataset = project.dataset
    measured("rate one", lambda: dataset.set_rating(count // 2, 3))
    measured("fold it", dataset.fold)
    measured("rate another, and fold", lambda: (dataset.set_rating(count // 2, 4), dataset.fold()))
    project.close()


def opened(folder):
    project = open_project(folder)
    project.dataset.frame()
    return project


def queried(parts):
    """Read the parts with DuckDB: how many examples of each rating, and the mean length of an answer."""
    import duckdb

    columns = "rating, count(*), avg(length(output))"
    return duckdb.read_parquet(f"{parts}/*.parquet").aggregate(columns, "rating").order("rating").fetchall()


def rayed(parts):
    """Read the parts with Ray Data and ask the same."""
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        found = ray.data.read_parquet(str(parts), columns=["rating", "output"])
        return found.groupby("rating").count().take_all()
    finally:
        ray.shutdown()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--shard", type=int, default=32, help="megabytes of a shard")
    options.add_argument("--ray", action="store_true")
    chosen = options.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {chosen.count} examples")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        create(folder, Config(name="benchmark", model="m")).close()
        storage_data.write(folder / "data" / "examples.jsonl", chosen.count)
        opened(folder).close()
        print("one file")
        edits(folder, chosen.count)
        dataset = open_project(folder).dataset
        shards = measured("cut into shards", lambda: dataset.shard(chosen.shard << 20))
        opened(folder).close()
        print(f"{len(shards)} shards of {chosen.shard} MB")
        edits(folder, chosen.count)
        parts = measured("the whole mirror, a part for each", dataset.mirror) / "examples"
        dataset.set_rating(1, 2)
        measured("the mirror after one rating", dataset.mirror)
        rows = measured("DuckDB: ratings and mean lengths", lambda: queried(parts))
        assert sum(row[1] for row in rows) == chosen.count
        if chosen.ray:
            counts = measured("Ray Data: the same ratings", lambda: rayed(parts))
            assert {row["rating"]: row["count()"] for row in counts} == {row[0]: row[1] for row in rows}


if __name__ == "__main__":
    main()

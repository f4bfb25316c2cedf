"""The stages of the storage benchmark, each run in a process of its own so that its peak memory is its own.

    python storage_stages.py STAGE FOLDER

prints one JSON line for each figure: what, unit, value, CPU, anchor, ratio, target, whether it is met.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.json
import pyarrow.parquet as pq

from aitelier_nb.storage import batches, bodies, files, lines, mirrors, scanning
from aitelier_nb.storage.project import open_project

LARGE = 100_000  # examples; below, what is done once outweighs what is done for each
SAMPLE = 64 << 20  # bytes for what would take too long, or too much memory, on the whole
LIBRARIES = 8.5 / 1e6  # s a line of pyarrow's JSON reader and Parquet writer where the targets were set


def timed(work):
    """Return the wall and CPU time of some work in ms, its children's included."""
    begun, used = time.perf_counter(), spent()
    work()
    return (time.perf_counter() - begun) * 1e3, (spent() - used) * 1e3


def spent():
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def best(*works, times=7):
    """Return the least wall and CPU time of each work; they take turns, so that all meet the same machine."""
    found = [[timed(work) for work in works] for _ in range(times)]
    return [tuple(min(times) for times in zip(*each, strict=True)) for each in zip(*found, strict=True)]


def tell(what, figure, anchor="", against=None, ratio=None, most=None, unit="ms", enough=None):
    """Print a figure. `ratio` is the most that it may be of its anchor, `most` the most that it may be itself."""
    wall, cpu = figure if isinstance(figure, tuple) else (figure, None)
    times = None if against is None else (cpu or wall) / ((against[1] if cpu else None) or against[0])
    met = [times < ratio] if ratio else []
    met += [(cpu or wall) < most] if most else []
    met += [wall > enough] if enough else []
    row = {"what": what, "unit": unit, "wall": wall, "cpu": cpu, "anchor": anchor, "ratio": times}
    row |= {"target": [ratio, most or enough], "met": all(met) if met else None}
    row["peak"] = peak()
    print(json.dumps(row), flush=True)


def resident():
    """Return the memory that the process holds now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak():
    """Return the most memory that the process ever held, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def count_lines(path):
    subprocess.run(["wc", "-l", path], capture_output=True, check=True)


def build(folder):
    """Make the mirror of a file that was never read."""
    path = folder / "data" / "examples.jsonl"
    project = open_project(folder)
    made = timed(project.dataset.mirror)
    count = len(project.dataset)
    tell("first build of the mirror", made, most=12e3 * count / 1e6 if count >= LARGE else None)
    tell("peak memory of it", peak(), most=2048, unit="MB")
    sample = files.read_at(os.open(path, os.O_RDONLY), 0, SAMPLE)
    sample = sample[: sample.rfind(b"\n") + 1]

    def with_pyarrow():
        table = pyarrow.json.read_json(io.BytesIO(sample))
        pq.write_table(table, io.BytesIO(), compression="ZSTD", compression_level=1)

    [whole] = best(with_pyarrow, times=3)
    share = count / sample.count(b"\n")
    anchor = whole[0] * share, whole[1] * share
    tell("the same as a ratio", made, "pyarrow JSON to Parquet", anchor, ratio=12e-6 / LIBRARIES)


def validate(folder):
    """Read and check lines: types, ranges, roles, UTF-8."""
    sample = files.read_at(os.open(folder / "data" / "examples.jsonl", os.O_RDONLY), 0, SAMPLE)
    blocks = [sample[start : start + scanning.BLOCK] for start in range(0, len(sample), scanning.BLOCK)]
    blocks = [block[block.find(b"\n") + 1 : block.rfind(b"\n") + 1] for block in blocks]
    count = sum(block.count(b"\n") for block in blocks)
    with scanning.collector_paused():
        work, plain = best(
            lambda: [len(batches.batch(block, 0, 1)[0]) for block in blocks],
            lambda: [lines.parse(line) for block in blocks for line in block.splitlines()],
        )
        [walked] = best(lambda: [sum(1 for _ in io.BytesIO(block)) for block in blocks])
    tell("parse and validate, a core", count / work[1] * 1e3, unit="examples/s", enough=300_000)
    tell("the same as a ratio", work, "iterating over lines", walked)
    tell("the same, line by line", count / plain[1] * 1e3, unit="examples/s")


def opening(folder):
    """Open a project of which the mirror is there, with and without edits that wait."""
    before = resident()
    project = open_project(folder)
    project.dataset.frame()
    tell("memory of an opened project", resident() - before, most=300, unit="MB")
    dataset, count = project.dataset, len(project.dataset)
    head = folder / "data" / "parquet" / "examples.head.parquet"
    kept = []

    def raw():
        pq.read_table(head, columns=list(mirrors.FRAME)).to_pandas(types_mapper=pd.ArrowDtype)

    def opened():
        kept[:] = [open_project(folder)]
        kept[0].dataset.frame()

    plain, found = best(raw, opened)
    tell("open, scalars as a frame", found, "raw read of them", plain, ratio=1.5, most=150)
    edit(dataset, min(999, count), 1)
    plain, found = best(raw, opened)
    tell("open with 1,000 journal lines", found, "raw read of them", plain, ratio=1.5, most=150)
    [page, unchanged] = best(lambda: kept[0].dataset.page(count // 2, 20), kept[0].dataset._state._stale)
    tell("page of 20", page, most=1)
    tell("unchanged check", unchanged, most=1)
    kept[0].dataset.fold()


def edit(dataset, times, first):
    """Rate so many examples, each anew; return the wall time of each."""
    ids = dataset.ids()

    def rate(n):
        dataset.set_rating(ids[n * 7919 % len(ids)], (n + first) % 10 + 1)

    return [timed(partial(rate, n))[0] for n in range(times)]


def rating(folder):
    """Rate examples one by one, each on the disk when the call returns; then fold them."""
    dataset = open_project(folder).dataset
    descriptor = os.open(folder / "anchor", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def append():
        os.write(descriptor, b"x" * 120)
        os.fsync(descriptor)

    len(dataset)
    synced = sorted(timed(append)[0] for _ in range(300))[150]
    rated = sorted(edit(dataset, 300, 2))[150]
    tell("rate one, durable (median)", rated, "append and fsync", (synced, None), most=0.5)

    def copy():
        files.replace(folder / "copy", [dataset.path.read_bytes()])

    folded, [copied] = timed(dataset.fold), best(copy, times=1)
    (folder / "copy").unlink()
    tell("fold 300 edits", folded, "copying the file", copied)


def texts(folder):
    """Read all text as a frame."""
    dataset = open_project(folder).dataset
    parquet = dataset.mirror()

    def raw():
        pq.read_table(parquet / "examples.head.parquet", columns=list(mirrors.FRAME))
        pq.read_table(parquet / "examples.body.parquet", columns=list(bodies.TEXT[1:]))

    plain, found = best(raw, lambda: dataset.frame(text=True), times=4)
    tell("all text as a frame", found, "raw read of it", plain, ratio=1.2)


def pandas(folder):
    """Read the file as most people would; beyond 100,000 examples it takes some twenty gigabytes."""
    dataset = open_project(folder).dataset
    if len(dataset) > LARGE + 1000:
        return
    dataset.mirror()
    before = resident()
    [ours] = best(lambda: dataset.frame(text=True), times=3)
    [theirs] = best(lambda: pd.read_json(dataset.path, lines=True), times=1)
    tell("all text as a frame", ours, "pandas.read_json", theirs)
    tell("peak memory of pandas.read_json", peak() - before, unit="MB")


def outside(folder):
    """Notice what another program did to the file."""
    dataset = open_project(folder).dataset
    path, turn = dataset.path, iter(range(10))
    len(dataset)

    def change():
        index, row = dataset._state.index, len(dataset) // 2 + next(turn)
        with path.open("r+b") as stream:
            stream.seek(int(index.starts.values[row]))  # noqa: PD011 - no frame
            stream.write(lines.changed(index.body(row), {"createdAt": "2027-01-01T00:00:00.000Z"}))

    looks = []
    for _ in range(3):
        change()
        looks.append(timed(lambda: len(dataset)))
    [counted] = best(lambda: count_lines(path))
    found = tuple(min(times) for times in zip(*looks, strict=True))
    tell("one line edited outside", found, "wc -l", counted, ratio=3, most=500)
    last = dataset._state.body(dataset.ids()[-1])
    first = int(json.loads(last)["id"]) + 1
    more = b"".join(lines.changed(last, {"id": first + n}) + b"\n" for n in range(1000))
    with path.open("ab") as stream:
        stream.write(more)
    noticed = timed(lambda: len(dataset))
    [decoded] = best(lambda: [lines.parse(line) for line in more.splitlines()])
    tell("1,000 lines appended outside", noticed, "decoding these", decoded, ratio=2)


STAGES = {work.__name__: work for work in (build, validate, opening, rating, texts, pandas, outside)}

if __name__ == "__main__":
    STAGES[sys.argv[1]](Path(sys.argv[2]))

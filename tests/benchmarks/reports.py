"""Times of a report and of its verification, and the memory that they take; each in a process of its own.

    python tests/benchmarks/reports.py

The anchor is a plain pass of json.loads over the same examples in the same run.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aitelier_nb.reports.publication import write
from aitelier_nb.reports.verification import verify
from aitelier_nb.schema import Config
from aitelier_nb.storage.project import create, open_project

WORDS = [
    "order",
    "plant",
    "water",
    "lamp",
    "ship",
    "refund",
    "light",
    "seed",
    "root",
    "leaf",
    "door",
    "week",
    "box",
]
LIMITS = {500: (3.0, 5.0), 100_000: (60.0, 120.0)}


def make(folder: Path, number: int) -> None:
    """Write a project of that many examples, a fifth of them in validation, a tenth rewritten."""
    chance = random.Random(7)
    create(folder, Config(name="benchmark", quality_threshold=8)).close()
    with (folder / "data" / "examples.jsonl").open("w", encoding="utf-8") as stream:
        for one in range(1, number + 1):
            question, answer = (" ".join(chance.choices(WORDS, k=size)) for size in (30, 60))
            row = {
                "id": one,
                "messages": [
                    {"role": "user", "content": f"{one} {question}"},
                    {"role": "assistant", "content": answer},
                ],
                "rating": 8 + one % 3,
                "createdAt": "2026-11-22T03:00:00.000Z",
                "version": 1,
                **({"originalOutput": " ".join(chance.choices(WORDS, k=55))} if one % 10 == 0 else {}),
                "split": "val" if one % 5 == 0 else "train",
            }
            stream.write(json.dumps(row, separators=(",", ":")) + "\n")


def one(step: str, folder: Path) -> None:
    """Do one step and print its seconds and the peak memory of this process in MB."""
    begun = time.perf_counter()
    if step == "read":
        with (folder / "data" / "examples.jsonl").open() as stream:
            sum(1 for line in stream if json.loads(line))
    else:
        found = (write if step == "report" else verify)(open_project(folder))
        assert step == "report" or found.ok, found.text()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - begun, peak]))


def measured(step: str, folder: Path) -> tuple[float, float]:
    """Return seconds and peak MB of one step in a fresh process."""
    done = subprocess.run([sys.executable, __file__, step, str(folder)], capture_output=True, check=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def main() -> None:
    """Print a line a size: report, verification, page, memory."""
    for number, (report_limit, verify_limit) in LIMITS.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "project"
            make(folder, number)
            read, _ = measured("read", folder)
            report, report_peak = measured("report", folder)
            verified, verify_peak = measured("verify", folder)
            page, values = ((folder / name).stat().st_size / 1e6 for name in ("report.html", "report.json"))
        print(
            f"{number:>7} examples: report {report:.2f} s (limit {report_limit:g}), {report_peak:.0f} MB; "
            f"verify {verified:.2f} s (limit {verify_limit:g}), {verify_peak:.0f} MB; "
            f"json.loads alone {read:.2f} s; page {page:.2f} MB, values {values:.2f} MB"
        )


if __name__ == "__main__":
    one(sys.argv[1], Path(sys.argv[2])) if len(sys.argv) > 1 else main()

"""How many of 300 seeded faults in curation/, formats/ and the statistics the tests notice.

    python tests/benchmarks/mutants.py [--count 300] [--seed 7] [--workers 2]

A copy of the tree is tested once with coverage, which tells the tests that reach each line. Then each mutant,
one changed operator, constant, condition, return or raise, is written into a copy of its own, and the tests of
its line run, the quick ones first, up to a minute of them. A test that fails or does not end has noticed it.
Names of types, docstrings and the wording of errors are no sites.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

from mutations import mutants, mutated

ROOT = Path(__file__).parents[2]
SOURCES = ("curation", "formats", "evaluation/statistics")
TESTS = ("tests/curation", "tests/formats", "tests/evaluation")
SETTINGS = """[run]
dynamic_context = test_function
source = aitelier_nb
data_file = {data}
"""
ENOUGH = 60.0  # seconds of tests a mutant


def copy(folder: Path) -> Path:
    """Copy what the tests need into a folder, which need not exist."""
    left_out = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__", "site", ".aitelier")
    shutil.copytree(ROOT, folder, ignore=left_out)
    return folder


def pass_tests(folder: Path, *words: str, under: tuple[str, ...] = (), seconds: float | None = None) -> bool:
    """Say whether pytest passes in a copy, run `under` another module, and within some seconds."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *under, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        try:
            return run.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)  # what it started too
            return False


def reach(folder: Path) -> tuple[dict[tuple[str, int], set[str]], dict[str, float]]:
    """Return the tests that reach each (file, line), and the seconds of each test."""
    import coverage

    data, times = folder / "contexts", folder / "times.xml"
    (folder / "settings").write_text(SETTINGS.format(data=data), "utf-8")
    under = ("-m", "coverage", "run", f"--rcfile={folder / 'settings'}")
    if not pass_tests(folder, f"--junitxml={times}", *TESTS, under=under):
        sys.exit("the tests fail without any mutant")
    found = coverage.CoverageData(str(data))
    found.read()
    tests: dict[tuple[str, int], set[str]] = collections.defaultdict(set)
    for file in found.measured_files():
        name = Path(file).relative_to(folder).as_posix()
        for line, contexts in found.contexts_by_lineno(file).items():
            tests[name, line].update(filter(None, contexts))
    seconds: dict[str, float] = collections.defaultdict(float)
    for case in ET.parse(times).getroot().iter("testcase"):  # noqa: S314 - we wrote it
        name = re.sub(r"\[.*", "", case.get("name", ""), flags=re.DOTALL)
        seconds[f"{case.get('classname')}.{name}"] += float(case.get("time", 0))
    return tests, seconds


def chosen(tests: set[str], seconds: dict[str, float]) -> list[str]:
    """Return the tests to run as pytest names them, the quick ones first, up to a minute of them."""
    taken: list[str] = []
    spent = 0.0
    for test in sorted(tests, key=lambda one: (seconds[one], one)):
        if taken and spent + seconds[test] > ENOUGH:
            break
        module, _, function = test.rpartition(".")
        taken.append(f"{module.replace('.', '/')}.py::{function}")
        spent += seconds[test]
    return taken


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    sites = [
        (file.relative_to(ROOT).as_posix(), *site)
        for source in SOURCES
        for file in sorted((ROOT / "aitelier_nb" / source).rglob("*.py"))
        for site in mutants(file.read_text("utf-8"))
    ]
    random.Random(asked.seed).shuffle(sites)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        tests, seconds = reach(copy(Path(name) / "whole"))
        copies = [copy(Path(name) / f"copy-{number}") for number in range(asked.workers)]
        whole = {
            test for (file, _), reached in tests.items() for test in reached if file.startswith("aitelier")
        }

        def try_one(site: tuple[str, int, int, str]) -> bool:
            file, number, line, kind = site
            folder = copies.pop()
            path = folder / file
            source = path.read_text("utf-8")
            path.write_text(mutated(source, number), "utf-8")
            at_import = set().union(*(found for (of, _), found in tests.items() if of == file)) or whole
            words = chosen(tests.get((file, line)) or at_import, seconds)
            noticed = not pass_tests(folder, "-x", *words, seconds=ENOUGH * 5)
            path.write_text(source, "utf-8")
            copies.append(folder)
            if not noticed:
                print(
                    f"not noticed: {file}:{line} {kind}: {source.splitlines()[line - 1].strip()}", flush=True
                )
            return noticed

        with ThreadPoolExecutor(asked.workers) as pool:
            noticed = list(pool.map(try_one, sites[: asked.count]))
    share = sum(noticed) / len(noticed)
    print(
        f"{sum(noticed)} of {len(noticed)} mutants noticed ({share:.0%}; >= 80 %), of {len(sites):,} sites, seed {asked.seed}, "
        f"{time.monotonic() - began:.0f} s with {asked.workers} workers"
    )


if __name__ == "__main__":
    main()

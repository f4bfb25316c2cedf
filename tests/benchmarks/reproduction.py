"""How many saved outputs of the tutorials come out again somewhere else.

    python tests/benchmarks/reproduction.py [PYTHON ...]

Each PYTHON (this one when none is given) has the package installed. The tutorials are copied into a
folder of another name and executed by `ait rerun` under another time zone, locale, hash seed and
umask, with an empty home, no key and, on Linux, no network at all; only a tutorial that starts a test
server may reach this machine itself. Every output is compared with the saved one, byte for byte; the
share that is equal should be 100 %.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TUTORIALS = Path(__file__).parents[2] / "tutorials"
PLACES = [
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1", "umask": "077"},
    {"TZ": "America/Los_Angeles", "LC_ALL": "POSIX", "PYTHONHASHSEED": "4242", "umask": "002"},
]
ALONE = ["unshare", "-rn", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
KEPT = ("PATH", "LANG", "AITELIER_CACHE")


def can_be_alone() -> bool:
    """Return whether a process can be started here without a network."""
    return (
        shutil.which("unshare") is not None and subprocess.run([*ALONE, "true"], check=False).returncode == 0
    )


def outputs(python: str, notebook: Path, place: dict[str, str], *, alone: bool) -> tuple[int, int]:
    """Return how many outputs of a notebook are the same somewhere else, and how many there are."""
    with tempfile.TemporaryDirectory(prefix="an other folder ") as folder:
        copied = Path(shutil.copytree(TUTORIALS, Path(folder) / "tutorials"))
        words = [python, "-m", "aitelier_nb", "rerun", str(copied / notebook.name), "--json"]
        words += ["--loopback"] if "import test_server" in notebook.read_text("utf-8") else []
        settings = {name: value for name, value in place.items() if name != "umask"}
        done = subprocess.run(
            [*ALONE, *words] if alone else words,
            cwd=folder,
            env={
                **{name: os.environ[name] for name in KEPT if name in os.environ},
                **settings,
                "HOME": folder,
            },
            umask=int(place["umask"], 8),
            capture_output=True,
            text=True,
            check=False,
        )
    document = json.loads(done.stdout)
    if "error" in document:
        raise SystemExit(f"{notebook.name} under {python}: {document['error']['message']}")
    result = document["result"]
    for row in result["different"]:
        print(f"    {notebook.name}, cell {row['cell']}, {row['kind']}")
    return result["same"], result["same"] + len(result["different"])


def main(pythons: list[str]) -> None:
    """Print a line for each Python and place."""
    alone = can_be_alone()
    print("without network" if alone else "with the network of this machine")
    for python in pythons:
        for place in PLACES:
            found = [
                outputs(python, notebook, place, alone=alone)
                for notebook in sorted(TUTORIALS.glob("*.ipynb"))
            ]
            same, total = (sum(column) for column in zip(*found, strict=True))
            words = " ".join(f"{name}={value}" for name, value in place.items())
            print(f"{Path(python).name:12} {words}: {same} of {total} outputs, {100 * same / total:.1f} %")


if __name__ == "__main__":
    main(sys.argv[1:] or [sys.executable])

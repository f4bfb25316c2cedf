"""What the tests of several folders share."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

FRONTEND = Path(__file__).parent / "frontend"

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """Return the folder of the front end's npm packages; they are installed when they are missing."""
    from filelock import FileLock

    folder = FRONTEND / "node_modules"
    with FileLock(FRONTEND / ".installing.lock"):
        if not (folder / "vitest").is_dir():
            _install_node_packages()
    return folder


def _install_node_packages() -> None:
    if shutil.which("npm") is None:
        pytest.skip("no npm on the path: the front end was not tested")
    words = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(words, cwd=FRONTEND, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install the front end's packages: {done.stderr.strip()[-200:]}")


@pytest.fixture(autouse=True, scope="session")
def interrupts() -> Iterator[None]:
    """Let an interrupt arrive also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def standing(request: pytest.FixtureRequest) -> Callable[[str, dict[str, Any]], None]:
    """Compare with a file of `standing/`, word for word; WRITE_STANDING=1 writes it anew, to be read."""

    def compare(name: str, found: dict[str, Any]) -> None:
        path = request.path.parent / "standing" / f"{name}.json"
        found = json.loads(json.dumps(found, default=str))
        if os.environ.get("WRITE_STANDING"):
            lines = [f"{json.dumps(key)}: {json.dumps(found[key], ensure_ascii=False)}" for key in found]
            path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        different = list(_different(json.loads(path.read_text(encoding="utf-8")), found))
        assert not different, "\n".join(different[:10])

    return compare


def _different(standing: Any, found: Any, where: str = "") -> Iterator[str]:
    if isinstance(standing, dict) and isinstance(found, dict):
        for name in sorted({*standing, *found}):
            yield from _different(standing.get(name), found.get(name), f"{where}/{name}")
    elif isinstance(standing, list) and isinstance(found, list) and len(standing) == len(found):
        for place, (one, other) in enumerate(zip(standing, found, strict=True)):
            yield from _different(one, other, f"{where}/{place}")
    elif isinstance(standing, float) and isinstance(found, float):
        if not math.isclose(standing, found, rel_tol=1e-7, abs_tol=1e-12):
            yield f"{where}: {standing!r} stands, {found!r} was found"
    elif standing != found:
        yield f"{where}: {standing!r} stands, {found!r} was found"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser last, also among several workers: its driver keeps an event loop in this thread."""
    items.sort(key=lambda item: "browser" in item.path.parts)

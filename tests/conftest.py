"""What the tests of several folders share."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

FRONTEND = Path(__file__).parent / "frontend"

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """Return the folder of the front end's npm packages; they are installed when they are missing."""
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser last: its driver keeps an event loop in this thread until the session ends."""
    items.sort(key=lambda item: "browser" in item.path.parts)

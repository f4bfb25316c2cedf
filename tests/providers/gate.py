"""A service that answers a few questions and holds the others, so that a test needs no clock."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

from server import Request, Response
from together_service import TogetherService


class Gate(TogetherService):
    """Answers a few questions at once and holds the others until the gate opens."""

    def __init__(self, at_once: int) -> None:
        super().__init__()
        self.left = at_once
        self.open = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        if request.path.endswith("/chat/completions"):
            with self._lock:
                self.left -= 1
                held = self.left < 0
            if held:
                self.open.wait(60)
        return super().__call__(request)


def kept(recorded: Path) -> int:
    """Return how many answers a file of recordings holds; one that an interrupt wrote twice is one."""
    found = set()
    for line in recorded.read_bytes().splitlines():
        with suppress(ValueError):
            found.add(json.loads(line)["fingerprint"])
    return len(found)

"""Batches as OpenAI and Together describe them, in memory: one desk that each fake service has."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from server import Request, Response
from together_service import completion, refused

Store = Callable[[str, bytes], str]


class BatchDesk:
    """Takes batches; `stages` are the states that one runs through, one a look.

    `told` are the answers' lines by the question's text, where they are to be something else.
    """

    def __init__(self, contents: dict[str, bytes], store: Store, *, shouting: bool) -> None:
        self.contents, self.store, self.shouting = contents, store, shouting
        self.stages = ("validating", "in_progress", "completed")
        self.batches: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.told: dict[str, dict[str, Any] | None] = {}
        self.faults: dict[str, Any] = {}
        self._numbers = itertools.count(1)

    def create(self, request: Request) -> Response:
        if request.json["input_file_id"] not in self.contents:
            return refused(404, "no such file")
        batch_id = f"batch_{next(self._numbers)}"
        self.batches[batch_id] = request.json | {
            "id": batch_id,
            "object": "batch",
            "created_at": "2026-11-22T10:00:00Z" if self.shouting else 1,
        }
        return Response(200, {"job": self._shown(batch_id)} if self.shouting else self._shown(batch_id))

    def list(self, request: Request) -> Response:
        found = [self._shown(batch_id) for batch_id in reversed(self.batches)]
        return Response(200, found if self.shouting else {"data": found, "has_more": False})

    def look(self, request: Request, batch_id: str) -> Response:
        if batch_id not in self.batches:
            return refused(404, f"no batch {batch_id}")
        self.looks[batch_id] = self.looks.get(batch_id, 0) + 1
        shown = self._shown(batch_id)
        if shown["status"].lower() in ("completed", "expired", "cancelled") and "outputs" not in shown:
            self._answer(batch_id)
            shown = self._shown(batch_id)
        return Response(200, shown)

    def content(self, request: Request, file_id: str) -> Response:
        return Response(200, self.contents[file_id], {"content-type": "application/octet-stream"})

    def asked(self) -> list[list[dict[str, Any]]]:
        """Return the requests of every batch."""
        return [
            [json.loads(line) for line in self.contents[batch["input_file_id"]].splitlines()]
            for batch in self.batches.values()
        ]

    def _shown(self, batch_id: str) -> dict[str, Any]:
        word = self.stages[min(self.looks.get(batch_id, 0), len(self.stages) - 1)]
        told = {"status": word.upper() if self.shouting else word, "progress": 50.0}
        return self.batches[batch_id] | told | (self.faults if word == "failed" else {})

    def _answer(self, batch_id: str) -> None:
        good, bad = [], []
        for line in map(json.loads, self.contents[self.batches[batch_id]["input_file_id"]].splitlines()):
            text = line["body"]["messages"][-1]["content"]
            body = completion(line["body"], f"{text}!") | ({"prompt": []} if self.shouting else {})
            usual = {"response": {"status_code": 200, "request_id": "r", "body": body}, "error": None}
            told = self.told.get(text, usual)
            if told is not None:
                answered = (told.get("response") or {}).get("status_code") == 200
                (good if answered else bad).append({"id": "l", "custom_id": line["custom_id"]} | told)
        for key, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                written = b"".join(json.dumps(line).encode() + b"\n" for line in reversed(lines))
                self.batches[batch_id][key] = self.store(key, written)
        self.batches[batch_id]["outputs"] = True

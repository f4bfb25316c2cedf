"""OpenAI as its documents describe it, in memory: files, uploads in parts, jobs with metadata, chat."""

from __future__ import annotations

import hashlib
import itertools
import re
from typing import Any

from batch_desk import BatchDesk
from server import Request, Response
from together_service import completion, refused

KEY = "sk-proj-" + "Qw7" * 16
BASE = "gpt-4.1-mini-2025-04-14"


class OpenAIService:
    """Answers requests below /v1; `stages` are the states that a job runs through, one a look."""

    def __init__(self, stages: tuple[str, ...] = ("validating_files", "running", "succeeded")) -> None:
        self.stages = stages
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self.desk = BatchDesk(
            self.contents,
            lambda name, content: str(self._store(name, content, "batch_output")["id"]),
            shouting=False,
        )

    def __call__(self, request: Request) -> Response:
        path = request.path.removeprefix("/v1")
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Response(
                401,
                {
                    "error": {
                        "message": "Incorrect API key",
                        "type": "invalid_request_error",
                        "param": None,
                        "code": "invalid_api_key",
                    }
                },
            )
        for method, pattern, act in self._routes():
            found = re.fullmatch(pattern, path)
            if method == request.method and found:
                return act(request, *found.groups())
        return refused(404, f"Invalid URL ({request.method} {request.path})")

    def _routes(self) -> list[tuple[str, str, Any]]:
        return [
            ("POST", "/files", self._file),
            ("GET", "/files", self._list_files),
            ("GET", r"/files/([^/]+)/content", self.desk.content),
            ("POST", "/batches", self.desk.create),
            ("GET", "/batches", self.desk.list),
            ("GET", r"/batches/([^/]+)", self.desk.look),
            ("POST", "/uploads", self._begin),
            ("POST", r"/uploads/([^/]+)/parts", self._part),
            ("POST", r"/uploads/([^/]+)/complete", self._complete),
            ("POST", r"/uploads/([^/]+)/cancel", self._give_up),
            ("POST", "/fine_tuning/jobs", self._create),
            ("GET", "/fine_tuning/jobs", self._list_jobs),
            ("GET", r"/fine_tuning/jobs/([^/]+)", self._job),
            ("POST", r"/fine_tuning/jobs/([^/]+)/(cancel|pause|resume)", self._change),
            ("GET", r"/fine_tuning/jobs/([^/]+)/events", self._events),
            ("GET", r"/fine_tuning/jobs/([^/]+)/checkpoints", self._checkpoints),
            ("GET", r"/models/(.+)", self._model),
            (
                "POST",
                "/chat/completions",
                lambda r: Response(200, completion(r.json, f"{r.json['messages'][-1]['content']}!")),
            ),
        ]

    def _store(self, name: str, content: bytes, purpose: str) -> dict[str, Any]:
        file_id = f"file-{next(self._numbers)}"
        self.contents[file_id] = content
        self.files[file_id] = {
            "id": file_id,
            "object": "file",
            "bytes": len(content),
            "created_at": 1,
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        return self.files[file_id]

    def _file(self, request: Request) -> Response:
        form = request.form()
        return Response(
            200, self._store(form["file.filename"].decode(), form["file"], form["purpose"].decode())
        )

    def _list_files(self, request: Request) -> Response:
        found = [
            file
            for file in self.files.values()
            if file["purpose"] == request.query.get("purpose", file["purpose"])
        ]
        return Response(200, {"object": "list", "data": found, "has_more": False})

    def _begin(self, request: Request) -> Response:
        upload_id = f"upload_{next(self._numbers)}"
        self.uploads[upload_id] = request.json | {
            "id": upload_id,
            "object": "upload",
            "status": "pending",
            "created_at": 1,
        }
        return Response(200, self.uploads[upload_id])

    def _part(self, request: Request, upload_id: str) -> Response:
        part_id = f"part_{next(self._numbers)}"
        self.parts[part_id] = request.form()["data"]
        return Response(
            200, {"id": part_id, "object": "upload.part", "upload_id": upload_id, "created_at": 1}
        )

    def _complete(self, request: Request, upload_id: str) -> Response:
        upload = self.uploads[upload_id]
        content = b"".join(self.parts[part_id] for part_id in request.json["part_ids"])
        if (
            len(content) != upload["bytes"]
            or hashlib.md5(content, usedforsecurity=False).hexdigest() != request.json["md5"]
        ):
            return refused(400, "the bytes do not match")
        file = self._store(upload["filename"], content, upload["purpose"])
        return Response(200, upload | {"status": "completed", "file": file})

    def _give_up(self, request: Request, upload_id: str) -> Response:
        self.uploads[upload_id]["status"] = "cancelled"
        return Response(200, self.uploads[upload_id])

    def _create(self, request: Request) -> Response:
        body = request.json
        job_id = f"ftjob-{next(self._numbers):08d}"
        method = body["method"]
        self.jobs[job_id] = {
            "id": job_id,
            "object": "fine_tuning.job",
            "created_at": 1_795_000_000 + len(self.jobs),
            "finished_at": None,
            "fine_tuned_model": None,
            "error": None,
            "status": self.stages[0],
            "model": body["model"],
            "training_file": body["training_file"],
            "validation_file": body.get("validation_file"),
            "hyperparameters": {"n_epochs": "auto"} | method[method["type"]]["hyperparameters"],
            "method": method,
            "metadata": body.get("metadata"),
            "seed": body.get("seed", 42),
            "organization_id": "org-1",
            "result_files": [],
            "trained_tokens": None,
        }
        return Response(200, self.jobs[job_id])

    def _list_jobs(self, request: Request) -> Response:
        wanted = {key[9:-1]: value for key, value in request.query.items() if key.startswith("metadata[")}
        found = [
            job
            for job in self.jobs.values()
            if all((job["metadata"] or {}).get(k) == v for k, v in wanted.items())
        ]
        newest_first = found[::-1]
        names = [job["id"] for job in newest_first]
        start = names.index(request.query["after"]) + 1 if "after" in request.query else 0
        page = newest_first[start : start + int(request.query.get("limit", 20))]
        return Response(
            200, {"object": "list", "data": page, "has_more": start + len(page) < len(newest_first)}
        )

    def _job(self, request: Request, job_id: str) -> Response:
        if job_id not in self.jobs:
            return refused(404, f"Could not find fine tune: {job_id}")
        job = self.jobs[job_id]
        if job["status"] not in ("cancelled", "paused"):
            look = self.looks[job_id] = self.looks.get(job_id, 0) + 1
            job["status"] = self.stages[min(look, len(self.stages) - 1)]
        if job["status"] == "succeeded":
            job |= {
                "fine_tuned_model": f"ft:{job['model']}:acme::{job_id[-4:]}",
                "finished_at": 1_795_000_100,
                "trained_tokens": 999,
            }
        if job["status"] == "failed":
            words = "Training file has 7 example(s), but must have at least 10 examples"
            job["error"] = {"code": "invalid_n_examples", "param": "training_file", "message": words}
        return Response(200, job)

    def _change(self, request: Request, job_id: str, what: str) -> Response:
        self.jobs[job_id]["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "running"}[what]
        return Response(200, self.jobs[job_id])

    def _events(self, request: Request, job_id: str) -> Response:
        events = [
            {
                "id": "e3",
                "type": "metrics",
                "data": {"step": 2, "total_steps": 2, "train_loss": 0.4, "full_valid_loss": 0.6},
            },
            {"id": "e2", "type": "metrics", "data": {"step": 1, "total_steps": 2, "train_loss": 0.9}},
            {"id": "e1", "type": "message", "data": None},
        ]
        start = next(
            (place + 1 for place, event in enumerate(events) if event["id"] == request.query.get("after")), 0
        )
        page = [
            event | {"object": "fine_tuning.job.event", "created_at": 9, "level": "info", "message": "m"}
            for event in events[start : start + 2]
        ]
        return Response(200, {"object": "list", "data": page, "has_more": start + 2 < len(events)})

    def _checkpoints(self, request: Request, job_id: str) -> Response:
        saved = [
            {
                "id": f"ftckpt-{step}",
                "object": "fine_tuning.job.checkpoint",
                "created_at": 9 + step,
                "fine_tuned_model_checkpoint": f"ft:{BASE}:acme::{job_id[-4:]}:ckpt-step-{step}",
                "fine_tuning_job_id": job_id,
                "step_number": step,
                "metrics": {"step": step, "train_loss": 1 / step, "full_valid_loss": 2 / step},
            }
            for step in (10, 5)
        ]
        return Response(200, {"object": "list", "data": saved, "has_more": False})

    def _model(self, request: Request, name: str) -> Response:
        if name.startswith("ft:"):
            return Response(200, {"id": name, "object": "model", "created": 1, "owned_by": "acme"})
        if name != BASE:
            return refused(404, f"The model '{name}' does not exist")
        return Response(
            200,
            {
                "id": name,
                "object": "model",
                "created": 1,
                "owned_by": "openai",
                "shutdown_date": "2027-01-14",
            },
        )

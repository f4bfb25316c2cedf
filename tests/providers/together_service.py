"""Together as its documents describe it, in memory: files, validation, limits, prices, jobs, chat."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

from server import Request, Response

from aitelier_nb.providers.base import JobRequest
from aitelier_nb.providers.retries import Patience

KEY = "tgp_v1_" + "Zx9" * 14
BASE = "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference"
LIMITS = {
    "model_name": BASE,
    "max_num_epochs": 20,
    "max_num_evals": 100,
    "max_num_checkpoints": 100,
    "max_learning_rate": 1.0,
    "min_learning_rate": 1e-8,
    "supports_vision": False,
    "supports_tools": True,
    "supports_reasoning": False,
    "merge_output_lora": True,
    "lora_training": {
        "default_rank": 16,
        "max_rank": 64,
        "min_batch_size": 8,
        "max_batch_size": 32,
        "max_batch_size_dpo": 16,
        "target_modules": ["k_proj", "q_proj"],
    },
}
QUICK = Patience(attempts=4, first=0.01, longest=0.05, asked=2.0)
CREATED = "2026-11-22T10:00:00.000Z"


class TogetherService:
    """Answers requests below /v1; `stages` are the states that a job runs through, one a look."""

    def __init__(
        self, stages: tuple[str, ...] = ("pending", "running", "completed"), *, redirects: bool = True
    ) -> None:
        self.stages = stages
        self.redirects = redirects
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.validation: list[dict[str, Any]] = []
        self.url = ""
        self.served = True
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, bytes] = {}
        self.aborted: list[str] = []
        self._numbers = itertools.count(1)
        from batch_desk import BatchDesk

        self.desk = BatchDesk(self.contents, self._kept, shouting=True)

    def _kept(self, name: str, content: bytes) -> str:
        file_id = f"file-{next(self._numbers)}"
        self.contents[file_id] = content
        return file_id

    def __call__(self, request: Request) -> Response:
        path = request.path.removeprefix("/v1")
        if path.startswith("/__store/"):
            return self._store(request, path.removeprefix("/__store/"))
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refused(401, "Invalid API key provided")
        for method, pattern, act in self._routes():
            found = re.fullmatch(pattern, path)
            if method == request.method and found:
                return act(request, *found.groups())
        return refused(404, f"no such path {path}")

    def _routes(self) -> list[tuple[str, str, Any]]:
        return [
            ("GET", "/files", lambda _: Response(200, {"data": list(self.files.values())})),
            ("POST", "/files", self._begin),
            ("POST", "/files/upload", self._direct),
            ("POST", r"/files/([^/]+)/preprocess", self._preprocess),
            ("POST", "/files/multipart/initiate", self._initiate),
            ("POST", "/files/multipart/complete", self._complete),
            ("POST", "/files/multipart/abort", self._abort),
            ("GET", r"/files/([^/]+)/content", self.desk.content),
            ("POST", "/batches", self.desk.create),
            ("GET", "/batches", self.desk.list),
            ("GET", r"/batches/([^/]+)", self.desk.look),
            ("GET", r"/files/([^/]+)", self._file),
            ("GET", "/fine-tunes/models/limits", self._limits),
            ("GET", "/fine-tunes/models/supported", lambda _: Response(200, {"models": [BASE]})),
            ("POST", "/fine-tunes/estimate-price", self._estimate),
            ("POST", "/fine-tunes", self._create),
            (
                "GET",
                "/fine-tunes",
                lambda _: Response(200, {"data": [self._short(j) for j in self.jobs.values()]}),
            ),
            ("GET", r"/fine-tunes/([^/]+)", self._job),
            ("POST", r"/fine-tunes/([^/]+)/cancel", self._cancel),
            ("GET", r"/fine-tunes/([^/]+)/events", self._events),
            ("GET", r"/fine-tunes/([^/]+)/metrics", self._metrics),
            ("POST", "/chat/completions", self._chat),
            ("GET", "/hardware", self._hardware),
            (
                "GET",
                "/endpoints",
                lambda _: Response(200, {"object": "list", "data": list(self.endpoints.values())}),
            ),
            ("POST", "/endpoints", self._start),
            ("GET", r"/endpoints/([^/]+)", self._endpoint),
            ("PATCH", r"/endpoints/([^/]+)", self._change_endpoint),
            ("DELETE", r"/endpoints/([^/]+)", self._remove_endpoint),
            ("GET", "/finetune/download", self._download),
        ]

    def _begin(self, request: Request) -> Response:
        if not self.redirects:
            return refused(405, "use /files/upload")
        form = {name: value.decode() for name, value in request.form().items()}
        for file_id, content in self.contents.items():
            if hashlib.sha256(content).hexdigest() == form["checksum"]:
                return Response(409, {"file_id": file_id})
        file_id = f"file-{next(self._numbers)}"
        told = {"checksum": form["checksum"], "purpose": form["purpose"]}
        self.files[file_id] = file_record(file_id, form["file_name"], 0) | told
        address = f"{self.url}/__store/{file_id}?signature=abc"
        return Response(302, None, {"location": address, "x-together-file-id": file_id})

    def _store(self, request: Request, file_id: str) -> Response:
        assert "authorization" not in request.headers, "the store must not see the key"
        if "/" in file_id:
            self.parts[file_id] = request.body
            return Response(
                200, b"", {"etag": f'"{hashlib.md5(request.body, usedforsecurity=False).hexdigest()}"'}
            )
        assert hashlib.sha256(request.body).hexdigest() == self.files[file_id]["checksum"]
        self.contents[file_id] = request.body
        self.files[file_id] |= {"bytes": len(request.body)}
        return Response(200, b"")

    def _initiate(self, request: Request) -> Response:
        file_id = f"file-{next(self._numbers)}"
        self.files[file_id] = file_record(file_id, request.json["file_name"], request.json["file_size"])
        places = [
            {"PartNumber": number, "URL": f"{self.url}/__store/{file_id}/{number}", "Headers": {}}
            for number in range(request.json["num_parts"], 0, -1)
        ]
        return Response(200, {"upload_id": "up-1", "file_id": file_id, "parts": places})

    def _complete(self, request: Request) -> Response:
        file_id = request.json["file_id"]
        content = b""
        for part in request.json["parts"]:
            piece = self.parts[f"{file_id}/{part['part_number']}"]
            assert part["etag"] == f'"{hashlib.md5(piece, usedforsecurity=False).hexdigest()}"'
            content += piece
        self.contents[file_id] = content
        return Response(200, {"file": self.files[file_id]})

    def _abort(self, request: Request) -> Response:
        self.aborted.append(request.json["file_id"])
        return Response(200, {})

    def _direct(self, request: Request) -> Response:
        form = request.form()
        file_id = f"file-{next(self._numbers)}"
        self.contents[file_id] = form["file"]
        self.files[file_id] = file_record(file_id, form["file_name"].decode(), len(form["file"]))
        return Response(200, self.files[file_id])

    def _preprocess(self, request: Request, file_id: str) -> Response:
        return Response(200, self.files[file_id])

    def _file(self, request: Request, file_id: str) -> Response:
        if file_id not in self.files:
            return refused(404, f"no file {file_id}")
        told = self.validation.pop(0) if self.validation else {}
        self.files[file_id] |= told
        return Response(200, self.files[file_id])

    def _limits(self, request: Request) -> Response:
        if request.query.get("model_name") != BASE:
            return Response(404, {"message": "model not found"})
        return Response(200, LIMITS)

    def _estimate(self, request: Request) -> Response:
        tokens = (
            100 * self.contents[request.json["training_file"]].count(b"\n") * request.json.get("n_epochs", 1)
        )
        return Response(
            200,
            {
                "estimation_available": True,
                "estimated_total_price": 4.2,
                "allowed_to_proceed": True,
                "user_limit": 100.0,
                "estimated_train_token_count": tokens,
                "estimated_eval_token_count": 0,
            },
        )

    def _create(self, request: Request) -> Response:
        job_id = f"ft-{next(self._numbers):08d}"
        body = request.json
        self.jobs[job_id] = {
            "id": job_id,
            "status": self.stages[0],
            "created_at": CREATED,
            "updated_at": CREATED,
            "model_output_name": f"acct/Llama-{body.get('suffix', 'ft')}-{job_id}",
            "events": [],
            "n_epochs": 1,
            "batch_size": 32,
            "learning_rate": 1e-5,
            "training_type": {"type": "Lora", "lora_r": 16, "lora_alpha": 32},
        } | body
        return Response(200, self._short(self.jobs[job_id]))

    def _short(self, job: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in job.items() if key != "progress"}

    def _job(self, request: Request, job_id: str) -> Response:
        if job_id not in self.jobs:
            return refused(404, f"no job {job_id}")
        job = self.jobs[job_id]
        if job["status"] != "cancelled":
            look = self.looks[job_id] = self.looks.get(job_id, 0) + 1
            job["status"] = self.stages[min(look, len(self.stages) - 1)]
        if job["status"] in ("error", "user_error"):
            job["events"] = [event("job_error", "the loss is not a number", level="error")]
        return Response(200, job)

    def _cancel(self, request: Request, job_id: str) -> Response:
        self.jobs[job_id]["status"] = "cancelled"
        return Response(200, self._short(self.jobs[job_id]))

    def _events(self, request: Request, job_id: str) -> Response:
        return Response(
            200, {"data": [event("JOB_START", "started"), event("training_start", "training", step=1)]}
        )

    def _metrics(self, request: Request, job_id: str) -> Response:
        steps = [{"train/loss": 0.5, "train/global_step": 7}, {"train/loss": 0.45, "train/global_step": 14}]
        return Response(200, {"metrics": steps})

    def _hardware(self, request: Request) -> Response:
        if "Reference" in request.query.get("model", ""):
            return refused(404, "no hardware for this model")
        machines = [
            ("8x_h200", 80.0, "available"),
            ("1x_a100", 5.42, "available"),
            ("1x_l4", 1.0, "unavailable"),
        ]
        told = [
            {
                "object": "hardware",
                "id": name,
                "pricing": {"cents_per_minute": cents},
                "availability": {"status": word},
            }
            for name, cents, word in machines
        ]
        return Response(200, {"object": "list", "data": told})

    def _start(self, request: Request) -> Response:
        endpoint_id = f"endpoint-{next(self._numbers)}"
        self.endpoints[endpoint_id] = request.json | {
            "object": "endpoint",
            "id": endpoint_id,
            "name": f"{request.json['model']}-served",
            "type": "dedicated",
            "owner": "acct",
            "state": "STARTING",
            "created_at": CREATED,
        }
        return Response(200, dict(self.endpoints[endpoint_id]))

    def _endpoint(self, request: Request, endpoint_id: str) -> Response:
        endpoint = self.endpoints[endpoint_id]
        if endpoint["state"] == "STARTING":
            endpoint["state"] = "STARTED"
        return Response(200, endpoint)

    def _change_endpoint(self, request: Request, endpoint_id: str) -> Response:
        self.endpoints[endpoint_id] |= request.json
        return Response(200, self.endpoints[endpoint_id])

    def _remove_endpoint(self, request: Request, endpoint_id: str) -> Response:
        del self.endpoints[endpoint_id]
        return Response(204, b"")

    def _download(self, request: Request) -> Response:
        return Response(
            200,
            b"weights of " + request.query["checkpoint"].encode(),
            {"content-type": "application/octet-stream"},
        )

    def _chat(self, request: Request) -> Response:
        body = request.json
        if not self.served and body["model"].startswith("acct/"):
            words = f"Unable to access non-serverless model {body['model']}. Please create and start a new dedicated endpoint"
            return refused(400, words)
        return Response(200, completion(body, f"{body['messages'][-1]['content']}!") | {"prompt": []})


def completion(body: dict[str, Any], text: str, reason: str = "stop") -> dict[str, Any]:
    """Return a chat completion."""
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    }


def event(kind: str, message: str, *, level: str = "info", step: int = 0) -> dict[str, Any]:
    return {
        "object": "fine-tune-event",
        "created_at": CREATED,
        "level": level,
        "message": message,
        "type": kind,
        "step": step,
        "total_steps": 10,
        "param_count": 0,
        "token_count": 0,
        "wandb_url": "",
        "checkpoint_path": "",
        "model_path": "",
        "training_offset": 0,
        "hash": "",
    }


def file_record(file_id: str, name: str, size: int) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "created_at": 1,
        "filename": name,
        "bytes": size,
        "purpose": "fine-tune",
        "FileType": "jsonl",
        "Processed": True,
        "LineCount": 0,
    }


def refused(code: int, words: str) -> Response:
    return Response(
        code, {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": None}}
    )


def training_file(lines: int = 12) -> bytes:
    """Return a chat file that every provider takes."""
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    return b"".join(
        json.dumps({"messages": [*turns, {"role": "user", "content": str(n)}, turns[1]]}).encode() + b"\n"
        for n in range(lines)
    )


def job_request(folder: Path, **changes: object) -> JobRequest:
    file = folder / "train.jsonl"
    file.write_bytes(training_file())
    fields: dict[str, object] = {
        "model": BASE,
        "training_file": file,
        "identity": "0" * 64,
    }
    return JobRequest(**(fields | changes))  # type: ignore[arg-type]

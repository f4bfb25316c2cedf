"""A test server on this machine that speaks as Together does. It trains nothing and knows nothing.

Whatever comes out of it is no model's result; it is here so that a tutorial costs no money.
"""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

BASE = "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference"
LORA = {"default_rank": 16, "max_rank": 64, "min_batch_size": 8, "max_batch_size": 32, "max_batch_size_dpo": 16}
LIMITS = {
    "model_name": BASE, "max_num_epochs": 20, "max_num_evals": 100, "max_num_checkpoints": 100,
    "max_learning_rate": 1.0, "min_learning_rate": 1e-8, "supports_vision": False, "supports_tools": True,
    "supports_reasoning": False, "merge_output_lora": True, "lora_training": LORA,
}
PRICE = {
    "estimation_available": True, "estimated_total_price": 1.23, "allowed_to_proceed": True,
    "user_limit": 100.0, "estimated_train_token_count": 4800, "estimated_eval_token_count": 0,
}
TIME = "2026-11-22T10:00:00.000Z"


class TestServer(BaseHTTPRequestHandler):
    """Answers from memory: files, jobs that are done at the second look, and one sentence to any question."""

    files: dict[str, dict] = {}
    jobs: dict[str, dict] = {}

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1")
        name = path.rsplit("/", 1)[-1]
        if path == "/fine-tunes/models/limits":
            self.reply(LIMITS)
        elif path == "/fine-tunes/models/supported":
            self.reply({"models": [BASE]})
        elif path in ("/files", "/fine-tunes"):
            self.reply({"data": list((self.files if path == "/files" else self.jobs).values())})
        elif name in ("events", "metrics"):
            self.reply({"data": [], "metrics": []})
        elif name in self.jobs:
            self.jobs[name]["status"] = "completed"
            self.reply(self.jobs[name])
        else:
            self.reply(self.files.get(name, {}), 200 if name in self.files else 404)

    def do_POST(self) -> None:
        path, body = self.path.removeprefix("/v1"), self.rfile.read(int(self.headers["content-length"]))
        if path == "/files/upload":
            self.reply(self.keep(body))
        elif path == "/fine-tunes/estimate-price":
            self.reply(PRICE)
        elif path == "/fine-tunes":
            self.reply(self.create(json.loads(body)))
        elif path == "/chat/completions":
            self.reply(answer(json.loads(body)))
        else:
            self.reply({"error": {"message": "use /files/upload"}}, 405)

    def keep(self, body: bytes) -> dict:
        name = f"file-{len(self.files) + 1}"
        file_name = re.search(rb'name="file_name"\r\n\r\n([^\r]+)', body)
        lines = body.count(b'{"messages"')
        self.files[name] = {
            "id": name, "object": "file", "created_at": 1763800000, "bytes": len(body), "LineCount": lines,
            "filename": file_name[1].decode() if file_name else "train.jsonl", "purpose": "fine-tune",
            "FileType": "jsonl", "Processed": True, "processing_status": "succeeded",
        }
        return self.files[name]

    def create(self, body: dict) -> dict:
        name = f"ft-{len(self.jobs) + 1:08d}"
        self.jobs[name] = {
            "id": name, "status": "pending", "created_at": TIME, "updated_at": TIME, "events": [],
            "model_output_name": f"test-account/no-real-model-{name}", "n_epochs": 1, "batch_size": 8,
            "learning_rate": 1e-5, "training_type": {"type": "Lora", "lora_r": 16, "lora_alpha": 32},
        } | body
        return self.jobs[name]

    def reply(self, value: dict, code: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def answer(body: dict) -> dict:
    """Return the one sentence that this server knows."""
    message = {"role": "assistant", "content": "This is the test server: no model has read the question."}
    usage = {"prompt_tokens": 9, "completion_tokens": 11, "total_tokens": 20}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "chat-1", "object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


def start() -> str:
    """Start the server on a free port of this machine and return its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), TestServer)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/v1"

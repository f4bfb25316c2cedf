"""Answers from a process of their own, so that a model's memory and threads stay out of the notebook.

One worker serves the whole of this process and is started on first use. They talk in JSON lines: a
request down its standard input, answers up its standard output. It ends when its input closes.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from aitelier_nb import errors
from aitelier_nb.errors import AitelierError, ProviderError
from aitelier_nb.interrupts import check
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.local import packages
from aitelier_nb.providers.local.answers import Contestant, Runtime
from aitelier_nb.schema import Answer, Parameters

__all__ = ["answers", "forget", "main", "stream"]

PATIENCE = 5.0  # seconds that a worker gets to end by itself
LOOK = 0.05  # seconds after which a wait for a reply is looked up from


class _Worker:
    """The other process, seen from here: started when needed, started again when it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log: BinaryIO | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def exchange(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Send an order and yield its replies; one that is left unfinished ends the worker."""
        with self._lock:
            finished = False
            try:
                for reply in self._replies(order):
                    if "done" in reply:
                        finished = True
                        return
                    if "error" in reply:
                        finished = True
                        raise _raised(reply["error"])
                    yield reply
            finally:
                if not finished:
                    self.end()

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        process.kill()
        process.wait(PATIENCE)
        process.stdin.close()
        process.stdout.close()
        if self._log is not None:
            self._log.close()

    @property
    def runs(self) -> bool:
        """Whether there is a process to talk to."""
        return self._process is not None and self._process.poll() is None

    def _replies(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not self.runs:
            self.end()
            self._start()
        process = self._process
        assert process is not None  # noqa: S101 - just started
        assert process.stdin is not None  # noqa: S101
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError as error:
            raise self._died() from error
        while line := self._next_line():
            yield json.loads(line)
        raise self._died()

    def _next_line(self) -> bytes:
        """Return the next reply, empty at the end; who waits beside a cell can be interrupted."""
        while True:
            try:
                return self._lines.get(timeout=LOOK)
            except queue.Empty:
                check()

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "aitelier_nb.providers.local.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for us; the worker ends with its pipe
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
        )
        self._lines = queue.SimpleQueue()
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        reading = (self._process.stdout, self._lines)
        threading.Thread(target=_pass_on, args=reading, daemon=True, name="replies").start()

    def _died(self) -> ProviderError:
        """Return what to tell when the worker ended in the middle: its last words, or that it was killed."""
        words = ""
        if self._log is not None:
            self._log.seek(0)
            words = self._log.read().decode(errors="replace").strip()
        last = words.splitlines()[-1] if words else "it was killed, perhaps for want of memory"
        return ProviderError(
            f"the local model's process ended: {last}", hint="close other programs and try again"
        )


def _pass_on(stream: BinaryIO, lines: queue.SimpleQueue[bytes]) -> None:
    """Put each line of a stream into a queue, and an empty one at its end."""
    with suppress(ValueError):  # it was closed
        for line in stream:
            lines.put(line)
    lines.put(b"")


_worker = _Worker()
atexit.register(_worker.end)


def answers(
    requests: Sequence[ChatRequest], contestants: Sequence[Contestant]
) -> Iterator[tuple[int, Answer]]:
    """Yield (place, answer) for all requests, each to its contestant."""
    if not requests:
        return
    order = {
        "verb": "answers",
        "requests": [_packed(one, who) for one, who in zip(requests, contestants, strict=True)],
    }
    for reply in _worker.exchange(order):
        yield reply["place"], Answer.model_validate(reply["answer"])


def stream(request: ChatRequest, contestant: Contestant) -> Generator[str, None, Answer]:
    """Yield one answer in pieces of text as they come, and return it whole."""
    whole = Answer(model=request.model, text="")
    for reply in _worker.exchange({"verb": "stream", "requests": [_packed(request, contestant)]}):
        if "answer" in reply:
            whole = Answer.model_validate(reply["answer"])
        else:
            yield reply["piece"]
    return whole


def forget() -> None:
    """Let the worker drop its model's memory; it stays to load the next one sooner."""
    if _worker.runs:
        for _ in _worker.exchange({"verb": "forget", "requests": []}):
            pass


def main() -> None:
    """Be the worker: read orders until the input closes, write replies."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for a reply
    runtime = Runtime()
    for line in iter(_orders().get, b""):
        try:
            for reply in _obeyed(runtime, json.loads(line)):
                _send(replies, reply)
            _send(replies, {"done": True})
        except AitelierError as error:
            told = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
            _send(replies, {"error": told})
        except MemoryError:
            told = {
                "type": "ProviderError",
                "message": "the machine ran out of memory",
                "hint": "use a smaller model",
            }
            _send(replies, {"error": told})


def _orders() -> queue.Queue[bytes]:
    """Return the orders as they come; the process ends with its input, also in the middle of an answer."""
    lines: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _obeyed(runtime: Runtime, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    unpacked = [_unpacked(one) for one in order["requests"]]
    match order["verb"]:
        case "answers":
            requests, contestants = [one for one, _ in unpacked], [who for _, who in unpacked]
            for place, answer in runtime.answers(requests, contestants):
                yield {"place": place, "answer": answer.model_dump(mode="json")}
        case "stream":
            whole = yield from _pieces(runtime.stream(*unpacked[0]))
            yield {"answer": whole.model_dump(mode="json")}
        case "forget":
            runtime.close()


def _pieces(pieces: Generator[str, None, Answer]) -> Generator[dict[str, Any], None, Answer]:
    while True:
        try:
            yield {"piece": next(pieces)}
        except StopIteration as end:
            whole: Answer = end.value
            return whole


def _send(stream: BinaryIO, reply: dict[str, Any]) -> None:
    stream.write(json.dumps(reply).encode() + b"\n")
    stream.flush()


def _packed(request: ChatRequest, contestant: Contestant) -> dict[str, Any]:
    base, adapter = contestant
    return {
        "model": request.model,
        "messages": [dict(message) for message in request.messages],
        "parameters": request.parameters.model_dump(mode="json", exclude_none=True),
        "sample": request.sample,
        "base": str(base),
        "adapter": None if adapter is None else str(adapter),
    }


def _unpacked(packed: dict[str, Any]) -> tuple[ChatRequest, Contestant]:
    parameters = Parameters.model_validate(packed["parameters"])
    request = ChatRequest(packed["model"], packed["messages"], parameters, packed["sample"])
    adapter = packed["adapter"]
    return request, (Path(packed["base"]), None if adapter is None else Path(adapter))


def _raised(told: dict[str, str]) -> AitelierError:
    """Return the error that the worker met, as our own of the same name."""
    kind = getattr(errors, told["type"], ProviderError)
    error: AitelierError = kind(told["message"], hint=told["hint"])
    return error


if __name__ == "__main__":
    packages.leave_out()
    main()

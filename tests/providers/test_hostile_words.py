"""Whatever a service says in whatever place, our sentences are one line each, short, and hold no key.

Every operation runs once to see which requests it makes; then each of these gets a hostile answer.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from openai_service import BASE as OPENAI_BASE
from openai_service import KEY as OPENAI_KEY
from openai_service import OpenAIService
from pydantic import BaseModel
from server import Request, Response, Server
from test_fireworks import KEY as FIREWORKS_KEY
from test_fireworks import FireworksService
from together_service import BASE, KEY, TogetherService, job_request

from aitelier_nb.errors import AitelierError
from aitelier_nb.progress import Progress, shown_by
from aitelier_nb.providers.base import ChatRequest, JobRequest, Settings, open_provider
from aitelier_nb.providers.batches import batched
from aitelier_nb.providers.deployments import Deployment, Machine
from aitelier_nb.providers.retries import Patience

KEYS = (KEY, OPENAI_KEY, FIREWORKS_KEY)
LONGEST = 600  # characters of a sentence with the service's words in it
TIMES = 8  # hostile answers to one kind of request; then the service is itself again
IDS = ("id", "name", "file_id", "status", "state", "model_output_name", "fine_tuned_model", "outputModel")
WORDS = ("message", "error", "msg", "detail", "error_type", "unavailable_reason", "text")
HASTE = Patience(attempts=2, first=0.0, longest=0.0, asked=0.001)
SAID = (
    "<script>alert('x')</script>\x1b[31mred\x1b]0;title\x07\x9b1m\r\nline two\u2028three\u202egnp\x00\ud800 "
    + " ".join(f"{key} Bearer {key} {key[:9]}\x1b[0m{key[9:]} {key[:11]}\u200b{key[11:]}" for key in KEYS)
    + " x" * 400
)
MUCH = SAID + " x" * 50_000
PAGE = f"<html><title>{MUCH}</title></html>".encode("utf-8", "surrogatepass")
AWAY = f"http://{KEY}.{'a' * 300}.example/{KEY}?signature={KEY}"

Answer = Callable[[Response], Response]


def refuse(code: int, body: Any, **headers: str) -> Answer:
    return lambda _: Response(code, body, headers)


def changed(change: Callable[[str, Any], Any]) -> Answer:
    """Return the service's own answer with other leaves."""

    def walk(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [walk(key, inner) for inner in value]
        return change(key, value)

    return lambda usual: Response(
        usual.status, usual.body if isinstance(usual.body, bytes) else walk("", usual.body), usual.headers
    )


def turned(usual: Response) -> Response:
    """Return lists for objects and objects for lists, below the top."""
    if not isinstance(usual.body, dict):
        return Response(200, {"data": SAID})
    other = {dict: lambda v: [v], list: lambda v: {"0": v}, str: lambda v: [v]}
    return Response(
        200, {key: other.get(type(value), lambda _: SAID)(value) for key, value in usual.body.items()}
    )


REFUSALS = (
    refuse(400, {"error": {"message": MUCH, "type": SAID, "code": SAID, "param": SAID}}),
    refuse(401, {"error": MUCH}),
    refuse(403, {"message": SAID}),
    refuse(409, {"error": {"message": [SAID, {SAID: SAID}]}}),
    refuse(422, SAID),
)
MOVES = (refuse(302, PAGE), refuse(302, b"", location=AWAY))
GARBLED = (
    refuse(200, PAGE),
    refuse(200, SAID),
    refuse(200, [SAID, 7, None]),
    refuse(200, b"[" * 100_000),
    refuse(200, {}, **{"x-request-id": "\x1b[31m" + KEY}),
)
HOSTILE: dict[str, tuple[Answer, ...]] = {
    "refused": REFUSALS,
    "404": (refuse(404, {"detail": [{"msg": SAID}, SAID]}),),
    "429": (refuse(429, {"error": {"message": SAID}}, **{"retry-after": f"{KEY} soon"}),),
    "500": (refuse(500, PAGE, **{"content-type": "text/html"}),),
    "moved": MOVES,
    "garbled": GARBLED,
    "events": (refuse(200, b"data: " + json.dumps({"error": {"message": SAID}}).encode() + b"\n\n"),),
    "nothing": (refuse(200, {}),),
    "words": (changed(lambda key, value: SAID if key in WORDS and value is not None else value),),
    "texts": (changed(lambda _, value: SAID if isinstance(value, str) else value),),
    "texts, not ids": (
        changed(lambda key, value: SAID if isinstance(value, str) and key not in IDS else value),
    ),
    "numbers": (changed(lambda _, __: 7),),
    "nulls": (changed(lambda _, __: None),),
    "turned": (turned,),
}
"""Hostile answers by their kind; of a kind with several, each request gets the next."""


@dataclass
class Hostile:
    """A service that answers one kind of request as somebody who means ill."""

    service: Any = None
    target: str = ""
    answer: Answer | None = None
    left: int = TIMES
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        name = f"{request.method} {request.path}"
        self.asked.append(name)
        if name != self.target or self.answer is None or not self.left:
            answer: Response = self.service(request)
            return answer
        self.left -= 1
        return self.answer(self.service(request))


@dataclass
class Workplace:
    """A provider before a service, a folder, and what it takes to run an operation."""

    provider: Any
    service: Any
    folder: Path
    model: str

    @property
    def request(self) -> JobRequest:
        self.folder.mkdir(exist_ok=True)
        return job_request(self.folder, model=self.model)

    def chat(self) -> list[ChatRequest]:
        return [ChatRequest("m", [{"role": "user", "content": "hi"}])]

    def job(self) -> str:
        found: str = self.provider.create_job(self.request).id
        return found


def started(place: Workplace) -> Any:
    machine = place.provider.machines("acct/mine")[0]
    return place.provider.start_endpoint("acct/mine", machine, 10)


def failed(place: Workplace) -> Any:
    place.service.stages = ("failed", "error")
    place.service.state = "JOB_STATE_FAILED"
    job = place.job()
    return [place.provider.job(job) for _ in range(2)]


def invalid(place: Workplace) -> Any:
    report = {"valid": False, "error": "line 3", "error_type": "INVALID_FORMAT"}
    place.service.validation = [{"processing_status": "INVALID_FORMAT", "validation_report": report}]
    return place.provider.estimate(place.request)


def failed_batch(place: Workplace) -> Any:
    place.service.desk.stages = ("failed",)
    place.service.desk.faults = {"errors": {"data": [{"message": "m", "line": 3}]}, "error": "e"}
    return by_batch(place)


def refused_lines(place: Workplace) -> Any:
    told = {"response": {"status_code": 400, "body": {"error": {"message": "m"}}}, "error": {"message": "e"}}
    place.service.desk.told = {"hi": told}
    return by_batch(place)


def by_batch(place: Workplace) -> Any:
    return list(batched(place.provider, place.folder).answers(place.chat()))


OPERATIONS: dict[str, Callable[[Workplace], Any]] = {
    "a job": lambda at: at.job(),
    "its end": failed,
    "a price": lambda at: at.provider.estimate(at.request),
    "a search": lambda at: at.provider.find_job(at.request),
    "jobs": lambda at: (at.job(), at.provider.jobs()),
    "a log": lambda at: at.provider.events(at.job()),
    "checkpoints": lambda at: at.provider.checkpoints(at.job()),
    "a stop": lambda at: at.provider.cancel(at.job()),
    "models": lambda at: at.provider.models() and None,
    "an answer": lambda at: list(at.provider.answers(at.chat())),
    "a stream": lambda at: list(at.provider.streams(at.chat())),
    "a batch": by_batch,
    "a failed batch": failed_batch,
    "a batch of refusals": refused_lines,
    "an endpoint": lambda at: (at.provider.endpoint(started(at)), at.provider.endpoints()),
    "its removal": lambda at: at.provider.stop_endpoint(started(at)),
    "weights": lambda at: at.provider.fetch(at.job(), at.folder / "home", "adapter"),
    "an invalid file": invalid,
    "a shutdown": lambda at: at.provider.shutdown_date("gpt-4.1"),
}
ENDS = ("its end", "a stream", "a failed batch", "a batch of refusals", "an invalid file")
"""Operations in which the last request, known by then, brings another answer."""

LACKING = {
    "together": {"a shutdown"},
    "openai": {"an endpoint", "its removal", "weights", "an invalid file", "models"},
    "fireworks": {
        "checkpoints",
        "a batch",
        "a failed batch",
        "a batch of refusals",
        "an invalid file",
        "a shutdown",
    },
}
SERVICES: dict[str, tuple[Callable[[], Any], str]] = {
    "together": (TogetherService, BASE),
    "openai": (OpenAIService, OPENAI_BASE),
    "fireworks": (FireworksService, "acme/base"),
}


@contextlib.contextmanager
def workplace(name: str, folder: Path, hostile: Hostile, url: str) -> Iterator[Workplace]:
    hostile.service, hostile.asked = SERVICES[name][0](), []
    hostile.service.url = url if name == "together" else url.removesuffix("/v1")
    options = {"patience": HASTE, "poll": 0.0}
    provider = open_provider(name, Settings(project=folder, base_url=url, options=options))
    yield Workplace(provider, hostile.service, folder, SERVICES[name][1])
    provider.close()


def sentences(value: Any) -> Iterator[str]:
    """Yield every text that a result shows."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseModel):
        yield from sentences({key: one for key, one in value.model_dump().items() if key != "text"})
    elif is_dataclass(value) and not isinstance(value, type):
        yield from sentences(asdict(value))
        yield str(value) if isinstance(value, Machine | Deployment) else ""
    elif isinstance(value, dict):
        yield from (text for inner in value.values() for text in sentences(inner))
    elif isinstance(value, list | tuple):
        yield from (text for inner in value for text in sentences(inner))


def run(operation: str, place: Workplace) -> list[str]:
    """Return all that an operation says: in its result, its error, its progress."""
    said: list[str] = []

    def show(progress: Progress) -> None:
        said.extend((str(progress), progress.note))

    with shown_by(show):
        try:
            said += sentences(OPERATIONS[operation](place))
        except AitelierError as error:
            said += [str(error), error.hint]
    return said


def faults_of(text: str) -> list[str]:
    return [
        *(["a key"] if any(key in text or key[:20] in text for key in KEYS) else []),
        *(["no line that prints"] if not text.isprintable() else []),
        *([f"{len(text)} characters"] if len(text) > LONGEST else []),
    ]


@pytest.mark.parametrize("form", HOSTILE)
@pytest.mark.parametrize("name", SERVICES)
def test_hostile_words_stay_in_one_short_line_without_a_key(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    monkeypatch.setenv("FIREWORKS_API_KEY", FIREWORKS_KEY)
    found: list[str] = []
    done: set[str] = set()
    turns = itertools.cycle(HOSTILE[form])
    hostile = Hostile()
    with Server(hostile, "/v1") as server:
        for operation in [one for one in OPERATIONS if one not in LACKING[name]]:
            hostile.target = ""
            with workplace(name, tmp_path / operation, hostile, server.url) as place:
                run(operation, place)
            asked = dict.fromkeys(hostile.asked)
            targets = list(asked)[-1:] if operation in ENDS else [one for one in asked if one not in done]
            done.update(targets)
            for number, target in enumerate(targets):
                hostile.target, hostile.answer, hostile.left = target, next(turns), TIMES
                with workplace(name, tmp_path / f"{operation} {number}", hostile, server.url) as place:
                    texts = run(operation, place)
                found += [
                    f"{operation}, {target}: {fault} in {text[:300]!r}"
                    for text in texts
                    for fault in faults_of(text)
                ]
    assert found == []

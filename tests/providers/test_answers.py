"""Many answers at once: each kept as it comes, each fault told, an interrupt obeyed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from server import Request, Response, Server, cut, raw, reset, slow, status
from together_service import KEY, QUICK, TogetherService, completion

from aitelier_nb.errors import AuthenticationError, KeyMissing, QuotaExceeded, UsageError
from aitelier_nb.providers import recordings
from aitelier_nb.providers.base import ChatRequest, Settings, open_provider
from aitelier_nb.providers.compatible import Compatible
from aitelier_nb.providers.retries import Patience, seconds_of, wait_before_retry
from aitelier_nb.providers.together import Together
from aitelier_nb.schema import Answer, Parameters

CHAT = "POST /v1/chat/completions"


def ask(text: str, model: str = "m", **changes: object) -> ChatRequest:
    return ChatRequest(model=model, messages=[{"role": "user", "content": text}], **changes)  # type: ignore[arg-type]


def one(together: Together, request: ChatRequest | None = None) -> Answer:
    ((_, answer),) = together.answers([request or ask("hello")])
    return answer


def test_answers_come_back_to_their_places(together: Together) -> None:
    requests = [ask(str(number)) for number in range(40)]
    answers = dict(together.answers(requests))
    assert [answers[place].text for place in range(40)] == [f"{number}!" for number in range(40)]
    assert answers[0].completion_tokens == 7


def test_only_what_was_set_is_sent_and_training_weights_are_not(together: Together, server: Server) -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": "a", "weight": 0},
        {"role": "user", "content": "u"},
    ]
    one(together, ChatRequest("m", turns))
    one(
        together,
        ChatRequest("m", turns, Parameters(temperature=0, max_tokens=9, seed=3, stop=("\n",)), sample=2),
    )
    plain, full = [request.json for request in server.requests(CHAT)]
    assert plain == {
        "model": "m",
        "messages": [{key: turn[key] for key in ("role", "content")} for turn in turns],
    }
    assert {key: full[key] for key in full if key not in plain} == {
        "temperature": 0.0,
        "max_tokens": 9,
        "seed": 5,
        "stop": ["\n"],
    }


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (raw(b""), "ResponseError: together answered HTTP 200 with an empty body"),
        (raw(b"<html>login</html>", kind="text/html"), "with a web page where JSON was expected"),
        (raw(b'{"choices": [{"mess'), "text that is no JSON"),
        (raw(b'{"choices": []}'), "without a choice"),
        (raw(b"[]"), "without a choice"),
        (status(400, {"error": "context too long"}), "context too long"),
        (
            status(404, {"object": "error", "message": "no model m"}),
            "NotFound: together refused with HTTP 404: no model m",
        ),
        (
            status(500, {"error": {"message": "boom"}}, x_should_retry="false"),
            "ServiceFailed: together failed with HTTP 500: boom",
        ),
    ],
)
def test_a_fault_of_one_answer_is_told_in_its_place(
    together: Together, server: Server, fault: Callable[..., None], words: str
) -> None:
    server.fail(CHAT, fault)
    first, second = one(together), one(together)
    assert words in (first.error or "")
    assert first.finish_reason == "error"
    assert second.text == "hello!"


@pytest.mark.parametrize(
    "faults",
    [
        [reset],
        [status(500), status(502)],
        [status(429, retry_after="0")],
        [status(429, retry_after_ms="20")],
        [status(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT")],
        [cut],
        [status(529)],
    ],
    ids=[
        "reset",
        "500 and 502",
        "Retry-After 0",
        "Retry-After in ms",
        "Retry-After in the past",
        "cut",
        "529",
    ],
)
def test_a_passing_fault_passes(
    together: Together, server: Server, faults: list[Callable[..., None]]
) -> None:
    server.fail(CHAT, *faults)
    assert one(together).text == "hello!"
    assert server.count(CHAT) == len(faults) + 1


def test_the_wait_that_is_asked_for_is_kept(together: Together, server: Server) -> None:
    begun = time.monotonic()
    server.fail(CHAT, status(429, retry_after="1.2"))
    assert one(together).text == "hello!"
    assert time.monotonic() - begun >= 1.2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(401), AuthenticationError),
        (status(402), QuotaExceeded),
        (
            status(429, {"error": {"message": "spent", "type": "insufficient_quota", "code": None}}),
            QuotaExceeded,
        ),
    ],
)
def test_an_error_that_holds_for_all_ends_the_whole(
    together: Together, server: Server, fault: Callable[..., None], error: type[Exception]
) -> None:
    server.fail(CHAT, *[fault] * 200)
    with pytest.raises(error, match="refused"):
        list(together.answers([ask(str(number)) for number in range(200)]))
    assert server.count(CHAT) <= together.concurrency


def test_a_tuned_model_that_nobody_serves_says_so(service: TogetherService, together: Together) -> None:
    service.served = False
    assert (one(together, ask("hi", "acct/Llama-x-1")).error or "").startswith(
        "NotCallable: together refused"
    )


@pytest.mark.parametrize(
    ("message", "reason", "expected", "text"),
    [
        ({"content": "cut off he"}, "length", "length", "cut off he"),
        ({"content": ""}, "content_filter", "content_filter", ""),
        ({"content": None, "refusal": "I will not"}, "stop", "refusal", "I will not"),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls", "tool_calls", ""),
        ({"content": [{"type": "text", "text": "parts"}]}, "eos", "stop", "parts"),
    ],
)
def test_how_an_answer_ended_is_told(
    together: Together, server: Server, message: dict[str, object], reason: str, expected: str, text: str
) -> None:
    server.fail(CHAT, status(200, {"choices": [{"message": message, "finish_reason": reason}]}))
    answer = one(together)
    assert answer.finish_reason == expected
    assert answer.error is None
    assert answer.text == text


def test_an_interrupt_ends_it_at_once_and_keeps_what_has_arrived(
    together: Together, server: Server, tmp_path: Path
) -> None:
    requests = [ask(str(number)) for number in range(12)]
    server.fail(CHAT, *[slow(0.0)] * 4, *[slow(30.0)] * 99)
    kept: list[int] = []
    interrupted: list[float] = []

    def interrupt() -> None:
        while len(kept) < 4:
            time.sleep(0.01)
        interrupted.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    folder = tmp_path / "data" / "recordings"
    stream = recordings.answers(together, requests, folder=folder)
    with pytest.raises(KeyboardInterrupt):
        kept.extend(place for place, _ in stream)
    assert time.monotonic() - interrupted[0] < 15, "the other answers would take 30 s"
    again = dict(
        recordings.answers(together, [requests[place] for place in kept], folder=folder, mode="replay")
    )
    assert len(again) == 4


def test_awaited_answers_come_in_order(together: Together) -> None:
    given: list[int] = []
    answers = asyncio.run(together.aanswers([ask("a"), ask("b")], lambda one: given.append(one[0])))
    assert [answer.text for answer in answers] == ["a!", "b!"]
    assert sorted(given) == [0, 1]


class Limited(TogetherService):
    """Refuses what goes beyond a number of requests in a window, as a real service does."""

    def __init__(self, room: int, window: float) -> None:
        super().__init__()
        self.room, self.window = room, window
        self.refused = 0
        self.most_at_once = 0
        self._at_once = 0
        self._starts: list[float] = []
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        with self._lock:
            now = time.monotonic()
            self._starts = [start for start in self._starts if start > now - self.window]
            if len(self._starts) >= self.room:
                self.refused += 1
                left = self._starts[0] + self.window - now
                return Response(
                    429, {"error": {"message": "slow down"}}, {"retry-after-ms": str(1000 * left)}
                )
            self._starts.append(now)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            left = self._starts[0] + self.window - now
            headers = {
                "x-ratelimit-remaining-requests": str(self.room - len(self._starts)),
                "x-ratelimit-reset-requests": f"{int(1000 * left) + 1}ms",
            }
        time.sleep(0.005)
        with self._lock:
            self._at_once -= 1
        response = super().__call__(request)
        response.headers = headers
        return response


def test_a_limit_is_learnt_from_headers_and_kept(tmp_path: Path) -> None:
    service = Limited(room=20, window=0.3)
    with Server(service, "/v1") as server:
        provider = Together(Settings(base_url=server.url, options={"patience": QUICK, "concurrency": 8}))
        answers = dict(provider.answers([ask(str(number)) for number in range(70)]))
        provider.close()
    assert all(answer.error is None for answer in answers.values())
    assert len(answers) == 70
    assert service.most_at_once > 1
    assert service.refused <= 16, "a window's end is met at most once by what is under way"


class OneAtATime(TogetherService):
    """Refuses whoever comes while another is being answered, and tells all of them to wait as long."""

    def __init__(self) -> None:
        super().__init__()
        self._busy = threading.Lock()

    def __call__(self, request: Request) -> Response:
        if not self._busy.acquire(blocking=False):
            return Response(429, {"error": {"message": "one at a time"}}, {"retry-after-ms": "30"})
        try:
            time.sleep(0.04)
            return super().__call__(request)
        finally:
            self._busy.release()


def test_requests_that_were_refused_together_do_not_come_back_together() -> None:
    with Server(OneAtATime(), "/v1") as server:
        options = {"patience": replace(QUICK, attempts=6), "concurrency": 16}
        provider = Together(Settings(base_url=server.url, options=options))
        answers = dict(provider.answers([ask(str(number)) for number in range(16)]))
        provider.close()
    assert [answer.error for _, answer in sorted(answers.items())] == [None] * 16


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("120ms", 0.12), ("1.5", 1.5), ("1h2m3.5s", 3723.5), ("soon", None), ("-1", -1)],
)
def test_a_duration_is_read_as_services_write_it(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.5),
        ({"retry-after": "20"}, 20),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 22 Nov 2026 09:59:30 GMT"}, 0.5),
        ({"retry-after-ms": "700", "retry-after": "1"}, 0.7),
        ({"x-ratelimit-reset-requests": "1m0s", "x-ratelimit-remaining-requests": "0"}, 60),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-remaining-requests": "3"}, 0.5),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "6s"}, 6),
        ({"x-ratelimit-reset": "1795348800", "x-ratelimit-remaining": "0"}, 0.5),
        ({"retry-after": "61"}, None),
        ({"retry-after": "nan", "retry-after-ms": "inf", "x-ratelimit-reset": "-1"}, 0.5),
        ({"retry-after": "Sun, 99 Nov 99999 10:00:30 +9999"}, 0.5),
    ],
)
def test_a_refusal_is_waited_out_as_its_headers_say(headers: dict[str, str], seconds: float | None) -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    busy = httpx.Response(429, headers=headers)
    wait = wait_before_retry(1, busy, repeatable=False, patience=Patience(), now=now, jitter=0.0)
    assert wait == seconds


def chunk(**delta: object) -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': delta, 'finish_reason': None}]}, ensure_ascii=False)}\n\n".encode()


def streaming(body: bytes, size: int) -> Callable[[Request], Response]:
    return lambda _: Response(
        200,
        headers={"content-type": "text/event-stream"},
        chunks=[body[i : i + size] for i in range(0, len(body), size)],
    )


END = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: {"choices": [], "usage": {"completion_tokens": 3}}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_stream_is_whole_wherever_its_bytes_are_cut(size: int, ends: str) -> None:
    body = (
        b": hello\n\n"
        + chunk(role="assistant")
        + chunk(content="Grüße ")
        + chunk(content="🎉 日本")
        + chunk(content="\n\ndata: x")
        + END
    )
    with Server(streaming(body.replace(b"\n", ends.encode()), size), "/v1") as server:
        provider = Together(Settings(base_url=server.url))
        stream = provider.stream(ask("hi"))
        pieces: list[str] = []
        try:
            while True:
                pieces.append(next(stream))
        except StopIteration as stop:
            answer = stop.value
        provider.close()
    assert pieces == ["Grüße ", "🎉 日本", "\n\ndata: x"]
    assert (answer.text, answer.finish_reason, answer.completion_tokens) == ("".join(pieces), "stop", 3)


def test_a_stream_that_breaks_off_keeps_its_text_and_says_so() -> None:
    with Server(streaming(chunk(content="half of"), 100), "/v1") as server:
        provider = Together(Settings(base_url=server.url, options={"patience": QUICK}))
        *_, (_, answer) = provider.streams([ask("hi")])
        provider.close()
    assert isinstance(answer, Answer)
    assert (answer.text, answer.error) == ("half of", "together broke off in the middle of the answer")


def test_an_error_inside_a_stream_is_told() -> None:
    body = chunk(content="ha") + b'data: {"error": {"message": "overloaded"}}\n\n'
    with Server(streaming(body, 100), "/v1") as server:
        provider = Together(Settings(base_url=server.url, options={"patience": QUICK}))
        *_, (_, answer) = provider.streams([ask("hi")])
        provider.close()
    assert isinstance(answer, Answer)
    assert "overloaded" in (answer.error or "")
    assert answer.text == "ha"


def test_a_compatible_server_needs_an_address_and_no_key(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPATIBLE_API_KEY", raising=False)
    with pytest.raises(UsageError, match="needs its address"):
        open_provider("compatible")
    with Server(
        lambda request: Response(200, completion(request.json, str("authorization" in request.headers))),
        "/v1",
    ) as plain:
        provider = open_provider("compatible", Settings(base_url=plain.url))
        ((_, answer),) = provider.answers([ask("hi")])
        provider.close()
        monkeypatch.setenv("COMPATIBLE_API_KEY", "abcdefgh12345678")
        provider = open_provider("compatible", Settings(base_url=plain.url))
        ((_, keyed),) = provider.answers([ask("hi")])
        provider.close()
    assert (answer.text, keyed.text) == ("False", "True")


def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.delenv("TOGETHER_API_KEY")
    provider = Together(Settings(base_url=server.url))
    with pytest.raises(KeyMissing) as caught:
        list(provider.answers([ask("hi")]))
    provider.close()
    assert "TOGETHER_API_KEY" in caught.value.hint
    assert server.log == []


def test_azure_gets_its_own_header() -> None:
    provider = Compatible(Settings(base_url="https://acme.openai.azure.com/openai/v1"))
    assert provider.client._auth is not None
    assert provider.client._auth._header == "api-key"  # type: ignore[attr-defined]
    provider.close()


def test_the_key_goes_into_the_header_and_nowhere_else(together: Together, server: Server) -> None:
    one(together)
    ((request),) = server.requests(CHAT)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(together.__dict__) + repr(together.client.__dict__) + str(together.key())


def test_a_server_that_knows_no_streams_is_taken_at_its_word(together: Together) -> None:
    ((_, answer),) = together.streams([ask("hi")])
    assert isinstance(answer, Answer)
    assert (answer.text, answer.error) == ("hi!", None)

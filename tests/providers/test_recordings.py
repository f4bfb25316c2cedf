"""Answers are bought once: by fingerprint, whatever stops the run, whoever writes beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from aitelier_nb.errors import ModelMissing, ReplayMiss, UsageError
from aitelier_nb.interrupts import Interrupted, heard_by
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.recordings import Recordings, answers, fingerprint
from aitelier_nb.providers.streaming import streams
from aitelier_nb.schema import Answer, Parameters


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "recordings"


class Echo:
    """A provider that answers with the question and counts what it was asked."""

    name = "echo"

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        for place, request in enumerate(requests):
            self.asked.append(request)
            text = str(request.messages[-1]["content"])
            if text == "fail":
                yield place, Answer(model=request.model, text="", finish_reason="error", error="no")
            else:
                yield place, Answer(model=request.model, text=f"{text}!")

    def identify(self, model: str) -> str:
        return model

    def close(self) -> None:
        """Nothing is held."""


def ask(text: str, **changes: object) -> ChatRequest:
    return ChatRequest(model="m", messages=[{"role": "user", "content": text}], **changes)  # type: ignore[arg-type]


def texts(provider: Echo, requests: Sequence[ChatRequest], folder: Path, mode: str = "auto") -> list[str]:
    got = dict(answers(provider, requests, folder=folder, mode=mode))  # type: ignore[arg-type]
    return [got[place].text for place in range(len(requests))]


def test_the_second_run_asks_nothing(folder: Path) -> None:
    requests = [ask("a"), ask("b"), ask("a"), ask("a", sample=1)]
    first, second = Echo(), Echo()
    assert texts(first, requests, folder) == texts(second, requests, folder) == ["a!", "b!", "a!", "a!"]
    assert len(first.asked) == 3, "equal requests are one purchase; another sample is another"
    assert second.asked == []


def test_a_failed_answer_is_told_and_asked_again(folder: Path) -> None:
    ((_, failed),) = answers(Echo(), [ask("fail")], folder=folder)
    again = Echo()
    list(answers(again, [ask("fail")], folder=folder))
    assert failed.error == "no"
    assert len(again.asked) == 1


def test_replay_asks_nobody_and_names_what_is_missing(folder: Path) -> None:
    texts(Echo(), [ask("a")], folder)
    offline = Echo()
    assert texts(offline, [ask("a")], folder, "replay") == ["a!"]
    with pytest.raises(ReplayMiss, match="holds no answer of m to 'why'"):
        texts(offline, [ask("a"), ask("why")], folder, "replay")
    assert offline.asked == []


def test_record_asks_anew_and_the_latest_answer_counts(folder: Path) -> None:
    class Later(Echo):
        def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
            yield from ((place, Answer(model="m", text="later")) for place in range(len(requests)))

    texts(Echo(), [ask("a")], folder)
    texts(Later(), [ask("a")], folder, "record")
    assert texts(Echo(), [ask("a")], folder) == ["later"]


def test_live_leaves_no_file(folder: Path) -> None:
    assert texts(Echo(), [ask("a")], folder, "live") == ["a!"]
    assert not folder.exists()


def test_an_unknown_mode_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="no recording mode 'cache'"):
        texts(Echo(), [ask("a")], folder, "cache")


def test_the_fingerprint_is_of_content_alone() -> None:
    plain = ask("a", parameters=Parameters(temperature=0))
    dressed = ChatRequest(
        model="another name of the same weights",
        messages=[{"content": "a", "role": "user", "name": None, "weight": 0}],
        parameters=Parameters(temperature=0.0),
    )
    assert fingerprint("p", plain, "id") == fingerprint("p", dressed, "id")
    others = [
        fingerprint("q", plain, "id"),
        fingerprint("p", plain, "other"),
        fingerprint("p", ask("b", parameters=Parameters(temperature=0)), "id"),
        fingerprint("p", ask("a", parameters=Parameters(temperature=1)), "id"),
        fingerprint("p", ask("a", parameters=Parameters(temperature=0), sample=1), "id"),
    ]
    assert len({fingerprint("p", plain, "id"), *others}) == 6


def test_a_line_cut_by_a_crash_is_asked_again_and_costs_no_other(folder: Path) -> None:
    texts(Echo(), [ask("a"), ask("b")], folder)
    file = folder / "echo.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    again = Echo()
    assert texts(again, [ask("a"), ask("b"), ask("c")], folder) == ["a!", "b!", "c!"]
    assert [request.messages[0]["content"] for request in again.asked] == ["b", "c"]
    assert texts(Echo(), [ask("a"), ask("b"), ask("c")], folder, "replay") == ["a!", "b!", "c!"]


def test_an_interrupt_keeps_what_has_arrived(folder: Path) -> None:
    class Stopped(Echo):
        def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
            arrived = iter([(0, Answer(model="m", text="one")), (1, Answer(model="m", text="two"))])
            try:
                yield next(arrived)
                yield from arrived
                raise KeyboardInterrupt  # noqa: TRY301
            except KeyboardInterrupt:
                yield from arrived
                raise

    stream = answers(Stopped(), [ask("a"), ask("b")], folder=folder)
    next(stream)
    stream.close()  # as when the cell that reads the answers is interrupted
    assert texts(Echo(), [ask("a"), ask("b")], folder, "replay") == ["one", "two"]


def interrupt_after(stream: Iterator[tuple[int, Answer]], text: str) -> None:
    while next(stream)[1].text != text:
        pass
    raise KeyboardInterrupt


def test_an_interrupt_where_answers_are_read_counts_all_that_are_kept(folder: Path) -> None:
    class Stopped(Echo):
        def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
            try:
                yield 0, Answer(model="m", text="one")
            except KeyboardInterrupt:
                yield 1, Answer(model="m", text="", error="made to fail")
                yield 2, Answer(model="m", text="three")
                raise

    texts(Echo(), [ask("old")], folder)
    requests = [ask(text) for text in ("old", "a", "b", "c", "a", "d")]
    for mode, sentence in (
        ("auto", "4 of 6 answers are kept; run it again for the other 2"),
        ("live", "0 of 6 answers are kept; run it again for the other 6"),
    ):
        stream = answers(Stopped(), requests, folder=folder, mode=mode)
        with pytest.raises(Interrupted) as caught, heard_by(stream):
            interrupt_after(stream, "one")
        assert str(caught.value) == sentence
        assert isinstance(caught.value, KeyboardInterrupt)


def test_weights_that_are_gone_are_found_under_their_recorded_identity(folder: Path) -> None:
    class Adapter(Echo):
        def identify(self, model: str) -> str:
            return "sha256 of the adapter"

    class Colleague(Echo):
        def identify(self, model: str) -> str:
            raise ModelMissing("the adapter is not here")

    texts(Adapter(), [ask("a")], folder)
    assert texts(Colleague(), [ask("a")], folder, "replay") == ["a!"]
    with pytest.raises(ModelMissing):
        texts(Colleague(), [ask("a")], folder.with_name("empty"), "replay")


def test_no_key_is_recorded(folder: Path) -> None:
    key = "sk-proj-" + "a1B2" * 8
    ((_, answer),) = answers(Echo(), [ask(f"my key is {key}")], folder=folder)
    assert key not in (folder / "echo.jsonl").read_text()
    assert key not in answer.text


def test_text_that_utf8_cannot_hold_is_recorded_all_the_same(folder: Path) -> None:
    assert texts(Echo(), [ask("half \ud83d")], folder) == ["half \ud83d!"]
    assert texts(Echo(), [ask("half \ud83d")], folder, "replay") == ["half \ud83d!"]


WRITER = """
import sys
from pathlib import Path
from aitelier_nb.providers.recordings import Recordings
recordings = Recordings(Path(sys.argv[1]))
for number in range(50):
    name = f"{sys.argv[2]}{number:063d}"
    recordings.keep([{"fingerprint": name, "answer": {"model": "m", "text": "x" * 5000}}])
"""


def test_four_processes_write_one_file_without_loss(folder: Path) -> None:
    file = folder / "p.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(file), letter]) for letter in "abcd"]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    lines = file.read_text().splitlines()
    assert len({json.loads(line)["fingerprint"] for line in lines}) == 200
    assert Recordings(file).find([f"c{7:063d}"])[f"c{7:063d}"].text == "x" * 5000


def test_an_interrupt_of_answers_in_pieces_counts_those_that_are_kept(folder: Path) -> None:
    class Stopped(Echo):
        def streams(self, _: Sequence[ChatRequest]) -> Iterator[tuple[int, str | Answer]]:
            yield 1, "on"
            yield 1, Answer(model="m", text="one")
            raise KeyboardInterrupt

        def stream(self, _: ChatRequest) -> Iterator[str]:
            raise NotImplementedError

    asked = [ask("a"), ask("b"), ask("c")]
    with pytest.raises(Interrupted, match=r"^1 of 3 answers are kept; run it again for the other 2$"):
        list(streams(Stopped(), asked, folder=folder))
    assert texts(Echo(), asked[1:2], folder, "replay") == ["one"]

"""Verbs under `await`: the loop stays free, an interrupt stops them, what has arrived is kept."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate import Gate
from server import Server
from together_service import BASE, QUICK

import aitelier_nb as ait
from aitelier_nb import consent, interrupts
from aitelier_nb.errors import ConfirmationNeeded
from aitelier_nb.progress import Progress, shown_by
from aitelier_nb.providers import hosted
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.awaiting import awaited

CHAT = "POST /v1/chat/completions"


@pytest.fixture
def service() -> Gate:
    return Gate(at_once=3)


@pytest.fixture
def shop(server: Server, service: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
    monkeypatch.setattr(hosted, "Patience", lambda: QUICK)
    project = ait.init("shop", provider="together", model=BASE, path=tmp_path / "shop")
    yield project
    service.open.set()
    project.close()


def test_each_twin_has_the_words_of_its_verb() -> None:
    for name in ("ask", "compare", "draft", "evaluate", "record", "train"):
        verb, twin = getattr(ait, name), getattr(ait, f"a{name}")
        assert inspect.iscoroutinefunction(twin)
        assert inspect.signature(twin) == inspect.signature(verb)


def test_other_tasks_go_on_while_a_verb_is_awaited(shop: Project, service: Gate) -> None:
    async def both() -> tuple[int, list[str]]:
        seen: list[str] = []

        async def open_gate() -> None:
            while service.left > -2:  # noqa: ASYNC110 - the count is another thread's
                await asyncio.sleep(0.01)
            seen.append("the loop is free")
            service.open.set()

        told, _ = await asyncio.gather(
            ait.adraft([str(n) for n in range(5)], confirm=True, project=shop), open_gate()
        )
        return told.to_json()["added"], seen

    assert asyncio.run(both()) == (5, ["the loop is free"])


def test_a_cancelled_verb_ends_its_requests_and_keeps_what_has_arrived(
    shop: Project, service: Gate, server: Server
) -> None:
    async def cancelled() -> None:
        task = asyncio.ensure_future(ait.adraft([str(n) for n in range(8)], confirm=True, project=shop))
        path = shop.recordings_path / "together.jsonl"
        while not path.exists() or path.read_bytes().count(b"\n") < 3:  # noqa: ASYNC110 - it is a file
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert not service.open.is_set(), "it ended while the others were still held"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("AnyIO")]
    service.open.set()
    told = ait.draft([str(n) for n in range(8)], confirm=True, project=shop)
    assert told.to_json()["added"] == 8
    assert server.count(CHAT) == 8 + 5, "three were kept, the others are asked again"


def test_progress_and_questions_come_to_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(consent, "is_person_there", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: threads.append(threading.get_ident()) or "n")

    def work() -> None:
        with Progress("steps", 1) as progress:
            progress.advance()
        consent.ask_for("spend?", None)

    async def run() -> None:
        with shown_by(lambda _: threads.append(threading.get_ident())), pytest.raises(ConfirmationNeeded):
            await awaited(work)

    asyncio.run(run())
    assert set(threads) == {threading.get_ident()}
    assert len(threads) == 3


def test_a_pause_ends_when_somebody_wants_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    with interrupts.interrupted_by(stop), pytest.raises(KeyboardInterrupt):
        interrupts.pause(60)
    interrupts.check()

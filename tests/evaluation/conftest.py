"""A small project with held-out examples, and a provider whose answers are written down here."""

from collections.abc import Iterator, Sequence

import pytest

from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.schema import Answer, Config
from aitelier_nb.storage.project import create


class Written:
    """Answers by a function of model and last turn; counts what it was asked."""

    def __init__(self, name="written", answer=None):
        self.name = name
        self.asked: list[ChatRequest] = []
        self._answer = answer or (lambda model, text: f"{model} says: {text}")

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        for place, request in enumerate(requests):
            self.asked.append(request)
            found = self._answer(request.model, request.messages[-1]["content"])
            if isinstance(found, Answer):
                yield place, found
            else:
                yield place, Answer(model=request.model, text=found)

    def identify(self, model: str) -> str:
        return f"weights of {model}"

    def close(self) -> None:
        pass


@pytest.fixture
def provider():
    return Written()


@pytest.fixture
def written():
    return Written


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_RATER", "ann")
    with make(tmp_path / "shop", 24, 12) as project:
        yield project


@pytest.fixture
def make_project(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_RATER", "ann")
    return lambda name, total, held_out: make(tmp_path / name, total, held_out)


def make(path, total, held_out):
    project = create(path, Config(name="shop", system_prompt="Be kind."))
    rows = [
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": f"question {number}"},
                {"role": "assistant", "content": f"answer {number}"},
            ],
            "rating": 9,
        }
        for number in range(1, total + 1)
    ]
    ids = [added.id for added in project.dataset.add(rows)]
    project.dataset.set_splits({i: "val" if i <= held_out else "train" for i in ids})
    project.dataset.fold()
    return project

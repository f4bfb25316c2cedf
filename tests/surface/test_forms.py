"""The form for new examples, from the browser's message to the file."""

from __future__ import annotations

from typing import Any

import pytest

import aitelier_nb as ait
from aitelier_nb.verbs.forms import form


@pytest.fixture
def project(tmp_path) -> Any:
    made = ait.init("shop", path=tmp_path, system_prompt="be kind")
    yield made
    made.close()


def say(project: Any, **message: Any) -> dict[str, Any]:
    widget, sent = form(project), []
    widget.send = lambda content, buffers=None: sent.append(content)
    widget._receive(widget, {"session": "s", "seq": 1, **message}, [])
    return sent[-1]


def test_what_is_typed_becomes_an_example_with_the_projects_system_prompt(project) -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert say(project, kind="add", messages=turns, rating=9)["told"] == "example 1 added."
    kept = project.dataset.get(1)
    assert (kept.system, kept.input, kept.output, kept.rating) == ("be kind", "q", "a", 9)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("User: hello\nAssistant: hi there", 1),
        ('{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}', 2),
        ("input,output\na,b\nc,d", 2),
    ],
)
def test_what_is_pasted_becomes_examples(project, text, count) -> None:
    assert say(project, kind="paste", text=text)["ok"]
    assert len(project.dataset) == count


@pytest.mark.parametrize("text", ["", "nonsense", "User: a question without an answer"])
def test_what_is_no_example_is_refused_and_nothing_is_added(project, text) -> None:
    answer = say(project, kind="paste", text=text)
    assert answer["error"]
    assert len(project.dataset) == 0

"""A classifier over all that a rater's machine shows but the texts guesses the sides like a coin.

It sees the page's elements and attributes, what the page and the kernel say to each other, the
widget's state, what a saved notebook holds, and names, sizes and times of the files, for 2,000
pairs drawn by the real front end and voted on by key.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.schema import Answer, Config
from aitelier_nb.storage.project import Project
from aitelier_nb.storage.project import create as create_project
from aitelier_nb.verbs.comparing import BlindComparison

STUDIES, PAIRS = 10, 200
TOKEN = re.compile(r"[^\s<>=\"{}\[\]:,;]+")


class Letters:
    """Answers of equal length; the first letter tells whose they are, and stays in the kernel's texts."""

    name = "letters"

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def answers(self, requests: list[ChatRequest]) -> Any:
        for place, request in enumerate(requests):
            text = request.model[0] + "".join(self._draw.choices("abcdefgh ", k=80))
            yield place, Answer(model=request.model, text=text)

    def identify(self, model: str) -> str:
        return f"weights of {model}"

    def close(self) -> None:
        """Nothing is open."""


def shop(folder: Path) -> Project:
    project = create_project(folder, Config(name="shop"))
    rows = [
        {"messages": [{"role": "user", "content": f"q {n}"}, {"role": "assistant", "content": f"a {n}"}]}
        for n in range(PAIRS)
    ]
    ids = [added.id for added in project.dataset.add([{**row, "rating": 9} for row in rows])]
    project.dataset.set_splits(dict.fromkeys(ids, "val"))
    project.dataset.fold()
    return project


class Seen:
    """One study behind its widget, and what of it can be seen."""

    def __init__(self, project: Project, number: int, leak: bool) -> None:
        models = [
            Contestant(label, Letters(number), name) for label, name in (("base", "ONE"), ("tuned", "TWO"))
        ]
        self.project = project
        self.study = create(project, *models, question=f"Which would you send ({number})?")
        self.widget = BlindComparison(self.study).widget()
        self.sent: list[dict[str, Any]] = []
        self.widget.send = lambda content, buffers=None: self.sent.append(content)
        self.rows = [
            row
            for start in range(0, PAIRS, 50)
            for row in self.says(kind="fetch", start=start, n=50)["examples"]
        ]
        self.lefts = [row["left"].startswith("T") for row in self.rows]
        if leak:
            self.rows = [
                {**row, "choice": "left" if left else None}
                for row, left in zip(self.rows, self.lefts, strict=True)
            ]
        self.keys = random.Random(number).choices("120b", k=PAIRS)

    def says(self, **message: Any) -> dict[str, Any]:
        self.widget._receive(self.widget, {"session": "s", **message}, [])
        return self.sent[-1]

    def recorded(self) -> dict[str, Any]:
        hello = {
            key: value for key, value in self.says(kind="hello").items() if key not in ("session", "seq")
        }
        hello["examples"] = self.rows[:60]
        return {"hello": hello, "rows": self.rows, "keys": self.keys}

    def traces(self, pages: list[dict[str, Any]]) -> list[list[str]]:
        """Hand the kernel the votes that the page sent; return what each left behind, as words."""
        found = []
        for place, page in enumerate(pages):
            (vote,) = page["sent"]
            begun = time.perf_counter()
            ack = self.says(**vote)
            spent = time.perf_counter() - begun
            state = {
                key: value for key, value in self.widget.get_state().items() if key not in ("_esm", "_css")
            }
            saved = self.widget.static()
            told = json.dumps([ack, vote, state, repr(saved), saved._repr_html_()], default=str)
            words = [*TOKEN.findall(page["page"]), *TOKEN.findall(told), *self._files()]
            found.append([*words, f"took {spent > 0.002}", f"odd {place % 2}", f"key {self.keys[place]}"])
        return found

    def _files(self) -> list[str]:
        words = []
        for path in sorted((self.project.path / "data").rglob("*")):
            stat = path.stat()
            digits = [
                f"{path.suffix} {name} {value % 10}"
                for name, value in (("size", stat.st_size), ("at", stat.st_mtime_ns // 1000))
            ]
            words += [path.name, *digits]
        return words


def guessed(traces: list[list[str]], lefts: list[bool]) -> float:
    """Learn on every second pair which words go with the tuned model on the left; return the share guessed."""
    seen = Counter(word for words in traces for word in set(words))
    known = [word for word, n in seen.items() if 20 <= n <= len(traces) - 20]
    column = {word: place for place, word in enumerate(known)}
    x, y = np.zeros((len(traces), len(known) + 1)), np.array(lefts, dtype=float)
    x[:, -1] = 1
    for row, words in enumerate(traces):
        for word in words:
            if word in column:
                x[row, column[word]] += 1
    train = np.arange(len(y)) % 2 == 0
    ridge = x[train].T @ x[train] + 10 * np.eye(x.shape[1])
    weights = np.linalg.solve(ridge, x[train].T @ (y[train] - 0.5))
    return float(((x[~train] @ weights > 0) == (y[~train] > 0.5)).mean())


@pytest.mark.parametrize("leak", [False, True])
def test_nothing_but_the_texts_tells_who_stands_left(
    tmp_path, monkeypatch, node_packages, leak: bool
) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # 4,000 waits for the disk prove nothing here
    studies = 2 if leak else STUDIES
    with shop(tmp_path / "shop") as project:
        seen = [Seen(project, number, leak) for number in range(studies)]
        given, drawn = tmp_path / "given.json", tmp_path / "drawn.json"
        given.write_text(json.dumps({"studies": [one.recorded() for one in seen]}))
        subprocess.run(["node", "pages.js", given, drawn], cwd=node_packages.parent, check=True, timeout=300)
        pages = json.loads(drawn.read_text())
        traces = [words for one, drawn_ in zip(seen, pages, strict=True) for words in one.traces(drawn_)]
    lefts = [left for one in seen for left in one.lefts]
    assert len(lefts) == studies * PAIRS
    share = guessed(traces, lefts)
    if leak:  # a vote that is there before it was given: the classifier must find a real leak
        assert share > 0.95
    else:
        assert abs(share - 0.5) < 3.3 * (0.25 / (len(lefts) / 2)) ** 0.5

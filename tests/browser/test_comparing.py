"""A blind comparison in a real JupyterLab: one key a vote, and nothing of the sides anywhere."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import aitelier_nb as ait
from aitelier_nb.evaluation.contests import results
from aitelier_nb.evaluation.designs import open_study
from aitelier_nb.storage.project import open_project

STUDY = """
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create
from aitelier_nb.schema import Answer
from aitelier_nb.verbs.comparing import BlindComparison
from aitelier_nb.verbs.current import current
class Written:
    name = "written"
    def answers(self, requests):
        for place, request in enumerate(requests):
            yield place, Answer(model=request.model, text=f"{request.model[:3]} {request.messages[-1]['content']}")
    def identify(self, model):
        return model
    def close(self):
        pass
pair = [Contestant(label, Written(), name) for label, name in (("base", "ONE-secret"), ("tuned", "TWO-secret"))]
BlindComparison(create(current(), *pair))
"""

NAMES = ("ONE", "TWO", "SIX")
CONTEST = (
    STUDY.replace('("tuned", "TWO-secret")', '("tuned", "TWO-secret"), ("other", "SIX-secret")')
    .replace("evaluation.designs import create", "evaluation.contests import open_contest")
    .replace("create(current(), *pair)", "open_contest(current(), pair)")
)


def project(lab: Any, name: str, held: int) -> Path:
    folder = lab.work / name
    made = ait.init(name, path=folder)
    turns = [[("user", f"question {n}"), ("assistant", f"answer {n}")] for n in range(held)]
    rows = [{"messages": [{"role": r, "content": t} for r, t in turn], "rating": 9} for turn in turns]
    made.dataset.set_splits({added.id: "val" for added in made.dataset.add(rows)})
    made.close()
    return folder


def shown(lab: Any, name: str, cell: str, held: int) -> tuple[Path, Any, Any]:
    """Show a comparison and give it the keyboard; return the project, the notebook and the widget."""
    folder = project(lab, name, held)
    book = lab.notebook(name, [cell], folder)
    book.run()
    box = book.page.locator("section.ait")
    box.locator(".ait-side .ait-text").first.wait_for()
    box.click(position={"x": 5, "y": 5})
    return folder, book, box


def test_votes_by_key_are_kept_and_neither_page_nor_notebook_tell_a_side(lab) -> None:
    folder, book, box = shown(lab, "blind", STUDY, 24)
    pages, lefts = set(), []
    for place in range(24):
        lefts.append(box.locator(".ait-side .ait-text").first.inner_text()[:3])
        pages.add(re.sub(r">[^<]+<", "><", box.evaluate("node => node.outerHTML")))
        book.page.keyboard.press("120b"[place % 4])
    box.locator(".ait-end").wait_for()
    book.page.keyboard.press("u")
    book.until("() => document.querySelector('.ait-saving').textContent === '23 saved'")
    book.until("() => document.body.innerText.includes('23 of 24 pairs voted')")
    book.page.keyboard.press("1")
    book.until("() => document.body.innerText.includes('24 of 24 pairs voted')")
    assert sorted(set(lefts)) == ["ONE", "TWO"]
    assert len({re.sub(r'value="\d+"', "", page) for page in pages}) == 1
    saved = str(book.save()["cells"][0]["outputs"])
    assert book.path.stat().st_size < 50_000
    assert "24 of 24 pairs voted" in saved
    assert not re.search("secret|question 3|tunedLeft", saved)
    there = open_project(folder)
    study = open_study(there, rater="anna")
    votes = {"1": "left", "2": "right", "0": "tie", "b": "bad"}
    given = [study.standing()[slot] for slot in study.slots]
    assert given == [votes["120b"[place % 4]] for place in range(23)] + ["left"]
    there.close()


def test_a_contest_of_three_is_one_list_of_votes_by_key_and_tells_no_side(lab, node_packages: Path) -> None:
    folder, book, box = shown(lab, "contest", CONTEST, 6)
    book.page.add_script_tag(path=str(node_packages / "axe-core" / "axe.min.js"))
    pages, pairs = set(), set()
    for place in range(18):
        if place in (6, 12):
            book.theme(dark=place == 6)
            book.picture(box, f"contest-{'dark' if place == 6 else 'light'}")
            assert book.page.evaluate("() => axe.run('.ait')")["violations"] == []
        pairs.add(tuple(text[:3] for text in box.locator(".ait-side .ait-text").all_inner_texts()))
        pages.add(re.sub(r">[^<]+<", "><", box.evaluate("node => node.outerHTML")))
        book.page.keyboard.press("120b"[place % 4])
    box.locator(".ait-end").wait_for()
    book.until("() => document.body.innerText.includes('18 of 18 pairs voted')")
    assert {frozenset(pair) for pair in pairs} == {frozenset(pair) for pair in combinations(NAMES, 2)}
    assert len({re.sub(r'value="\d+"', "", page) for page in pages}) == 1
    assert not re.search("secret|question 3|Left", str(book.save()["cells"][0]["outputs"]))
    there = open_project(folder)
    (league,) = [path for path, _ in results(there)]
    assert json.loads(league.read_text(encoding="utf-8"))["labels"] == ["base", "tuned", "other"]
    votes = [json.loads(line) for path in folder.rglob("*votes*") for line in path.read_text().splitlines()]
    assert len([vote for vote in votes if vote.get("choice")]) == 18
    there.close()


def test_two_raters_on_one_project_keep_their_own_ratings(lab) -> None:
    folder = project(lab, "raters", 6)
    rate = "import os\nos.environ['AITELIER_RATER'] = {!r}\nimport aitelier_nb as ait\nait.rate(order='file')"
    books = [lab.notebook(name, [rate.format(name)], folder) for name in ("anna", "bert")]
    for book in books:
        book.run()
        book.take()
    for anna, bert in zip("777777", "888888", strict=True):
        books[0].page.keyboard.press(anna)
        books[1].page.keyboard.press(bert)
    for book in books:
        book.until("() => document.querySelector('.ait-saving').textContent === '6 saved'")
    there = open_project(folder)
    found = [example.ratings for example in there.dataset.examples()]
    assert found == [{"anna": 7, "bert": 8}] * 6
    there.close()

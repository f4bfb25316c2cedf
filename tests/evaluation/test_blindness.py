"""A classifier that sees all but the texts themselves guesses who stands left no better than a coin."""

import json

import numpy as np

from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create
from aitelier_nb.widgets.comparator import Comparator


def features(study):
    """Return a row for each pair of what page, file names, sizes, order and times tell, and who stands left."""
    files = {pair["id"]: (place, pair["answers"]) for place, pair in enumerate(study.content["pairs"])}
    votes = {row["id"]: row for row in study.ledger.rows()}
    rows, lefts = [], []
    for place, pair in enumerate(study.page()):
        line, answers = files[pair["id"]]
        vote = votes.get(pair["id"], {"leftSha256": "0000", "seal": "0000", "at": "00.000Z"})
        bits = [int(c, 16) & 1 for c in vote["leftSha256"][:4] + vote["seal"][:4]]
        seconds = float(vote["at"][-6:-1])
        rows.append(
            [
                1,
                place,
                place % 2,
                pair["id"],
                pair["id"] % 2,
                line,
                answers[0] == pair["left"],
                seconds,
                *bits,
            ]
        )
        lefts.append("TWO" in pair["left"])
    return rows, lefts


def test_a_classifier_guesses_the_sides_of_2000_pairs_no_better_than_a_coin(make_project, written):
    rows, lefts = [], []
    with make_project("many", 220, 200) as project:
        for number in range(10):
            provider = written(answer=lambda model, text, n=number: f"{model} {n} {text}")
            models = [
                Contestant(label, provider, name) for label, name in (("base", "ONE"), ("tuned", "TWO"))
            ]
            study = create(project, *models, question=f"Which is better ({number})?")
            for place in range(0, 200, 4):
                study.vote_at(place, "left")
            found = features(study)
            rows += found[0]
            lefts += found[1]
    x, y = np.array(rows, dtype=float), np.array(lefts, dtype=float)
    assert len(y) == 2000
    x = (x - x.mean(axis=0)) / np.where(x.std(axis=0) == 0, 1, x.std(axis=0))
    seen = np.arange(2000) % 2 == 0
    weights = np.linalg.lstsq(x[seen], y[seen] - 0.5, rcond=None)[0]
    right = ((x[~seen] @ weights > 0) == (y[~seen] > 0.5)).mean()
    assert abs(right - 0.5) < 3.3 * (0.25 / 1000) ** 0.5


def test_the_widget_and_what_it_sends_name_no_model_and_no_side(project, provider):
    study = create(project, Contestant("base", provider, "ONE"), Contestant("tuned", provider, "TWO"))
    widget = Comparator(study.page, print, total=len(study.slots), question="Which?")
    state = {name: value for name, value in widget.get_state().items() if not name.startswith("_")}
    sent = json.dumps([state, widget._light(0, 12)], default=str)
    assert "tunedLeft" not in sent
    assert study.path.name not in sent
    assert set(widget._light(0, 1)[0]) <= {"position", "id", "messages", "left", "right", "choice"}

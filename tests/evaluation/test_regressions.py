import shutil
from pathlib import Path

import pytest

import aitelier_nb as ait
from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.evaluations import collect
from aitelier_nb.evaluation.measures import measure
from aitelier_nb.evaluation.regressions import previous, regressions
from aitelier_nb.evaluation.scores import Scores
from aitelier_nb.evaluation.timeline import history

TOOL = Path(__file__).parents[1] / "fixtures" / "ts-a8-evaluated" / "data" / "evals"


def evaluated(project, written, good, version, ids=None):
    provider = written(answer=lambda model, text: "yes" if int(text.split()[-1]) in good else "no")
    checks = [measure({"kind": "contains", "texts": ["yes"], "name": "says yes"})]
    models = [Contestant("tuned", provider, f"model-{version}")]
    return collect(project, models, measures=checks, version=version, ids=ids)


def test_what_got_worse_comes_first(project, written):
    before = evaluated(project, written, {1, 2, 3, 4}, "v1")
    now = evaluated(project, written, {2, 3, 4, 5, 6}, "v2")
    assert previous(project, now).path == before.path
    found = regressions(before, now)
    assert [(change.id, change.worse) for change in found.changes] == [(1, True), (5, False), (6, False)]
    assert found.to_json()["difference"] == pytest.approx(1 / 12)
    assert "1 worse, 2 better" in found.headline()


def test_unequal_sets_are_not_compared(project, written):
    before = evaluated(project, written, {1}, "v1")
    now = evaluated(project, written, {1}, "v2", ids=range(1, 11))
    with pytest.raises(EvaluationError, match="asked different examples"):
        regressions(before, now)


def test_an_expected_answer_that_changed_is_not_compared(project, written):
    before = evaluated(project, written, {1}, "v1")
    project.dataset.rewrite(2, "another answer", 9)
    project.dataset.fold()
    now = evaluated(project, written, {1}, "v2")
    with pytest.raises(EvaluationError, match="expects another answer to example 2"):
        regressions(before, now)


def test_the_history_shows_every_evaluation_in_text_and_picture(project, written):
    for number in (1, 2, 3):
        evaluated(project, written, set(range(4 * number)), f"v{number}")
    found = history(project)
    assert [row[3] for row in found.rows()] == ["tuned"] * 3
    assert found.to_json()["evaluations"][0]["tuned"]["rate"] == pytest.approx(3 / 12)
    assert found._repr_html_().count("<circle") == 3
    assert "3 of 12" in found.text()


def test_the_history_has_a_picture_a_measure_scores_and_files_of_the_ait_tool_among_them(project, written):
    shutil.copytree(TOOL, project.evals_path, dirs_exist_ok=True)
    found = evaluated(project, written, {1}, "v1")
    scores = Scores(project, found)
    for slot, score in zip(scores.slots, [9, 8, 3, 7], strict=False):
        scores.score(slot, score)
    told = history(project)
    measures = list(dict.fromkeys(row[2] for row in told.rows()))
    assert measures[0] == "sendable, scored 1 to 5 by the ait tool"
    assert measures[-1] == "sendable, scored 8 or more of 10"
    assert told._repr_html_().count("<svg") == len(measures) == 3
    assert [row[-1][:6] for row in told.rows()] == ["3 of 4", "2 of 3", "3 of 3", "1 of 1", "2 of 4"]
    assert "scored 1 to 5 by the ait tool, tuned mean 4.25, sendable 3 of 4" in " ".join(
        ait.stats(project=project).notes()
    )

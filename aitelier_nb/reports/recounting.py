"""Whether evaluation files hold up: answers are those recorded, checks come out again, seals are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.errors import DataError, EvaluationError
from aitelier_nb.evaluation import archive
from aitelier_nb.evaluation.measures import Measure, measure
from aitelier_nb.reports.comparing import Difference
from aitelier_nb.reports.outcomes import comparison
from aitelier_nb.storage.project import Project

__all__ = ["check"]

Said = dict[str, tuple[str, str]]


def check(project: Project) -> tuple[int, list[Difference]]:
    """Return how many answers were compared with their recordings, and where a file does not hold up.

    An answer must be the recorded one; a check (but for functions of the user) must come out as it
    stands; votes must bear the seals that the reveal gives.
    """
    said, found, compared = _recorded(project), [], 0
    for path in archive.paths(project):
        content = archive.load(path)
        name = f"data/evals/{path.name}"
        if "answers" in content:
            compared += len(content["answers"])
            found += list(_answers(name, content, said))
            found += list(_checks(project, name, content))
        elif "pairs" in content:
            found += _seals(project, path, content, name)
    return compared, found


def _recorded(project: Project) -> Said:
    """Return text and finish reason of every recorded answer by its fingerprint; the last of two counts."""
    said: Said = {}
    for path in sorted(project.recordings_path.glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n"):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and "fingerprint" in row:
                answer = row.get("answer", row)
                said[str(row["fingerprint"])] = (
                    str(answer.get("text")),
                    str(answer.get("finish_reason", "stop")),
                )
    return said


def _answers(name: str, content: Mapping[str, Any], said: Said) -> Iterator[Difference]:
    for row in content["answers"]:
        known = said.get(str(row.get("fingerprint")))
        if "error" in row or row.get("fingerprint") is None:
            continue
        who = f"answer of {row['contestant']}"
        if known is None:
            yield Difference(name, "it was never recorded in data/recordings", id=row["id"], field=who)
        elif known != (row["text"], row.get("finish_reason", "stop")):
            yield Difference(name, "it is not the answer that was recorded", id=row["id"], field=who)


def _checks(project: Project, name: str, content: Mapping[str, Any]) -> Iterator[Difference]:
    checks = {one["name"]: _measure(one) for one in content["measures"]}
    for row in content["answers"]:
        try:
            example = project.dataset.get(row["id"])
        except DataError:
            continue
        for key, value in row.get("measures", {}).items():
            again = checks.get(key)
            if again is not None and again(row["text"], example) != value:
                told = f"says {value:g}, comes out as {again(row['text'], example):g}"
                yield Difference(name, told, id=row["id"], field=f"{key} of {row['contestant']}")


def _measure(described: Mapping[str, Any]) -> Measure | None:
    """Return a measure that the files describe whole; one made by a function of the user is not."""
    if described.get("kind") == "function":
        return None
    try:
        return measure(described)
    except EvaluationError:
        return None


def _seals(project: Project, path: Path, content: Mapping[str, Any], name: str) -> list[Difference]:
    study = comparison(project, path, content)
    try:
        if study is not None:
            study.check()
    except (EvaluationError, KeyError) as error:
        return [Difference(name, str(error))]
    return []

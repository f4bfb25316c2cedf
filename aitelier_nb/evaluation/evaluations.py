"""An evaluation: the answers of all contestants to the validation examples, their checks, in one file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import archive
from aitelier_nb.evaluation.answers import PARAMETERS, Asked, Contestant, Row, ask, sha256, validation
from aitelier_nb.evaluation.measures import Measure, Rate, rate
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.schema import Parameters
from aitelier_nb.storage.project import Project, now
from aitelier_nb.storage.tombstones import canonical
from aitelier_nb.views import View, number

__all__ = ["Evaluation", "collect", "latest", "ours", "read", "stated"]

REFUSED = ("refusal", "content_filter")
NOT_IDENTITY = ("createdAt", "identity", "leftOut", "dataset")


class Evaluation(View):
    """The answers of every contestant to every validation example asked.

    Attributes
    ----------
    path
        Its file in data/evals.
    content
        What the file holds.
    """

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self.path = path
        self.content = content

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The rows, by example, then by contestant; failures are rows with `error`."""
        return list(self.content["answers"])

    @property
    def labels(self) -> list[str]:
        """The contestants' labels, in their order."""
        return [contestant["label"] for contestant in self.content["contestants"]]

    @property
    def n(self) -> int:
        """The number of examples asked."""
        return len(self.content["examples"])

    @property
    def measures(self) -> list[str]:
        """The names of the automatic checks; the first is the primary one."""
        return [measure["name"] for measure in self.content["measures"]]

    def of(self, label: str) -> list[dict[str, Any]]:
        """Return one contestant's rows."""
        return [row for row in self.answers if row["contestant"] == label]

    def rates(self) -> dict[str, dict[str, Rate]]:
        """Return by contestant and check the share of answers that pass; a failed request is no answer."""
        return {
            label: {
                name: rate([row["measures"][name] for row in self.of(label) if "error" not in row])
                for name in self.measures
            }
            for label in self.labels
        }

    def counts(self, label: str) -> dict[str, int]:
        """Return how many requests of a contestant were answered, failed, truncated and refused."""
        rows = self.of(label)
        return {
            "answered": sum("error" not in row for row in rows),
            "failed": sum("error" in row for row in rows),
            "truncated": sum(row["finish_reason"] == "length" for row in rows),
            "refused": sum(row["finish_reason"] in REFUSED for row in rows),
        }

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return by contestant its model, counts, and checks as {"rate", "n", "interval"}.

        The primary check also stands at the contestant's top level.
        """
        models = {one["label"]: one["model"] for one in self.content["contestants"]}
        found = {}
        for label, checks in self.rates().items():
            shown = {name: value.to_json() for name, value in checks.items()}
            primary = shown[self.measures[0]] if self.measures else {}
            found[label] = {"model": models[label], **self.counts(label), **primary, **shown}
        return found

    def to_json(self) -> dict[str, Any]:
        """Return {"file", "n", "answers", "contestants", "left_out"}."""
        return {
            "file": str(self.path),
            "n": self.n,
            "answers": self.answers,
            "contestants": self.summary(),
            "parameters": self.content["parameters"],
            "left_out": self.content["leftOut"],
        }

    def headline(self) -> str:
        """Count examples and contestants, and name the file."""
        return f"{self.n} validation examples, {', '.join(self.labels)}: {self.path.name}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns: one a check."""
        return ("contestant", "model", "answers", *self.measures)

    def rows(self) -> list[Sequence[object]]:
        """Return a contestant a row."""
        models = {one["label"]: one["model"] for one in self.content["contestants"]}
        return [
            (label, models[label], self.counts(label)["answered"], *map(stated, checks.values()))
            for label, checks in self.rates().items()
        ]

    def notes(self) -> list[str]:
        """Tell what was left out, failed, cut or refused."""
        notes = [f"left out {len(ids)}: {reason}" for reason, ids in self.content["leftOut"].items()]
        for label in self.labels:
            counts = self.counts(label)
            told = [f"{counts[word]} {word}" for word in ("failed", "truncated", "refused") if counts[word]]
            notes += [f"{label}: {', '.join(told)}"] if told else []
        return notes


def stated(value: Rate) -> str:
    """Return a rate in words: 27 of 30 (0.900, 0.744 to 0.965)."""
    if value.rate is None:
        return "no answer"
    passed = value.rate * value.n
    share = f"{passed:.0f} of {value.n}" if abs(passed - round(passed)) < 1e-9 else f"mean of {value.n}"  # noqa: PLR2004
    between = f", {number(value.interval[0])} to {number(value.interval[1])}" if value.interval else ""
    return f"{share} ({number(value.rate)}{between})"


def collect(
    project: Project,
    contestants: Sequence[Contestant],
    *,
    measures: Sequence[Measure] = (),
    ids: Iterable[int] | None = None,
    parameters: Parameters = PARAMETERS,
    mode: Mode = "auto",
    version: str = "base",
) -> Evaluation:
    """Ask the contestants, check their answers and write the evaluation's file.

    When the same contestants gave the same answers to the same examples before, that file is
    returned and nothing is written.

    Parameters
    ----------
    project
        Its validation examples are asked, its recordings are looked up first.
    contestants
        Who is asked, each under a label of its own.
    measures
        Automatic checks, the primary one first.
    ids
        Only these validation examples.
    parameters
        Temperature, length and seed, the same for all.
    mode
        Of the recordings: "auto", "record", "replay" or "live".
    version
        `v{n}` or "base"; part of the file's name.
    """
    asked = validation(project, ids)
    rows = ask(project, contestants, asked.examples, parameters, mode)
    content = _content(project, contestants, asked, rows, measures, parameters, version)
    known = archive.identical(project, "eval", content["identity"])
    if known is not None:
        return Evaluation(*known)
    return Evaluation(archive.write(project, "eval", version, content), content)


def _content(
    project: Project,
    contestants: Sequence[Contestant],
    asked: Asked,
    rows: Sequence[Row],
    measures: Sequence[Measure],
    parameters: Parameters,
    version: str,
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "schema": archive.FORMAT,
        "kind": "evaluation",
        "createdAt": now(),
        "version": version,
        "scale": [1, 10],
        "threshold": project.config.quality_threshold,
        "dataset": {"fingerprint": project.dataset.fingerprint()},
        "parameters": parameters.model_dump(exclude_none=True),
        "contestants": [contestant.to_json(project) for contestant in contestants],
        "measures": [measure.to_json() for measure in measures],
        "examples": [
            {
                "id": example.id,
                "createdAt": example.created_at,
                "expectedSha256": sha256(example.output),
                **({"group": example.group} if example.group is not None else {}),
            }
            for example in asked.examples
        ],
        "leftOut": {reason: list(ids) for reason, ids in asked.left_out.items() if ids},
        "answers": [_checked(row, measures) for row in rows],
    }
    same = {key: value for key, value in content.items() if key not in NOT_IDENTITY}
    return {"identity": hashlib.sha256(canonical(same)).hexdigest(), **content}


def _checked(row: Row, measures: Sequence[Measure]) -> dict[str, Any]:
    values = {m.name: m(row.answer.text, row.example) for m in measures} if row.answered else {}
    return {**row.to_json(), "measures": values}


def read(path: Path) -> Evaluation:
    """Return the evaluation of a file of ours."""
    return Evaluation(path, archive.load(path))


def ours(project: Project) -> list[Evaluation]:
    """Return all evaluations of ours that can be read, oldest first.

    Files of the `ait` tool have a scale of their own; a file that is broken is named by `load`, where
    it is asked for by its name.
    """
    found = []
    for path in archive.paths(project, "eval"):
        with suppress(EvaluationError):
            found.append(read(path))
    return [one for one in found if one.content.get("scale") == [1, 10] and "answers" in one.content]


def latest(project: Project) -> Evaluation | None:
    """Return the newest evaluation of ours, or None."""
    return next(reversed(ours(project)), None)

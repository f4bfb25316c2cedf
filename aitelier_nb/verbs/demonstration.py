"""The whole loop on a shipped example project, with a real fine-tune of the embedded model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, cast

from aitelier_nb.evaluation import designs, studies
from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.progress import Progress, stage
from aitelier_nb.providers.local import packages
from aitelier_nb.schema import Example
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.collecting import load
from aitelier_nb.verbs.comparing import compare
from aitelier_nb.verbs.evaluating import evaluate
from aitelier_nb.verbs.following import Run
from aitelier_nb.verbs.formatting import format as write_training_files
from aitelier_nb.verbs.projects import init
from aitelier_nb.verbs.reporting import report
from aitelier_nb.verbs.splitting import split
from aitelier_nb.verbs.tuning import train
from aitelier_nb.views import View

__all__ = ["Demonstration", "demo"]

SEED = 7
SHOTS_FROM = "train"
MAX_TOKENS = 48
EPOCHS = 1.5  # 57 steps
HELD_OUT = 30
RATER = "shipped ratings"
CHOICES: dict[tuple[bool, bool], studies.Choice] = {
    (True, False): "left",
    (False, True): "right",
    (True, True): "tie",
    (False, False): "bad",
}
STAGES = ("import", "rate", "split", "format", "train", "evaluate", "compare", "report")


@dataclass(frozen=True, repr=False)
class Demonstration(View):
    """What the demo measured on held-out examples, by contestant: rate, n and interval of one measure."""

    project: Path
    report: Path
    measure: str
    description: str
    results: Mapping[str, Mapping[str, Any]]
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait demo --json`."""
        rates = {label: self.results[label]["rate"] for label in ("base", "prompted", "tuned")}
        return {
            "project": str(self.project),
            "report": str(self.report),
            **rates,
            "held_out": self.results["tuned"]["n"],
            "measure": self.measure,
            "intervals": {label: list(result["interval"]) for label, result in self.results.items()},
            "verdict": self.verdict,
        }

    def headline(self) -> str:
        """Say the measured change."""
        base, tuned = self.results["base"], self.results["tuned"]
        return f"{self.measure}: base {_share(base)}, tuned {_share(tuned)} of {tuned['n']} held-out examples"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("model", "matches", "held out", "rate", "95 % interval")

    def rows(self) -> list[Sequence[object]]:
        """Return a contestant a row."""
        return [
            (
                label,
                round(result["rate"] * result["n"]),
                result["n"],
                result["rate"],
                tuple(result["interval"]),
            )
            for label, result in self.results.items()
        ]

    def notes(self) -> Sequence[str]:
        """Say what was measured, what it shows, and where the report lies."""
        return [f"Measured: {self.description}", self.verdict, f"Report: {self.report}"]


def _share(result: Mapping[str, Any]) -> str:
    return f"{100 * result['rate']:.0f} %"


def demo(path: str | Path = "aitelier-demo") -> Demonstration:
    """Run the whole loop on a shipped project: import, rate, split, format, train, evaluate, compare, report.

    The examples are written, the model and its fine-tune are real. Running it again finds what is
    there and gives the same result.

    Parameters
    ----------
    path
        The folder of the demo project; it is made when it is missing.

    Raises
    ------
    ProjectError
        Another project is in that folder.
    ModelMissing
        The embedded model is not on this machine and cannot be fetched, or the packages that train
        it are not installed.
    """
    packages.require()
    shipped = resources("aitelier_nb").joinpath("demo_project")
    about = json.loads(shipped.joinpath("about.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in shipped.joinpath("support.jsonl").read_bytes().splitlines()]
    folder = Path(path)
    project = init(
        about["name"],
        provider="local",
        system_prompt=about["systemPrompt"],
        threshold=about["qualityThreshold"],
        path=folder,
    )
    _bring_in(project, rows, about)
    with _stage("split"), Progress("examples", len(rows)) as progress:
        split(holdout=HELD_OUT, seed=SEED, project=project)
        progress.reach(len(rows))
    with _stage("format"), Progress("files", 2) as progress:
        write_training_files(project=project)
        progress.reach(2)
    with _stage("train"):
        run = cast("Run", train(epochs=EPOCHS, seed=SEED, project=project)).wait()
    with _stage("evaluate"):
        prefix = _prefix(project, about)
        checks = [about["measure"]]
        evaluation = evaluate(run, checks=checks, prefix=prefix, max_tokens=MAX_TOKENS, project=project)
    with _stage("compare"):
        sentence = _judged(project, about)
    with _stage("report"), Progress("pages", 1) as progress:
        written = report(project=project)
        progress.reach(1)
    return Demonstration(
        project=project.path,
        report=written.path,
        measure=about["measure"]["name"],
        description=about["measure"]["description"],
        results=_results(evaluation),
        verdict=sentence,
    )


def _stage(name: str) -> AbstractContextManager[None]:
    return stage(f"{STAGES.index(name) + 1}/{len(STAGES)} {name}")


def _bring_in(project: Project, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    """Import the conversations unrated, then rate each as it was shipped."""
    with _stage("import"), Progress("examples", len(rows)) as progress:
        unrated = [{"messages": row["messages"], "source": about["source"]} for row in rows]
        load(unrated, project=project)
        progress.reach(len(rows))
    with _stage("rate"), Progress("examples", len(rows)) as progress:
        for example, row in zip(project.dataset.examples(), rows, strict=True):
            if example.rating is None:
                project.dataset.set_rating(example.id, row["rating"], by=RATER)
            progress.advance()
        project.dataset.fold()

    def describe(config: dict[str, Any]) -> None:
        config.setdefault("aitelierNb", {}).update(
            guideline=about["guideline"], license=about["licence"], intendedUse=about["title"]
        )

    project.change_config(describe)


def _prefix(project: Project, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the prompted baseline: the instruction, and the best training examples as shots."""
    trained = [example for example in project.dataset.examples() if example.split == SHOTS_FROM]
    best = sorted(trained, key=lambda example: (-(example.rating or 0), example.id))[
        : about["prompted"]["shots"]
    ]
    shots = [turn for example in best for turn in _turns(example)]
    return [{"role": "system", "content": about["prompted"]["instruction"]}, *shots]


def _turns(example: Example) -> list[dict[str, Any]]:
    return [{"role": "user", "content": example.input}, {"role": "assistant", "content": example.output}]


def _results(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    return {
        label: {key: result[key] for key in ("rate", "n", "interval")}
        for label, result in evaluation.summary().items()
    }


def _judged(project: Project, about: Mapping[str, Any]) -> str:
    """Let the stated rule vote on each pair, blind as a person would, and return the verdict."""
    pattern = re.compile(about["measure"]["pattern"])

    def prefer(left: str, right: str, _: Example) -> studies.Choice:
        fits = (bool(pattern.search(left)), bool(pattern.search(right)))
        return CHOICES[fits]

    blind = compare(max_tokens=MAX_TOKENS, project=project)
    if not blind.studies[0].revealed:
        designs.judge(blind.studies[0], f"an answer in the {about['measure']['name']} wins", prefer)
    return blind.reveal().headline()

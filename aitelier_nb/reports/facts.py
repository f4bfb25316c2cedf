"""The whole report as values: what `report.json` holds.

Gathered from the project's files and from nothing else: no clock, no network, no environment of
the moment. Equal files give equal facts, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import chain
from typing import Any

from aitelier_nb import __version__
from aitelier_nb.curation import leaks
from aitelier_nb.reports import corpus, environment, fingerprints, outcomes, trainings
from aitelier_nb.reports.verdicts import verdict
from aitelier_nb.schema import Config
from aitelier_nb.storage.project import Project

__all__ = ["SCHEMA", "encode", "gather"]

SCHEMA = 1
SURROGATE = re.compile("[\ud800-\udfff]")
REPRODUCE = (
    "Clone or unpack the project folder; no key and no network is needed.",
    "ait verify recomputes every number of this report from the files below and compares their hashes.",
    "ait rerun NOTEBOOK runs a notebook again without a network; answers come from data/recordings.",
)


def gather(project: Project) -> dict[str, Any]:
    """Return the content of report.json for a project as its files stand now."""
    config = project.config
    counted = corpus.count(project.dataset.examples(), config.quality_threshold)
    runs = list(project.runs)
    found = outcomes.find(project)
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "generator": {"name": "aitelier_nb", "version": __version__},
        "task": _task(config),
        "data": _data(project, counted, config),
        "split": _split(project, counted, config),
        "training": {"runs": trainings.runs(runs)},
        "evaluation": found.evaluation,
        "comparisons": found.comparisons,
        "contests": found.contests,
        "scores": found.scores,
        "evidence": {"rewrites": counted.rewrites, **found.evidence},
        "environment": environment.recorded(project.path) or _of_run(runs),
        "reproduce": list(REPRODUCE),
        "inputs": fingerprints.of_files(project.path),
    }
    facts["limits"] = [*_limits(project, facts), *found.limits]
    return {"verdict": verdict(facts), **facts}


def encode(facts: Mapping[str, Any]) -> bytes:
    """Return facts as the bytes of report.json: two spaces, keys in their order, one line feed at the end."""
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False)
    return (SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n").encode()


def _task(config: Config) -> dict[str, Any]:
    ours = config.aitelier_nb
    return {
        "name": config.name,
        "provider": config.provider,
        "model": config.model,
        "system_prompt": config.system_prompt,
        "threshold": config.quality_threshold,
        "intended_use": ours.get("intendedUse"),
        "guideline": ours.get("guideline"),
        "license": ours.get("license"),
    }


def _data(project: Project, counted: corpus.Corpus, config: Config) -> dict[str, Any]:
    latest = project.runs[-1] if project.runs else None
    folder = project.train_path.parent
    paths = sorted([*folder.glob("train*.jsonl"), *folder.glob("val*.jsonl")])
    return {
        **counted.data(),
        "sha256": project.dataset.fingerprint(),
        "threshold": config.quality_threshold,
        "files": trainings.files(paths, project.path, latest),
    }


def _split(project: Project, counted: corpus.Corpus, config: Config) -> dict[str, Any]:
    deleted = project.dataset.deleted_validation()
    threshold = config.quality_threshold
    ids = [*counted.held, *(example.id for example in deleted)]
    held = chain((e for e in project.dataset.examples() if e.split == "val"), deleted)
    train = (
        example
        for example in project.dataset.examples()
        if example.split == "train" and example.rating is not None and example.rating >= threshold
    )
    return {
        **counted.split(config),
        "deleted_validation": len(deleted),
        "leaks": {
            "runs": trainings.leaks(project.runs, ids),
            "duplicates": sorted(leaks.find(train, held)) if ids else [],
        },
    }


def _of_run(runs: list[Any]) -> dict[str, str]:
    recorded = runs[-1].aitelier_nb.get("environment") if runs else None
    return (
        {str(name): str(version) for name, version in recorded.items()} if isinstance(recorded, dict) else {}
    )


def _limits(project: Project, facts: Mapping[str, Any]) -> list[str]:
    told = [f"Not used: {problem}" for problem in project.dataset.problems()]
    split, data = facts["split"], facts["data"]
    if data["unrated"]:
        told.append(f"{data['unrated']} of {data['total']} examples are not rated.")
    if split["unassigned"]:
        told.append(
            f"{split['unassigned']} examples at or above the threshold are in neither train nor validation."
        )
    if data["system_prompts"] > 1:
        told.append(f"The examples carry {data['system_prompts']} different system prompts.")
    if any(run.get("validation_uploaded") for run in facts["training"]["runs"]):
        told.append("The provider was given the validation examples, to measure its loss while training.")
    told += [
        f"Run {run['version']} {run['status']}" + (f": {run['error']}" if run.get("error") else ".")
        for run in facts["training"]["runs"]
        if run["status"] in ("failed", "cancelled")
    ]
    return told

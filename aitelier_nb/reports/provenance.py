"""The chapters of a report that say where the model comes from: task, data, split, training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.reports import charts
from aitelier_nb.reports.blocks import (
    UNKNOWN,
    Block,
    Chart,
    Items,
    Paragraph,
    Passage,
    Table,
    count,
    pairs,
    percent,
    several,
)

__all__ = ["data", "rewrites", "split", "task", "training"]

Facts = Mapping[str, Any]
SHORT = 16  # characters of a SHA-256 that a table shows; report.json holds all 64
CURVE_ROWS = 12
IDS_SHOWN = 20
KINDS = {"chat": "conversations", "preference": "pairs of a preferred and another answer (DPO)"}


def task(facts: Facts) -> list[Block]:
    """Return the chapter of what the model is for, and by what settings."""
    task = facts["task"]
    threshold = f"{task['threshold']:g} of 10"
    rows = [
        ("Provider", task["provider"]),
        ("Base model", task["model"] or "the provider's default"),
        ("Lowest rating that is trained on", threshold),
        ("Intended use", task["intended_use"] or "not stated"),
        ("Licence of the data", task["license"] or "not stated"),
    ]
    blocks: list[Block] = [pairs("The task", rows)]
    if task["guideline"]:
        blocks += [Paragraph("What the ratings mean:"), Paragraph(task["guideline"], quoted=True)]
    if task["system_prompt"]:
        blocks += [Paragraph("System prompt:"), Paragraph(task["system_prompt"], quoted=True)]
    return blocks


def data(facts: Facts) -> list[Block]:
    """Return the chapter of the data: ratings, counts, files."""
    data = facts["data"]
    above = frozenset(str(rating) for rating in range(1, 11) if rating >= facts["task"]["threshold"])
    histogram = Table(
        "Examples by rating; trained on from the threshold upward",
        ("rating", "examples"),
        [(rating, count(number)) for rating, number in data["histogram"].items()],
        frozenset({"rating", "examples"}),
    )
    drawn = charts.bars(
        "Examples by rating", list(data["histogram"]), list(data["histogram"].values()), above
    )
    same = data["duplicates"]
    rewrites = data["rewrites"]
    moved = (
        ""
        if rewrites["median_change"] is None
        else f", median change {percent(rewrites['median_change'])} of the text"
    )
    rows = [
        ("Examples", count(data["total"])),
        ("Rated", f"{count(data['rated'])}, {count(data['unrated'])} not rated"),
        ("At or above the threshold", count(data["above_threshold"])),
        ("With more than one question", count(data["multi_turn"])),
        ("Rewritten answers", f"{count(rewrites['n'])}{moved}"),
        (
            "Same question asked again",
            f"{several(same['examples'], 'example')} in {several(same['groups'], 'group')}",
        ),
        ("Personal data found", _tally(data["personal"]) or "none by the patterns used"),
        ("Different system prompts", count(data["system_prompts"])),
        ("Rated by", _tally(data["raters"]) or "not recorded per rater"),
        ("Sources", _tally(data["sources"]) or "not stated"),
        ("SHA-256 of the examples", data["sha256"]),
    ]
    blocks: list[Block] = [Chart(drawn, histogram), pairs("The data in numbers", rows)]
    return [*blocks, *_files(data["files"])]


def _files(files: Sequence[Facts]) -> list[Block]:
    if not files:
        return []
    rows = [(row["path"], row["sha256"], _same(row["sha256"], row["given"])) for row in files]
    return [Table("The exact bytes that a provider was given", ("file", "SHA-256", "latest run"), rows)]


def _same(now: str, given: str | None) -> str:
    if given is None:
        return "not recorded"
    return "the same bytes" if now == given else f"was given other bytes: {given[:SHORT]}…"


def split(facts: Facts) -> list[Block]:
    """Return the chapter of the sides, and whether validation stayed apart."""
    split = facts["split"]
    if not split["train"] and not split["val"]:
        return [Paragraph("The examples are not split yet.")]
    rule = "Each example keeps its side for good; ratings are shared out alike"
    rule += f", {percent(split['ratio'])} to train" if split["ratio"] is not None else ""
    rule += f", seed {split['seed']}." if split["seed"] is not None else "."
    locked = f" Locked since {split['locked_at']}." if split["locked_at"] else ""
    rows = [
        (str(row["rating"]), count(row["train"]), count(row["val"]), count(row["none"]))
        for row in split["strata"]
    ]
    total = ("all", count(split["train"]), count(split["val"]), count(split["unassigned"]))
    columns = ("rating", "train", "validation", "not assigned")
    table = Table("Sides by rating", columns, [*rows, total], frozenset(columns))
    return [Paragraph(rule + locked), table, Items(_leak_sentences(split))]


def _leak_sentences(split: Facts) -> list[str]:
    check = split["leaks"]
    told = [
        "No validation example was trained on."
        if not check["runs"]
        else "Validation examples were trained on: "
        + "; ".join(f"{row['job_id']}: {_ids(row['ids'])}" for row in check["runs"])
        + ".",
        "No example of train repeats a question of validation."
        if not check["duplicates"]
        else f"{several(len(check['duplicates']), 'example')} of train repeat a question of validation "
        f"({_ids(check['duplicates'])}) and stay out of the training file.",
    ]
    if split["below_threshold"]["val"]:
        low = several(split["below_threshold"]["val"], "validation example")
        told.append(f"{low} rated below the threshold stay out.")
    if split["deleted_validation"]:
        told.append(f"{several(split['deleted_validation'], 'deleted validation example')} stay known.")
    return told


def training(facts: Facts) -> list[Block]:
    """Return the chapter of the runs, and the latest in full."""
    runs = facts["training"]["runs"]
    if not runs:
        return [Paragraph("No model was trained yet.")]
    rows = [
        (
            run["version"],
            run["status"],
            run.get("base_model") or "not recorded",
            run["model_id"] or UNKNOWN,
            run["started_at"],
        )
        for run in runs
    ]
    table = Table("Runs", ("run", "status", "trained from", "tuned model", "started (UTC)"), rows)
    return [table, *_run(runs[-1])]


def _run(run: Facts) -> list[Block]:
    rows = [
        ("Job", run["job_id"]),
        ("Provider", run["provider"]),
        ("Revision of the base", run.get("base_revision")),
        ("Trained on", KINDS.get(run.get("kind", ""))),
        ("Examples trained on", count(run["trained_on"]) if run["trained_on"] else None),
        ("Finished (UTC)", run.get("finished_at")),
        ("Time", f"{run['seconds']:.0f} s" if run.get("seconds") is not None else None),
        ("Tokens", count(int(run["tokens"])) if run.get("tokens") is not None else None),
        ("Price", f"{run['price']}" if run.get("price") is not None else None),
        ("Error", run.get("error")),
        *((name, _value(value)) for name, value in sorted(_settings(run).items())),
    ]
    known = [(name, value) for name, value in rows if value is not None]
    unit = "pair" if run.get("kind") == "preference" else "token"
    return [pairs(f"Latest run, {run['version']}", known), *_curve(run.get("losses") or [], unit)]


def _settings(run: Facts) -> dict[str, Any]:
    """Return all settings by the names that `ait.train` takes (the file keeps loraR); resolved ones win."""
    found: dict[str, Any] = {}
    for part in (run["hyperparameters"], run.get("requested", {}), run.get("resolved", {})):
        for name, value in part.items():
            plain = re.sub(r"(?<=[a-z])([A-Z])", lambda letter: f"_{letter[1].lower()}", name)
            found[plain] = found.get(plain) if value is None else value
    return found


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "not set", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return str(value)


def _curve(losses: Sequence[Sequence[float | None]], unit: str) -> list[Block]:
    points = [(*row, None, None)[:3] for row in losses if row and row[0] is not None]
    if not points:
        return []
    series = [("loss", [(x, y) for x, y, _ in points if x is not None and y is not None])]
    held = [(x, y) for x, _, y in points if x is not None and y is not None]
    series += [("validation loss", held)] if held else []
    every = -(-len(points) // CURVE_ROWS)
    chosen = [*points[:-1:every], points[-1]]
    rows = [(f"{step:g}", _loss(loss), _loss(val)) for step, loss, val in chosen]
    columns = ("step", "loss", "validation loss") if held else ("step", "loss")
    table = Table(
        f"Loss, nats per {unit}", columns, [row[: len(columns)] for row in rows], frozenset(columns)
    )
    return [Chart(charts.line("Loss by step", series, "step"), table)]


def _loss(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"


def rewrites(facts: Facts) -> list[Block]:
    """Return the chapter of answers before and after they were rewritten."""
    shown, total = facts["evidence"]["rewrites"], facts["data"]["rewrites"]["n"]
    if not shown:
        return []
    passages = [
        Passage(
            f"Example {row['id']}"
            + (f", rated {row['rating']}" if row["rating"] is not None else ", not rated"),
            [("Question", row["input"]), ("Before", row["before"]), ("After", row["after"])],
        )
        for row in shown
    ]
    return [Paragraph(f"{len(shown)} of {several(total, 'rewritten answer')}, by id."), *passages]


def _tally(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count(number)}" for name, number in counter.items())


def _ids(ids: Sequence[int]) -> str:
    more = len(ids) - IDS_SHOWN
    return ", ".join(map(str, ids[:IDS_SHOWN])) + (f" and {more} more" if more > 0 else "")

"""What a project holds, what it costs to train on, and what to do next."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.consent import in_kernel
from aitelier_nb.curation import summary as summaries
from aitelier_nb.curation import tokens
from aitelier_nb.curation.budgets import Budget, budget
from aitelier_nb.errors import UsageError
from aitelier_nb.schema import Example
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import counting
from aitelier_nb.verbs.current import Where, current, problems_of
from aitelier_nb.views import View, html_table

__all__ = ["Stats", "stats"]

BAR = 30  # characters of the longest bar in a terminal's histogram
COLUMN, HEIGHT = 34, 90  # pixels of the picture in a notebook


@dataclass(frozen=True, repr=False)
class Stats(View):
    """What a project holds, and what to do next."""

    summary: summaries.Summary
    budget: Budget
    problems: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait stats --json`."""
        told = {**self.summary.to_json(), "tokens": self.budget.to_json()}
        return told | ({"earlier_evaluations": list(self.earlier)} if self.earlier else {})

    def headline(self) -> str:
        """Say how much there is."""
        s = self.summary
        rated = f"{s.rated} rated, {s.unrated} unrated"
        return f"{s.total} examples: {rated}, {s.above_threshold} at or above {s.threshold:g}"

    def columns(self) -> Sequence[str]:
        """Return the histogram's columns."""
        return ("rating", "examples", "")

    def rows(self) -> list[Sequence[object]]:
        """Return the histogram, the highest rating first, with a bar each."""
        histogram = self.summary.histogram
        most = max(1, *histogram.values())
        return [(rating, n, "█" * round(BAR * n / most)) for rating, n in reversed(histogram.items())]

    def notes(self) -> Sequence[str]:
        """Return the split's state, what else was noticed, and the next step."""
        *remarks, next_step = self.summary.sentences()
        return [*remarks, *self.earlier, *(self.budget.sentences() if self.summary.total else ()), next_step]

    def warnings(self) -> Sequence[str]:
        """Name the lines that could not be read."""
        return self.problems

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in [*self.notes(), *self.warnings()])
        head = html.escape(self.headline())
        table = html_table(self.columns()[:2], [row[:2] for row in self.rows()])
        shown = f"{_picture(self.summary)}<details><summary>as a table</summary>{table}</details>"
        return f"<div><p><strong>{head}</strong></p>{shown}<ul>{notes}</ul></div>"


def _picture(summary: summaries.Summary) -> str:
    """Return the histogram of ratings as SVG; those at or above the threshold stand out."""
    most = max(1, *summary.histogram.values())
    drawn = []
    for place, (rating, n) in enumerate(summary.histogram.items()):
        x, tall = place * COLUMN + 4, HEIGHT * n / most
        full = "1" if int(rating) >= summary.threshold else ".45"
        drawn.append(
            f'<rect x="{x}" y="{16 + HEIGHT - tall:.1f}" width="{COLUMN - 8}" height="{tall:.1f}" '
            f'fill="currentColor" fill-opacity="{full}"/>'
            f'<text x="{x + COLUMN / 2 - 4:g}" y="{HEIGHT + 32}">{rating}</text>'
        )
        if n:
            drawn.append(f'<text x="{x + COLUMN / 2 - 4:g}" y="{12 + HEIGHT - tall:.1f}">{n}</text>')
    label = ", ".join(f"{n} rated {rating}" for rating, n in summary.histogram.items() if n) or "none rated"
    return (
        f'<svg role="img" aria-label="{label}" width="{10 * COLUMN}" height="{HEIGHT + 40}" '
        f'style="font:12px sans-serif;text-anchor:middle;fill:currentColor">{"".join(drawn)}</svg>'
    )


def stats(
    price: float | None = None,
    epochs: float | None = None,
    limit: int | None = None,
    project: Where = None,
) -> Stats:
    """Show what the project holds: ratings, split, tokens, what stands in the way, the next step.

    Tokens are counted by the base model's tokenizer where it is on this machine; in a notebook, whose
    outputs are to be the same everywhere, only when a price, epochs or a limit is given, and else
    estimated from the length.

    Parameters
    ----------
    price
        US dollars per million tokens, for the cost of training; no price is assumed.
    epochs
        How often training goes over the examples.
    limit
        Tokens beyond which an example is cut off; the model's own where that is known.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.stats(project=project).summary.total
    3
    """
    for name, value in (("price", price), ("epochs", epochs), ("limit", limit)):
        if value is not None and not value > 0:
            raise UsageError(f"{name} = {value:g} is impossible", hint=f"give a {name} above 0")
    place = current(project)
    examples = list(place.dataset.examples())
    summary = summaries.summarise(examples, threshold=place.config.quality_threshold)
    asked = any(value is not None for value in (price, epochs, limit))
    cost = _budget(place, examples, exact=asked or not in_kernel(), price=price, epochs=epochs, limit=limit)
    return Stats(summary, cost, problems_of(place), _earlier(place))


def _earlier(place: Project) -> tuple[str, ...]:
    """Return what the `ait` tool's evaluation files say, a sentence each."""
    if not any(place.evals_path.glob("*.json")):
        return ()
    from aitelier_nb.evaluation import tool_files

    return tuple(one.sentence() for one in tool_files.find(place))


def _budget(
    place: Project,
    examples: Sequence[Example],
    *,
    exact: bool,
    price: float | None,
    epochs: float | None,
    limit: int | None,
) -> Budget:
    provider, model = place.config.provider, place.config.model
    threshold = place.config.quality_threshold
    good = [example for example in examples if (example.rating or 0) >= threshold]
    placed = [example.id for example in good if example.split == "train"]
    trained = placed or [example.id for example in good if example.split is None]
    counted = (
        counting.of_dataset(place.dataset, examples, provider, model) if exact else tokens.estimate(examples)
    )
    most = limit if limit is not None else counting.limit_of(provider, model)
    return budget(counted, trained, limit=most, epochs=epochs, price=price)

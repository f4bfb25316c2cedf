"""The system prompt of examples: looked at, and changed for all or for some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.schema import Example
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current, problems_of
from aitelier_nb.views import View, counted

__all__ = ["SystemChange", "set_system"]

NO_PROMPT = ""


@dataclass(frozen=True, repr=False)
class SystemChange(View):
    """Which system prompts give way to which: counts by the former prompt, and the examples' ids."""

    prompt: str | None
    former: tuple[tuple[str, int], ...]
    ids: tuple[int, ...]
    chosen: int
    validation: int = 0
    others: int = 0
    dry_run: bool = False
    default: bool = False
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the new prompt, how many examples change, their ids, and the former prompts."""
        return {
            "prompt": self.prompt,
            "changed": len(self.ids),
            "unchanged": self.chosen - len(self.ids),
            "ids": list(self.ids),
            "former": [{"prompt": text, "examples": count} for text, count in self.former],
            "dry_run": self.dry_run,
            "default": self.default,
        }

    def headline(self) -> str:
        """Say how many examples change."""
        verb = "would get" if self.dry_run else "got"
        what = "no system prompt" if self.prompt is None else "the new system prompt"
        same = self.chosen - len(self.ids)
        rest = f", {same} had it already" if same else ""
        return f"{counted(len(self.ids), 'example')} {verb} {what}{rest}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("examples", "system prompt before", "system prompt after")

    def rows(self) -> list[Sequence[object]]:
        """Return a former prompt a row, the commonest first."""
        return [(count, text or "(none)", self.prompt or "(none)") for text, count in self.former]

    def notes(self) -> Sequence[str]:
        """Say what is touched beside, and the way back."""
        told = []
        if self.validation:
            told.append(f"{self.validation} of them are in validation: they stay there.")
        if self.others:
            told.append(f"{counted(self.others, 'other example')} keep another system prompt.")
        if self.default:
            told.append("New examples get it too: it is the project's system prompt now.")
        if self.ids and not self.dry_run:
            told.append("ait undo takes it back as one edit.")
        return told

    def warnings(self) -> Sequence[str]:
        """Name the lines that could not be read."""
        return self.problems


def set_system(
    prompt: str | None,
    ids: Sequence[int] | None = None,
    only: str | None = None,
    default: bool = False,
    dry_run: bool = False,
    project: Where = None,
) -> SystemChange:
    """Change the system prompt of all examples, or of some, as one edit; `dry_run` shows it first.

    Ratings, sides and ids stay as they are, and the version of each changed example rises.

    Parameters
    ----------
    prompt
        The new system prompt; None takes it out.
    ids
        The examples to change; all when not given.
    only
        Change only examples whose system prompt is this one now; "" means those without any.
    default
        Make it the project's system prompt too, so that new examples get it.
    dry_run
        Show which prompts would give way, and change nothing.

    Raises
    ------
    DataError
        An id that there is not.
    UsageError
        A prompt of nothing but white space.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.set_system("You are brief.", dry_run=True, project=project)
    <SystemChange: 3 examples would get the new system prompt>
    """
    if prompt is not None and not prompt.strip():
        raise UsageError("the system prompt is empty", hint="write one, or take it out with None (--remove)")
    place = current(project)
    chosen, others = _chosen(place, ids, only)
    changing = [example for example in chosen if _differs(example, prompt)]
    former = Counter(example.system or NO_PROMPT for example in changing)
    change = SystemChange(
        prompt,
        tuple(former.most_common()),
        tuple(example.id for example in changing),
        len(chosen),
        validation=sum(example.split == "val" for example in changing),
        others=sum(_differs(example, prompt) for example in others),
        dry_run=dry_run,
        default=default,
        problems=problems_of(place),
    )
    if not dry_run:
        place.dataset.set_system(prompt, [example.id for example in changing])
        if default:
            place.change_config(lambda config: _set_default(config, prompt))
    return change


def _chosen(
    place: Project, ids: Iterable[int] | None, only: str | None
) -> tuple[list[Example], list[Example]]:
    """Return the examples that are meant, and the others."""
    wanted = None if ids is None else set(ids)
    chosen: list[Example] = []
    others: list[Example] = []
    for example in place.dataset.examples():
        meant = (wanted is None or example.id in wanted) and (only is None or (example.system or "") == only)
        (chosen if meant else others).append(example)
    if wanted:
        missing = wanted - {example.id for example in (*chosen, *others)}
        if missing:
            raise DataError(f"there is no example {min(missing)}", hint="`ait list` shows the ids")
    return chosen, others


def _differs(example: Example, prompt: str | None) -> bool:
    first = example.messages[0] if example.messages else None
    if first is None or first.role not in ("system", "developer"):
        return prompt is not None
    return first.to_json() != {"role": "system", "content": prompt}


def _set_default(config: dict[str, Any], prompt: str | None) -> None:
    if prompt is None:
        config.pop("systemPrompt", None)
    else:
        config["systemPrompt"] = prompt

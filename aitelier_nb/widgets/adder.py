"""A small form for new examples: turn by turn, or a whole conversation pasted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message, Surface

__all__ = ["Adder"]

ROLES = ("system", "user", "assistant")


class Adder(Surface):
    """A form for examples; what is typed stays out of the notebook file.

    Parameters
    ----------
    on_add
        Called with (messages, rating or None); adds the example and returns one sentence about it.
    on_paste
        Called with the text that was pasted; adds what is in it and returns one sentence.
    threshold
        The lowest rating that is trained on.
    summary
        Returns the lines of the static output.
    """

    name = "Add examples"
    _esm = script("adder.js")
    _css = style("surface.css")

    def __init__(
        self,
        on_add: Callable[[list[dict[str, Any]], int | None], str],
        on_paste: Callable[[str], str],
        *,
        threshold: float = 8,
        summary: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        self._on_add, self._on_paste = on_add, on_paste
        self._threshold, self._summary = threshold, summary

    def welcome(self, _: Message) -> Message:
        """Return the threshold."""
        return {"settings": {"threshold": self._threshold}}

    def fetch(self, message: Message) -> Message:
        """Refuse: a form asks for nothing."""
        raise DataError(f"a form has no pages: {message.get('kind')!r}", hint="run the cell again")

    def decide(self, edit: Message) -> Mapping[str, Any]:
        """Add what was typed or pasted."""
        if edit.get("kind") == "paste":
            return {"told": self._on_paste(_text(edit.get("text"), "what was pasted"))}
        if edit.get("kind") != "add":
            raise DataError(f"there is no decision {edit.get('kind')!r}", hint="run the cell again")
        return {"told": self._on_add(_messages(edit), edit.get("rating"))}

    def lines(self) -> list[str]:
        """Return the state on disk."""
        return list(self._summary()) if self._summary is not None else ["a form for new examples"]


def _text(value: object, what: str) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise DataError(f"{what} is empty", hint="write something first")


def _messages(edit: Message) -> list[dict[str, Any]]:
    turns = edit.get("messages")
    if not isinstance(turns, list) or not turns:
        raise DataError("the example has no turns", hint="write a question and an answer")
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES:
            raise DataError(f"a turn is of system, user or assistant, not {turn!r}", hint="choose a role")
        _text(turn.get("content"), f"the {turn['role']} text")
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]

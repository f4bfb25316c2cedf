"""Several models are asked one question; their answers stand side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aitelier_nb.consent import in_kernel
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.evaluation.answers import PARAMETERS
from aitelier_nb.interrupts import heard_by
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.providers.streaming import streams
from aitelier_nb.schema import Answer
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current, fold_soon
from aitelier_nb.verbs.naming import Named, agree, origin, turns_of
from aitelier_nb.views import View

if TYPE_CHECKING:
    from ipywidgets import Widget

__all__ = ["Replies", "ask"]


class Replies(View):
    """Answers of several models to one question, side by side; `keep` makes one an example."""

    def __init__(
        self,
        project: Project,
        turns: Sequence[Mapping[str, Any]],
        answers: Mapping[str, Answer],
        providers: Mapping[str, str],
    ) -> None:
        self._project = project
        self._providers = providers
        self.turns = list(turns)
        self.answers = dict(answers)

    def keep(self, model: str | None = None, rating: int | None = None) -> int:
        """Add one answer as an example and return the example's id.

        Parameters
        ----------
        model
            The label or the name of the model that gave it; may be left out when there is only one.
        rating
            1 to 10, or None for unrated.
        """
        label = self._label(model)
        answer = self.answers[label]
        if answer.error is not None or not answer.text:
            raise DataError(f"{label} gave no answer to keep", hint="keep another one")
        turns = [*self.turns, {"role": "assistant", "content": answer.text}]
        [added] = self._project.dataset.add(
            [{"messages": turns, "rating": rating, "source": origin(answer, self._providers[label])}]
        )
        fold_soon(self._project)
        return added.id

    def _label(self, model: str | None) -> str:
        if model is None and len(self.answers) == 1:
            return next(iter(self.answers))
        for label, answer in self.answers.items():
            if model in (label, answer.model):
                return label
        raise UsageError(f"no answer of {model!r} is here", hint=f"one of {', '.join(self.answers)}")

    def to_json(self) -> dict[str, Any]:
        """Return the question and every answer."""
        answers = [
            {"label": label, **answer.model_dump(exclude_none=True)} for label, answer in self.answers.items()
        ]
        return {"messages": self.turns, "answers": answers}

    def headline(self) -> str:
        """Name the models."""
        return f"{len(self.answers)} answers: {', '.join(self.answers)}"

    def columns(self) -> Sequence[str]:
        """Return a column a model."""
        return tuple(self.answers)

    def rows(self) -> list[Sequence[object]]:
        """Return the answers in one row; a failed one says why."""
        return [tuple(answer.error or answer.text for answer in self.answers.values())]

    def text(self) -> str:
        """Return the answers whole, one below the other."""
        told = (f"{label}:\n{answer.error or answer.text}" for label, answer in self.answers.items())
        return "\n\n".join(told)

    def notes(self) -> Sequence[str]:
        """Say which answers ended early, and how to keep one."""
        early = [
            f"{label} ended by {answer.finish_reason}"
            for label, answer in self.answers.items()
            if answer.error is None and answer.finish_reason != "stop"
        ]
        return [*early, f'.keep("{next(iter(self.answers))}", rating=9) makes one an example']

    def failed(self) -> bool:
        """Return whether nobody answered."""
        return all(answer.error is not None for answer in self.answers.values())

    def widget(self) -> Widget:
        """Return the buttons that keep an answer as an example."""
        from aitelier_nb.widgets.keeper import keeper

        usable = [label for label, answer in self.answers.items() if answer.error is None and answer.text]
        return keeper(usable, self.keep)

    def _ipython_display_(self) -> None:
        from IPython.display import display, publish_display_data

        plain = "\n".join([self.headline(), self.text(), *self.notes()])
        publish_display_data({"text/plain": plain, "text/html": self._repr_html_()})
        if in_kernel() and not self.failed():
            display(self.widget())


def ask(
    text: str | Sequence[Mapping[str, Any]],
    models: Sequence[str] | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    mode: Mode = "auto",
    confirm: bool | None = None,
    project: Where = None,
) -> Replies:
    """Ask several models one question and show their answers side by side, as they come.

    Parameters
    ----------
    text
        The question, or the turns of a conversation ({"role", "content"}).
    models
        Names, job ids, "base", "tuned" or PROVIDER:NAME; base and the last tuned model when not given.
    system
        The system prompt; the project's own when not given, none at all when "".
    temperature
        0 (greedy) when not given.
    max_tokens
        Tokens of an answer at most; 512 when not given.
    mode
        Of the recordings: auto, record, replay, live.
    confirm
        True says yes to the price of hosted models' answers.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> sorted(ait.ask("Where is my parcel?", max_tokens=8, project=project).answers)
    ['base', 'tuned']
    """
    place = current(project)
    named = Named(place)
    turns = turns_of(place, text, system)
    labels = list(dict.fromkeys(models or named.usual()))
    asked = {label: named.find(label) for label in labels}
    providers = {id(provider): provider for provider, _ in asked.values()}.values()
    for provider in providers:
        names = [name for at, name in asked.values() if at is provider]
        agree(provider, names, len(names), confirm, mode)
    parameters = PARAMETERS.model_copy(
        update={"temperature": temperature or 0.0, "max_tokens": max_tokens or PARAMETERS.max_tokens}
    )
    answers: dict[str, Answer] = {}
    with shown(labels) as show:
        for provider in providers:
            members = [label for label in labels if asked[label][0] is provider]
            requests = [ChatRequest(asked[label][1], turns, parameters) for label in members]
            stream = streams(provider, requests, folder=place.recordings_path, mode=mode)
            with heard_by(stream):
                for number, piece in stream:
                    if isinstance(piece, Answer):
                        answers[members[number]] = piece
                    else:
                        show(members[number], piece)
    named.close()
    used = {label: provider.name for label, (provider, _) in asked.items()}
    return Replies(place, turns, {label: answers[label] for label in labels}, used)


@contextmanager
def shown(labels: Sequence[str]) -> Iterator[Callable[[str, str], None]]:
    """Give a function that shows pieces of text side by side in a notebook while they come.

    What it shows goes away at the end, when the whole answers are there. Outside a notebook
    nothing is shown.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is None:
        yield lambda label, piece: None  # noqa: ARG005 - nobody is looking
        return
    import ipywidgets
    from IPython.display import display

    fields = {label: ipywidgets.Textarea(disabled=True, layout={"width": "50%"}, rows=8) for label in labels}
    columns = [ipywidgets.VBox([ipywidgets.Label(label), field]) for label, field in fields.items()]
    box = ipywidgets.HBox(columns, layout={"width": "100%"})
    display(box)

    def show(label: str, piece: str) -> None:
        fields[label].value += piece

    try:
        yield show
    finally:
        box.close()

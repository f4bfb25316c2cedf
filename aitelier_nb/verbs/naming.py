"""Which model a person means by a name, what it is asked, and whether that may cost money."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aitelier_nb.consent import ask_for
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.providers.base import Provider, Settings, open_provider, provider_names
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.schema import Answer
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs

__all__ = ["AS_BATCH", "Named", "agree", "origin", "questions", "turns_of"]

Turns = list[dict[str, Any]]

AS_BATCH = " as a batch (at up to half the price, answered within 24 hours)"
"""What a question about money says of a batch."""

ENDINGS = (".txt", ".jsonl", ".csv")
LONGEST_PATH = 255


class Named:
    """Models by the names that people give them; a provider is opened once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._opened: dict[str, Provider] = {}

    def find(self, model: str | None) -> tuple[Provider, str]:
        """Return the provider and the model's own name.

        Parameters
        ----------
        model
            "base" (also None), "tuned", a job id, a tuned model's id, PROVIDER:NAME, or a name at
            the project's provider.

        Raises
        ------
        UsageError
            There is no such model, or none is named.
        """
        if model == "tuned":
            run = runs.latest(self._project, completed=True)
            if run is None:
                raise UsageError("there is no tuned model yet", hint="train one with ait.train() (ait train)")
            return self._provider(run.provider), str(run.model_id)
        for run in self._project.runs:
            if model is not None and model in (run.job_id, run.model_id):
                return self._provider(run.provider), str(run.model_id or model)
        before, _, after = (model or "").partition(":")
        if after and before in provider_names():
            return self._provider(before), after
        provider = self._provider(self._project.config.provider)
        return provider, self._base(provider) if model in (None, "base") else str(model)

    def usual(self) -> list[str]:
        """Return base and tuned, or base alone when nothing is trained yet."""
        return ["base", "tuned"] if runs.latest(self._project, completed=True) else ["base"]

    def close(self) -> None:
        """Close the connections; a local model stays in memory for the next call."""
        for provider in self._opened.values():
            if provider.name != "local":
                provider.close()

    def _provider(self, name: str) -> Provider:
        if name not in self._opened:
            self._opened[name] = open_provider(name, Settings(project=self._project.path))
        return self._opened[name]

    def _base(self, provider: Provider) -> str:
        config = self._project.config
        name = config.aitelier_nb.get("askModel") or config.model or getattr(provider, "default_model", None)
        if not name:
            raise UsageError(f"{provider.name} needs a model", hint="name one with model= (--model)")
        return str(name)


def agree(
    provider: Provider,
    names: Sequence[str],
    count: int,
    confirm: bool | None,
    mode: Mode,
    *,
    batch: bool = False,
) -> None:
    """Ask for a yes when answers are to be bought.

    Parameters
    ----------
    provider, names
        Who is asked.
    count
        How many questions at most.
    confirm
        True says yes; None asks a person.
    mode
        Of the recordings; "replay" buys nothing.
    batch
        Whether they go as a batch.

    Raises
    ------
    ConfirmationNeeded
        The answer is no, or nobody is there to give one.
    """
    if getattr(provider, "costs_money", True) and mode != "replay":
        asked = " and ".join(dict.fromkeys(names))
        ask_for(
            f"ask {asked} at {provider.name} up to {count} questions{AS_BATCH * batch}, which costs money?",
            confirm,
        )


def turns_of(project: Project, text: str | Sequence[Mapping[str, Any]], system: str | None = None) -> Turns:
    """Return the turns that a model is asked: the system prompt, and what was said.

    Parameters
    ----------
    text
        The question, or turns of a conversation.
    system
        The system prompt; the project's own when not given, none at all when "".
    """
    turns = [{"role": "user", "content": text}] if isinstance(text, str) else [dict(turn) for turn in text]
    if not turns or not any(str(turn.get("content") or "").strip() for turn in turns):
        raise DataError("the question is empty", hint="write what the model should answer")
    wanted = project.config.system_prompt if system is None else system
    if wanted and turns[0].get("role") not in ("system", "developer"):
        turns.insert(0, {"role": "system", "content": wanted})
    return turns


def questions(project: Project, inputs: Any) -> list[Turns]:
    """Return what is to be answered: texts, conversations without their last answer, or a file of them.

    Raises
    ------
    DataError
        There is no input, or the file is not there.
    """
    if isinstance(inputs, Path) or (isinstance(inputs, str) and _names_file(inputs)):
        inputs = _of_file(Path(inputs).expanduser())
    if isinstance(inputs, str):
        inputs = [inputs]
    found = [
        turns_of(project, one.get("messages", one) if isinstance(one, Mapping) else one) for one in inputs
    ]
    if not found:
        raise DataError("there is no input to answer", hint="give a text, a list of texts, or a file")
    return found


def _names_file(text: str) -> bool:
    """Return whether a text is the path of a file, there or not, and no question."""
    return "\n" not in text and len(text) < LONGEST_PATH and (text.endswith(ENDINGS) or Path(text).is_file())


def _of_file(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{path}: {(error.strerror or 'cannot be read').lower()}", hint="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}", hint="save it as UTF-8") from error
    if path.suffix == ".csv":
        return [_unanswered(row) for row in csv.DictReader(io.StringIO(text))]
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if path.suffix == ".txt":
        return [line.rstrip("\r") for _, line in lines]
    return [_unanswered(_parsed(line, f"{path.name}:{number}")) for number, line in lines]


def _parsed(line: str, place: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON", hint="mend the line, or take it out") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: not an object", hint='write {"input": "..."}')
    return row


def _unanswered(row: Mapping[str, Any]) -> Any:
    """Return a row's question: its conversation without the last answer, or its input."""
    messages = row.get("messages")
    if isinstance(messages, list):
        places = [place for place, turn in enumerate(messages) if turn.get("role") == "assistant"]
        return messages[: places[-1]] if places else messages
    return str(row.get("input") or row.get("prompt") or row.get("question") or "")


def origin(answer: Answer, provider: str) -> dict[str, Any]:
    """Return what an example says of the model that wrote its answer."""
    return {
        "kind": "draft",
        "provider": provider,
        "model": answer.model,
        "finishReason": answer.finish_reason,
    }

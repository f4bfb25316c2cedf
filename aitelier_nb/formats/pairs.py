"""Rows that hold one question and one answer, under whatever names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from aitelier_nb.formats import systems
from aitelier_nb.formats.conversations import Refused, kind_of, messages_of, usable

__all__ = [
    "ANSWERS",
    "QUESTIONS",
    "from_alpaca",
    "from_pair",
    "from_self_instruct",
    "pair_names",
]

Row = Mapping[str, Any]

QUESTIONS = (
    "input", "prompt", "question", "query", "user", "human", "instruction", "request", "customer", "inputs",
    "problem", "user_prompt", "user_message", "user_input", "text_input", "input_text", "inputs_pretokenized",
    "frage", "pregunta", "pergunta", "domanda", "vraag", "message",
)  # fmt: skip
ANSWERS = (
    "output", "completion", "response", "solution", "answer", "reply", "assistant", "bot", "target", "gpt",
    "targets", "outputs", "assistant_response", "assistant_message", "output_text", "ideal", "ideal_response",
    "targets_pretokenized", "antwort", "respuesta", "resposta", "risposta", "antwoord", "réponse",
)  # fmt: skip
CONTEXTS = ("context", "passage", "document")


def pair_names(row: Row) -> tuple[str, str] | None:
    """Return the names under which a row keeps its question and its answer, or None."""
    return _pair_names(tuple(name for name in row if isinstance(name, str)))


@lru_cache
def _pair_names(columns: tuple[str, ...]) -> tuple[str, str] | None:
    names = {name.lower(): name for name in columns}
    question = next((names[name] for name in QUESTIONS if name in names), None)
    answer = next((names[name] for name in ANSWERS if name in names and names[name] != question), None)
    return (question, answer) if question is not None and answer is not None else None


def from_pair(row: Row, question: str, answer: str, told: Counter[str]) -> list[dict[str, Any]]:
    """Return the turns of a row: system, history, question, answer; each side may be a list of turns.

    A text that the question is about (a context, passage or document) stands before it.
    """
    turns = [*systems.turn_of(row), *_history(row)]
    asked, answered = row.get(question), row.get(answer)
    about = next((row[name] for name in CONTEXTS if isinstance(row.get(name), str) and row[name].strip()), "")
    if isinstance(asked, list):
        turns += messages_of(asked, "user")
    else:
        turn = _turn("user", question, asked, told)
        turns.append({**turn, "content": f"{about}\n\n{turn['content']}"} if about else turn)
    if isinstance(answered, list):
        turns += messages_of(answered, "assistant")
    else:
        turns.append(_turn("assistant", answer, answered, told))
    return usable(turns)


def from_alpaca(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    """Return the turns of instruction, optional input (or context) and output (or response)."""
    answer = next((name for name in ANSWERS if name in row), None)
    if answer is None:
        raise Refused("there is an instruction but no output", "add the answer as output")
    task = _turn("user", "instruction", row.get("instruction"), told)["content"]
    more = next((row[name] for name in ("input", *CONTEXTS) if row.get(name)), "")
    if more:
        more = _turn("user", "input", more, told)["content"]
    question = "\n\n".join(part for part in (task, more) if part.strip())
    turns = [*systems.turn_of(row), *_history(row), {"role": "user", "content": question}]
    return usable([*turns, _turn("assistant", answer, row.get(answer), told)])


def from_self_instruct(row: Row, told: Counter[str]) -> list[list[dict[str, Any]]]:
    """Return one conversation for each instance of a task."""
    instances = row.get("instances")
    if not isinstance(instances, list) or not instances:
        raise Refused("instances is no list of input and output", "give at least one instance")
    if not all(isinstance(instance, dict) for instance in instances):
        raise Refused("an instance is no object", "give each instance input and output")
    return [from_alpaca({"instruction": row.get("instruction"), **instance}, told) for instance in instances]


def _history(row: Row) -> list[dict[str, Any]]:
    """Return earlier turns: pairs of question and answer, or turns with roles."""
    history = row.get("history") or row.get("chat_history")
    if not history:
        return []
    if not isinstance(history, list):
        raise Refused(f"history is {kind_of(history)}, not a list", "give pairs of question and answer")
    if all(isinstance(turn, dict) for turn in history):
        return messages_of(history, "user")
    turns = []
    for pair in history:
        if not _is_pair(pair):
            raise Refused(
                "history holds something that is no pair of texts", "give pairs of question and answer"
            )
        turns += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return turns


def _is_pair(pair: object) -> bool:
    return isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(text, str) for text in pair)  # noqa: PLR2004


def _turn(role: str, name: str, value: object, told: Counter[str]) -> dict[str, Any]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        told[f"numbers in {name} were read as text"] += 1
        value = str(value)
    if not isinstance(value, str):
        raise Refused(f"{name} is {kind_of(value)}, not text", "write it as text")
    if not value.strip() and not (role == "user" and name == "instruction"):
        raise Refused(f"{name} is empty", "write it, or leave the row out")
    return {"role": role, "content": value}

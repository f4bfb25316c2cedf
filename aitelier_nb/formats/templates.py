"""Conversations that were already rendered to one text by a chat template: the turns they were made of."""

from __future__ import annotations

import re
from typing import Any

from aitelier_nb.formats.conversations import role_of

__all__ = ["bare", "spoken", "turns_of"]

Turn = dict[str, Any]

# Each finds one turn: its speaker and what is said.
MARKED = (
    re.compile(r"<\|im_start\|>\s*(\w+)\n?(.*?)(?:<\|im_end\|>|\Z)", re.DOTALL),
    re.compile(
        r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n*(.*?)(?:<\|eot_id\|>|<\|end_of_text\|>|\Z)",
        re.DOTALL,
    ),
    re.compile(r"<start_of_turn>(\w+)\n(.*?)(?:<end_of_turn>|\Z)", re.DOTALL),
    re.compile(
        r"<\|(system|user|assistant)\|>\n?(.*?)(?:</s>|<\|end\|>|<\|endoftext\|>|(?=<\|(?:system|user|assistant)\|>)|\Z)",
        re.DOTALL,
    ),
)  # fmt: skip
INSTRUCTED = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=</s>|<s>|\[INST\]|\Z)", re.DOTALL)
SYSTEM = re.compile(r"\s*<<SYS>>\n?(.*?)\n?<</SYS>>\s*", re.DOTALL)
HEADED = re.compile(
    r"#{2,3} ?(System|Human|User|Instruction|Question|Assistant|Response|Answer|Input|Output):[ ]?",
    re.IGNORECASE,
)  # fmt: skip
SPOKEN = re.compile(r"(?:\A\s*|\n\s*)(Human|User|USER|Assistant|ASSISTANT|System|SYSTEM):[ \t]*")
HEADS = {"instruction": "user", "input": "input", "response": "assistant", "answer": "assistant"}
HEADS |= {"output": "assistant"}
ENDS = ("<s>", "</s>", "<|endoftext|>", "<|end_of_text|>", "<|begin_of_text|>", "<bos>", "<eos>")


def turns_of(text: str) -> list[Turn] | None:
    """Return the turns of a rendered text, or None when it shows no marks of a user's turn.

    A text before the first mark becomes the system prompt; the marks of begin and end are left out.
    """
    turns = _found(text)
    return turns if turns and any(turn["role"] == "user" for turn in turns) else None


def _found(text: str) -> list[Turn] | None:
    for pattern in MARKED:
        said = pattern.findall(text)
        if said:
            return _whole([(role_of(who), what) for who, what in said])
    if "[INST]" in text:
        return _instructed(text)
    if HEADED.search(text):
        before, *parts = HEADED.split(text)
        heads = [HEADS.get(who.lower(), role_of(who)) for who in parts[::2]]
        return _whole([("system", before), *zip(heads, parts[1::2], strict=True)])
    return spoken(text)


def spoken(text: str) -> list[Turn] | None:
    """Return the turns of a text whose lines begin with "Human:" and "Assistant:", or None."""
    if not SPOKEN.match(text):
        return None
    parts = SPOKEN.split(text)[1:]
    return _whole([(role_of(who), what) for who, what in zip(parts[::2], parts[1::2], strict=True)])


def _instructed(text: str) -> list[Turn] | None:
    said: list[tuple[str, str]] = []
    for place, (asked, answer) in enumerate(INSTRUCTED.findall(text)):
        system = SYSTEM.match(asked) if place == 0 else None
        if system:
            said.append(("system", system[1]))
        said += [("user", asked[system.end() if system else 0 :]), ("assistant", answer)]
    return _whole(said)


def bare(text: str) -> str:
    """Return a text without the marks of begin and end, and without blanks around it."""
    for mark in ENDS:
        text = text.replace(mark, "")
    return text.strip()


def _whole(said: list[tuple[str, str]]) -> list[Turn] | None:
    """Return turns with something in them; an input belongs to the instruction before it."""
    turns: list[Turn] = []
    for role, what in said:
        content = bare(what)
        if not content:
            continue
        if role == "input":
            if turns and turns[-1]["role"] == "user":
                turns[-1]["content"] += f"\n\n{content}"
                continue
            role = "user"  # noqa: PLW2901
        turns.append({"role": role, "content": content})
    return turns or None

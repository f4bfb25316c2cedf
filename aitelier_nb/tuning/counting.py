"""The tokens of a project's examples: by the base model's own tokenizer where it is there, else estimated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from aitelier_nb.curation import tokens
from aitelier_nb.curation.tokens import Counter, Tokens
from aitelier_nb.formats import rulebook
from aitelier_nb.schema import Example, Finding, Message
from aitelier_nb.storage.dataset import Dataset

__all__ = ["counted", "counter_of", "limit_of", "of_dataset", "of_lines", "too_long"]

MOST_COUNTED = 20_000  # examples that a model's own tokenizer counts in seconds; beyond it a sample speaks
SAMPLE = 2_000


def counter_of(provider: str, model: str | None) -> Counter | None:
    """Return the base model's own tokenizer, None where it is not on this machine or not needed."""
    from aitelier_nb.providers.local import vocabulary
    from aitelier_nb.providers.local.embedded import EMBEDDED

    if tokens.encoding_of(model, provider) is not None:
        return None
    name = model or (EMBEDDED.name if provider == "local" else None)
    return vocabulary.counter(name) if name else None


def limit_of(provider: str, model: str | None) -> int | None:
    """Return the tokens beyond which training cuts an example off, where that is known."""
    from aitelier_nb.providers.local.hyperparameters import Hyperparameters

    if provider == "local":
        return int(Hyperparameters.model_fields["max_length"].default)
    return tokens.limit_of(model)


def counted(examples: Sequence[Example], provider: str, model: str | None) -> Tokens:
    """Return the tokens of each example, counted as well as this machine can."""
    counter = counter_of(provider, model)
    if counter is None or len(examples) <= MOST_COUNTED:
        return tokens.count(examples, model=model, provider=provider, counter=counter)
    sample = examples[:: len(examples) // SAMPLE]
    exact = tokens.count(sample, counter=counter).total
    rough = tokens.estimate(examples)
    share = exact / max(tokens.estimate(sample).total, 1)
    return Tokens([round(n * share) for n in rough.counts], "estimate", rough.ids)


def of_dataset(dataset: Dataset, examples: Sequence[Example], provider: str, model: str | None) -> Tokens:
    """Return the tokens of a dataset's examples; only what is new or changed is counted."""
    name = tokens.count([], model=model, provider=provider).method
    if name == "estimate":
        return counted(examples, provider, model)
    ids, counts = dataset.token_counts(
        name, lambda found: tokens.count(found, model=model, provider=provider).counts
    )
    return Tokens(counts, name, ids)


def of_lines(lines: Sequence[bytes], provider: str, model: str | None, *, exact: bool = True) -> Tokens:
    """Return the tokens of the lines of a training file; `ids` are their numbers, from 1.

    What is no conversation, or cannot be read, is passed over: the check says so.
    """
    found = _examples(enumerate(lines, 1))
    return counted(found, provider, model) if exact else tokens.estimate(found)


def too_long(
    lines: Sequence[bytes], provider: str, model: str | None, limit: int | None = None, *, exact: bool = True
) -> list[Finding]:
    """Return a warning for each line that training would cut off."""
    most = limit if limit is not None else limit_of(provider, model)
    if most is None:
        return []
    likely = [
        (number, line) for number, line in enumerate(lines, 1) if len(line) > most
    ]  # no token without a byte
    if not likely:
        return []
    examples = _examples(likely)
    found = counted(examples, provider, model) if exact else tokens.estimate(examples)
    about = "about " if found.method == "estimate" else ""
    sizes = dict(zip(found.ids, found.counts, strict=True))
    return [
        Finding(
            line=number,
            rule="too_long",
            severity=rulebook.severity_of("too_long", provider) or "warning",
            message=f"the example has {about}{sizes[number]:,} tokens; what is beyond {most:,} is cut off",
            remedy="shorten it, or split it into several",
            source=rulebook.source_of("too_long"),
        )
        for number in found.over(most)
    ]


def _examples(numbered: Iterable[tuple[int, bytes]]) -> list[Example]:
    """Return the conversations of some lines, with the lines' numbers as ids."""
    found = ((number, _turns(line)) for number, line in numbered)
    return [
        Example.model_construct(id=number, messages=turns) for number, turns in found if turns is not None
    ]


def _turns(line: bytes) -> list[Message] | None:
    """Return all turns that a line of any kind holds, the longer of two answers."""
    try:
        row = msgspec.json.decode(line)
        turns = _messages(row)
        return None if turns is None else [Message.model_validate(turn) for turn in turns]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, TypeError, AttributeError):
        return None


def _messages(row: Any) -> list[Any] | None:
    if "messages" in row:
        found: list[Any] = row["messages"]
        return found
    if "preferred_output" in row:
        return [
            *row["input"]["messages"],
            *max(row["preferred_output"], row["non_preferred_output"], key=_size),
        ]
    if "chosen" in row and isinstance(row["chosen"], list):
        return [*row.get("prompt", []), *max(row["chosen"], row["rejected"], key=_size)]
    return None


def _size(side: Any) -> int:
    return len(str(side))

"""The tokens of a project's examples: by the base model's own tokenizer where it is there, else estimated."""

from __future__ import annotations

from collections.abc import Sequence

from aitelier_nb.curation import tokens
from aitelier_nb.curation.tokens import Counter, Tokens
from aitelier_nb.schema import Example

__all__ = ["counted", "counter_of", "limit_of"]

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

"""The verbs that take long, as coroutines: `await ait.adraft(...)` leaves the kernel's loop free."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from aitelier_nb.verbs.awaiting import awaited
from aitelier_nb.verbs.comparing import compare
from aitelier_nb.verbs.drafting import draft, record
from aitelier_nb.verbs.evaluating import evaluate
from aitelier_nb.verbs.prompting import ask
from aitelier_nb.verbs.tuning import train

__all__ = ["aask", "acompare", "adraft", "aevaluate", "arecord", "atrain"]

P = ParamSpec("P")
T = TypeVar("T")


def _twin(verb: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return a verb's coroutine, with its signature and its words."""

    @functools.wraps(verb)
    async def twin(*args: P.args, **words: P.kwargs) -> T:
        return await awaited(verb, *args, **words)

    twin.__name__ = twin.__qualname__ = f"a{verb.__name__}"
    twin.__module__ = __name__
    return twin


aask = _twin(ask)
"""`ask` for `await` in a cell; the same words, the same result."""
acompare = _twin(compare)
"""`compare` for `await` in a cell; the same words, the same result."""
adraft = _twin(draft)
"""`draft` for `await` in a cell; the same words, the same result."""
aevaluate = _twin(evaluate)
"""`evaluate` for `await` in a cell; the same words, the same result."""
arecord = _twin(record)
"""`record` for `await` in a cell; the same words, the same result."""
atrain = _twin(train)
"""`train` for `await` in a cell; the same words, the same result."""

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
    return twin


aask = _twin(ask)
acompare = _twin(compare)
adraft = _twin(draft)
aevaluate = _twin(evaluate)
arecord = _twin(record)
atrain = _twin(train)

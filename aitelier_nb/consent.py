"""A yes from a person, for what costs money, moves validation or erases.

`confirm=None` asks when a person is there, and otherwise raises with the flag to give;
`confirm=True` answers for the person, `confirm=False` is a no.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aitelier_nb.errors import ConfirmationNeeded

__all__ = ["ask_for", "asked_through", "in_kernel", "is_person_there"]


_ask: ContextVar[Callable[[str], str] | None] = ContextVar("aitelier_ask", default=None)


@contextmanager
def asked_through(ask: Callable[[str], str]) -> Iterator[None]:
    """Let `ask` put the questions of the work that begins inside the block."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def _kernel() -> Any:
    if "IPython" not in sys.modules:
        return None
    return getattr(sys.modules["IPython"].get_ipython(), "kernel", None)


def in_kernel() -> bool:
    """Return whether this is a notebook's kernel, where widgets are alive."""
    return _kernel() is not None


def is_person_there() -> bool:
    """Return whether somebody can answer a question: a terminal, or a kernel that allows input."""
    kernel = _kernel()
    if kernel is not None:
        return bool(getattr(kernel, "_allow_stdin", False))
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())


def ask_for(
    question: str, confirm: bool | None, *, flag: str = "confirm=True (in a terminal: --yes)"
) -> None:
    """Return when the answer is yes.

    Raises
    ------
    ConfirmationNeeded
        The answer is no, or nobody is there to give one; nothing was done.
    """
    if confirm is None and is_person_there():
        ask = _ask.get() or input  # looked up now: a kernel puts its own there for each cell
        confirm = ask(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
        if not confirm:
            raise ConfirmationNeeded(f"not done: {question}", hint="answer y to go on")
    if not confirm:
        raise ConfirmationNeeded(f"this needs a yes: {question}", hint=f"give {flag}")

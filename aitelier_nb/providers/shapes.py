"""What an answer of a service must look like before it is used: its ids, lists, moments and settings.

Whatever it looks like, it is read or it is a ResponseError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from aitelier_nb.errors import ResponseError
from aitelier_nb.redaction import quoted, redact

__all__ = ["UNREADABLE", "WORD", "echoed", "id_in", "job_in", "name_in", "read_from", "rows", "time_in"]

P = ParamSpec("P")
T = TypeVar("T")

WORD = 60  # characters of a name or a state that a message quotes
NAME = 256  # characters of a name, at most
ID = re.compile(r"[\w.:@/-]{1,256}", re.ASCII)
UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""What comes of taking apart an answer that has another form."""


def job_in(data: Any, provider: str) -> dict[str, Any]:
    """Return the job that an answer holds.

    Raises
    ------
    ResponseError
        It holds none.
    """
    if not isinstance(data, dict) or "status" not in data:
        raise ResponseError(f"{provider} answered without a job", hint="try again later")
    id_in(data.get("id"), provider)
    return data


def id_in(value: Any, provider: str) -> str:
    """Return an id that an answer holds; it comes into addresses and sentences.

    Raises
    ------
    ResponseError
        It is none.
    """
    if not isinstance(value, str) or not ID.fullmatch(value) or not _is_harmless(value):
        raise ResponseError(f"{provider} answered without a usable id", hint="try again later")
    return value


def name_in(value: Any, provider: str) -> str | None:
    """Return a name that an answer holds, in any language, or None where there is none.

    Raises
    ------
    ResponseError
        It is no name.
    """
    if not value:
        return None
    if not isinstance(value, str) or len(value) > NAME or not _is_harmless(value):
        raise ResponseError(f"{provider} answered without a usable name", hint="try again later")
    return value


def _is_harmless(text: str) -> bool:
    """Return whether a text can stand in a sentence and in an address: it prints, and it holds no key."""
    return text.isprintable() and ".." not in text and redact(text, lookalikes=False) == text


def time_in(value: Any) -> str | None:
    """Return a moment as the service writes it, or None where it writes none."""
    return quoted(value, WORD) if value else None


def echoed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a service echoes: numbers as they are, all else as a line of text."""
    return {
        name: value if isinstance(value, (int, float)) else quoted(value) for name, value in values.items()
    }


def rows(document: Any, key: str, provider: str) -> list[dict[str, Any]]:
    """Return the entries of a list in a document; one that is not there is empty.

    Raises
    ------
    ResponseError
        It is no list of entries.
    """
    found = (document.get(key) or []) if isinstance(document, dict) else document
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _unreadable(provider)
    return found


def read_from(provider: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function that takes an answer apart raise ResponseError where the answer has another form."""

    def decorate(read: Callable[P, T]) -> Callable[P, T]:
        @wraps(read)
        def reading(*args: P.args, **words: P.kwargs) -> T:
            try:
                return read(*args, **words)
            except UNREADABLE as error:
                raise _unreadable(provider) from error

        return reading

    return decorate


def _unreadable(provider: str) -> ResponseError:
    return ResponseError(
        f"{provider} answered in a form that is not known",
        hint="check the base URL; if it is right, look for a newer version of aitelier-nb",
    )

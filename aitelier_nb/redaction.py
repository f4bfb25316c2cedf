"""Keys never reach an output, a log, a recording or a file: one filter, used everywhere.

Two ways to know a key: it was registered (whatever its shape), or it looks like one.
"""

from __future__ import annotations

import logging
import re
from typing import Any

__all__ = ["RedactionFilter", "Secret", "quoted", "redact", "redacted", "register"]

MASK = "[key removed]"
SHORTEST = 8  # a registered secret shorter than this would mask ordinary words

PATTERN = re.compile(
    r"""
    \b(?:sk|tgp|fw|gsk|xai)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9_-]{16,}              # providers
    | \b(?:pk|rk|hf|key)[-_](?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}  # a digit, or it is a word
    | \bAIza[0-9A-Za-z_-]{35}\b             # Google
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b         # AWS
    | \bgh[pousr]_[A-Za-z0-9]{36,}\b        # GitHub
    | (?<=Bearer\s)[A-Za-z0-9._~+/=-]{8,}
    | (?<=//)[^/\s:@]+:[^/\s@]+(?=@)        # user:password in an address
    """,
    re.VERBOSE,
)

LONGEST = 300  # characters of somebody else's words that a sentence of ours quotes
READ = 1_000_000  # characters of them that are looked at
ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~] | \x1b\][^\x07\x1b]*(?:\x07|\x1b\\)? | \x1b[@-_]", re.VERBOSE
)
"""What moves a terminal's cursor, colours its text or renames its window."""

UNPLAIN = re.compile(r"[^ -~]+")

_registered: set[str] = set()


class Secret:
    """A key that shows only its last four characters; `reveal` gives it to the one who sends it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        register(value)

    def reveal(self) -> str:
        """Return the key itself."""
        return self._value

    def __repr__(self) -> str:
        return f"…{self._value[-4:]}" if len(self._value) > 2 * 4 else "…"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a key is never pickled")  # a pickle is a file


def register(secret: str) -> None:
    """Remember a key, so that `redact` finds it whatever its shape."""
    if len(secret) >= SHORTEST:
        _registered.add(secret)


def redact(text: str, *, lookalikes: bool = True) -> str:
    """Return the text with every key replaced by a mark.

    Parameters
    ----------
    text
        What is about to be shown or written.
    lookalikes
        Also replace what merely looks like a key; False for the user's own data, which must
        come out as it went in.
    """
    for secret in _registered:
        if secret in text:
            text = text.replace(secret, MASK)
    return PATTERN.sub(MASK, text) if lookalikes else text


def quoted(words: object, longest: int = LONGEST) -> str:
    """Return somebody else's words for a sentence of ours: one line, no controls, no key, not too long.

    Keys are looked for after the controls are gone: a control inside a key would hide it.
    """
    shown = UNPLAIN.sub(_printable, ESCAPES.sub("", str(words)[:READ]))
    clean = redact(" ".join(shown.split())[: 100 * longest])
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def _printable(letters: re.Match[str]) -> str:
    """Return letters without those that show nothing: controls, marks of direction, half characters."""
    return "".join(one if one.isprintable() else " " if one.isspace() else "" for one in letters[0])


def redacted(value: Any, *, lookalikes: bool = True) -> Any:
    """Return a JSON value with every key in its texts replaced."""
    if isinstance(value, str):
        return redact(value, lookalikes=lookalikes)
    if isinstance(value, dict):
        return {name: redacted(inner, lookalikes=lookalikes) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(inner, lookalikes=lookalikes) for inner in value]
    return value


class RedactionFilter(logging.Filter):
    """Removes keys from log records before any handler sees them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the record's message by its redacted text; keep the record."""
        record.msg, record.args = redact(record.getMessage()), None
        return True

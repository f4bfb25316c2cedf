"""Checks a training file as its provider would, before anything is uploaded.

Errors are what the provider refuses; warnings are what it takes although the data is poor. Each
finding names the line, the remedy and where the rule is written.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import xxhash

from aitelier_nb.errors import UsageError
from aitelier_nb.formats import rulebook
from aitelier_nb.formats.rows_rules import is_plain_chat, kind_of_row, row_faults
from aitelier_nb.formats.rulebook import Fault
from aitelier_nb.schema import Finding
from aitelier_nb.views import counted

__all__ = ["check", "kind_of"]

Private = Callable[[str], Iterable[tuple[str, int, int]]]

MOST_SHOWN = 100  # findings of one rule; the rest is counted
KINDS = {"chat": {"chat", "completion", "text"}, "preference": {"preference", "chosen"}, "kto": {"label"}}
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def check(
    content: bytes | Iterable[bytes],
    provider: str,
    *,
    kind: str | None = None,
    name: str = "train.jsonl",
    private: Private | None = None,
) -> list[Finding]:
    """Return what is wrong with a training file, in the order of its lines.

    Parameters
    ----------
    content
        The whole file, or its pieces.
    provider
        "together", "openai", "fireworks", "trl" or "local".
    kind
        "chat", "preference" or "kto" insists on that kind; None takes any that the provider takes.
    name
        The file's name: providers look at its extension.
    private
        Finds personal data in a text, as (kind, start, end); nobody looks for it when None.

    Raises
    ------
    UsageError
        There is no such provider.
    """
    if provider not in rulebook.PROVIDERS:
        names = ", ".join(rulebook.PROVIDERS)
        raise UsageError(f"there are no rules for {provider!r}", hint=f"use one of {names}")
    whole = content if isinstance(content, bytes) else b"".join(content)
    checked = _Check(provider, kind, private)
    checked.file(whole, name)
    return checked.findings()


def kind_of(content: bytes) -> str:
    """Return "chat", "preference" or "kto", as the first line says."""
    try:
        row = msgspec.json.decode(content.lstrip(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "chat"
    if isinstance(row, dict) and ("preferred_output" in row or "chosen" in row):
        return "preference"
    return "kto" if isinstance(row, dict) and "label" in row and "completion" in row else "chat"


class _Check:
    """One pass over one file."""

    def __init__(self, provider: str, kind: str | None, private: Private | None = None) -> None:
        self.provider = provider
        self.private = private
        self.wanted = KINDS.get(kind or "")
        self.limits = rulebook.limits_of(provider)
        self.found: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.prompts: Counter[str] = Counter()
        self.seen: dict[int, int] = {}
        self.rows = 0

    def file(self, content: bytes, name: str) -> None:
        """Look at the file as a whole, then at each line."""
        if not name.endswith(".jsonl"):
            self.add(None, Fault("file_extension", f"{name} does not end with .jsonl", "rename it"))
        if not content.strip():
            self.add(None, Fault("empty_file", "the file is empty", "write it with ait format"))
            return
        most = self.limits.most_bytes
        if most is not None and len(content) > most:
            remedy = "keep fewer examples"
            self.add(
                None, Fault("file_too_large", f"the file has {len(content)} bytes, more than {most}", remedy)
            )
        if content.startswith(b"\xef\xbb\xbf"):
            fault = Fault(
                "byte_order_mark", "the file begins with a byte order mark", "save it as UTF-8 without BOM"
            )
            self.add(1, fault)
            content = content[3:]
        lines = content.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines, 1):
            self.line(number, line)
        self.whole()

    def line(self, number: int, line: bytes) -> None:
        """Look at one line."""
        if not line or line.isspace():
            self.add(number, Fault("blank_line", "the line is blank", "take it out"))
            return
        if b"\r" in line and b"\r" in line.removesuffix(b"\r"):
            fault = Fault(
                "carriage_return", "a carriage return stands within the line", "end lines with a line feed"
            )
            self.add(number, fault)
            return
        row = self.parsed(number, line)
        if row is UNREADABLE:
            return
        if not isinstance(row, dict):
            fault = Fault(
                "not_object", "the line is no JSON object", "write one object a line, not a list of them"
            )
            self.add(number, fault)
            return
        self.rows += 1
        self.row(number, row, line)

    def parsed(self, number: int, line: bytes) -> Any:
        """Return the line's value; what it costs to read it is told."""
        try:
            return msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        strange: set[str] = set()
        try:
            row = json.loads(line.decode("utf-8"), parse_constant=strange.add)
        except UnicodeDecodeError as error:
            self.add(
                number, Fault("not_utf8", f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8")
            )
        except json.JSONDecodeError as error:
            where = f"{error.msg} at column {error.colno}"
            self.add(
                number, Fault("not_json", f"the line is not JSON: {where}", "write one JSON object a line")
            )
        except (ValueError, RecursionError) as error:
            self.add(
                number, Fault("not_json", f"the line cannot be read: {error}", "write one JSON object a line")
            )
        else:
            for constant in sorted(strange):
                self.add(number, Fault("not_a_number", f"{constant} is no JSON", "write null or a number"))
            return row
        return UNREADABLE

    def row(self, number: int, row: dict[str, Any], line: bytes) -> None:
        """Look at one example; most are plain chats, which only poor data can be wrong with."""
        plain = is_plain_chat(row)
        if not plain:
            for fault in row_faults(row, self.provider, self.limits):
                self.add(number, fault)
        kind = "chat" if plain else kind_of_row(row, self.provider)
        if kind is not None:
            self.kinds[kind] += 1
            if self.wanted is not None and kind not in self.wanted:
                fault = Fault("wrong_kind", f"the line is a {kind} example", "check it as what it is")
                self.add(number, fault)
            elif len(self.kinds) > 1:
                first = next(iter(self.kinds))
                fault = Fault(
                    "mixed_kinds",
                    f"the line is a {kind} example, the first a {first} example",
                    "make two files",
                )
                self.add(number, fault)
        if not (plain and b"\\" not in line and line.count(b'"') == 2 + 8 * len(row["messages"])):
            for fault in _text_faults(line, _keys(row)):
                self.add(number, fault)
        if self.private is not None:
            for what in sorted({found[0] for text in _texts(row) for found in self.private(text)}):
                fault = Fault(
                    "personal_data", f"a text holds something like a {what}", "take it out, or replace it"
                )
                self.add(number, fault)
        self.remember(number, row, line)

    def remember(self, number: int, row: dict[str, Any], line: bytes) -> None:
        """Keep what only shows over many lines: equal ones, system prompts."""
        digest = xxhash.xxh3_64_intdigest(line.strip())
        first = self.seen.setdefault(digest, number)
        if first != number:
            self.add(
                number, Fault("duplicate_line", f"the line is the same as line {first}", "keep one of them")
            )
        messages = row.get("messages")
        if isinstance(messages, list) and messages and isinstance(messages[0], dict):
            system = messages[0].get("role") == "system"
            self.prompts[str(messages[0].get("content")) if system else ""] += 1

    def whole(self) -> None:
        """Judge what was counted."""
        if self.rows < self.limits.fewest:
            count = counted(self.rows, "example")
            message = f"the file has {count}, but must have at least {self.limits.fewest}"
            if rulebook.severity_of("too_few_examples", self.provider) == "warning":
                message = f"the file has only {count}; fewer than {self.limits.fewest} hardly change a model"
            self.add(None, Fault("too_few_examples", message, "rate or add more examples"))
        if len(self.prompts) > 1:
            message = f"there are {len(self.prompts)} different system prompts (none counts as one)"
            self.add(None, Fault("mixed_system_prompts", message, "use one, unless it is meant so"))

    def add(self, line: int | None, fault: Fault) -> None:
        """Keep a finding, if the rule counts for the provider and was not found too often."""
        severity = rulebook.severity_of(fault.rule, self.provider)
        if severity is None:
            return
        self.counts[fault.rule] += 1
        if self.counts[fault.rule] > MOST_SHOWN:
            return
        self.found.append(
            Finding(
                line=line,
                rule=fault.rule,
                severity=severity,
                message=fault.message,
                remedy=fault.remedy,
                source=rulebook.source_of(fault.rule),
            )
        )

    def findings(self) -> list[Finding]:
        """Return the findings, and for each rule that was broken very often a count of the rest."""
        rest = [
            Finding(
                rule=rule,
                severity=rulebook.severity_of(rule, self.provider) or "warning",
                message=f"{count - MOST_SHOWN} more lines break this rule",
                source=rulebook.source_of(rule),
            )
            for rule, count in self.counts.items()
            if count > MOST_SHOWN
        ]
        return self.found + rest


UNREADABLE = object()


def _text_faults(line: bytes, keys: int) -> Iterator[Fault]:
    """Yield what a provider takes and later suffers from: keys given twice, characters that break files."""
    if b"\\u0000" in line and NUL.search(line):
        yield Fault("nul_character", "a text holds a NUL character", "take it out")
    if (b"\\ud" in line or b"\\uD" in line) and _has_lone_surrogate(line):
        yield Fault("lone_surrogate", "a text holds half a character", "write it whole, or take it out")
    twice = _twice(line, keys)
    if twice is not None:
        yield Fault("duplicate_keys", f"the key {twice!r} is given twice", "keep one of them")


def _has_lone_surrogate(line: bytes) -> bool:
    try:
        msgspec.json.encode(json.loads(line))
    except UnicodeEncodeError:
        return True
    except ValueError:
        return False
    return False


def _twice(line: bytes, keys: int) -> str | None:
    """Return a key that stands twice in one object; looked for only when the counts of keys differ."""
    if line.count(b'":') == keys and b'" :' not in line:
        return None
    found: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = Counter(name for name, _ in pairs)
        found.extend(name for name, count in names.items() if count > 1)
        return dict(pairs)

    try:
        json.loads(line, object_pairs_hook=collect)
    except ValueError:
        return None
    return found[0] if found else None


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a line but its keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0

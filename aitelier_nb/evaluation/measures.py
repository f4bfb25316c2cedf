"""Automatic checks of an answer: what a machine can tell for certain, beside what people judge.

A measure gives 1 for yes and 0 for no (a function of the user may give what lies between).
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics import mean_error, proportion_interval
from aitelier_nb.evaluation.statistics.proportions import student
from aitelier_nb.schema import Example

__all__ = [
    "Contains",
    "Exact",
    "Function",
    "JsonSchema",
    "Length",
    "Measure",
    "Rate",
    "Regex",
    "measure",
    "rate",
]


class Measure(Protocol):
    """Says of one answer whether it does what is wanted."""

    @property
    def name(self) -> str:
        """What is measured, in a few words."""
        ...

    def __call__(self, text: str, example: Example) -> float:
        """Return 1 for yes, 0 for no."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the measure as an evaluation file states it."""
        ...


@dataclass(frozen=True)
class Exact:
    """The answer equals the expected one; white space at the ends does not count."""

    name: str = "exact match"
    ignore_case: bool = False

    def __call__(self, text: str, example: Example) -> float:
        """Return 1 for yes, 0 for no."""
        found, expected = text.strip(), example.output.strip()
        return float(found.casefold() == expected.casefold() if self.ignore_case else found == expected)

    def to_json(self) -> dict[str, Any]:
        """Return the measure as an evaluation file states it."""
        return {"name": self.name, "kind": "exact", "ignoreCase": self.ignore_case}


@dataclass(frozen=True)
class Regex:
    r"""The pattern occurs in the answer; anchor it with \A and \Z to match the whole of it."""

    pattern: str
    name: str = "pattern"

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise EvaluationError(
                f"{self.pattern!r} is no regular expression: {error}",
                hint="escape special characters with \\",
            ) from error

    def __call__(self, text: str, example: Example) -> float:  # noqa: ARG002
        """Return 1 for yes, 0 for no."""
        return float(re.search(self.pattern, text) is not None)

    def to_json(self) -> dict[str, Any]:
        """Return the measure as an evaluation file states it."""
        return {"name": self.name, "kind": "regex", "pattern": self.pattern}


@dataclass(frozen=True)
class JsonSchema:
    """The whole answer is one JSON document that the schema accepts."""

    schema: Mapping[str, Any] | bool
    name: str = "JSON schema"
    _valid: Callable[[Any], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            from jsonschema import SchemaError
            from jsonschema.validators import validator_for
        except ImportError as error:
            raise EvaluationError(
                f"the check {self.name!r} needs the package jsonschema", hint="pip install jsonschema"
            ) from error

        kind = validator_for(self.schema)
        try:
            kind.check_schema(self.schema)
        except SchemaError as error:
            raise EvaluationError(
                f"the JSON schema of {self.name!r} is not valid: {error.message}", hint="correct the schema"
            ) from error
        object.__setattr__(self, "_valid", kind(self.schema).is_valid)

    def __call__(self, text: str, example: Example) -> float:  # noqa: ARG002
        """Return 1 for yes, 0 for no."""
        try:
            return float(self._valid(json.loads(text)))
        except ValueError:
            return 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the measure as an evaluation file states it."""
        return {"name": self.name, "kind": "json_schema", "schema": self.schema}


@dataclass(frozen=True)
class Length:
    """The answer has at least and at most so many characters (or words)."""

    least: int = 1
    most: int | None = None
    unit: str = "characters"
    name: str = "length"

    def __post_init__(self) -> None:
        if self.unit not in ("characters", "words"):
            raise EvaluationError(f"length cannot be counted in {self.unit!r}", hint="characters or words")

    def __call__(self, text: str, example: Example) -> float:  # noqa: ARG002
        """Return 1 for yes, 0 for no."""
        length = len(text.split()) if self.unit == "words" else len(text)
        return float(self.least <= length and (self.most is None or length <= self.most))

    def to_json(self) -> dict[str, Any]:
        """Return the measure as an evaluation file states it."""
        return {
            "name": self.name,
            "kind": "length",
            "least": self.least,
            "most": self.most,
            "unit": self.unit,
        }


@dataclass(frozen=True)
class Contains:
    """The answer holds all of the texts, whatever their case."""

    texts: Sequence[str]
    name: str = "contains"

    def __call__(self, text: str, example: Example) -> float:  # noqa: ARG002
        """Return 1 for yes, 0 for no."""
        folded = text.casefold()
        return float(all(wanted.casefold() in folded for wanted in self.texts))

    def to_json(self) -> dict[str, Any]:
        """Return the measure as an evaluation file states it."""
        return {"name": self.name, "kind": "contains", "texts": list(self.texts)}


@dataclass(frozen=True)
class Function:
    """A Python function of the user: of the answer's text, or of text and example."""

    function: Callable[..., Any]
    name: str

    def __call__(self, text: str, example: Example) -> float:
        """Return 1 for yes, 0 for no."""
        both = len(inspect.signature(self.function).parameters) > 1
        try:
            value = float(self.function(text, example) if both else self.function(text))
        except Exception as error:  # whatever the user's own code raises
            raise EvaluationError(
                f"the measure {self.name!r} failed on example {example.id}: {type(error).__name__}: {error}",
                hint="let it return True or False for every text, the empty one included",
            ) from error
        if not 0 <= value <= 1:
            raise EvaluationError(
                f"the measure {self.name!r} gave {value:g} on example {example.id}",
                hint="return True, False or 0 to 1",
            )
        return value

    def to_json(self) -> dict[str, Any]:
        """Return the measure as an evaluation file states it."""
        return {"name": self.name, "kind": "function"}


KINDS: dict[str, tuple[Callable[..., Measure], dict[str, str]]] = {
    "exact": (Exact, {"ignoreCase": "ignore_case"}),
    "regex": (Regex, {"pattern": "pattern"}),
    "json_schema": (JsonSchema, {"schema": "schema"}),
    "length": (Length, {"least": "least", "most": "most", "unit": "unit"}),
    "contains": (Contains, {"texts": "texts"}),
}


def _worded(text: str) -> dict[str, Any]:
    """Return a measure's JSON from a word: exact, json, regex:PATTERN, contains:TEXT, length:MOST."""
    kind, _, value = text.partition(":")
    if kind == "json" and not value:
        return {"kind": "json_schema", "schema": True, "name": "JSON"}
    if kind == "length" and value.isdecimal():
        return {"kind": "length", "most": int(value), "name": f"at most {value} characters"}
    if kind == "contains" and value:
        return {"kind": "contains", "texts": [value], "name": f"contains {value!r}"}
    if kind == "regex" and value:
        return {"kind": "regex", "pattern": value, "name": f"matches {value}"}
    if kind == "exact" and not value:
        return {"kind": "exact"}
    raise EvaluationError(
        f"there is no check {text!r}", hint="exact, json, regex:PATTERN, contains:TEXT or length:MOST"
    )


def measure(wanted: Measure | Mapping[str, Any] | Callable[..., Any] | str) -> Measure:
    """Return a measure from what a person writes: a measure, its JSON, a function, or a word."""
    if isinstance(wanted, str):
        wanted = _worded(wanted)
    if isinstance(wanted, Mapping):
        kind = str(wanted.get("kind"))
        if kind not in KINDS:
            raise EvaluationError(
                f"there is no measure {kind!r}", hint=f"one of {', '.join(KINDS)}, or a function"
            )
        build, keys = KINDS[kind]
        given = {name: wanted[key] for key, name in keys.items() if key in wanted}
        named = {"name": str(wanted["name"])} if "name" in wanted else {}
        try:
            return build(**given, **named)
        except TypeError as error:
            raise EvaluationError(
                f"the measure {kind!r} needs {', '.join(keys)}", hint=f"it was given {', '.join(wanted)}"
            ) from error
    if isinstance(wanted, Exact | Regex | JsonSchema | Length | Contains | Function):
        return wanted
    if callable(wanted) and not hasattr(wanted, "to_json"):
        return Function(wanted, getattr(wanted, "__name__", "function").replace("_", " "))
    return wanted  # type: ignore[return-value]  # a measure of the user's own


@dataclass(frozen=True)
class Rate:
    """A share with its interval: Wilson's for yes and no, Student's t for values between."""

    rate: float | None
    n: int
    interval: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """Return {"rate", "n", "interval"}."""
        return {"rate": self.rate, "n": self.n, "interval": list(self.interval) if self.interval else None}


def rate(values: Sequence[float]) -> Rate:
    """Return the mean of a measure over answers, with its 95 % interval."""
    n = len(values)
    if not n:
        return Rate(None, 0, None)
    if all(value in (0, 1) for value in values):
        return Rate(sum(values) / n, n, proportion_interval(sum(values), n))
    mean = mean_error(values)
    if mean.mean is None or not mean.se:
        return Rate(mean.mean, n, None)
    half = student(n - 1, 0.05) * mean.se
    return Rate(mean.mean, n, (max(0.0, mean.mean - half), min(1.0, mean.mean + half)))

import sys

import pytest

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.measures import Length, measure, rate
from aitelier_nb.schema import Example

EXAMPLE = Example(
    id=7, messages=[{"role": "user", "content": "q"}, {"role": "assistant", "content": "Yes, of course."}]
)


@pytest.mark.parametrize(
    ("wanted", "text", "passes"),
    [
        ("exact", " Yes, of course.\n", 1),
        ("exact", "yes, of course.", 0),
        ({"kind": "exact", "ignoreCase": True}, "yes, of course.", 1),
        ({"kind": "regex", "pattern": r"\AYes\b"}, "Yes!", 1),
        ({"kind": "regex", "pattern": r"\AYes\b"}, "Oh, Yes!", 0),
        ({"kind": "json_schema", "schema": {"type": "object", "required": ["a"]}}, '{"a": 1}', 1),
        ({"kind": "json_schema", "schema": {"type": "object", "required": ["a"]}}, '{"b": 1}', 0),
        ({"kind": "json_schema", "schema": {"type": "object"}}, "{", 0),
        ({"kind": "length", "most": 3}, "four", 0),
        ({"kind": "length", "least": 2, "unit": "words"}, "two words", 1),
        ({"kind": "length"}, "", 0),
        ({"kind": "contains", "texts": ["refund", "day"]}, "A REFUND takes a day", 1),
        ({"kind": "contains", "texts": ["refund", "day"]}, "A refund", 0),
        (lambda text: "x" in text, "axb", 1),
        (lambda text, example: text == example.output, "Yes, of course.", 1),
    ],
)
def test_a_measure_tells_yes_from_no(wanted, text, passes):
    assert measure(wanted)(text, EXAMPLE) == passes


def test_an_error_in_a_users_function_names_the_example():
    with pytest.raises(EvaluationError, match="'broken' failed on example 7: ZeroDivisionError"):
        measure(broken)("text", EXAMPLE)


def broken(text):
    return 1 / 0


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "regex", "pattern": "("},
        {"kind": "rouge"},
        {"kind": "json_schema", "schema": {"type": "objekt"}},
        {"kind": "contains"},
    ],
)
def test_a_measure_that_cannot_be_is_refused_with_a_remedy(wanted):
    with pytest.raises(EvaluationError) as refused:
        measure(wanted)
    assert refused.value.hint


def test_a_schema_without_its_package_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(EvaluationError, match="needs the package jsonschema"):
        measure({"kind": "json_schema", "schema": True})


def test_a_value_outside_0_to_1_is_refused():
    with pytest.raises(EvaluationError, match="gave 7"):
        measure(lambda text: 7)("text", EXAMPLE)


def test_a_rate_of_yes_and_no_has_wilsons_interval():
    found = rate([1.0] * 9 + [0.0])
    assert found.interval == pytest.approx((0.595850, 0.982124), abs=1e-6)


def test_no_answers_have_no_rate():
    assert rate([]).to_json() == {"rate": None, "n": 0, "interval": None}


def test_a_length_is_counted_in_characters_or_words():
    with pytest.raises(EvaluationError, match="tokens"):
        Length(unit="tokens")

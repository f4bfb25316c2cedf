"""Krippendorff's alpha, against his own published example and at its limits."""

import pytest

from aitelier_nb.curation.agreement import alpha

# Krippendorff 2011, section C: 4 observers, 12 units, missing data; alpha nominal .743, ordinal .815, interval .849.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
UNITS = [
    {str(rater): ratings[unit] for rater, ratings in enumerate(OBSERVERS) if ratings[unit] is not None}
    for unit in range(12)
]


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example_gives_the_published_values(level, expected):
    assert alpha(UNITS, level) == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize(
    "units", [[], [{}], [{"a": 4}], [{"a": 4}, {"b": 5}], [{"a": 4, "b": 4}, {"a": 4, "b": 4}]]
)
def test_it_is_undefined_where_nothing_can_be_compared(units):
    assert alpha(units) is None


def test_full_agreement_is_one():
    assert alpha([{"a": 4, "b": 4}, {"a": 9, "b": 9}]) == 1

"""Reference figures: computed with scipy, statsmodels, choix and krippendorff, checked in R, or published.

figures.json holds rows of [name, function, arguments, keywords, expected, tolerance].
"""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest

from aitelier_nb.evaluation import statistics

FIGURES = json.loads((Path(__file__).parent / "figures.json").read_text("utf-8"))


def close(found, expected, tolerance):
    if expected is None or found is None:
        return found is expected
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected, [tolerance] * len(expected)))
    return abs(found - expected) <= tolerance


@pytest.mark.parametrize("row", FIGURES, ids=lambda row: row[0])
def test_a_reference_figure_is_reached(row):
    _, function, arguments, keywords, expected, tolerance = row
    result = getattr(statistics, function)(*arguments, **keywords)
    if not isinstance(expected, dict):
        assert close(result, expected, tolerance), result
        return
    for field, value in expected.items():
        found = result.e[-1] if field == "last e" else getattr(result, field)
        assert close(found, value, tolerance), (field, found, value)


def test_every_other_figure_of_the_same_results_stands(standing):
    results = {}
    for name, function, arguments, keywords, *_ in FIGURES:
        result = getattr(statistics, function)(*arguments, **keywords)
        results[name] = asdict(result) if is_dataclass(result) else result
    standing("results", results)

"""Python values become the same Arrow arrays as pyarrow itself makes, and come back."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from aitelier_nb.storage import arrays


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], pa.int64()),
        ([1, 2, 3], pa.int8()),
        ([None, 2, None, 10] * 5, pa.int8()),
        ([2**64 - 1, 0], pa.uint64()),
        ([None, None], pa.string()),
        ([True, False, True] * 7, pa.bool_()),
        ([True, None, False] * 7, pa.bool_()),
        (["a", "", "注文\0番号", None, "\U0001f600"], pa.string()),
        (["2026-11-22T10:00:00.000Z"] * 3, pa.string()),
    ],
)
def test_an_array_is_the_one_that_pyarrow_makes(values, kind):
    found = arrays.array(values, kind)
    found.validate(full=True)
    assert found.equals(pa.array(values, kind))
    assert found.slice(1).to_pylist() == values[1:]


@pytest.mark.parametrize(("values", "kind"), [([300], pa.int8()), (["\ud800"], pa.string())])
def test_what_pyarrow_refuses_is_refused(values, kind):
    with pytest.raises((pa.ArrowException, ValueError)):
        arrays.array(values, kind)


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5], [True, False, True, True, False], [1, None, 3, None, 5]])
def test_numbers_come_back_from_any_slices(values):
    column = pa.chunked_array([pa.array(values), pa.array(values).slice(1, 3), pa.array(values).slice(5)])
    expected = [value or 0 for value in [*values, *values[1:4]]]
    assert arrays.without_gaps(column).tolist() == expected
    assert isinstance(arrays.without_gaps(column.slice(2, 0)), np.ndarray)


def test_a_first_page_to_rate_needs_no_pandas_and_of_a_file_never_read_no_arrow(project):
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    project.dataset.add([{"messages": turns, "rating": 8}])
    code = f"""
import sys
from pathlib import Path
from aitelier_nb.storage import following, state
following.LARGE = state.LARGE = 1
import aitelier_nb as ait
head = Path({str(project.path)!r}, "data", "parquet", "examples.head.parquet")
for again in (False, True):
    assert head.exists() == again
    rater = ait.rate(project={str(project.path)!r})
    sent = []
    rater.send = lambda content, buffers=None: sent.append(content)
    rater._receive(rater, {{"kind": "hello", "session": "s"}})
    assert sent[0]["examples"][0]["rating"] == 8, sent
    assert ("pyarrow" in sys.modules) == again
    ait.open({str(project.path)!r}).close()
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

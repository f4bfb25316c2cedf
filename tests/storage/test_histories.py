"""Whatever is done in whatever order: the dataset holds what a plain list of values would hold."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.errors import SplitError
from aitelier_nb.schema import Config
from aitelier_nb.storage.project import create, open_project

SPEC = importlib.util.spec_from_file_location("crashing", Path(__file__).with_name("crashing.py"))
crashing = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(crashing)

STEPS = st.lists(
    st.tuples(
        st.sampled_from([*sorted(set(crashing.KINDS)), "open again"]), st.integers(0, 20), st.integers(1, 10)
    ),
    max_size=25,
)
NAMES = ("id", "rating", "split", "flagged", "version", "n_turns", "n_chars", "group")


def columns_agree(dataset):
    """See that the quick columns of a file that was just read are those of the frame."""
    quick = dataset.columns(*NAMES, hasty=True)
    frame = dataset.frame().astype(object)
    assert quick == {name: [None if pd.isna(value) else value for value in frame[name]] for name in NAMES}


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_any_history_leaves_what_the_model_says(steps):
    os.environ["AITELIER_RATER"] = "ada"
    with tempfile.TemporaryDirectory() as folder:
        project = create(folder, Config(name="bot", model="m"))
        state, before = [], []
        for step, (kind, anywhere, value) in enumerate(steps):
            place = anywhere % (len(state) or 1)
            if kind == "open again":
                project = open_project(folder)
                columns_agree(project.dataset)
            elif kind == "undo" and before and before[-1] is None:  # a split stands
                with contextlib.suppress(SplitError):
                    project.dataset.undo()
                    before.pop()
                    state = crashing.state_of(project)
                assert crashing.state_of(project) == state
            elif state or kind in ("add", "fold", "mirror", "format", "undo"):
                crashing.apply(project, 0, kind, place, value, step)
                after = crashing.changed(state, 0, kind, place, value, step)
                if kind == "undo":
                    after = before.pop() if before else state
                elif after != state:
                    before.append(state if kind != "split" else None)
                state = after
            assert crashing.state_of(project) == state
        columns_agree(open_project(folder).dataset)
        project.dataset.fold()
        assert crashing.state_of(open_project(folder)) == state
        assert not project.dataset.problems()
        project.close()

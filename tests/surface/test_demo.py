"""The demo: the whole loop with the embedded model, once."""

from __future__ import annotations

import json

import pytest


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_demo_tunes_a_model_that_beats_its_base_on_held_out_examples(ait):
    done = ait("demo", "shop", "--json", wait=1400)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert result["held_out"] >= 30
    assert result["base"] < result["prompted"] < result["tuned"]
    assert result["intervals"]["tuned"][0] > result["intervals"]["base"][1]
    folder = ait.folder / "shop"
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["evaluation"]["tuned"]["rate"] == result["tuned"]
    assert report["evaluation"]["base"]["n"] == result["held_out"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "rule" in page
    again = ait("demo", "shop", "--json")
    assert json.loads(again.stdout)["result"] == result
    assert ait("verify", cwd=folder).returncode == 0

"""The scripts that travel with a widget are one module without imports."""

from __future__ import annotations

import re

import pytest

from aitelier_nb.widgets import Comparator, Rater, Scorer


@pytest.mark.parametrize("widget", [Rater, Comparator, Scorer])
def test_a_script_imports_nothing_and_exports_one_thing(widget) -> None:
    assert not re.search(r"^import |\bimport\(", widget._esm, re.MULTILINE)
    assert re.findall(r"^export .*", widget._esm, re.MULTILINE) == ["export default {"]


@pytest.mark.parametrize("widget", [Rater, Comparator, Scorer])
def test_no_two_parts_of_a_script_use_the_same_name(widget) -> None:
    names = re.findall(r"^(?:const|let|class|function|async function) (\w+)", widget._esm, re.MULTILINE)
    top = [name for name in names if re.search(rf"^export .*\b{name}\b", widget._esm, re.MULTILINE) is None]
    declared = [name for name in top if name.isupper() or name[0].isupper()]
    assert sorted(set(declared)) == sorted(declared)


@pytest.mark.parametrize("widget", [Rater, Comparator, Scorer])
def test_a_script_never_hands_text_to_the_html_parser_nor_the_network(widget) -> None:
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(|https?:"
    assert not re.search(banned, widget._esm)

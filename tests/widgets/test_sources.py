"""The scripts that travel with a widget are one module without imports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import aitelier_nb.widgets
from aitelier_nb.widgets import Adder, Comparator, JobMonitor, Rater, Scorer, SplitView, Table
from aitelier_nb.widgets.bar import Bar

WIDGETS = [Adder, Bar, Comparator, JobMonitor, Rater, Scorer, SplitView, Table]
FOLDER = Path(aitelier_nb.widgets.__file__).parent
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.js") if "export default" in path.read_text())
NAMES = re.compile(r"^(?:export )?(?:const|let|class|function|async function) (\w+)", re.MULTILINE)


def parts(name: str, seen: set[str] | None = None) -> list[str]:
    """Return the texts of a script and of all that it imports."""
    seen = set() if seen is None else seen
    seen.add(name)
    text = (FOLDER / name).read_text(encoding="utf-8")
    others = [other for other in re.findall(r'from "\./(\w+\.js)"', text) if other not in seen]
    return [text, *(part for other in others if other not in seen for part in parts(other, seen))]


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_script_imports_nothing_and_exports_one_thing(widget) -> None:
    assert not re.search(r"^import |\bimport\(", widget._esm, re.MULTILINE)
    assert re.findall(r"^export .*", widget._esm, re.MULTILINE) == ["export default {"]


@pytest.mark.parametrize("part", SCRIPTS)
def test_no_two_parts_of_a_script_use_the_same_name(part) -> None:
    names = [name for source in parts(part) for name in NAMES.findall(source)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_script_never_hands_text_to_the_html_parser_nor_the_network(widget) -> None:
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(|https?:(?!//www.w3.org/2000/svg)"
    assert not re.search(banned, widget._esm)

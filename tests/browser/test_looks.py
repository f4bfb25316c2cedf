"""Every widget in light and dark: nothing for axe to find, contrast included, and pictures to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = ["rater", "comparator", "scorer", "table", "split", "adder", "monitor"]
CELLS = [
    f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom gallery import gallery, work\nshown = gallery()",
    *["next(shown)"] * len(NAMES),
    "work()",
]


def violations(page: Any) -> list[str]:
    found = page.evaluate("() => axe.run('.ait, .aitelier-static')")["violations"]
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


def act(page: Any, boxes: Any) -> None:
    """Bring each widget into a state that shows more of it."""
    boxes.nth(0).click(position={"x": 5, "y": 5})
    for key in ("?", "d"):
        page.keyboard.press(key)
    boxes.nth(1).click(position={"x": 5, "y": 5})
    page.keyboard.press("1")
    boxes.nth(2).click(position={"x": 5, "y": 5})
    page.keyboard.press("d")
    page.get_by_role("button", name="Open example 1", exact=True).click()
    boxes.nth(3).locator(".ait-detail").wait_for()
    boxes.nth(4).locator("input[type=range]").fill("70")
    boxes.nth(4).get_by_text("Preview, nothing is written").wait_for()
    boxes.nth(5).locator("summary").click()


def narrow(book: Any, *, on: bool) -> None:
    """Give every widget 400 pixels, as a notebook beside another window has them."""
    width = "400px" if on else ""
    script = "width => document.querySelectorAll('section.ait').forEach(n => { n.style.width = width })"
    book.page.evaluate(script, width)
    book.settle()


def test_every_widget_is_readable_and_accessible_in_light_and_dark(lab, node_packages: Path) -> None:
    book = lab.notebook("gallery", CELLS)
    book.run()
    page = book.page
    book.until("n => document.querySelectorAll('section.ait').length === n", len(NAMES))
    boxes = page.locator("section.ait")
    for drawn in (".ait-rows .ait-link", ".ait-stack", ".ait-curve svg"):
        page.locator(drawn).first.wait_for()
    book.until("() => !document.querySelector('.ait-loading')")
    page.add_script_tag(path=str(node_packages / "axe-core" / "axe.min.js"))
    for name, place in zip(NAMES, range(len(NAMES)), strict=True):
        book.picture(boxes.nth(place), f"{name}-light")
    act(page, boxes)
    for dark in (False, True):
        book.theme(dark=dark)
        for name, place in zip(NAMES, range(len(NAMES)), strict=True):
            book.picture(boxes.nth(place), f"{name}-open-{'dark' if dark else 'light'}")
        assert violations(page) == []
        narrow(book, on=True)
        for name, place in zip(NAMES, range(len(NAMES)), strict=True):
            book.picture(boxes.nth(place), f"{name}-narrow-{'dark' if dark else 'light'}")
            assert boxes.nth(place).evaluate("node => node.scrollWidth <= node.clientWidth + 1"), name
        assert violations(page) == []
        narrow(book, on=False)


def test_a_table_of_100000_rows_holds_only_those_on_screen(lab) -> None:
    book = lab.notebook("table", [CELLS[0], "[next(shown) for _ in range(3)]\nnext(shown)"])
    book.run()
    table = book.page.locator("section.ait")
    table.get_by_text("100,000 examples").wait_for()
    assert table.locator(".ait-rows .ait-row").count() < 30
    table.locator(".ait-scroller").evaluate("node => { node.scrollTop = node.scrollHeight }")
    table.get_by_text("Where is my order 99999?").wait_for()
    table.locator(".ait-col-id .ait-sort").click()
    table.get_by_text("Where is my order 99999?").wait_for()
    table.locator("input[type=search]").fill("order 4242")
    table.get_by_text("11 examples").wait_for()
    book.save()
    assert book.path.stat().st_size < 50_000


def test_long_work_leaves_one_line_without_rates(lab) -> None:
    book = lab.notebook("work", [CELLS[0], "work()"])
    book.run()
    book.page.locator(".aitelier-static", has_text="answers 40/40").wait_for()
    assert book.page.locator(".ait-progress").count() == 0
    (output,) = book.save()["cells"][1]["outputs"]
    assert output["data"]["text/plain"] == ["answers 40/40"]
    assert sorted(output["data"]) == ["text/html", "text/plain"]

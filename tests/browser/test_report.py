"""The report in a real browser: on a screen of any width, light and dark, enlarged, on paper, and without a network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aitelier_nb.reports.publication import write
from aitelier_nb.storage.project import open_project

TUTORIALS = Path(__file__).parents[2] / "tutorials"
PAPER = 718  # pixels between the margins of A4


@pytest.mark.parametrize("name", ["fernlight", "garden-shop"])
def test_the_page_fits_everywhere_is_accessible_and_asks_nobody(
    lab, name: str, tmp_path: Path, node_packages: Path
) -> None:
    with open_project(shutil.copytree(TUTORIALS / name, tmp_path / name)) as project:
        report = write(project).path
    page = lab.browser.new_page(viewport={"width": 1100, "height": 900}, bypass_csp=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    assert asked == [report.as_uri()]
    page.add_script_tag(path=str(node_packages / "axe-core" / "axe.min.js"))
    for dark in (False, True):
        page.emulate_media(color_scheme="dark" if dark else "light")
        found = page.evaluate("() => axe.run()")["violations"]
        assert [(one["id"], [node["html"][:100] for node in one["nodes"]]) for one in found] == []
    for width, zoom, media in ((400, 1, "screen"), (1100, 2, "screen"), (PAPER, 1, "print")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media=media)
        page.evaluate("zoom => { document.documentElement.style.zoom = zoom }", zoom)
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, (width, zoom, media, wide)
    page.close()

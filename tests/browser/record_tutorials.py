"""Takes a picture of every widget that the tutorials show, from a real JupyterLab.

    python tests/browser/record_tutorials.py [NAME ...]

Needs Chromium on the path, playwright and Pillow; runs copies of the tutorials and writes `tutorials/pictures/`.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CHROMIUM, FLAGS, Lab, Notebook

TUTORIALS = Path(__file__).parents[2] / "tutorials"
PICTURES = TUTORIALS / "pictures"
WIDGET = "application/vnd.jupyter.widget-view+json"
COLOURS, WIDTH, HEIGHT = 128, 1000, 800
QUESTION = ".jp-Stdin-input"
DONE = """place => {
    const notebook = window.jupyterapp.shell.currentWidget;
    const cell = notebook.content.model.cells.get(place);
    return cell.executionCount > 0 && notebook.sessionContext.session.kernel.status === 'idle';
}"""


def widgets(path: Path) -> Iterator[tuple[int, str]]:
    """Yield place and name of each cell that shows a widget, of several alike the first one."""
    seen = set()
    for place, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"]):
        for output in cell.get("outputs", []):
            name = "".join(output.get("data", {}).get("text/plain", ""))
            if WIDGET in output.get("data", {}) and name not in seen:
                seen.add(name)
                yield place, name.lower().replace(" ", "-")


def run(book: Notebook, place: int) -> None:
    """Run one cell and wait for its end: a widget is to be seen before later cells change it."""
    select = "place => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = place; }"
    book.page.evaluate(select, place)
    book.command("notebook:run-cell")
    book.until(f"place => document.querySelector('{QUESTION}') || ({DONE})(place)", place)
    question = book.page.locator(QUESTION)
    if question.count():  # what would cost money is asked; nothing is bought for a picture
        question.fill("n")
        question.press("Enter")
        book.until(DONE, place)


def take(book: Notebook, place: int, target: Path) -> None:
    """Write the picture of the widget in one cell, with few colours so that it stays small."""
    box = book.page.locator(".jp-Notebook-cell").nth(place).locator("section.ait").first
    box.scroll_into_view_if_needed()
    book.page.wait_for_timeout(1500)
    picture = Image.open(io.BytesIO(box.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target.name}: {picture.width} x {picture.height}, {target.stat().st_size / 1000:.0f} kB")


def record(lab: Lab, path: Path) -> None:
    """Run one tutorial as a reader does, and take the pictures."""
    found = list(widgets(path))
    if not found:
        return
    book = lab.open(lab.work / "tutorials" / path.name)
    book.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    book.command("application:toggle-left-area")
    book.command("notebook:clear-all-cell-outputs")
    last, _ = found[-1]
    for place, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"][: last + 1]):
        if cell["cell_type"] == "code":
            run(book, place)
        if place in dict(found):
            take(book, place, PICTURES / f"{path.name[:2]}-{dict(found)[place]}.png")
    lab.close_pages()


def main(names: list[str]) -> None:
    """Start a server and a browser, and take the pictures of some tutorials or of all."""
    PICTURES.mkdir(exist_ok=True)
    paths = [TUTORIALS / f"{name}.ipynb" for name in names] or sorted(TUTORIALS.glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser: Any = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lab = Lab(Path(folder), browser)
        shutil.copytree(TUTORIALS, lab.work / "tutorials")
        try:
            for path in paths:
                record(lab, path)
        finally:
            lab.close()
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])

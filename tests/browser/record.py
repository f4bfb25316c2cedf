"""Records the pictures of the README from a real JupyterLab: the rater in both themes, and a short animation.

    python tests/browser/record.py

Needs Chromium on the path, playwright and Pillow; writes `.github/pictures/`.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CHROMIUM, FLAGS, Lab, Notebook

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / ".github" / "pictures"
SOURCE = ROOT / "examples" / "customer-support" / "data" / "examples.jsonl"
BEGIN = """import aitelier_nb as ait

ait.init("support-bot", system_prompt="You are a kind, precise support agent.")
ait.load("conversations.jsonl")"""
WIDTH, HEIGHT = 1000, 760
REWRITE = "I am sorry, that machine jammed at 17:40. Your 20 is on your Tramline balance since a minute ago"


def prepare(folder: Path) -> None:
    """Write the example project's conversations without their ratings."""
    rows = [json.loads(line) for line in SOURCE.read_bytes().splitlines()]
    kept = [{"messages": row["messages"]} for row in rows]
    (folder / "conversations.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8"
    )


class Film:
    """Frames of one page, and how long each is shown."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.times: list[int] = []

    def shoot(self, milliseconds: int) -> None:
        """Keep what the page shows now."""
        self.page.wait_for_timeout(250)
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.frames.append(picture.resize((WIDTH * 4 // 5, HEIGHT * 4 // 5), Image.Resampling.LANCZOS))
        self.times.append(milliseconds)

    def save(self, path: Path) -> None:
        """Write the frames as one animation of 64 colours."""
        first, *rest = [frame.quantize(64, dither=Image.Dither.NONE) for frame in self.frames]
        first.save(path, save_all=True, append_images=rest, duration=self.times, loop=0, optimize=True)


def rate(book: Notebook, film: Film) -> None:
    """Rate, rewrite and undo as a person does."""
    book.widget(0).click(position={"x": 5, "y": 5})
    film.shoot(1400)
    for key in ("9", "8", "4"):
        book.page.keyboard.press(key)
        film.shoot(700)
    book.page.keyboard.press("e")
    film.shoot(900)
    book.page.keyboard.press("Control+a")
    for word in REWRITE.split(". "):
        book.page.keyboard.type(word + ". ")
        film.shoot(700)
    book.page.keyboard.press("Control+Enter")
    film.shoot(900)
    for key in ("9", "0", "8", "9", "9", "8", "0", "9"):
        book.page.keyboard.press(key)
        film.shoot(350)


def record(lab: Lab) -> None:
    """Make the pictures."""
    prepare(lab.work)
    cells = [BEGIN, "ait.rate()", "ait.set_rating(1, 9)"]
    book = lab.notebook("support-bot", cells[:2])
    book.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    book.command("application:toggle-left-area")
    book.run()
    widget = book.widget(0)
    widget.scroll_into_view_if_needed()
    book.page.wait_for_timeout(1500)
    film = Film(book.page)
    rate(book, film)
    film.save(PICTURES / "rating.gif")
    for dark in (False, True):
        book.theme(dark)
        book.page.wait_for_timeout(500)
        widget.scroll_into_view_if_needed()
        book.page.screenshot(path=str(PICTURES / f"rater-{'dark' if dark else 'light'}.png"))


def main() -> None:
    """Start a server and a browser, and record."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lab = Lab(Path(folder), browser)
        try:
            record(lab)
        finally:
            lab.close()
            browser.close()


if __name__ == "__main__":
    main()

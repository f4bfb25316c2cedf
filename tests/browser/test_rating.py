"""Journeys of a person who rates, in a real JupyterLab."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import aitelier_nb as ait
from aitelier_nb.storage.project import open_project

RATE = "import aitelier_nb as ait\nait.rate()"
HOSTILE = [
    "<script>window.hit = 'script'</script>",
    "<img src=x onerror=\"window.hit = 'img'\">",
    "<svg onload=\"window.hit = 'svg'\"><a href=\"javascript:window.hit='a'\">x</a></svg>",
    "[click](javascript:window.hit='link') ![x](x\" onerror=\"window.hit='md')",
    "</textarea><script>window.hit = 'textarea'</script>",
    "<iframe srcdoc=\"<script>parent.hit='iframe'</script>\"></iframe>",
    "<style>* { display: none }</style><base href='https://example.org'>",
]
BROKEN = """() => new Promise((done) => {
    const image = new Image();
    image.onerror = () => setTimeout(done);
    image.src = 'x?' + Math.random();
})"""  # ends when an image that was asked for later than those of the texts has failed


def project(lab: Any, name: str, answers: list[str]) -> Path:
    """Make a project with these answers beside the notebooks."""
    folder = lab.work / name
    made = ait.init(name, path=folder)
    turns = [("user", "assistant", f"question {place}", text) for place, text in enumerate(answers, 1)]
    made.dataset.add(
        [{"messages": [{"role": u, "content": q}, {"role": a, "content": t}]} for u, a, q, t in turns]
    )
    made.close()
    return folder


def ratings(folder: Path) -> list[int | None]:
    """Return what another process finds on disk, the journal included."""
    there = open_project(folder)
    try:
        return [example.rating for example in there.dataset.examples()]
    finally:
        there.close()


def all_saved(book: Any, count: int) -> None:
    book.until("n => document.querySelector('.ait-saving').textContent === `${n} saved`", count)


def test_sixty_ratings_by_keyboard_are_saved_in_order_and_stay_readable_without_a_kernel(lab) -> None:
    folder = project(lab, "sixty", [f"private answer number {n}" for n in range(1, 61)])
    book = lab.notebook("sixty", [RATE], folder)
    book.run()
    book.take()
    given = [place % 10 for place in range(60)]
    for digit in given:
        book.page.keyboard.press(str(digit))
    all_saved(book, 60)
    assert ratings(folder) == [digit or 10 for digit in given]
    book.until("() => document.body.innerText.includes('60 of 60 examples rated')")
    book.screenshot("rater-end-light")
    saved = book.save()
    assert book.path.stat().st_size < 50_000
    assert "private answer" not in book.path.read_text(encoding="utf-8")
    assert "60 of 60 examples rated" in str(saved["cells"][0]["outputs"])
    lab.close_pages()
    again = lab.open(book.path)
    again.until("() => document.body.innerText.includes('60 of 60 examples rated')")
    again.screenshot("rater-reopened-without-kernel")


def test_a_killed_kernel_is_told_in_words_and_nothing_that_was_pressed_is_lost(lab) -> None:
    folder = project(lab, "killed", [f"answer {n}" for n in range(1, 31)])
    book = lab.notebook("killed", [RATE], folder)
    book.run()
    book.take()
    for digit in "5678":
        book.page.keyboard.press(digit)
    all_saved(book, 4)
    process = lab.kernel_process(book)
    os.kill(process, signal.SIGSTOP)
    for digit in "91":
        book.page.keyboard.press(digit)
    book.until("() => document.querySelector('.ait-saving').textContent === '2 not yet saved'")
    assert ratings(folder)[:7] == [5, 6, 7, 8, None, None, None]
    os.kill(process, signal.SIGKILL)
    book.until(
        "() => document.querySelector('.ait-banner:not([hidden])')?.textContent.includes('kernel is gone')"
    )
    book.screenshot("rater-kernel-gone")
    book.page.keyboard.press("2")
    dialog = book.page.get_by_role("button", name="Ok")
    dialog.click()
    book.until_idle()
    book.run()
    book.until("() => document.querySelector('.ait-where')?.textContent === '7 of 30'")
    book.until("() => document.body.innerText.includes('6 of 30 examples rated')")
    assert ratings(folder)[:8] == [5, 6, 7, 8, 9, 1, None, None]


def test_what_was_not_saved_survives_a_reload_of_the_page(lab) -> None:
    folder = project(lab, "reloaded", [f"answer {n}" for n in range(1, 10)])
    book = lab.notebook("reloaded", [RATE], folder)
    book.run()
    book.take()
    process = lab.kernel_process(book)
    os.kill(process, signal.SIGSTOP)
    book.page.keyboard.press("9")
    book.page.keyboard.press("3")
    os.kill(process, signal.SIGKILL)
    book.until("() => document.querySelector('.ait-banner:not([hidden])')")
    book.page.reload()
    book.until_idle()
    book.run()
    book.until("() => document.body.innerText.includes('2 of 9 examples rated')")
    assert ratings(folder)[:3] == [9, 3, None]


def test_rating_begins_and_goes_on_while_the_cell_below_runs(lab) -> None:
    folder = project(lab, "busy", [f"answer {n}" for n in range(1, 31)])
    wait = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)"
    book = lab.notebook("busy", [RATE, wait], folder)
    book.run()
    running = book.page.locator(".jp-CodeCell .jp-InputPrompt").nth(1).filter(has_text="[*]:")
    running.wait_for()
    book.page.locator(".ait-answer .ait-text").wait_for()
    book.take()
    for _ in range(20):
        book.page.keyboard.press("8")
    all_saved(book, 20)
    assert running.count() == 1, "the cell still runs"
    assert ratings(folder)[:21] == [8] * 20 + [None]
    (folder / "go").touch()


def test_no_text_of_an_example_is_run(lab) -> None:
    folder = project(lab, "hostile", HOSTILE)
    ait.annotate(1, note=HOSTILE[1], tags=[HOSTILE[0]], project=folder)
    ait.open(folder).close()
    book = lab.notebook("hostile", [RATE, "ait.examples()", "ait.stats()"], folder)
    book.run()
    book.take()
    for place in range(len(HOSTILE)):
        for key in ("m", "e"):
            book.page.keyboard.press(key)
        assert book.page.locator(".ait-box").input_value() == HOSTILE[place]
        book.page.keyboard.type("x")
        for key in ("Control+Enter", "d", "9"):
            book.page.keyboard.press(key)
    all_saved(book, len(HOSTILE))
    book.page.evaluate(BROKEN)
    assert book.page.evaluate("() => window.hit") is None
    assert (
        book.page.locator(".ait script, .ait img, .ait iframe, .ait svg, .ait style, .ait base").count() == 0
    )
    book.screenshot("hostile")


def test_keys_of_a_focused_widget_do_nothing_to_the_notebook_and_tab_leads_out(lab) -> None:
    folder = project(lab, "leaks", [f"answer {n}" for n in range(1, 31)])
    book = lab.notebook("leaks", [RATE, "1"], folder)
    book.run()
    book.take()
    for key in ("b", "a", "d", "d", "x", "v", "z", "Shift+M", "Enter", "Shift+Enter", "y", "0", "0"):
        book.page.keyboard.press(key)
    all_saved(book, 2)
    assert book.cells() == 2
    assert book.kernel() in ("idle", "busy")
    book.page.keyboard.press("e")
    for key in ("b", "d", "d", "Shift+Enter", "Escape"):
        book.page.keyboard.press(key)
    assert book.cells() == 2
    for _ in range(40):
        book.page.keyboard.press("Tab")
        if not book.page.evaluate("() => document.activeElement.closest('.ait')"):
            break
    assert not book.page.evaluate("() => document.activeElement.closest('.ait')")


def test_two_views_of_one_widget_know_of_each_other(lab) -> None:
    folder = project(lab, "views", [f"answer {n}" for n in range(1, 31)])
    book = lab.notebook("views", ["import aitelier_nb as ait\nr = ait.rate()\nr", "r"], folder)
    book.run()
    second = book.widget(1)
    first = book.take(0)
    book.page.keyboard.press("7")
    all_saved(book, 1)
    second.locator(".ait-mark[aria-checked=true]", has_text="7").wait_for()
    book.take(1)
    book.page.keyboard.press("9")
    first.press("k")
    first.locator(".ait-mark[aria-checked=true]", has_text="9").wait_for()
    assert ratings(folder)[0] == 9
    book.until("() => document.body.innerText.split('1 of 30 examples rated').length === 3")


def test_a_rewrite_keeps_the_original_and_an_undo_brings_it_back(lab) -> None:
    folder = project(lab, "rewritten", [f"answer {n}" for n in range(1, 6)])
    book = lab.notebook("rewritten", [RATE], folder)
    book.run()
    book.take()
    book.page.keyboard.press("e")
    book.page.keyboard.type(" with 3 more words")
    for key in ("Control+Enter", "9"):
        book.page.keyboard.press(key)
    all_saved(book, 1)
    there = open_project(folder)
    now = there.dataset.get(1)
    assert (now.output, now.original_output, now.rating) == ("answer 1 with 3 more words", "answer 1", 9)
    there.close()
    book.page.keyboard.press("u")
    book.until("() => document.querySelector('.ait-saving').textContent === ''")
    there = open_project(folder)
    assert (there.dataset.get(1).output, there.dataset.get(1).rating) == ("answer 1", None)
    there.close()

"""How fast the rater is in a real JupyterLab: `python tests/benchmarks/browser.py`.

Each figure stands beside what it is measured against in the same run: a bare comm round trip (an
anywidget that answers at once) and an ipywidgets button that shows the next text. Times are from
the key or click to the next paint, in milliseconds, in the page's own clock.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))

from conftest import CHROMIUM, FLAGS, Lab, Notebook

BARE = '''
import anywidget, ipywidgets
class Echo(anywidget.AnyWidget):
    _esm = """export default { render({ model, el }) {
      el.classList.add("echo");
      el.ask = () => new Promise((done) => {
        const begun = performance.now();
        const heard = () => { model.off("msg:custom", heard); done(performance.now() - begun); };
        model.on("msg:custom", heard);
        model.send({});
      });
    } }"""
    def __init__(self):
        super().__init__()
        self.on_msg(lambda widget, content, buffers: self.send({}))
echo = Echo()
count = 0
label = ipywidgets.Label("0")
knob = ipywidgets.Button(description="next")
def pressed(_):
    global count
    count += 1
    label.value = str(count)
knob.on_click(pressed)
display(echo, ipywidgets.VBox([knob, label]))
'''
RATE = "import aitelier_nb as ait\nrater = ait.rate()\nrater"
BUSY = "import time\nbegun = time.time()\nwhile time.time() - begun < 6: sum(range(1000))"

KEYS = """async ([count, gap]) => {
  const root = document.querySelector('.ait');
  root.focus();
  const taken = [];
  for (let n = 0; n < count; n += 1) {
    const before = root.querySelector('.ait-where').textContent;
    const begun = performance.now();
    root.dispatchEvent(new KeyboardEvent('keydown', { key: String(n % 10), bubbles: true, cancelable: true }));
    await new Promise((done) => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = done;
      channel.port2.postMessage(0);
    }));
    if (root.querySelector('.ait-where').textContent === before) throw new Error('nothing moved');
    taken.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, gap));
  }
  return taken;
}"""
SAVED = """async (count) => {
  const root = document.querySelector('.ait');
  const saving = root.querySelector('.ait-saving');
  const taken = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await new Promise((done) => {
      const now = parseInt(saving.textContent) || 0;
      const watch = new MutationObserver(() => {
        if (parseInt(saving.textContent) === now + 1) { watch.disconnect(); done(); }
      });
      watch.observe(saving, { childList: true, characterData: true, subtree: true });
      root.dispatchEvent(new KeyboardEvent('keydown', { key: '8', bubbles: true, cancelable: true }));
    });
    taken.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 30));
  }
  return taken;
}"""
ECHO = """async (count) => {
  const taken = [];
  for (let n = 0; n < count; n += 1) {
    taken.push(await document.querySelector('.echo').ask());
    await new Promise((done) => setTimeout(done, 30));
  }
  return taken;
}"""
BUTTON = """async (count) => {
  const box = document.querySelector('.widget-vbox');
  const label = box.querySelector('.widget-label');
  const taken = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await new Promise((done) => {
      const watch = new MutationObserver(() => { watch.disconnect(); requestAnimationFrame(() => setTimeout(done)); });
      watch.observe(label, { childList: true, characterData: true, subtree: true });
      box.querySelector('button').click();
    });
    taken.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 30));
  }
  return taken;
}"""


def project(lab: Lab, name: str, count: int, length: int) -> Path:
    """Write a project's files as any tool may have."""
    folder = lab.work / name
    (folder / "data").mkdir(parents=True)
    config = {"name": name, "provider": "local", "qualityThreshold": 8, "runs": []}
    (folder / ".aitelier.json").write_text(json.dumps(config))
    for empty in ("train", "val"):
        (folder / "data" / f"{empty}.jsonl").touch()
    with (folder / "data" / "examples.jsonl").open("w") as out:
        for n in range(1, count + 1):
            turns = [("user", f"question {n}"), ("assistant", (f"answer {n} " * (length // 8 + 1))[:length])]
            messages = [{"role": role, "content": text} for role, text in turns]
            line = {
                "id": n,
                "messages": messages,
                "rating": None,
                "createdAt": "2026-11-22T10:00:00.000Z",
                "version": 1,
            }
            out.write(json.dumps(line) + "\n")
    return folder


@contextlib.contextmanager
def running() -> Iterator[Lab]:
    """A server and a browser for the whole run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lab = Lab(Path(folder), browser)
        try:
            yield lab
        finally:
            lab.close()
            browser.close()


def told(name: str, taken: list[float], limit: str) -> float:
    """Print one line: median, 95th percentile, minimum, and what has to be reached."""
    ordered = sorted(taken)
    median = statistics.median(ordered)
    ninety_fifth = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    print(
        f"{name:<48} median {median:7.1f}  p95 {ninety_fifth:7.1f}  min {ordered[0]:7.1f}  {limit}",
        flush=True,
    )
    return median


def opened(lab: Lab, name: str, count: int, length: int, further: list[str]) -> Notebook:
    """Open a notebook with a rater over a new project; no cell has run yet."""
    folder = project(lab, name, count, length)
    return lab.notebook(
        name, ["import aitelier_nb as ait, aitelier_nb.widgets.rater", RATE, *further], folder
    )


def run_cell(book: Notebook, place: int) -> None:
    """Run one cell."""
    book.page.evaluate("n => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = n }", place)
    book.command("notebook:run-cell")


def first_show(book: Notebook) -> float:
    """Run the rater's cell; return the seconds until an example can be read."""
    run_cell(book, 0)
    book.until("() => window.jupyterapp.shell.currentWidget.content.widgets[0].model.executionCount")
    begun = book.page.evaluate("() => performance.now()")
    run_cell(book, 1)
    book.until("() => document.querySelector('.ait-answer .ait-text')")
    return float(book.page.evaluate("() => performance.now()") - begun) / 1000


def main() -> None:
    """Print every figure that has to be reached."""
    with running() as lab:
        book = opened(lab, "small", 1000, 200, [BARE, BUSY])
        first_show(book)
        run_cell(book, 2)
        book.until("() => document.querySelector('.echo')?.ask && document.querySelector('.widget-vbox')")
        page: Any = book.page
        page.evaluate(ECHO, 5), page.evaluate(BUTTON, 5), page.evaluate(KEYS, [5, 50])
        button = told("ipywidgets button, click to text", page.evaluate(BUTTON, 40), "anchor")
        key = told("key to next example, 200 characters", page.evaluate(KEYS, [60, 30]), "< 16")
        print(f"{'  as a share of the button':<48} {key / button:.2f}  <= 0.33")
        page.wait_for_timeout(1500)
        bare = sorted(page.evaluate(ECHO, 100))
        durable = sorted(page.evaluate(SAVED, 100))
        told("bare comm round trip", bare, "anchor")
        told("key to durable on disk", durable, "p95 <= 1.5 x bare p95")
        print(f"{'  p95 as a share of the bare round trip':<48} {durable[94] / bare[94]:.2f}  <= 1.5")
        run_cell(book, 3)
        page.wait_for_timeout(500)
        told("key to next example, kernel busy", page.evaluate(KEYS, [60, 30]), "< 16")
        print(f"{'  kernel meanwhile':<48} {book.kernel()}")
        book.until(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
        )
        burst(lab)
        sizes(lab)


def burst(lab: Lab) -> None:
    """Sixty keys in a second: all of them on disk, in order; and the size of the saved notebook."""
    from aitelier_nb.storage.project import open_project

    book = opened(lab, "burst", 200, 5000, [])
    first_show(book)
    book.page.locator(".ait").click(position={"x": 5, "y": 5})
    begun = book.page.evaluate("() => performance.now()")
    for n in range(60):
        book.page.keyboard.press(str(n % 10))
    pressed = (book.page.evaluate("() => performance.now()") - begun) / 1000
    book.until("() => document.querySelector('.ait-saving').textContent === '60 saved'")
    there = open_project(book.path.parent)
    kept = [example.rating for example in there.dataset.examples()][:60]
    there.close()
    wanted = [n % 10 or 10 for n in range(60)]
    right = sum(one == other for one, other in zip(kept, wanted, strict=True))
    print(f"{'60 keys pressed in':<48} {pressed:.2f} s: {right} of 60 on disk in order")
    saved = book.save()
    print(f"{'saved notebook':<48} {book.path.stat().st_size / 1000:.1f} kB  < 50")
    print(f"{'  text of examples in it':<48} {'answer 1 answer' in json.dumps(saved)}  False")


def sizes(lab: Lab) -> None:
    """Many examples, and long ones."""
    book = opened(lab, "large", 100_000, 200, [])
    shown = first_show(book)
    print(f"{'first show of 100,000 examples':<48} {shown:.2f} s  < 2")
    book.page.evaluate(KEYS, [5, 50])
    told("key to next example, 100,000 examples", book.page.evaluate(KEYS, [60, 30]), "< 16")
    book = opened(lab, "long", 300, 100_000, [])
    first_show(book)
    book.page.evaluate(KEYS, [2, 200])
    told("key to next example, 100 KB texts", book.page.evaluate(KEYS, [20, 100]), "< 40")


if __name__ == "__main__":
    main()

"""How fast the rater is in a real JupyterLab: `python tests/benchmarks/browser.py`.

Each figure stands beside what it is measured against in the same run: a bare comm round trip (an
anywidget that answers at once) and an ipywidgets button that shows the next text. Times are from
the key or click to the next paint, in milliseconds, in the page's own clock; "idle paint" is the
same wait without a key, "one letter" the same wait after one letter of the page was changed by a
script: what any change must wait for the screen. Keys come at any moment between two frames, as a
person's do: at a fixed distance they would meet the same moment of each frame. All of it is one table at the end; parts of it by name: `browser.py keys`.
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

PAINT = """const painted = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const rest = (gap) => new Promise((done) => setTimeout(done, gap + 33 * Math.random()));
"""
KEYS = (
    """async ([count, gap, keys = '1234567890']) => {
  """
    + PAINT
    + """
  const root = document.querySelector('section.ait');
  root.focus();
  const taken = [];
  for (let n = 0; n < count; n += 1) {
    const before = root.querySelector('.ait-where').textContent;
    const begun = performance.now();
    root.dispatchEvent(new KeyboardEvent('keydown', { key: keys[n % keys.length], bubbles: true, cancelable: true }));
    await painted();
    if (root.querySelector('.ait-where').textContent === before) throw new Error('nothing moved');
    taken.push(performance.now() - begun);
    await rest(gap);
  }
  return taken;
}"""
)
IDLE = (
    """async ([count, gap]) => {
  """
    + PAINT
    + """
  const taken = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await painted();
    taken.push(performance.now() - begun);
    await rest(gap);
  }
  return taken;
}"""
)
LETTER = (
    """async ([count, gap]) => {
  """
    + PAINT
    + """
  const letter = document.createElement('div');
  document.querySelector('section.ait').before(letter);
  const taken = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    letter.textContent = n % 2 ? 'a' : 'b';
    await painted();
    taken.push(performance.now() - begun);
    await rest(gap);
  }
  letter.remove();
  return taken;
}"""
)
BURST = """async () => {
  const root = document.querySelector('section.ait');
  root.focus();
  const begun = performance.now();
  for (let n = 0; n < 60; n += 1) {
    root.dispatchEvent(new KeyboardEvent('keydown', { key: String(n % 10), bubbles: true, cancelable: true }));
    const next = begun + (n + 1) * 16;
    await new Promise((done) => setTimeout(done, Math.max(0, next - performance.now())));
  }
  return performance.now() - begun;
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


class Table:
    """The figures, one a line, printed as they come and once more together."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, name: str, value: str, limit: str = "") -> None:
        self.lines.append(f"{name:<46} {value:<44} {limit}".rstrip())
        print(self.lines[-1], flush=True)

    def times(self, name: str, taken: list[float], limit: str = "anchor") -> tuple[float, float]:
        """Add median, 95th percentile and minimum in milliseconds; return the first two."""
        ordered = sorted(taken)
        median, high = statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
        self.line(name, f"median {median:6.1f}  p95 {high:6.1f}  min {ordered[0]:6.1f}", limit)
        return median, high


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


def keys(lab: Lab, table: Table) -> None:
    """Key to paint and key to disk, beside a button and a bare message; then with a busy kernel."""
    book = opened(lab, "small", 1000, 200, [BARE, BUSY])
    table.line("first show of 1,000 examples", f"{first_show(book):.2f} s")
    run_cell(book, 2)
    book.until("() => document.querySelector('.echo')?.ask && document.querySelector('.widget-vbox')")
    page: Any = book.page
    page.evaluate(ECHO, 5), page.evaluate(BUTTON, 5), page.evaluate(KEYS, [5, 50])
    table.times("idle paint", page.evaluate(IDLE, [40, 30]))
    button, _ = table.times("ipywidgets button, click to text", page.evaluate(BUTTON, 40))
    key = beside_a_letter(page, table, "key to next example", "1234567890")
    table.line("  as a share of the button", f"{key / button:.2f}", "<= 0.33")
    page.wait_for_timeout(1500)
    bare: list[float] = []
    durable: list[float] = []
    for _ in range(4):  # in turns, because the machine is not the same from one minute to the next
        bare += page.evaluate(ECHO, 25)
        durable += page.evaluate(SAVED, 25)
    _, bare_high = table.times("bare comm round trip", bare)
    _, durable_high = table.times("key to durable on disk", durable, "p95 <= 1.5 x bare p95")
    table.line("  p95 as a share of the bare round trip", f"{durable_high / bare_high:.2f}", "<= 1.5")
    run_cell(book, 3)
    running = page.locator(".jp-CodeCell .jp-InputPrompt").nth(3).filter(has_text="[*]:")
    running.wait_for()
    taken = page.evaluate(KEYS, [40, 30])
    state = "still running" if running.count() else "ENDED: the figure is not what it says"
    table.times(f"key to next example, cell {state}", taken, "< 16")


def beside_a_letter(page: Any, table: Table, name: str, keys: str) -> float:
    """Key to paint in turns with the change of one letter; return the median of the keys in milliseconds."""
    letter: list[float] = []
    taken: list[float] = []
    for _ in range(5):
        letter += page.evaluate(LETTER, [12, 30])
        taken += page.evaluate(KEYS, [12, 30, keys])
        page.wait_for_timeout(500)
    least, _ = table.times("one letter changed", letter)
    median, _ = table.times(name, taken, "< 16")
    table.line("  more than one letter", f"{median - least:.1f}")
    return median


def burst(lab: Lab, table: Table) -> None:
    """Sixty keys in a second: all of them on disk, in order; and the size of the saved notebook."""
    from aitelier_nb.storage.project import open_project

    book = opened(lab, "burst", 200, 5000, [])
    first_show(book)
    pressed = book.page.evaluate(BURST) / 1000
    book.until("() => document.querySelector('.ait-saving').textContent === '60 saved'")
    there = open_project(book.path.parent)
    kept = [example.rating for example in there.dataset.examples()][:60]
    there.close()
    right = sum(one == (n % 10 or 10) for n, one in enumerate(kept))
    table.line("60 keys", f"in {pressed:.2f} s, {right} of 60 on disk in order", "60 in 1 s")
    saved = book.save()
    table.line("saved notebook", f"{book.path.stat().st_size / 1000:.1f} kB", "< 50")
    found = "answer 1 answer" in json.dumps(saved)
    table.line("  text of examples in it", "FOUND" if found else "none", "none")


def sizes(lab: Lab, table: Table) -> None:
    """Many examples, and long ones."""
    book = opened(lab, "large", 100_000, 200, [])
    table.line("first show of 100,000 examples, never read", f"{first_show(book):.2f} s")
    book.page.evaluate(KEYS, [5, 50])
    table.times("key to next example, 100,000 examples", book.page.evaluate(KEYS, [60, 30]), "< 16")
    page = book.page
    page.wait_for_timeout(4000)  # the edits are folded, and the index with them
    book.command("kernelmenu:restart")
    dialog = page.get_by_role("button", name="Confirm Kernel Restart")
    dialog.click()
    page.wait_for_timeout(2000)
    book.until("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")
    page.evaluate("() => document.querySelector('section.ait')?.remove()")
    table.line("first show of 100,000 examples", f"{first_show(book):.2f} s", "< 2")
    book = opened(lab, "long", 300, 100_000, [])
    first_show(book)
    book.page.evaluate(KEYS, [2, 200])
    table.times("key to next example, 100 KB texts", book.page.evaluate(KEYS, [20, 100]), "< 40")


def votes(lab: Lab, table: Table) -> None:
    """A blind vote: one key, and the next pair."""
    from test_comparing import STUDY
    from test_comparing import project as blind

    book = lab.notebook("votes", [STUDY], blind(lab, "votes", 80))
    book.run()
    book.until("() => document.querySelector('.ait-side .ait-text')")
    book.page.evaluate(KEYS, [5, 50, "120b"])
    beside_a_letter(book.page, table, "key to next pair, blind vote", "120b")
    book.until("() => document.querySelector('.ait-saving').textContent === '65 saved'")
    table.line("  one key a vote", "65 keys, 65 votes saved", "")


def main() -> None:
    """Print every figure that has to be reached."""
    parts = {"keys": keys, "burst": burst, "sizes": sizes, "votes": votes}
    table = Table()
    with running() as lab:
        for name in sys.argv[1:] or parts:
            parts[name](lab, table)
            lab.close_pages()
    print("\n" + "\n".join(table.lines))


if __name__ == "__main__":
    main()

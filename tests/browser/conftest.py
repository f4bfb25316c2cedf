"""A real JupyterLab in a real Chromium, for the journeys that nothing else can show.

Skipped, with the reason, where there is no Chromium on the path or playwright is not installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).parent / "screenshots"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 30_000  # milliseconds for what a loaded machine may take; nothing here is a measurement
SETTLED = """() => !document.querySelector('#jupyterlab-splash') && document.getAnimations().every(
    (one) => one.playState !== 'running' || one.effect.getComputedTiming().endTime === Infinity)"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


class Notebook:
    """One notebook in one page: run its cells, press its keys, look at it."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page, self.path = page, path

    def command(self, name: str, **arguments: Any) -> None:
        self.page.evaluate("([n, a]) => { window.jupyterapp.commands.execute(n, a) }", [name, arguments])

    def run(self) -> None:
        self.command("notebook:run-all-cells")

    def kernel(self) -> str:
        return self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status ?? 'none'"
        )

    def kernel_id(self) -> str:
        return self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
        )

    def widget(self, place: int = 0) -> Any:
        box = self.page.locator(".ait").nth(place)
        box.wait_for(timeout=PATIENCE)
        box.locator(".ait-pane, .ait-end, .ait-rows").first.wait_for(timeout=PATIENCE)
        return box

    def take(self, place: int = 0) -> Any:
        """Wait for a widget's example and give it the keyboard by a click where no button can be."""
        box = self.widget(place)
        box.click(position={"x": 5, "y": 5})
        self.until("n => document.querySelectorAll('.ait')[n].contains(document.activeElement)", place)
        return box

    def until(self, script: str, argument: Any = None) -> None:
        self.page.wait_for_function(script, arg=argument, timeout=PATIENCE)

    def until_idle(self) -> None:
        """Wait for the kernel of the notebook that is open."""
        self.until(
            "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
        )

    def theme(self, dark: bool) -> None:
        name = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.command("apputils:change-theme", theme=name)
        self.until(f"() => document.body.dataset.jpThemeLight === '{'false' if dark else 'true'}'")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing moves any more."""
        self.until(SETTLED)

    def screenshot(self, name: str) -> Path:
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=str(path), animations="disabled")
        return path

    def picture(self, box: Any, name: str) -> None:
        box.screenshot(path=str(SCREENSHOTS / f"{name}.png"), animations="disabled")

    def save(self) -> dict[str, Any]:
        self.command("docmanager:save")
        self.until("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        return json.loads(self.path.read_text(encoding="utf-8"))

    def cells(self) -> int:
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")


class Lab:
    """A JupyterLab server with folders of its own, and a browser."""

    def __init__(self, folder: Path, browser: Any) -> None:
        self.folder, self.browser = folder, browser
        self.work = folder / "work"
        self.work.mkdir()
        self._pages: list[Any] = []
        self._settings()
        self.log = (folder / "lab.log").open("w")
        environment = {
            **os.environ,
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "AITELIER_RATER": "anna",
        }
        options = ["--no-browser", "--expose-app-in-browser", "--allow-root", "--IdentityProvider.token="]
        options += ["--ServerApp.disable_check_xsrf=True", "--LabApp.extension_manager=readonly"]
        options += ["--ServerApp.port=0", f"--ServerApp.root_dir={self.work}", "--ServerApp.ip=127.0.0.1"]
        self.server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            cwd=self.work,
        )
        self.url = self._url()

    def _settings(self) -> None:
        chosen: dict[str, dict[str, Any]] = {
            "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
            "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
            "docmanager-extension/plugin": {"autosave": False},
        }
        for name, value in chosen.items():
            path = self.folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))

    def _url(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for path in (self.folder / "runtime").glob("jpserver-*.json"):
                with contextlib.suppress(ValueError):  # it is there before it is written
                    return str(json.loads(path.read_text())["url"])
            if self.server.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError((self.folder / "lab.log").read_text())

    def notebook(self, name: str, cells: list[str], folder: Path | None = None) -> Notebook:
        """Write a notebook with these code cells, open it, and wait for its kernel."""
        path = (folder or self.work) / f"{name}.ipynb"
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, path)
        return self.open(path)

    def open(self, path: Path) -> Notebook:
        """Open a notebook that is there, in a page of its own."""
        page = self.browser.new_page(viewport={"width": 1280, "height": 900})
        self._pages.append(page)
        place = path.relative_to(self.work).as_posix()
        page.goto(f"{self.url}lab/workspaces/w{len(self._pages)}/tree/{place}?reset")
        book = Notebook(page, path)
        book.until_idle()
        return book

    def kernel_process(self, book: Notebook) -> int:
        """Return the process of a notebook's kernel: the server's child, and none of its own children."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.server.pid), "-f", book.kernel_id()],
            capture_output=True,
            text=True,
            check=True,
        )
        (process,) = map(int, found.stdout.split())
        return process

    def kernels(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}api/kernels", timeout=20) as answer:  # noqa: S310  # our own server
            return json.load(answer)

    def shutdown_kernels(self) -> None:
        for kernel in self.kernels():
            request = urllib.request.Request(f"{self.url}api/kernels/{kernel['id']}", method="DELETE")  # noqa: S310
            urllib.request.urlopen(request, timeout=20).close()  # noqa: S310

    def close_pages(self) -> None:
        for page in self._pages:
            if not page.is_closed():
                page.close()
        self.shutdown_kernels()

    def close(self) -> None:
        self.close_pages()
        self.server.terminate()
        self.server.wait(timeout=30)
        self.log.close()


@pytest.fixture(scope="session")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: the widgets were not tried in a browser")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: no browser test ran"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lab = Lab(tmp_path_factory.mktemp("lab"), browser)
        yield lab
        lab.close()
        browser.close()


@pytest.fixture
def lab(_lab: Lab) -> Iterator[Lab]:
    """The server and the browser; pages and kernels of a test end with it."""
    yield _lab
    _lab.close_pages()

"""What a saved notebook still says where no script runs: in nbconvert's page, and on a site that cleans HTML."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

NOTEBOOKS = sorted((Path(__file__).parents[2] / "tutorials").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
VOID = {"img", "br", "hr", "input", "meta", "link", "col", "wbr"}


class Visible(HTMLParser):
    """The text that a reader sees without scripts, styles and pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag, attrs):
        if (self._hidden or tag in ("script", "style", "svg", "noscript", "template")) and tag not in VOID:
            self._hidden.append(tag)

    def handle_endtag(self, tag):
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass

    def handle_data(self, data):
        if not self._hidden:
            self.text.append(data)


def visible(page):
    parser = Visible()
    parser.feed(page)
    return " ".join(parser.text)


def numbers(text):
    return set(NUMBER.findall(text))


def shown(path):
    """Yield the outputs of each code cell of a notebook."""
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield [output["data"] for output in cell["outputs"] if "data" in output]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_number_of_an_output_stands_as_text_beside_its_picture_and_its_widget(path):
    for outputs in shown(path):
        static = [data for data in outputs if WIDGET not in data]
        assert len(static) >= sum(WIDGET in data for data in outputs)  # each widget has its static twin
        for data in static:
            if "text/html" in data:
                lost = numbers("".join(data["text/plain"])) - numbers(visible("".join(data["text/html"])))
                assert not lost


@pytest.fixture(scope="module")
def exporter():
    return HTMLExporter(template_name="basic")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nbconverts_page_holds_every_number_without_running_a_script(path, exporter):
    page, _ = exporter.from_notebook_node(nbformat.read(path, as_version=4))
    seen = numbers(visible(page))
    for outputs in shown(path):
        for data in outputs:
            if WIDGET not in data:
                html, plain = "".join(data.get("text/html", "")), "".join(data.get("text/plain", ""))
                assert numbers(visible(html) if html else plain) <= seen

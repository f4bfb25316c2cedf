import html
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from aitelier_nb.errors import ReportError
from aitelier_nb.reports import markdown, page
from aitelier_nb.reports.facts import gather
from aitelier_nb.reports.publication import write
from aitelier_nb.storage.project import Project

ATTACK = "</style></p><script>window.bad=1</script><img src=x onerror=alert(1)>\n```\n# head\n|x|"
VOID = {"meta", "line", "rect", "circle", "polyline"}


class Outline(HTMLParser):
    """Collects tags, attributes and text, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_verdict_is_the_first_sentence_of_the_page(project: Project):
    facts = gather(project)
    words = " ".join(Outline(page.render(facts)).words)
    assert (
        words.index(facts["verdict"]["sentence"]) < words.index("Split") < words.index("How to reproduce it")
    )


def test_the_page_loads_nothing_and_runs_nothing(project: Project):
    outline = Outline(page.render(gather(project)))
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(outline.tags)
    assert not [
        value for name, value in outline.attributes if name in ("src", "style") or name.startswith("on")
    ]
    assert all(value.startswith("#") for name, value in outline.attributes if name == "href" and value)
    assert "url(" not in page.render(gather(project))


def test_the_policy_of_the_page_names_the_hash_of_its_own_style(project: Project):
    import base64
    import hashlib

    text = page.render(gather(project))
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text


def test_text_of_an_example_is_shown_and_never_run(project: Project):
    project.dataset.rewrite(1, ATTACK, 9)
    project.change_config(lambda raw: raw.update(name=ATTACK, systemPrompt=ATTACK))
    text = page.render(gather(project))
    outline = Outline(text)
    assert not {"script", "img"} & set(outline.tags)
    assert ATTACK in "".join(outline.words)


def test_text_of_an_example_cannot_leave_its_fence_in_markdown(project: Project):
    project.dataset.rewrite(1, ATTACK, 9)
    project.change_config(lambda raw: raw.update(name=ATTACK))
    lines = markdown.render(gather(project)).split("\n")
    outside, fence = [], ""
    for line in lines:
        if not fence and line.startswith("```"):
            fence = re.match("`+", line)[0]
        elif fence and line == fence:
            fence = ""
        elif not fence:
            outside.append(line)
    assert not fence
    assert not [line for line in outside if "<script" in line or line == "# head"]


def test_every_chart_has_a_name_and_a_table_beside_it(project: Project):
    text = page.render(gather(project))
    charts = re.findall(r'<div class="chart"><svg.*?</svg>(.{0,60})', text, re.DOTALL)
    assert len(charts) >= 2
    assert all(after.startswith('<div class="scroll"') for after in charts)
    assert text.count("<svg") == text.count('role="img" aria-label="') == len(charts)


def test_every_number_of_the_page_is_in_the_markdown_too(project: Project):
    facts = gather(project)
    tables = [
        html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page.render(facts), re.DOTALL)
    ]
    text = re.sub(r"\\(.)", r"\1", html.unescape(markdown.render(facts)))
    assert len(tables) > 60
    assert not [cell for cell in tables if cell not in text]


def test_headings_go_down_one_level_at_a_time_and_anchors_lead_somewhere(project: Project):
    outline = Outline(page.render(gather(project)))
    levels = [int(tag[1]) for tag in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = {value for name, value in outline.attributes if name == "id"}
    assert {value[1:] for name, value in outline.attributes if name == "href"} <= ids


def test_writing_twice_gives_the_same_bytes(project: Project):
    first = write(project)
    before = first.path.read_bytes(), first.json_path.read_bytes()
    again = write(project)
    assert (again.path.read_bytes(), again.json_path.read_bytes()) == before


def test_a_report_goes_where_it_is_told_and_in_the_form_of_its_name(project: Project, tmp_path: Path):
    quarto = write(project, tmp_path / "sub" / "run.qmd")
    card = write(project, tmp_path / "hub" / "README.md")
    assert quarto.json_path == tmp_path / "sub" / "run.json"
    assert quarto.path.read_text().startswith("# shop\n")
    assert card.json_path == tmp_path / "hub" / "report.json"
    assert card.path.read_text().startswith("---\npipeline_tag:")


def test_a_name_of_no_known_kind_is_refused_before_anything_is_written(project: Project, tmp_path: Path):
    with pytest.raises(ReportError, match=r"report\.pdf is no kind of report"):
        write(project, tmp_path / "report.pdf")
    assert list(tmp_path.glob("report*")) == []


def test_the_card_has_metadata_that_yaml_reads(project: Project):
    yaml = pytest.importorskip("yaml")
    _, metadata, body = markdown.card(gather(project)).split("---\n", 2)
    assert yaml.safe_load(metadata)["base_model"] == "SmolLM2-135M-Instruct"
    assert "## Training" in body
    assert "Water it once a week" not in body

"""The ten promises, each kept from end to end; the folders of the layers hold the tests of their parts."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import aitelier_nb as ait_nb
from aitelier_nb.__main__ import main

FIXTURES = Path(__file__).parents[1] / "fixtures"
sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

from server import Response, Server  # noqa: E402 - a folder that is no package
from together_service import KEY, TogetherService  # noqa: E402 - the same

CREATE = "POST .*/fine-tunes"
HOSTILE = [
    "<script>window.stolen = 1</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "</textarea></pre><iframe src='javascript:alert(1)'>",
    "[a link](javascript:alert(1))",
]

COLOURS = [
    "red",
    "blue",
    "green",
    "white",
    "black",
    "grey",
    "pink",
    "brown",
    "gold",
    "silver",
    "amber",
    "teal",
]


@pytest.fixture
def project(ait):
    """Return the folder of twelve examples, ten of them rated 8 to 10."""
    opened = ait_nb.init("small", path=ait.folder)
    rows = [
        {
            "input": f"Where is the {word} parcel of {word} street?",
            "output": f"The {word} parcel is on its way.",
        }
        | ({"rating": 8 + place % 3} if place < 10 else {})
        for place, word in enumerate(COLOURS)
    ]
    ait_nb.load(rows, project=opened)
    opened.close()
    return ait.folder


RATE_FOR_EVER = """
import itertools
import aitelier_nb as ait
for turn in itertools.count():
    example, rating = 1 + turn % 12, 1 + turn % 10
    text = f"Rewrite {turn}."
    ait.rewrite(example, text, rating=rating)
    print(example, rating, text, flush=True)
"""


def test_nothing_is_lost(project):
    """An edit that was acknowledged survives SIGKILL, and every earlier text can be recovered."""
    worker = subprocess.Popen(
        [sys.executable, "-c", RATE_FOR_EVER], cwd=project, stdout=subprocess.PIPE, text=True
    )
    told = [worker.stdout.readline().strip() for _ in range(40)]
    worker.send_signal(signal.SIGKILL)
    told += worker.stdout.read().splitlines()[:-1]
    worker.wait()
    worker.stdout.close()
    assert len(told) >= 39
    for example in range(1, 13):
        texts = [line.split(" ", 2)[2] for line in told if line.split(" ")[0] == str(example)]
        history = json.dumps(ait_nb.history(example, project=project).to_json(), ensure_ascii=False)
        assert [text for text in texts if text not in history] == []
        assert "parcel is on its way" in history


def test_the_files_are_the_users(tmp_path):
    """A project of the `ait` tool opens; lines nobody edited keep their bytes; the mirror may be deleted."""
    folder = tmp_path / "kept"
    shutil.copytree(FIXTURES / "ts-a2-rated", folder)
    path = folder / "data" / "examples.jsonl"
    odd = b'{ "id": 901, "zz":{"k": 1e400, "n": 12345678901234567890},  "messages":[{"role":"user","content":"caf\\u00e9"},{"role":"assistant","content":"ok"}], "rating":null, "metadata":{}, "createdAt":"2025-01-01T00:00:00.000Z", "version":1}\n'
    path.write_bytes(path.read_bytes() + odd)
    before = path.read_bytes().splitlines(keepends=True)
    project = ait_nb.open(folder)
    project.dataset.frame()
    shutil.rmtree(folder / "data" / "parquet", ignore_errors=True)
    first = int(project.dataset.frame()["id"].iloc[0])
    ait_nb.set_rating(first, 3, project=project)
    project.close()
    after = path.read_bytes().splitlines(keepends=True)
    changed = [place for place, line in enumerate(after) if line != before[place]]
    assert len(after) == len(before)
    assert [json.loads(after[place])["id"] for place in changed] in ([first], [])
    assert after[-1] == odd


def test_validation_is_never_trained_on(project):
    """Edits, duplicates, new ratings and a second split bring no validation example into a training file."""
    opened = ait_nb.open(project)
    ait_nb.split(0.6, seed=4, project=opened)
    frame = opened.dataset.frame(text=True)
    held = frame[frame["split"] == "val"]
    assert len(held) >= 2
    words = set(held["input"])
    for row in held.itertuples():
        ait_nb.add(row.input.upper() + "  ", "Another answer.", rating=10, project=opened)
        ait_nb.rewrite(int(row.id), "Changed since.", rating=9, project=opened)
    ait_nb.delete(int(held["id"].iloc[0]), project=opened)
    ait_nb.split(0.9, project=opened)
    ait_nb.format(project=opened)
    lines = opened.train_path.read_text(encoding="utf-8").splitlines()
    asked = {message["content"] for line in lines for message in json.loads(line)["messages"]}
    assert lines
    assert {text.casefold().strip() for text in asked} & {text.casefold() for text in words} == set()
    opened.close()


def test_no_choice_is_silent(result, project):
    """Rows in = rows imported + duplicates + rejected, each rejected one with its line and reason."""
    rows = [
        '{"messages":[{"role":"user","content":"New?"},{"role":"assistant","content":"Yes."}]}',
        '{"messages":[{"role":"user","content":"New?"},{"role":"assistant","content":"Yes."}]}',
        '{"messages":[{"role":"user","content":"No answer"}]}',
        '{"messages": [{"role"',
        "[]",
    ]
    (project / "mixed.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    told = result("import", "mixed.jsonl")
    assert told["imported"] + told["duplicates"] + len(told["rejected"]) == len(rows)
    assert {row["line"] for row in told["rejected"]} >= {4, 5}
    assert all(row["reason"] for row in told["rejected"])


def test_no_verdict_goes_beyond_the_evidence():
    """Five wins of five prove nothing and say what is missing; twenty of twenty do."""
    from aitelier_nb.evaluation.statistics import verdict

    few = verdict("WWWWW")
    assert few.outcome == "not shown"
    assert few.missing is not None
    assert few.missing > 0
    assert verdict("W" * 20).outcome == "better"
    assert verdict("L" * 20).outcome == "worse"
    assert verdict("WL" * 10).outcome == "not shown"


@pytest.fixture
def hosted(ait, project):
    service = TogetherService()
    with Server(service, "/v1") as server:
        service.url = server.url
        config = json.loads((project / ".aitelier.json").read_text(encoding="utf-8"))
        config |= {"provider": "together", "model": "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference"}
        (project / ".aitelier.json").write_text(json.dumps(config), encoding="utf-8")
        assert ait("split", "--yes").returncode == 0
        yield server


def test_the_bill_has_no_surprise(ait, hosted):
    """Without a yes nothing is started; with one, running it again finds the same job."""
    words = {"TOGETHER_BASE_URL": hosted.url, "TOGETHER_API_KEY": KEY}
    refused = ait("train", **words)
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert hosted.count(CREATE) == 0
    first = ait("train", "--yes", "--json", **words)
    again = ait("train", "--yes", "--json", **words)
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert json.loads(first.stdout)["result"]["jobId"] == json.loads(again.stdout)["result"]["jobId"]
    assert hosted.count(CREATE) == 1


def test_keys_never_touch_the_disk(ait, hosted, project):
    """Neither an output nor any file holds the key, not even when the service quotes it back."""
    words = {"TOGETHER_BASE_URL": hosted.url, "TOGETHER_API_KEY": KEY}
    hosted.fail(CREATE, lambda _: Response(400, {"error": {"message": f"bad key {KEY}"}}))
    outputs = [ait(*line, **words) for line in (("train", "--yes"), ("status",), ("key", "together"))]
    assert all(KEY not in done.stdout + done.stderr for done in outputs)
    holders = [path for path in project.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert holders == []


class Tags(HTMLParser):
    """Collect what a browser would run or load."""

    def __init__(self):
        super().__init__()
        self.dangers = []

    def handle_starttag(self, tag, attrs):
        names = {name: value or "" for name, value in attrs}
        loud = [name for name in names if name.startswith("on")]
        links = [value for value in names.values() if value.strip().lower().startswith("javascript:")]
        if loud or links or tag in {"iframe", "svg:script"} or names.get("src", "") == "x":
            self.dangers.append((tag, attrs))
        if tag == "script" and "src" in names:
            self.dangers.append((tag, attrs))


def test_the_text_of_an_example_is_data(project):
    """No verb's HTML and no report makes a tag of what an example says."""
    opened = ait_nb.open(project)
    for text in HOSTILE:
        ait_nb.add(f"Q {text}", f"A {text}", rating=9, project=opened)
    ait_nb.split(seed=2, project=opened)
    ait_nb.report(project / "page.html", project=opened)
    shown = [
        ait_nb.examples(project=opened)._repr_html_(),
        ait_nb.history(13, project=opened)._repr_html_(),
        ait_nb.stats(project=opened)._repr_html_(),
        (project / "page.html").read_text(encoding="utf-8"),
    ]
    for page in shown:
        tags = Tags()
        tags.feed(page)
        assert tags.dangers == []
        assert "window.stolen" not in re.sub(r"&lt;script&gt;window\.stolen", "", page)
    opened.close()


def test_every_output_is_readable_without_a_kernel(project):
    """The HTML and the plain text of a verb carry the same numbers, and no script is needed to read them."""
    opened = ait_nb.open(project)
    shown = {
        "split": ait_nb.split(seed=3, project=opened),
        "stats": ait_nb.stats(project=opened),
        "format": ait_nb.format(project=opened),
        "check": ait_nb.check(provider="openai", project=opened),
    }
    for verb, value in shown.items():
        page, text = value._repr_html_(), repr(value)
        assert "<script" not in page, verb
        assert " at 0x" not in text, verb
        in_text = set(re.findall(r"\d+", text))
        in_page = set(re.findall(r"\d+", re.sub(r"<style.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)))
        assert in_text, verb
        assert in_text <= in_page, verb
    opened.close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "nowhere.jsonl"), "nowhere.jsonl"),
        (("rate", "--id", "1", "--rating", "11"), "11"),
        (("rate", "--id", "999", "--rating", "3"), "999"),
        (("split", "--ratio", "7"), "7"),
        (("check", "broken.jsonl", "--provider", "openai"), "broken.jsonl"),
        (("format", "--provider", "nobody"), "nobody"),
        (("history", "77"), "77"),
        (("export", "nothing", "x"), "nothing"),
        (("ratee",), "rate"),
        (("list", "--belov", "3"), "--below"),
        (("verify", "absent.html"), "absent"),
    ],
)
def test_errors_are_clear(project, words, told, monkeypatch, capsys):
    """One sentence names the value and a remedy; a traceback is never shown, and nothing changes."""
    monkeypatch.chdir(project)
    (project / "broken.jsonl").write_bytes(b"\xff\xfe{not json\n")
    before = (project / "data" / "examples.jsonl").read_bytes()
    assert main(words) in (1, 2)
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert "Traceback" not in said
    assert told in said
    assert len(said.strip().splitlines()) <= 12
    assert (project / "data" / "examples.jsonl").read_bytes() == before
    assert list((project / "data" / "evals").iterdir()) == []

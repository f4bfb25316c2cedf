import hashlib
import json
import shutil
import socketserver
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from aitelier_nb.errors import ReportError
from aitelier_nb.reports import template
from aitelier_nb.reports.notebooks import read, rerun
from aitelier_nb.reports.publication import write
from aitelier_nb.reports.sharing import share
from aitelier_nb.reports.verification import verify
from aitelier_nb.storage.project import Project, open_project

FINISHED = Path(__file__).parents[2] / "tutorials" / "fernlight"
SHOW = "from IPython.display import HTML, SVG, display"


def html(text: str) -> dict:
    data = {"text/html": text, "text/plain": "<IPython.core.display.HTML object>"}
    return {"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": {}}


def plain(text: str) -> dict:
    return {
        "output_type": "execute_result",
        "execution_count": 1,
        "data": {"text/plain": text},
        "metadata": {},
    }


def stream(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def saved(path: Path, *cells: tuple[str, list[dict]]) -> Path:
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{n}",
                "metadata": {},
                "execution_count": n,
                "source": source,
                "outputs": found,
            }
            for n, (source, found) in enumerate(cells, 1)
        ],
        "metadata": {"kernelspec": {"display_name": "x", "language": "python", "name": "conda-env-gone"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))
    return path


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_output_that_comes_out_again_is_counted_and_the_folder_stays_as_it_is(tmp_path: Path):
    (tmp_path / "numbers.txt").write_text("1 2 3")
    notebook = saved(
        tmp_path / "n.ipynb",
        ("open('numbers.txt').read().split()", [plain("['1', '2', '3']")]),
        (
            f"{SHOW}\nopen('new.txt', 'w').write('x')\nHTML('<table><tr><td>1</td></tr></table>')",
            [html("<table><tr><td>1</td></tr></table>")],
        ),
        ("print('a')\nprint('b')", [stream("a\n"), stream("b\n")]),
        ("quiet = 1", []),
    )
    before = tree(tmp_path)
    found = rerun(notebook)
    assert (found.ok, found.same) == (True, 4)
    assert tree(tmp_path) == before


def test_an_output_that_differs_is_named_by_its_cell(tmp_path: Path):
    notebook = saved(tmp_path / "n.ipynb", ("1 + 1", [plain("2")]), ("2 + 2", [plain("5")]), ("3", []))
    found = rerun(notebook)
    assert found.failed()
    assert found.differing == ((2, "text/plain", "5", "4"), (3, "text/plain", "nothing", "3"))
    assert "first in cell 2" in found.headline()


def test_no_connection_can_be_opened_and_no_key_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOGETHER_API_KEY", "made-up-key-made-up-key")
    code = """import os, socket, subprocess, sys
tries = "import socket\\ntry:\\n    socket.create_connection(('127.0.0.1', 9)); print('open')\\nexcept ConnectionRefusedError as error:\\n    print(error)"
print("TOGETHER_API_KEY" in os.environ)
exec(tries)
print(subprocess.run([sys.executable, "-c", tries], capture_output=True, text=True).stdout, end="")
try:
    socket.getaddrinfo("example.org", 443)
except ConnectionRefusedError as error:
    print(error)"""
    refused = "no network while a notebook is run again:"
    wanted = f"False\n{refused} 127.0.0.1\n{refused} 127.0.0.1\n{refused} example.org\n"
    found = rerun(saved(tmp_path / "n.ipynb", (code, [stream(wanted)])))
    assert found.ok, found.differing


def test_a_server_on_this_machine_can_be_allowed(tmp_path: Path):
    class Hello(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"hello")

    with socketserver.TCPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code = f"import socket\nwith socket.create_connection(('localhost', {server.server_address[1]})) as s:\n    print(s.recv(9))"
        found = rerun(saved(tmp_path / "n.ipynb", (code, [stream("b'hello'\n")])), loopback=True)
        server.shutdown()
    assert found.ok, found.differing


def test_a_notebook_that_needs_a_server_of_its_own_is_told_how_to_be_allowed_to(tmp_path: Path):
    code = "import socket\nsocket.create_connection(('127.0.0.1', 9))"
    with pytest.raises(ReportError, match="no network while a notebook is run again") as told:
        rerun(saved(tmp_path / "n.ipynb", ("1", [plain("1")]), (code, [])))
    assert "--loopback" in told.value.hint


def test_a_cell_that_fails_and_one_that_does_not_end_say_so(tmp_path: Path):
    failing = saved(tmp_path / "f.ipynb", ("1", [plain("1")]), ("1 / 0", []))
    with pytest.raises(ReportError, match=r"f\.ipynb: ZeroDivisionError: division by zero"):
        rerun(failing)
    endless = saved(tmp_path / "e.ipynb", ("1", [plain("1")]), ("while True: pass", []))
    with pytest.raises(ReportError, match=r"e\.ipynb is not done after 3 s"):
        rerun(endless, timeout=3)


def test_a_notebook_without_saved_outputs_proves_nothing_and_is_refused(tmp_path: Path):
    with pytest.raises(ReportError, match="no saved outputs"):
        rerun(saved(tmp_path / "n.ipynb", ("1", [])))
    (tmp_path / "x.ipynb").write_text("{}")
    with pytest.raises(ReportError, match="it has no cells"):
        rerun(tmp_path / "x.ipynb")


WIDGET = {
    "application/vnd.jupyter.widget-view+json": {"model_id": "0123abcd"},
    "text/plain": "Rater: 3 of 5 rated",
}


@pytest.fixture
def worked(compared: Project) -> Path:
    """A notebook in a project, as it comes out of a day's work: widgets, paths, a key, a mail address."""
    shown = {"output_type": "display_data", "data": WIDGET, "metadata": {}}
    path = saved(
        compared.path / "work.ipynb",
        ("ait.rate()", [shown]),
        ("path", [plain(f"'{compared.path}/data' and '/home/ada/keys.txt', C:\\Users\\ada\\x.csv")]),
        ("who", [plain("'ada@mail.example.org' with sk-abcdefghijklmnop1234")]),
    )
    content = json.loads(path.read_text())
    content["metadata"]["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": {"0123abcd": {}}}
    }
    content["cells"][0]["metadata"] = {
        "execution": {"iopub.execute_input": "2026-11-22T05:00:00Z"},
        "tags": ["rate"],
    }
    path.write_text(json.dumps(content))
    write(compared)
    return path


def test_a_shared_copy_holds_no_widget_state_time_key_or_absolute_path(worked: Path):
    text = share(worked).notebook.read_text()
    for trace in (
        "widget-state",
        "widget-view",
        "0123abcd",
        "2026-11-22T05",
        "sk-abc",
        "/home/ada",
        "Users",
        str(worked.parent),
    ):
        assert trace not in text, trace
    assert "Rater: 3 of 5 rated" in text
    assert "./data" in text
    assert "ada@mail.example.org" in text
    assert read(share(worked).notebook)["cells"][0]["metadata"] == {"tags": ["rate"]}


def test_the_zip_is_all_that_a_colleague_needs_and_its_manifest_is_right(worked: Path, tmp_path: Path):
    shared = share(worked, out=tmp_path / "out" / "for-you.zip")
    with zipfile.ZipFile(shared.zip_path) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "there")
    listed = json.loads((tmp_path / "there" / "manifest.json").read_text())["files"]
    here = tree(tmp_path / "there")
    assert {row["path"]: row["sha256"] for row in listed} == {
        k: v for k, v in here.items() if k != "manifest.json"
    }
    assert {
        "work.ipynb",
        ".aitelier.json",
        "data/examples.jsonl",
        "data/recordings/gardener.jsonl",
        "requirements.txt",
    } <= set(names)
    assert not [name for name in names if name.startswith((".aitelier/", ".env"))]
    assert verify(open_project(tmp_path / "there")).ok


def test_the_same_project_gives_the_same_zip(worked: Path, tmp_path: Path):
    first = share(worked, out=tmp_path / "a.zip").zip_path.read_bytes()
    assert share(worked, out=tmp_path / "b.zip").zip_path.read_bytes() == first


def test_a_masked_copy_holds_no_personal_data_and_leaves_the_examples_out(worked: Path, tmp_path: Path):
    config = worked.parent / ".aitelier.json"
    content = json.loads(config.read_bytes())
    config.write_text(json.dumps(content | {"systemPrompt": "Send them to ada@garden.test, always."}))
    shared = share(worked, out=tmp_path / "m.zip", redact_personal=True)
    with zipfile.ZipFile(shared.zip_path) as archive:
        given = json.loads(archive.read(".aitelier.json"))
    assert given == content | {"systemPrompt": "Send them to [mail address], always."}
    text = shared.notebook.read_text()
    assert "ada@" not in text
    assert "[mail address]" in text
    assert not [path for path, _, _ in shared.contents if path.startswith("data/")]
    assert "for reading" in shared.told[0]


def test_a_key_in_the_examples_stops_the_sharing_with_file_and_line(worked: Path):
    with open_project(worked.parent) as project:
        project.dataset.rewrite(3, "your key is sk-abcdefghijklmnop1234", 9)
    with pytest.raises(ReportError, match=r"data/examples\.jsonl:3: this line holds what looks like a key"):
        share(worked)
    assert not worked.with_suffix(".zip").exists()


def test_the_report_notebook_is_short_valid_and_has_one_cell_of_parameters(tmp_path: Path):
    import nbformat

    content = read(template.write(tmp_path, "shop"))
    nbformat.validate(nbformat.from_dict(content))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in code for line in "".join(cell["source"]).split("\n") if line.strip()]
    assert len(lines) <= 25
    assert [cell["metadata"].get("tags") for cell in code].count(["parameters"]) == 1
    assert "ait.report()" in lines[-1]
    with pytest.raises(ReportError, match="is there already"):
        template.write(tmp_path, "shop")


def papermill(path: Path) -> None:
    words = ["papermill", str(path), str(path), "--cwd", str(path.parent), "--no-progress-bar"]
    run([sys.executable, "-m", *words, "-p", "seed", "7", "-p", "max_tokens", "64"])


def nbconvert(path: Path) -> None:
    path.write_text(
        path.read_text().replace("seed = 0", "seed = 7").replace("max_tokens = None", "max_tokens = 64")
    )
    run(
        [
            sys.executable,
            "-m",
            "jupyter",
            "nbconvert",
            "--to",
            "notebook",
            "--execute",
            "--inplace",
            str(path),
        ]
    )


def nbclient(path: Path) -> None:
    path.write_text(
        path.read_text().replace("seed = 0", "seed = 7").replace("max_tokens = None", "max_tokens = 64")
    )
    run([sys.executable, "-m", "jupyter", "execute", "--inplace", str(path)])


def run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("runner", [papermill, nbconvert, nbclient])
def test_the_report_notebook_runs_from_end_to_end_and_its_report_verifies(runner, tmp_path: Path):
    pytest.importorskip(runner.__name__)
    folder = Path(shutil.copytree(FINISHED, tmp_path / "a project"))
    path = template.write(folder, "fernlight-support")
    runner(path)
    last = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"][-1]
    assert "Tuned is better than base" in str(last["outputs"])
    with open_project(folder) as project:
        assert verify(project).ok

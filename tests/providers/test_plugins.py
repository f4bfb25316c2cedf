"""A third party's provider is found by its entry point and used like our own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from server import Response, Server, status

from aitelier_nb.errors import UsageError
from aitelier_nb.providers import recordings
from aitelier_nb.providers.base import ChatRequest, Provider, Settings, Trainer, open_provider, provider_names

PAGE = Path(__file__).parents[2] / ".github" / "site" / "pages" / "providers.md"


def code() -> str:
    """Return the example on the page about providers."""
    return PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the example as pip would: a module, and metadata with an entry point."""
    site = tmp_path / "site"
    about = site / "house_provider-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "house_provider.py").write_text(code())
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: house-provider\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[aitelier_nb.providers]\nhouse = house_provider:create\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "house_provider", raising=False)
    monkeypatch.setenv("HOUSE_API_KEY", "house-key-12345678")


def test_a_plugin_is_listed_opened_and_recorded(house: None, tmp_path: Path) -> None:
    assert "house" in provider_names()
    question = ChatRequest("parrot-1", [{"role": "user", "content": "hello"}])
    with Server(lambda request: Response(200, {"words": request.json["turns"][-1]["content"] * 2})) as server:
        provider = open_provider("house", Settings(base_url=server.url))
        assert isinstance(provider, Provider)
        assert not isinstance(provider, Trainer)
        folder = tmp_path / "data" / "recordings"
        ((_, answer),) = recordings.answers(provider, [question], folder=folder)
        server.fail("POST /say", status(500))
        ((_, failed),) = provider.answers([question])
        provider.close()
    assert answer.text == "hellohello"
    assert "the house model is silent" in (failed.error or "")
    assert "house-key" not in (folder / "house.jsonl").read_text()


def test_the_example_stays_short() -> None:
    assert len(code().splitlines()) <= 60


def test_a_provider_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="no provider 'acme'") as caught:
        open_provider("acme")
    assert "together" in caught.value.hint

"""An adapter that came home from a hosted provider is a model on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aitelier_nb.errors import NotCallable
from aitelier_nb.providers.local import adapters
from aitelier_nb.providers.local.provider import LocalProvider


def home(folder: Path, base: str) -> Path:
    """Write an adapter as a service packs it."""
    folder.mkdir()
    (folder / adapters.CONFIG).write_text(json.dumps({"base_model_name_or_path": base}))
    (folder / adapters.WEIGHTS).write_bytes(b"weights")
    return folder


def test_its_folder_is_a_model_with_the_base_that_it_names(tmp_path: Path, tiny: Path) -> None:
    folder = home(tmp_path / "home", str(tiny))
    provider = LocalProvider()
    assert provider.identify(str(folder)) == f"{provider.identify(str(tiny))}+{adapters.digest(folder)}"
    assert provider._contestant(str(folder)) == (tiny.resolve(), folder.resolve())


def test_a_services_own_name_of_the_base_is_the_public_one(tmp_path: Path) -> None:
    name = "meta-llama/Meta-Llama-3.1-8B-Instruct"
    assert adapters.base_of(home(tmp_path / "home", f"{name}-Reference")) == name


@pytest.mark.parametrize("config", ["{}", "[]", "{"])
def test_an_adapter_that_names_no_base_says_so(tmp_path: Path, config: str) -> None:
    folder = home(tmp_path / "home", "x")
    (folder / adapters.CONFIG).write_text(config)
    with pytest.raises(NotCallable, match=r"adapter_config\.json"):
        adapters.base_of(folder)

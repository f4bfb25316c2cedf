"""An adapter that came home from a hosted provider is a model on this machine."""

from __future__ import annotations

import io
import json
import tarfile
import warnings
from pathlib import Path

import pyarrow as pa
import pytest
from server import Response, Server
from together_service import KEY, TogetherService

import aitelier_nb as ait
from aitelier_nb.errors import NotCallable
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.local import adapters
from aitelier_nb.providers.local.provider import LocalProvider
from aitelier_nb.schema import Parameters


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


QUESTION = "Where is my parcel?"
HOW = Parameters(temperature=0, max_tokens=16, seed=0)


def trained(tiny: Path, folder: Path) -> Path:
    """Write an adapter that changes what the tiny model says, and that names the base as a service does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between two libraries
        torch.manual_seed(1)
        model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight)
    adapters.write(model, folder, f"{tiny}-Reference")
    return folder


def packed(folder: Path) -> bytes:
    """Return a folder's files as the service packs them: one folder in a tar, under zstd."""
    whole = pa.BufferOutputStream()
    with pa.CompressedOutputStream(whole, "zstd") as stream, io.BytesIO() as plain:
        with tarfile.open(fileobj=plain, mode="w") as tar:
            tar.add(folder, "out")
        stream.write(plain.getvalue())
    return whole.getvalue().to_pybytes()


def test_an_adapter_that_came_home_answers_as_it_did_where_it_was_trained(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = trained(tiny, tmp_path / "there")
    provider = LocalProvider()
    question = ChatRequest(str(there), [{"role": "user", "content": QUESTION}], HOW)
    ((_, direct),) = provider.answers([question])
    provider.close()
    service = TogetherService()
    service._download = lambda _: Response(200, packed(there))  # type: ignore[method-assign]
    run = {"jobId": "ft-1", "provider": "together", "startedAt": "2026-11-22T10:00:00.000Z"}
    run |= {"status": "completed", "modelId": "acct/tiny-1"}
    with (
        Server(service, "/v1") as server,
        ait.init("shop", provider="together", model=str(tiny), path=tmp_path / "shop") as shop,
    ):
        monkeypatch.setenv("TOGETHER_API_KEY", KEY)
        monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
        shop.change_config(lambda config: config["runs"].append(run))
        ait.export("adapter", shop.path / "home", project=shop)
        names = [f"local:{shop.path / 'home'}", f"local:{tiny}"]
        told = ait.ask(QUESTION, models=names, max_tokens=HOW.max_tokens, project=shop)
    home, base = (told.answers[name] for name in names)
    assert home.error is None
    assert home.text == direct.text != ""
    assert home.text != base.text, "the adapter is at work"
    assert (shop.path / "home" / adapters.WEIGHTS).read_bytes() == (there / adapters.WEIGHTS).read_bytes()

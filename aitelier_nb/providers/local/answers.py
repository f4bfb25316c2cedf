"""Base and tuned models in one runtime: the base is loaded once, adapters are swapped in and out of it.

So a comparison of base and tuned differs in the adapter and in nothing else. A quantised runtime was
measured beside it and not taken in: OpenVINO GenAI 2026.4 on the embedded model's Q4_1 file gave 320 tokens
in batches of 8 in 3.8 CPU seconds, this one in 6.1 (bf16, AMX). That is 1.6 times as fast, not twice,
and its weights are not those that the adapter was trained on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ModelMissing, ProviderError
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.local import machine
from aitelier_nb.providers.local.conversations import ask
from aitelier_nb.schema import Answer

__all__ = ["MOST_TOKENS", "Contestant", "Runtime"]

MOST_TOKENS = 256  # an answer's length where the request names none

Contestant = tuple[Path, Path | None]
"""What answers: the base model's folder, and that of its adapter, if any."""


class Runtime:
    """One base model in memory, with every adapter that was asked for so far."""

    def __init__(self) -> None:
        self._base: Path | None = None
        self._model: Any = None
        self._tokenizer: Any = None
        self._adapters: dict[Path, str] = {}

    def answers(
        self, requests: Sequence[ChatRequest], contestants: Sequence[Contestant]
    ) -> Iterator[tuple[int, Answer]]:
        """Yield (place, answer) for all requests, each to its contestant; those to one are asked together."""
        groups: dict[Contestant, list[int]] = defaultdict(list)
        for place, contestant in enumerate(contestants):
            groups[contestant].append(place)
        for contestant in sorted(groups, key=str):
            yield from self._answered(contestant, groups[contestant], requests)

    def stream(self, request: ChatRequest, contestant: Contestant) -> Generator[str, None, Answer]:
        """Yield the answer to one request in pieces as they come, and return it whole."""
        from aitelier_nb.providers.local import generation

        model = self._ready(contestant)
        asked = self._asked(request)
        said = yield from generation.stream(model, self._tokenizer, asked)
        return _answer(request, asked, said)

    def close(self) -> None:
        """Let go of the model's memory."""
        self._base, self._model, self._tokenizer = None, None, None
        self._adapters.clear()

    def _answered(
        self, contestant: Contestant, places: Sequence[int], requests: Sequence[ChatRequest]
    ) -> Iterator[tuple[int, Answer]]:
        from aitelier_nb.providers.local import generation

        model = self._ready(contestant)
        asked: list[Any] = []
        usable: list[int] = []
        for place in places:
            try:
                asked.append(self._asked(requests[place]))
                usable.append(place)
            except ProviderError as error:
                yield (
                    place,
                    Answer(model=requests[place].model, text="", finish_reason="error", error=str(error)),
                )
        if not asked:
            return
        for at, said in generation.generate(model, self._tokenizer, asked):
            yield usable[at], _answer(requests[usable[at]], asked[at], said)

    def _asked(self, request: ChatRequest) -> Any:
        from aitelier_nb.providers.local.generation import Asked

        ids = ask(self._tokenizer, request.messages)
        room = self._model.config.max_position_embeddings - len(ids)
        if room < 1:
            raise ProviderError(
                f"the conversation has {len(ids)} tokens, more than the model can read", hint="shorten it"
            )
        wanted = request.parameters
        return Asked(
            ids=tuple(ids),
            most=min(wanted.max_tokens if wanted.max_tokens is not None else MOST_TOKENS, room),
            temperature=wanted.temperature or 0.0,
            top_p=wanted.top_p if wanted.top_p is not None else 1.0,
            seed=(wanted.seed or 0) + 1_000_003 * request.sample,
            stop=wanted.stop or (),
        )

    def _ready(self, contestant: Contestant) -> Any:
        """Return the model with the contestant's adapter switched on, or none."""
        base, adapter = contestant
        if base != self._base:
            with machine.loading():
                self._load(base)
        if adapter is None:
            if self._adapters:
                self._model.disable_adapters()
            return self._model
        if adapter not in self._adapters:
            self._attach(adapter)
        self._model.enable_adapters()
        self._model.set_adapter(self._adapters[adapter])
        return self._model

    def _load(self, base: Path) -> None:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        machine.use_threads()
        self.close()
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(base)
            model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
            model = model.to(machine.answer_type(model))
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelMissing(
                f"the model in {base} cannot be loaded: {error}", hint="fetch it again"
            ) from error
        self._model = model.eval().to(_device())
        self._base = base

    def _attach(self, folder: Path) -> None:
        """Add an adapter beside those that are there, under a name of its own."""
        name = f"adapter{len(self._adapters)}"
        try:
            self._model.load_adapter(str(folder), adapter_name=name)
        except (OSError, ValueError, RuntimeError) as error:
            raise ProviderError(
                f"the adapter in {folder} cannot be loaded: {error}", hint="train the run again"
            ) from error
        self._model.eval()
        self._adapters[folder] = name


def _answer(request: ChatRequest, asked: Any, said: Any) -> Answer:
    return Answer(
        model=request.model,
        text=said.text,
        finish_reason=said.finish_reason,
        prompt_tokens=len(asked.ids),
        completion_tokens=len(said.ids),
    )


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"

"""How many tokens a conversation has for a model on this machine: its own template and tokenizer.

Needs neither torch nor transformers, so that counting starts at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aitelier_nb.errors import AitelierError
from aitelier_nb.providers.local import library

__all__ = ["counter"]

Turns = Sequence[dict[str, Any]]


def counter(name: str) -> Callable[[Sequence[Turns]], list[int]] | None:
    """Return a function from conversations to their tokens; None when the model is not on this machine."""
    try:
        from jinja2 import TemplateError
        from tokenizers import Tokenizer
    except ImportError:
        return None
    try:
        folder = library.info(name).folder
        render = _template(folder)
        tokenizer = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
    except (AitelierError, OSError, ValueError, KeyError, TemplateError):
        return None

    def count(conversations: Sequence[Turns]) -> list[int]:
        texts = []
        for turns in conversations:
            try:
                texts.append(render(turns))
            except (TemplateError, TypeError):  # a template that refuses a role: its words count all the same
                texts.append("\n".join(_text(turn) for turn in turns))
        return [len(found.ids) for found in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    return count


def _template(folder: Path) -> Callable[[Turns], str]:
    """Return the chat template of a model as a function from turns to the text that it learns from."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    words = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    path = folder / "chat_template.jinja"
    source = path.read_text(encoding="utf-8") if path.exists() else words["chat_template"]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(source)
    marks = {name: words[name] for name in ("bos_token", "eos_token") if isinstance(words.get(name), str)}

    def render(turns: Turns) -> str:
        plain = [{**turn, "content": _text(turn)} for turn in turns]
        return str(template.render(messages=plain, add_generation_prompt=False, **marks))

    return render


def _text(turn: dict[str, Any]) -> str:
    content = turn.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content or "")

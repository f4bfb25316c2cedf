"""Turns a GGUF file into a folder of safetensors, config and tokenizer, once.

The numbers are those of the file: dequantised to float32, with the rotary rows of the query and key
weights put back in the order that PyTorch models expect.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import AitelierError, ModelMissing

if TYPE_CHECKING:
    import numpy as np

__all__ = ["convert", "main"]

OnTensor = Callable[[int, int], None]

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_norm": "post_attention_layernorm",
}
BLOCK = re.compile(r"blk\.(\d+)\.(\w+)\.weight")


def convert(gguf: Path, folder: Path, on_tensor: OnTensor) -> None:
    """Write the model of a GGUF file as a folder that transformers loads.

    `on_tensor` is called with (number, count) as each tensor's turn comes.

    Raises
    ------
    ModelMissing
        The file is damaged, or holds no Llama-shaped model and transformers cannot read it either.
    """
    from gguf import GGUFReader
    from transformers import AutoTokenizer

    try:
        reader = GGUFReader(gguf)
    except (ValueError, OSError, IndexError) as error:
        raise ModelMissing(f"{gguf.name} is no readable GGUF file: {error}", hint="fetch it again") from error
    folder.mkdir(parents=True, exist_ok=True)
    if _value(reader, "general.architecture") == "llama":
        _convert_llama(reader, folder, on_tensor)
    else:
        _convert_other(gguf, folder)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.save_pretrained(folder)


def _convert_llama(reader: Any, folder: Path, on_tensor: OnTensor) -> None:
    """Write config and weights of a model of the Llama shape."""
    from gguf import dequantize
    from safetensors.numpy import save_file
    from transformers import GenerationConfig

    config = _config(reader)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    tensors: dict[str, np.ndarray] = {}
    for place, tensor in enumerate(reader.tensors, 1):
        on_tensor(place, len(reader.tensors))
        weight = dequantize(tensor.data, tensor.tensor_type).astype("float32", copy=False)
        match = BLOCK.fullmatch(tensor.name)
        if match is None:
            name = tensor.name.removesuffix(".weight")
            if name in NAMES:
                tensors[f"{NAMES[name]}.weight"] = weight
            continue
        layer, name = match.groups()
        if name in heads:
            weight = _unpermuted(weight, heads[name])
        tensors[f"model.layers.{layer}.{NAMES[name]}.weight"] = weight
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config.tie_word_embeddings = "lm_head.weight" not in tensors
    config.save_pretrained(folder)
    GenerationConfig(eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id).save_pretrained(
        folder
    )


def _convert_other(gguf: Path, folder: Path) -> None:
    """Let transformers dequantise a model of another shape."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    except (ValueError, KeyError) as error:
        raise ModelMissing(
            f"{gguf.name} holds a model of a kind that cannot be loaded: {error}",
            hint="use the model's safetensors folder instead",
        ) from error
    model.save_pretrained(folder)


def _config(reader: Any) -> Any:
    from transformers import LlamaConfig

    def number(key: str) -> Any:
        return _value(reader, f"llama.{key}")

    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=len(reader.fields["tokenizer.ggml.tokens"].data),
        hidden_size=number("embedding_length"),
        intermediate_size=number("feed_forward_length"),
        num_hidden_layers=number("block_count"),
        num_attention_heads=number("attention.head_count"),
        num_key_value_heads=number("attention.head_count_kv") or number("attention.head_count"),
        max_position_embeddings=number("context_length"),
        rms_norm_eps=number("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": number("rope.freq_base") or 10000.0},
        bos_token_id=_value(reader, "tokenizer.ggml.bos_token_id"),
        eos_token_id=_value(reader, "tokenizer.ggml.eos_token_id"),
        pad_token_id=_value(reader, "tokenizer.ggml.padding_token_id"),
        dtype="float32",
    )


def _value(reader: Any, key: str) -> Any:
    field = reader.fields.get(key)
    return None if field is None else field.contents()


def _unpermuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Return rows of a query or key weight from GGUF's interleaved order in PyTorch's half-split order.

    Shape (out, in) stays. GGUF keeps the two members of a rotary pair next to each other.
    """
    import numpy as np

    pairs = weight.reshape(heads, weight.shape[0] // heads // 2, 2, weight.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(weight.shape))


def main(words: list[str]) -> int:
    """Convert in a process of its own: GGUF and FOLDER; prints "number count" lines, then an error if any."""
    try:
        convert(Path(words[0]), Path(words[1]), lambda number, count: print(number, count, flush=True))  # noqa: T201
    except AitelierError as error:
        print(error, error.hint, sep="\n", file=sys.stderr)  # noqa: T201 - the parent reads it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

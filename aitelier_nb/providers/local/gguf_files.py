"""Writes a model folder of the Llama shape as a GGUF file for llama.cpp and Ollama, chat template included.

Weights stay in float32, so the file answers like the folder; llama.cpp's own tool makes smaller ones of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import ProviderError
from aitelier_nb.providers.local.weights import NAMES

if TYPE_CHECKING:
    import numpy as np

__all__ = ["write_gguf"]

NORMAL, CONTROL = 1, 3  # GGUF's kinds of tokens


def write_gguf(folder: Path, path: Path) -> None:
    """Write the model of a folder (config, safetensors, tokenizer) as one GGUF file.

    Raises
    ------
    ProviderError
        The model or its tokenizer is of a kind that is not written here.
    """
    from gguf import GGUFWriter
    from safetensors.numpy import load_file
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(folder)
    if config.model_type != "llama":
        raise ProviderError(
            f"a {config.model_type} model is not written as GGUF here",
            hint="export it as merged, and run llama.cpp's convert_hf_to_gguf.py on the folder",
        )
    writer = GGUFWriter(path, "llama")
    _add_shape(writer, config)
    _add_tokenizer(writer, AutoTokenizer.from_pretrained(folder), config.vocab_size)
    for file in sorted(folder.glob("*.safetensors")):
        for name, weight in load_file(file).items():
            writer.add_tensor(_gguf_name(name), _placed(name, weight.astype("float32", copy=False), config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: Any, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(0)  # all float32


def _add_tokenizer(writer: Any, tokenizer: Any, size: int) -> None:
    """Write vocabulary, merges, special tokens and the chat template."""
    told = json.loads(tokenizer.backend_tokenizer.to_str())
    if told["model"]["type"] != "BPE" or "ByteLevel" not in json.dumps(told["pre_tokenizer"]):
        raise ProviderError(
            "a tokenizer that is no byte-level BPE is not written as GGUF here",
            hint="export the model as merged, and run llama.cpp's convert_hf_to_gguf.py on the folder",
        )
    special = {added["id"] for added in told["added_tokens"] if added["special"]}
    names = {place: token for token, place in tokenizer.get_vocab().items()}
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in told["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm" if size == SMOLLM_SIZE else "gpt-2")
    writer.add_token_list([names.get(place, f"<unused{place}>") for place in range(size)])
    writer.add_token_types([CONTROL if place in special else NORMAL for place in range(size)])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)  # noqa: FBT003 - GGUF's own signature
    writer.add_chat_template(tokenizer.chat_template)


SMOLLM_SIZE = 49152
"""The vocabulary of SmolLM, whose numbers llama.cpp splits in its own way."""


def _gguf_name(name: str) -> str:
    """Return a weight's name in GGUF."""
    stem = name.removesuffix(".weight")
    own = {theirs: ours for ours, theirs in NAMES.items()}
    if stem in own:
        return f"{own[stem]}.weight"
    _, _, layer, rest = stem.split(".", 3)
    return f"blk.{layer}.{own[rest]}.weight"


def _placed(name: str, weight: np.ndarray, config: Any) -> np.ndarray:
    """Return a weight with its rotary rows in GGUF's interleaved order; the inverse of reading one."""
    import numpy as np

    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = heads.get(name.split(".")[-2])
    if count is None:
        return weight
    halves = weight.reshape(count, 2, weight.shape[0] // count // 2, weight.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))

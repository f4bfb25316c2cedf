"""A randomly initialised Llama of a few thousand parameters, with tokenizer and chat template, as a folder."""

from __future__ import annotations

import json
from pathlib import Path

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + (message['content'] or '') }}"
    "{% if message['tool_calls'] %}{{ message['tool_calls'] | tojson }}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make(folder: Path, *, seed: int = 0, hidden: int = 16, layers: int = 2) -> Path:
    """Write the model into `folder` and return it: the same seed gives the same weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e")]
    merged = ["".join(pair) for pair in merges]
    vocabulary = {token: place for place, token in enumerate([*special, *alphabet, *merged])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",  # as the embedded model has it: padding must be masked by position
        chat_template=TEMPLATE,
    )
    fast.add_special_tokens({"additional_special_tokens": ["<|endoftext|>"]})
    fast.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
        initializer_range=0.5,  # large enough for an adapter to change what is said
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(folder)
    GenerationConfig(eos_token_id=2, pad_token_id=2).save_pretrained(folder)
    return folder


def training_file(path: Path, count: int = 24) -> Path:
    """Write a small task that this model can learn: say the last letter of the question three times."""
    words = [f"{a}{b}" for a in "bcdfg" for b in "aeiou"]
    lines = []
    for place in range(count):
        word = words[place % len(words)] * (1 + place % 3)
        messages = [
            {"role": "user", "content": word},
            {"role": "assistant", "content": word[-1] * 3},
        ]
        lines.append(json.dumps({"messages": messages}) + "\n")
    path.write_text("".join(lines), "utf-8")
    return path

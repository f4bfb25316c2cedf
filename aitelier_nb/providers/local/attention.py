"""Attention in fp32 amid bf16 training on a CPU.

There torch's backward of attention took nine times as long in bf16 as in fp32 (0.9 for 0.1 s of a step
of the embedded model), while the matrix products around it gain from bf16.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["stay_exact"]

EXACT = "sdpa_in_fp32"


def stay_exact(model: Any) -> None:
    """Let a model's attention compute in fp32; a model with another kind of attention stays as it is."""
    if model.config._attn_implementation == "sdpa":  # noqa: SLF001 - transformers tells it in no public name
        AttentionInterface.register(EXACT, _in_fp32)
        AttentionMaskInterface.register(EXACT, sdpa_mask)
        model.set_attn_implementation(EXACT)


def _in_fp32(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, **words: Any
) -> tuple[torch.Tensor, Any]:
    with torch.autocast(query.device.type, enabled=False):
        out, weights = sdpa_attention_forward(
            module, query.float(), key.float(), value.float(), mask, **words
        )
    return out.to(query.dtype), weights

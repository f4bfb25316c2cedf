"""What this machine has: the device to compute on, the precision that it really has, what fits at once."""

from __future__ import annotations

from typing import Any

from aitelier_nb.errors import UsageError

__all__ = ["answer_type", "device", "micro_tokens", "precision", "use_threads"]

CPU_TOKENS = 512
"""Tokens computed at once on a CPU: more is no faster (4 x 512 costs 4.4 times 1 x 512) and takes memory."""

SMALL = 50_000_000  # parameters
SHARE = 0.5  # of the memory that is free
FEWEST = 64  # tokens computed at once, however little memory there is


def device() -> str:
    """Return the device to compute on: this process's GPU, Apple's, or the CPU."""
    import os

    import torch

    if torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision(asked: str) -> str:
    """Return the precision to compute in: bf16 on a GPU that has it, otherwise fp32, or what was asked for.

    A CPU computes in fp32 unless asked: bf16 is faster there only with the right instructions, and without
    them it takes many times as long, so it is refused.
    """
    import torch

    if torch.cuda.is_available():
        has = torch.cuda.is_bf16_supported()
        return ("bf16" if has else "fp32") if asked == "auto" else asked
    if asked == "bf16" and not _cpu_has_bf16():
        raise UsageError("this processor has no bf16 instructions", hint="precision='fp32'")
    return "bf16" if asked == "bf16" else "fp32"


def use_threads() -> None:
    """Compute on all processors but one, unless OMP_NUM_THREADS says how many.

    The one that is left keeps the notebook fluent. On two shared processors a second thread took a step
    from 2.9 to 2.2 seconds at best and from 2.9 to 4.6 CPU seconds, spent in waiting for each other. The
    number changes no result.
    """
    import os

    import torch

    if not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))


def answer_type(model: Any) -> Any:
    """Return the type of the weights that answers are computed with: bfloat16 where it is fast.

    Decoding is bound by memory: half the bytes took half the time on a CPU with AMX (0.13 s for 0.22 s a
    token in a batch of eight of the embedded model). A small model gains nothing and stays exact.
    """
    import torch

    if model.num_parameters() < SMALL:
        return torch.float32
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if _cpu_has_bf16() else torch.float32


def micro_tokens(config: Any) -> int:
    """Return how many tokens may be computed at once with the memory that is free now.

    What backward keeps of a token was measured on the embedded model at about 3 MB in fp32: 20 times the
    hidden size and 8 times the inner size, in each layer.
    """
    import psutil
    import torch

    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    each = config.num_hidden_layers * (20 * config.hidden_size + 8 * inner) * 4
    if torch.cuda.is_available():
        return max(FEWEST, int(torch.cuda.mem_get_info()[0] * SHARE / each))
    return max(FEWEST, min(CPU_TOKENS, int(psutil.virtual_memory().available * SHARE / each)))


def _cpu_has_bf16() -> bool:
    import torch

    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch says it in no public function
    return any(getattr(torch.cpu, name, bool)() for name in checks)

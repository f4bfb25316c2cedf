"""What this machine has: the device to compute on, the precision that it really has, what fits at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from aitelier_nb.errors import UsageError

__all__ = ["answer_type", "arithmetic", "device", "loading", "micro_tokens", "precision", "use_threads"]

CPU_TOKENS = 512
"""Tokens computed at once on a CPU: more is no faster (4 x 512 costs 4.4 times 1 x 512) and takes memory."""

SMALL = 50_000_000  # parameters; a model of fewer gains nothing from bf16 and stays exact
SHARE = 0.5  # of the memory that is free
FEWEST = 64  # tokens computed at once, however little memory there is


def device() -> str:
    """Return the device to compute on: this process's GPU, Apple's, or the CPU."""
    import os

    import torch

    if torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@contextmanager
def loading() -> Iterator[None]:
    """Import and load without looking for garbage: there is none, and looking took a sixth of the start.

    What was loaded counts as old afterwards, so that the next look, at what is young, does not go through it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        gc.enable()


def precision(asked: str, parameters: int) -> str:
    """Return the precision to train a model of so many parameters in, "bf16" or "fp32".

    Unless asked otherwise that is bf16 where the processor or the GPU really has it: a step of the
    embedded model took 0.65 times the CPU seconds of fp32 on a CPU with AMX. Elsewhere bf16 takes many
    times as long, so it is refused on such a CPU.
    """
    import torch

    has = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else _cpu_has_bf16()
    if asked == "bf16" and not has and not torch.cuda.is_available():
        raise UsageError("this processor has no bf16 instructions", hint="precision='fp32'")
    if asked == "auto":
        return "bf16" if has and parameters >= SMALL and device() != "mps" else "fp32"
    return asked


def arithmetic(precision: str) -> AbstractContextManager[Any]:
    """Return the block to compute in: weights that are learnt stay fp32, products are made in `precision`."""
    import torch

    kind = device().partition(":")[0]
    return torch.autocast(kind, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


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
    token in a batch of eight of the embedded model).
    """
    import torch

    return torch.bfloat16 if precision("auto", model.num_parameters()) == "bf16" else torch.float32


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

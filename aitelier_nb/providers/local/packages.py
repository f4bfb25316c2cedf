"""The packages that training and answers on this machine need: the extra named local."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from aitelier_nb.errors import ModelMissing

__all__ = ["leave_out", "require"]

NEEDED = ("torch", "transformers", "peft", "gguf", "safetensors", "psutil")

UNUSED = ("datasets", "pandas", "scipy", "sklearn", "tensorboard", "torchvision")
"""What transformers, peft and accelerate import wherever it is installed, and no run or answer touches."""


def require() -> None:
    """See that the packages of the extra are installed, without importing them.

    Raises
    ------
    ModelMissing
        Some are not; the sentence names them and the line that installs them.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ModelMissing(
            f"training and answers on this machine need {', '.join(missing)}, not installed here",
            hint="pip install 'aitelier-nb[local]', or choose a hosted provider",
        )


def leave_out() -> None:
    """Make this process take what it has no use for as not installed: a sixth of its start.

    Only for a process that does nothing but train or answer; what it has imported already stays.
    """
    hidden: Any = None  # how Python marks in sys.modules what is not to be found
    for name in UNUSED:
        sys.modules.setdefault(name, hidden)

"""The packages that training and answers on this machine need: the extra named local."""

from __future__ import annotations

from importlib.util import find_spec

from aitelier_nb.errors import ModelMissing

__all__ = ["require"]

NEEDED = ("torch", "transformers", "peft", "gguf", "safetensors", "psutil")


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

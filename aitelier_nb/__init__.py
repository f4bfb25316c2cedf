"""Make fine-tuning data and fine-tunes in a notebook."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def load_ipython_extension(shell: Any) -> None:
    """Add `%ait` and `%%ait` to a notebook."""
    from aitelier_nb.magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take `%ait` and `%%ait` out again."""
    from aitelier_nb.magics import unload

    unload(shell)

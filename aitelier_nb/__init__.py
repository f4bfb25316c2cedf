"""Make fine-tuning data and fine-tunes in a notebook: collect, rate, split, train, compare blind, report.

Every verb is a function here, works on the project found from the working directory upward (or the
one given as `project=`), prints nothing, and returns an object that shows itself.

>>> import aitelier_nb as ait
>>> project = ait.init("support-bot")           # doctest: +SKIP
>>> ait.add("Where is my parcel?", "Please send me the order number.", rating=9)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("aitelier-nb")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

_HOMES = {
    "projects": ("init", "open"),
    "machine": ("models", "key", "doctor"),
    "collecting": ("add", "load"),
    "listing": ("examples",),
    "curating": ("set_rating", "rewrite", "annotate", "undo", "delete"),
    "remembering": ("history", "forget"),
    "systems": ("set_system",),
    "rating": ("rate",),
    "overview": ("stats",),
    "splitting": ("split",),
    "formatting": ("format", "check"),
    "exporting": ("export",),
    "merging": ("merge_driver", "set_up_merging"),
    "tuning": ("train",),
    "following": ("Run",),
    "standing": ("status", "cancel"),
    "serving": ("serve",),
    "twins": ("aask", "acompare", "adraft", "aevaluate", "arecord", "atrain"),
    "evaluating": ("evaluate",),
    "comparing": ("compare",),
    "drafting": ("draft", "record"),
    "prompting": ("ask",),
    "deploying": ("deploy",),
    "reporting": ("report", "verify", "rerun", "share", "freeze"),
    "demonstration": ("demo",),
}  # fmt: skip
_WHERE = {name: f"aitelier_nb.verbs.{home}" for home, verbs in _HOMES.items() for name in verbs}
_WHERE |= {
    "Project": "aitelier_nb.storage.project",
    "AitelierError": "aitelier_nb.errors",
}
_SECOND_NAMES = {"import_": "load", "list_examples": "examples", "eval_": "evaluate"}

BUILTIN_NAMES = ("format", "open")
__all__ = sorted(name for name in _WHERE if name not in BUILTIN_NAMES)  # noqa: PLE0605 - built from the table


def __getattr__(name: str) -> Any:
    """Find a verb where it lives, on first use, so that the import stays light."""
    if name not in _WHERE:
        raise AttributeError(f"module 'aitelier_nb' has no attribute {name!r}")
    found = getattr(import_module(_WHERE[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])


def load_ipython_extension(shell: Any) -> None:
    """Add `%ait` and `%%ait` to a notebook."""
    from aitelier_nb.magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take `%ait` and `%%ait` out again."""
    from aitelier_nb.magics import unload

    unload(shell)

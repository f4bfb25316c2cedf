"""Models and keys on the machine that this runs on, and whether everything is in place."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from aitelier_nb.errors import AitelierError, KeyMissing, UsageError
from aitelier_nb.providers import keys
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View, counted

__all__ = ["Checkup", "Key", "Models", "doctor", "key", "models"]

PACKAGES = {
    "ipywidgets": "widgets",
    "anywidget": "widgets",
    "jupyterlab": "extra lab: a notebook server of its own",
    "torch": "extra local: training and answers on this machine",
    "transformers": "extra local",
    "peft": "extra local",
    "gguf": "extra local: reads the embedded model",
    "toktok-rs": "extra tokens: exact token counts",
    "keyring": "extra keys: keys in the system's keychain",
}


@dataclass(frozen=True, repr=False)
class Models(View):
    """The models on this machine."""

    found: tuple[Any, ...]
    done: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return {"models": [model, ...]}."""
        return {"models": [model.to_json() for model in self.found]}

    def headline(self) -> str:
        """Count them, or say what was done."""
        return self.done or f"{counted(len(self.found), 'model')} on this machine"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("name", "size (MB)", "licence", "source")

    def rows(self) -> list[Sequence[object]]:
        """Return a model a row."""
        return [(m.name, round(m.size / 1e6), m.license, m.source) for m in self.found]

    def notes(self) -> Sequence[str]:
        """Say how to get one when there is none."""
        return [] if self.found or self.done else ["ait model pull gets the embedded model"]


@dataclass(frozen=True, repr=False)
class Key(View):
    """Whether there is a key for a provider, and its last four characters."""

    provider: str
    shown: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """Return provider, the last characters, and where the key was found."""
        return {"provider": self.provider, "key": self.shown, "source": self.source}

    def headline(self) -> str:
        """Show the last characters and the source."""
        return f"{self.provider}: {self.shown} (from {self.source})"


@dataclass(frozen=True, repr=False)
class Checkup(View):
    """What is installed, what is missing, what clashes."""

    found: tuple[tuple[str, str, str], ...]
    clashes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return {"checks": [...], "clashes": [...]}."""
        checks = [{"name": name, "found": found, "for": use} for name, found, use in self.found]
        return {"checks": checks, "clashes": list(self.clashes)}

    def headline(self) -> str:
        """Say whether anything clashes."""
        return (
            f"{len(self.clashes)} problems" if self.clashes else "everything that is installed fits together"
        )

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("what", "found", "used for")

    def rows(self) -> list[Sequence[object]]:
        """Return a check a row."""
        return list(self.found)

    def warnings(self) -> Sequence[str]:
        """Name what clashes."""
        return self.clashes

    def failed(self) -> bool:
        """Return whether something clashes."""
        return bool(self.clashes)


def models(action: str = "list", name: str | None = None) -> Models:
    """Show the models on this machine, or pull, describe or remove one.

    Parameters
    ----------
    action
        list, pull, info or remove.
    name
        The model; the embedded one when not given.

    Raises
    ------
    ModelMissing
        It is not there, or cannot be fetched.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> "on this machine" in ait.models().headline()
    True
    """
    from aitelier_nb.providers.local import library as local

    if action == "list":
        return Models(tuple(local.listed()))
    chosen = name or local.EMBEDDED.name
    if action == "pull":
        model = local.pull(chosen)
        return Models((model,), f"{model.name} is on this machine")
    if action == "info":
        return Models((local.info(chosen),), chosen)
    if action == "remove":
        freed = local.remove(chosen)
        return Models((), f"{chosen} removed, {freed / 1e6:.0f} MB freed")
    raise UsageError(f"there is no action {action!r}", hint="list, pull, info or remove")


def key(provider: str, store: bool = False, remove: bool = False, project: Where = None) -> Key:
    """Show whether there is a key for a provider; ask for it when there is none and a person is there.

    The key itself is never shown, and never an argument.

    Parameters
    ----------
    provider
        together, fireworks, openai or compatible.
    store
        Also keep the key in the system's keychain.
    remove
        Take it out of the keychain.

    Raises
    ------
    KeyMissing
        There is none; the message names the variable to set.
    """
    if provider not in keys.VARIABLES:
        raise UsageError(f"{provider!r} takes no key", hint=f"one of {', '.join(keys.VARIABLES)}")
    if remove:
        keys.forget_key(provider)
        return Key(provider, "removed", "the keychain")
    try:
        folder = current(project).path
    except AitelierError:
        folder = None
    try:
        found = keys.find_key(provider, folder, ask=True)
    except KeyMissing as error:
        variable = keys.VARIABLES[provider]
        raise KeyMissing(str(error), hint=f"set {variable}, or write {variable}=... into .env") from error
    source = found.source
    if store:
        kept = keys.keep_key(provider, found.secret)
        source = "the keychain" if kept else f"{found.source}; this machine has no keychain"
    return Key(provider, str(found.secret), source)


def doctor() -> Checkup:
    """Check kernel, widgets, torch, and whether another package named aitelier stands in the way.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> "ipywidgets" in ait.doctor().text()
    True
    """
    found = [
        ("python", platform.python_version(), "3.11 or newer"),
        ("aitelier-nb", _version("aitelier-nb"), "this"),
        ("kernel", _kernel(), "where cells run"),
        ("processors", str(os.cpu_count()), "training on this machine"),
        *((name, _version(name), use) for name, use in PACKAGES.items()),
    ]
    return Checkup(tuple(found), tuple(_clashes()))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _kernel() -> str:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return "none: a terminal"
    return f"ipykernel {_version('ipykernel')}" if hasattr(shell, "kernel") else "IPython in a terminal"


def _clashes() -> list[str]:
    spec = find_spec("aitelier")
    if spec is None:
        return [
            "the module aitelier is missing: install aitelier-nb again; %load_ext aitelier_nb works meanwhile"
        ]
    if spec.submodule_search_locations is not None:
        return ["another package named aitelier is installed: use %load_ext aitelier_nb"]
    return []

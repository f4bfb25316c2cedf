"""The environment that a report was made in, written down beside it: Python, system, packages.

The report shows what was recorded, never the environment of the moment: a page made elsewhere
from the same files is the same page.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ReportError
from aitelier_nb.storage import files
from aitelier_nb.views import View

__all__ = ["FILE", "Environment", "current", "differences", "freeze", "recorded"]

FILE = "environment.json"
MATTERS = (
    "aitelier-nb", "accelerate", "gguf", "msgspec", "numpy", "pandas", "peft", "pyarrow", "pydantic",
    "safetensors", "scipy", "tokenizers", "torch", "transformers",
)  # fmt: skip
"""Packages whose version the report shows: those that can change an answer or a number."""


@dataclass(frozen=True, repr=False)
class Environment(View):
    """What was written down: Python, system, and every package with version and hash."""

    path: Path
    python: str
    system: str
    packages: Mapping[str, Mapping[str, str | None]]

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {"python": self.python, "system": self.system, "packages": dict(self.packages)}

    def headline(self) -> str:
        """Count the packages."""
        return f"{len(self.packages)} packages written to {self.path.name}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("package", "version")

    def rows(self) -> list[Sequence[object]]:
        """Return those packages that can change an answer or a number."""
        return [(name, self.packages[name]["version"]) for name in MATTERS if name in self.packages]


def current() -> dict[str, Any]:
    """Return the environment of this process: every installed package with its version and hash.

    The hash is the SHA-256 of the package's own list of files (RECORD), None where it has none.
    """
    packages: dict[str, dict[str, str | None]] = {}
    for found in sorted(distributions(), key=lambda one: one.metadata["Name"].lower()):
        packages.setdefault(
            found.metadata["Name"].lower().replace("_", "-"),
            {"version": found.version, "sha256": _digest(found)},
        )
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": packages,
    }


def _digest(found: Distribution) -> str | None:
    text = found.read_text("RECORD")
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def freeze(project: Path) -> Environment:
    """Write the environment of this process into the project, beside the report."""
    known = current()
    path = project / FILE
    files.replace(path, [json.dumps(known, indent=2, ensure_ascii=False).encode() + b"\n"])
    return Environment(path, known["python"], known["system"], known["packages"])


def _read(project: Path) -> dict[str, Any] | None:
    path = project / FILE
    if not path.is_file():
        return None
    try:
        known = json.loads(path.read_bytes())
    except ValueError as error:
        raise ReportError(f"{FILE} cannot be read: {error}", hint="write it again with ait freeze") from error
    if not isinstance(known, dict) or not isinstance(known.get("packages"), dict):
        raise ReportError(f"{FILE} holds no packages", hint="write it again with ait freeze")
    return known


def recorded(project: Path) -> dict[str, str]:
    """Return what the report shows of the recorded environment; empty when none was recorded."""
    known = _read(project)
    if known is None:
        return {}
    packages = known["packages"]
    shown = {
        name: str(packages[name].get("version")) for name in MATTERS if isinstance(packages.get(name), dict)
    }
    return {"python": str(known.get("python")), "system": str(known.get("system")), **shown}


def differences(project: Path) -> list[str]:
    """Return how this process differs from the recorded environment, one sentence a package."""
    before = recorded(project)
    if not before:
        return []
    known = current()
    now = {"python": known["python"], "system": known["system"]}
    now |= {name: facts["version"] for name, facts in known["packages"].items()}
    return [
        f"{name} was {version}, here it is {now.get(name, 'not installed')}"
        for name, version in before.items()
        if now.get(name) != version
    ]

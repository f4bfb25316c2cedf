"""What a study keeps secret until its reveal: .aitelier/studies/, out of git, one file per rater."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aitelier_nb.errors import StudyError
from aitelier_nb.storage.files import append, replace
from aitelier_nb.storage.tombstones import tombstone

__all__ = ["Secret", "Vault"]

BYTES = 32


@dataclass(frozen=True)
class Secret:
    """One rater's seed, salt and sides: {"id", "createdAt", "tunedLeft", "left", "right"} (text hashes)."""

    by: str
    seed: str
    salt: str
    sides: list[dict[str, Any]]

    def side(self, example_id: int) -> dict[str, Any]:
        """Return the side of one pair."""
        return self._by_id[example_id]

    @cached_property
    def _by_id(self) -> dict[int, dict[str, Any]]:
        return {side["id"]: side for side in self.sides}

    def to_json(self, ids: Container[int]) -> dict[str, Any]:
        """Return what the reveal writes into the study; of pairs that were forgotten, the sides' hashes."""
        told = [side if side["id"] in ids else tombstone(side) for side in self.sides]
        return {"seed": self.seed, "salt": self.salt, "sides": told}


class Vault:
    """The secrets of one study on this machine.

    Parameters
    ----------
    folder
        .aitelier/studies of the project.
    identity
        The study's identity; file names tell neither raters nor sides.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder / identity[:16]

    def keep_tuned(self, hashes: Mapping[int, str]) -> None:
        """Keep which text of each example is the tuned model's, by SHA-256."""
        self._write("answers", {"tuned": {str(example_id): sha for example_id, sha in hashes.items()}})

    def tuned(self) -> dict[int, str]:
        """Return which text of each example is the tuned model's."""
        kept = self._read(self._folder / "answers.json")
        if kept is None:
            raise StudyError(
                "which answer is whose is not known on this machine",
                hint="begin the comparison here once more: `ait eval --compare`",
            )
        return {int(example_id): str(sha) for example_id, sha in kept["tuned"].items()}

    def make(self, rater: str, sides: Callable[[str], list[dict[str, Any]]]) -> Secret:
        """Draw a seed and a salt for a rater, and keep them with the sides that follow."""
        seed, salt = secrets.token_hex(BYTES), secrets.token_hex(BYTES)
        secret = Secret(rater, seed, salt, sides(seed))
        self._write(_name(rater), {"by": rater, "seed": seed, "salt": salt, "sides": secret.sides})
        return secret

    def find(self, rater: str) -> Secret | None:
        """Return a rater's secret, or None."""
        kept = self._read(self._folder / f"{_name(rater)}.json")
        return None if kept is None else Secret(kept["by"], kept["seed"], kept["salt"], kept["sides"])

    def all(self) -> list[Secret]:
        """Return the secrets of all raters on this machine."""
        names = sorted(self._folder.glob("rater-*.json"))
        kept = [found for path in names if (found := self._read(path)) is not None]
        return [Secret(one["by"], one["seed"], one["salt"], one["sides"]) for one in kept]

    def keep_seal(self, rater: str, seal: str) -> None:
        """Remember that a sealed line of a rater was written."""
        append(self._folder / f"{_name(rater)}.seals", seal.encode("ascii") + b"\n")

    def seals(self, rater: str) -> list[str]:
        """Return the seals of all lines that a rater was seen to write on this machine."""
        path = self._folder / f"{_name(rater)}.seals"
        return path.read_text("ascii").split() if path.exists() else []

    def keep_reveal(self, at: str) -> None:
        """Remember that the sides were told."""
        self._write("revealed", {"at": at})

    @property
    def revealed(self) -> bool:
        """Whether the sides were told."""
        return (self._folder / "revealed.json").exists()

    def begin(self) -> None:
        """Refuse to begin a study once more whose file is gone: votes were given, or the sides told.

        Raises
        ------
        StudyError
            There is word of such a study here.
        """
        if self.revealed or any(self._folder.glob("*.seals")):
            raise StudyError(
                "this comparison was begun before, and its file is gone from data/evals",
                hint=f"restore it from git; to begin anew delete {self._folder}",
            )

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        replace(self._folder / f"{name}.json", [json.dumps(dict(content)).encode("ascii") + b"\n"])

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StudyError(f"{path} cannot be read: {error}", hint="restore it from a backup") from error


def _name(rater: str) -> str:
    return f"rater-{hashlib.sha256(rater.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"

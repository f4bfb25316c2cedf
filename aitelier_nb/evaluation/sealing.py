"""A rater joins a study: sides are drawn, and their commitment is in the file before they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import archive, sides
from aitelier_nb.evaluation.answers import sha256
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.evaluation.plans import committed
from aitelier_nb.evaluation.vault import Secret, Vault
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project
from aitelier_nb.storage.tombstones import standing

__all__ = ["check_whole", "joined", "vault_of"]


def vault_of(project: Project, content: Mapping[str, Any]) -> Vault:
    """Return where a study's secrets lie on this machine."""
    return Vault(project.state_path / "studies", content["identity"])


def check_whole(vault: Vault, ledger: Ledger, rater: str) -> None:
    """Refuse votes of which some are gone, the last ones included.

    Raises
    ------
    StudyError
        A line that this rater was seen to write is not in the file.
    """
    kept = vault.seals(rater)
    if lost := set(kept).difference(ledger.seals(rater)):
        raise StudyError(
            f"{ledger.path.name}: {len(lost)} of the {len(kept)} lines that {rater} wrote are missing",
            hint="restore data/evals from git or a backup; no vote is taken out of a study but by undo",
        )


def joined(project: Project, path: Path, rater: str, ledger: Ledger) -> Secret | None:
    """Return a rater's sides: those committed to, or new ones; None once the study is revealed.

    Raises
    ------
    StudyError
        The rater's sides are on another machine, votes are missing, or the study was changed after it
        was written.
    """
    with lock(project.state_path / "evals.lock"):
        content = archive.load(path)
        if "reveal" in content:
            return None
        vault = vault_of(project, content)
        if vault.revealed:
            raise StudyError(
                f"{path.name} was revealed, and the reveal is gone from the file",
                hint="restore data/evals from git; who has seen the sides cannot vote blind",
            )
        check_whole(vault, ledger, rater)
        secret = vault.find(rater)
        promised = content["commitments"].get(rater)
        if promised is not None and secret is None:
            raise StudyError(
                f"the sides that {rater} was shown in {path.name} are not on this machine",
                hint="vote where the study was begun, or under another name (AITELIER_RATER)",
            )
        if secret is None:
            pairs = standing(content["pairs"])
            secret = vault.make(rater, lambda seed: _drawn(seed, pairs, vault.tuned()))
        sealed = committed(content, secret.salt, secret.seed, secret.sides)
        if promised is None:
            content["commitments"][rater] = sealed
            archive.rewrite(path, content)
        elif promised != sealed:
            raise StudyError(
                f"{path.name} was changed after it was written",
                hint="restore it from git, or begin a new study",
            )
        return secret


def _drawn(seed: str, pairs: Sequence[Mapping[str, Any]], tuned: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the sides as they follow from a seed."""
    keys = [(pair["id"], pair["createdAt"]) for pair in pairs]
    lefts = sides.balanced(seed, keys)
    return [
        _side(key, pair["answers"], tuned[key[0]], lefts[key]) for key, pair in zip(keys, pairs, strict=True)
    ]


def _side(key: sides.Key, texts: Sequence[str], tuned: str, left: bool) -> dict[str, Any]:
    base = next(sha for sha in map(sha256, texts) if sha != tuned)
    first, second = (tuned, base) if left else (base, tuned)
    return {"id": key[0], "createdAt": key[1], "tunedLeft": left, "left": first, "right": second}

"""Every command, in the order in which people need them."""

from __future__ import annotations

from aitelier_nb.example_commands import EXAMPLES
from aitelier_nb.model_commands import ANSWERS, TUNING
from aitelier_nb.parsing import Command, plain

__all__ = ["COMMANDS"]

FILES: dict[str, Command] = {
    "stats": plain("stats"),
    "split": plain("split", confirms=True),
    "format": plain("format"),
    "check": plain("check", flags={"path": "FILE"}),
    "export": plain("export", flags={"kind": "KIND", "path": "PATH"}),
}
REPORTS: dict[str, Command] = {
    "report": plain("report", flags={"path": "PATH"}),
    "freeze": plain("freeze"),
    "rerun": plain("rerun", flags={"notebook": "NOTEBOOK"}, needs_project=False),
    "share": plain("share", flags={"notebook": "NOTEBOOK"}, needs_project=False),
    "verify": plain("verify", flags={"path": "PATH"}),
    "model": plain(
        "models", flags={"action": "ACTION", "name": "NAME"}, aliases=("models",), needs_project=False
    ),
    "key": plain("key", flags={"provider": "PROVIDER"}),
    "doctor": plain("doctor", needs_project=False),
    "merge-driver": plain(
        "merge_driver", flags={"base": "BASE", "ours": "OURS", "theirs": "THEIRS"}, needs_project=False
    ),
    "demo": plain("demo", flags={"path": "DIR"}, needs_project=False),
}
COMMANDS: dict[str, Command] = {**EXAMPLES, **ANSWERS, **FILES, **TUNING, **REPORTS}

"""One command in a terminal: run it, show its result, turn errors into sentences and exit codes."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aitelier_nb import commands
from aitelier_nb.errors import AitelierError, UsageError
from aitelier_nb.interrupts import Interrupted
from aitelier_nb.parsing import Help
from aitelier_nb.progress import shown_by, terminal
from aitelier_nb.redaction import redact, redacted
from aitelier_nb.verbs.current import fold_all
from aitelier_nb.views import View

__all__ = ["main"]

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
PLAIN = str.maketrans(
    {"█": "#", "▏": "|", "…": "...", "·": "-", "\u2013": "-", "—": "-", "“": '"', "”": '"', "\u2019": "'"}
)
SPELT = "aitelier_spelt"


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Write what a console's encoding lacks with the letters that it has: bars as #, others as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = (letter.translate(PLAIN) for letter in lacking)
    return "".join(letter.encode("ascii", "backslashreplace").decode() for letter in plain), error.end


codecs.register_error(SPELT, _spell)


def main(words: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=SPELT)
    try:
        with shown_by(terminal()):
            result = commands.run(words)
            fold_all()
        return _show(result, words, as_json=as_json)
    except Help as asked:
        print(asked, end="")
        return DONE
    except UsageError as error:
        return _refuse(error, WRONG_USAGE, as_json=as_json)
    except AitelierError as error:
        return _refuse(error, FAILED, as_json=as_json)
    except KeyboardInterrupt as stop:
        with suppress(AitelierError):
            fold_all()
        kept = str(stop) if isinstance(stop, Interrupted) else "what was done so far is kept"
        print(f"interrupted: {kept}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - the reader has gone
        return DONE


def _show(result: Any, words: Sequence[str], *, as_json: bool) -> int:
    warnings = list(result.warnings()) if isinstance(result, View) else []
    for warning in warnings:
        print(f"warning: {redact(warning)}", file=sys.stderr)
    if as_json:
        document = {
            "schema": 1,
            "verb": commands.names()[words[0]],
            "result": result.to_json() if hasattr(result, "to_json") else result,
            "warnings": warnings,
        }
        print(json.dumps(redacted(document, lookalikes=False), ensure_ascii=False, default=str))
    elif isinstance(result, View):
        print(redact(result.text(), lookalikes=False))
    elif result is not None:
        print(redact(str(result), lookalikes=False))
    return FAILED if isinstance(result, View) and result.failed() else DONE


def _refuse(error: AitelierError, code: int, *, as_json: bool) -> int:
    if as_json:
        told = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
        print(json.dumps(redacted({"schema": 1, "error": told}), ensure_ascii=False))
    print(f"error: {redact(str(error))}", file=sys.stderr)
    if error.hint:
        print(f"try: {redact(error.hint)}", file=sys.stderr)
    return code

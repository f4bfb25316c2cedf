"""`%ait` and `%%ait` in a notebook: thin over the one parser.

What a verb returns is the value of the magic, so `stats = %ait stats` works and nothing prints.
"""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand, output_can_be_silenced

from aitelier_nb import commands
from aitelier_nb.errors import UsageError
from aitelier_nb.parsing import Help
from aitelier_nb.verbs.current import fold_all

__all__ = ["AitMagics", "load", "unload"]

NAME = "AitMagics"


def words_of(line: str) -> list[str]:
    """Split a magic's line as a shell does; one trailing semicolon is dropped.

    Raises
    ------
    UsageError
        A quotation mark is not closed.
    """
    try:
        return shlex.split(line.rstrip().removesuffix(";"))
    except ValueError as error:
        raise UsageError(f"%ait {line}: a quotation mark is not closed", hint='put texts in "..."') from error


@magics_class
class AitMagics(Magics):
    """The magics `%ait VERB ...` and `%%ait VERB ...`."""

    @no_var_expand
    @output_can_be_silenced
    @line_cell_magic
    def ait(self, line: str, cell: str | None = None) -> Any:
        """Run one verb: `%ait rate --below 8`. `%ait --help` lists them."""
        prog = "%ait" if cell is None else "%%ait"
        try:
            return commands.run(words_of(line), body=cell, prog=prog)
        except Help as asked:
            print(asked)  # noqa: T201 - help is what was asked for
            return None


def _complete(context: Any) -> dict[str, Any]:
    """Offer verbs and options after `%ait` (also after `name = %ait`)."""
    from IPython.core.completer import SimpleCompletion

    from aitelier_nb.completion import complete

    found = complete(context.line_with_cursor[: context.cursor_position])
    completions = [SimpleCompletion(text) for text in found]
    return {"completions": completions, "suppress": bool(completions)}


def _fold(*_: object) -> None:
    fold_all()


def load(shell: Any) -> None:
    """Add the magics, their completion, and the fold at the end of each cell; twice is once."""
    if NAME in shell.magics_manager.registry:
        return
    shell.register_magics(AitMagics)
    shell.events.register("post_run_cell", _fold)
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers.append(_matcher())
    _tell_of_clash(shell)


def _matcher() -> Any:
    from IPython.core.completer import context_matcher

    return context_matcher()(_complete)


def _tell_of_clash(shell: Any) -> None:  # noqa: ARG001 - told on the error stream, not in the shell
    """Warn when another package named aitelier stands before ours."""
    spec = find_spec("aitelier")
    if spec is not None and spec.submodule_search_locations is not None:
        import warnings

        warnings.warn(
            "another package named aitelier is installed; %load_ext aitelier_nb always works", stacklevel=2
        )


def unload(shell: Any) -> None:
    """Take out all that `load` put in."""
    shell.magics_manager.registry.pop(NAME, None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("ait", None)
    if _fold in shell.events.callbacks.get("post_run_cell", []):
        shell.events.unregister("post_run_cell", _fold)
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers[:] = [
            m for m in completer.custom_matchers if m is not None and _is_foreign(m)
        ]
    fold_all()


def _is_foreign(matcher: Any) -> bool:
    return bool(getattr(matcher, "__module__", "") != __name__)

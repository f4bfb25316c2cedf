"""The one parser: what `ait VERB` in a terminal, `%ait VERB` and `%%ait VERB` in a notebook mean.

Each command turns words into the call of the verb of the same name and returns what it returns.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any

import aitelier_nb as ait
from aitelier_nb.catalogue import COMMANDS
from aitelier_nb.errors import UsageError
from aitelier_nb.parsing import Help, Parser, caller

__all__ = ["COMMANDS", "names", "options", "overview", "parse", "run"]


def names() -> dict[str, str]:
    """Return each word that names a command, and the command's own name."""
    return {word: name for name, command in COMMANDS.items() for word in (name, *command.aliases)}


def _parser(name: str, prog: str) -> Parser:
    command = COMMANDS[name]
    parser = Parser(
        prog=f"{prog} {name}",
        description=command.help,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.prepare(parser)
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document"
    )
    if command.needs_project:
        parser.add_argument(
            "--project",
            metavar="PATH",
            default=argparse.SUPPRESS,
            help="the project's folder, when it is not here",
        )
    if command.confirms:
        parser.add_argument(
            "--yes",
            action="store_const",
            const=True,
            dest="confirm",
            default=argparse.SUPPRESS,
            help="answer yes",
        )
    return parser


def overview(prog: str = "ait") -> str:
    """Return the list of all commands, a line each."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name.ljust(width)}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {prog} VERB [options]",
            "",
            *lines,
            "",
            f"{prog} VERB --help says more of one.",
            "ait --completion bash (zsh, fish) prints what completes verbs and options in that shell.",
            "",
        ]
    )


def options(name: str) -> list[str]:
    """Return the long options of a command."""
    parser = _parser(names()[name], "ait")
    return [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]  # noqa: SLF001


def parse(words: Sequence[str], prog: str = "ait") -> tuple[str, dict[str, Any]]:
    """Return the command's name and its arguments.

    Raises
    ------
    UsageError
        Words that make no command; the near one is suggested.
    Help
        The words ask for help.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        rest = list(words[1:])
        if words and words[0] == "help" and rest and rest[0] in names():
            return parse([rest[0], "--help"], prog)
        raise Help(overview(prog))
    if words[0] in ("--version", "-V"):
        raise Help(f"aitelier-nb {ait.__version__}\n")
    if words[0] == "--completion":
        from aitelier_nb.completion import script

        raise Help(script(words[1] if len(words) > 1 else ""))
    known = names()
    if words[0] not in known:
        near = difflib.get_close_matches(words[0], known, n=1)
        if words[0] == "compare":  # ait.compare() is asked for as the `ait` tool has it
            near = ["eval --compare"]
        raise UsageError(
            f"there is no verb {words[0]!r}",
            hint=f"did you mean {near[0]}?" if near else f"{prog} --help lists them",
        )
    name = known[words[0]]
    return name, vars(_parser(name, prog).parse_args(list(words[1:])))


def run(words: Sequence[str], body: str | None = None, prog: str = "ait") -> Any:
    """Run one command and return what its verb returns.

    Parameters
    ----------
    words
        The command line, split.
    body
        The cell under `%%ait`, or None.
    prog
        How the command is called here, for help texts.
    """
    name, arguments = parse(words, prog)
    command = COMMANDS[name]
    if body is not None and not command.takes_body:
        raise UsageError(f"%%ait {name} takes no cell", hint=f"%ait {name}, with one %")
    if body is not None and not body.strip():
        raise UsageError(
            f"the cell under %%ait {name} is empty", hint="write the conversation under the first line"
        )
    arguments.pop("json", None)
    token = caller.set(prog)
    try:
        return command.call(body, **arguments)
    finally:
        caller.reset(token)

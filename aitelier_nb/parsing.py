"""How words become a call: a parser that raises instead of exiting, and what a command is."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

import aitelier_nb as ait
from aitelier_nb.errors import UsageError
from aitelier_nb.signatures import add_options, summary

__all__ = ["Command", "Help", "Parser", "caller", "in_notebook", "plain"]


class Help(Exception):
    """Somebody asked for help; the text is the message."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the words, and suggest the near option."""
        near = self._near(message)
        raise UsageError(f"{self.prog}: {message}", hint=near or f"{self.prog} --help")

    def _near(self, message: str) -> str:
        words = [word.rstrip(":,") for word in message.split() if word.startswith("-")]
        flags = [flag for action in self._actions for flag in action.option_strings]
        for word in words:
            close = difflib.get_close_matches(word.partition("=")[0], flags, n=1)
            if close and close[0] != word:
                return f"did you mean {close[0]}?"
        return ""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002
        """Raise the help text, which is what asked for the exit."""
        raise Help(message or self.format_help())

    def print_help(self, file: Any = None) -> None:  # noqa: ARG002 - argparse's signature
        """Raise the help text; whoever runs the command prints it."""
        raise Help(self.format_help())


@dataclass(frozen=True)
class Command:
    """One verb on a command line.

    `verb` is the name of the Python function, which is loaded when it is needed. `call` takes the
    cell's body and the parsed words, and returns what the verb returns; `prepare` adds the options;
    `takes_body` says that `%%ait` makes sense.
    """

    verb: str
    call: Callable[..., Any]
    prepare: Callable[[Parser], None]
    aliases: tuple[str, ...] = ()
    takes_body: bool = False
    confirms: bool = False
    needs_project: bool = True
    about: str = ""

    @property
    def help(self) -> str:
        """What the command does, in one sentence: the first line of the verb's docstring."""
        return self.about or summary(getattr(ait, self.verb))


def plain(
    verb: str,
    *,
    flags: Mapping[str, str] | None = None,
    skip: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    confirms: bool = False,
    needs_project: bool = True,
) -> Command:
    """Return the command of a verb whose options are its parameters."""
    return Command(
        verb,
        call=lambda body, **words: getattr(ait, verb)(**words),  # noqa: ARG005 - a cell's body goes elsewhere
        prepare=lambda parser: add_options(parser, getattr(ait, verb), flags=flags, skip=skip),
        aliases=aliases,
        confirms=confirms,
        needs_project=needs_project,
    )


caller: ContextVar[str] = ContextVar("aitelier_caller", default="ait")
"""How the command that runs now was called: "ait" in a terminal, "%ait" or "%%ait" in a notebook."""


def in_notebook() -> bool:
    """Return whether the command that runs now was called by a magic."""
    return caller.get().startswith("%")

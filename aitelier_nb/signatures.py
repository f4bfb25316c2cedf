"""From a verb's signature and docstring to its options, so that Python, magic and terminal agree.

An argument `lora_r: int | None = None` becomes `--lora-r N` with the help of its docstring.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["add_options", "described", "parameters_of", "summary"]

TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "Path": str}
OWN = ("project", "confirm")
"""Arguments that every verb's parser treats alike, as --project and --yes."""


def summary(verb: Callable[..., Any]) -> str:
    """Return the first line of a verb's docstring."""
    return (inspect.getdoc(verb) or "").partition("\n")[0]


def parameters_of(verb: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return a verb's named parameters but project and confirm."""
    return {
        name: parameter
        for name, parameter in inspect.signature(verb).parameters.items()
        if name not in OWN and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def described(verb: Callable[..., Any]) -> dict[str, str]:
    """Return what a verb's docstring (numpy style) says of each parameter, on one line each."""
    text = inspect.getdoc(verb) or ""
    match = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    if match is None:
        return {}
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", match.group(1)):
        name, _, rest = block.partition("\n")
        found[name.partition(":")[0].strip()] = " ".join(rest.split())
    return found


def add_options(
    parser: argparse.ArgumentParser,
    verb: Callable[..., Any],
    *,
    flags: Mapping[str, str] | None = None,
    skip: tuple[str, ...] = (),
) -> None:
    """Add an option for each parameter of a verb.

    Parameters
    ----------
    parser
        Where they go.
    verb
        The function.
    flags
        Other spellings: {"system_prompt": "--system"}; one without dashes is positional.
    skip
        Parameters that the command treats itself.
    """
    helps = described(verb)
    for name, parameter in parameters_of(verb).items():
        if name not in skip:
            flag = (flags or {}).get(name, f"--{name.replace('_', '-')}")
            _add(parser, name, flag, parameter, helps.get(name, ""))


def _add(
    parser: argparse.ArgumentParser, name: str, flag: str, parameter: inspect.Parameter, text: str
) -> None:
    kind = str(parameter.annotation).replace(" | None", "")
    text = text.replace("%", "%%")
    if not flag.startswith("-"):
        optional = parameter.default is not inspect.Parameter.empty
        parser.add_argument(
            name, metavar=flag, type=TYPES.get(kind, str), nargs="?" if optional else None,
            default=argparse.SUPPRESS if optional else None, help=text,
        )  # fmt: skip
    elif kind == "bool":
        parser.add_argument(flag, dest=name, action="store_true", default=argparse.SUPPRESS, help=text)
    else:
        parser.add_argument(
            flag, dest=name, type=TYPES.get(kind, str), default=argparse.SUPPRESS,
            metavar={"int": "N", "float": "X"}.get(kind, "TEXT"), help=text,
        )  # fmt: skip

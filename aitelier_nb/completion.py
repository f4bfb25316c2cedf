"""What can come next on an `ait` command line: verbs, options of the verb, and what they take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import aitelier_nb as ait
from aitelier_nb import commands
from aitelier_nb.errors import AitelierError, UsageError

__all__ = ["SHELLS", "complete", "script"]

LINE = re.compile(r"(?:^|=)\s*(?:%%?|!)?ait\s+(?P<rest>.*)$", re.DOTALL)
WITH_ID = ("annotate", "delete", "forget", "history")
MOST = 100
"""More values than anybody reads are not offered."""
SHELLS = ("bash", "zsh", "fish")


def complete(line: str) -> list[str]:
    """Return the words that can stand at the end of the line, sorted; none when it is no `ait` line."""
    match = LINE.search(line)
    if match is None:
        return []
    words = match.group("rest").split(" ")
    last = words[-1]
    if len(words) == 1:
        return sorted(name for name in commands.names() if name.startswith(last))
    if words[0] not in commands.names():
        return []
    if last.startswith("-"):
        return sorted(flag for flag in commands.options(words[0]) if flag.startswith(last))
    try:
        return [value for value in _values(words) if value.startswith(last)][:MOST]
    except AitelierError:  # no project here: nothing to offer, and no place to say so
        return []


def _values(words: Sequence[str]) -> list[str]:
    """Return what the option before the last word takes, or the ids where a verb takes one."""
    from aitelier_nb.providers.base import provider_names
    from aitelier_nb.verbs.current import current

    option = words[-2]
    if option == "--provider":
        return sorted(provider_names())
    if option == "--model":
        return [model.name for model in ait.models().found]
    if option == "--split":
        return ["none", "train", "val"]
    if option in ("--run", "cancel"):
        return [run.job_id for run in current(None).runs]
    if option == "--id" or (option in WITH_ID and words[:-1] == [option]):
        return [str(example.id) for example in current(None).dataset.examples()]
    return []


def script(shell: str) -> str:
    """Return a script that teaches a shell the verbs and their options.

    The words are written into it, so that completing starts no Python:
    `ait --completion bash > ~/.local/share/bash-completion/completions/ait`.

    Parameters
    ----------
    shell
        "bash", "zsh" or "fish".

    Raises
    ------
    UsageError
        Another shell.
    """
    if shell not in SHELLS:
        raise UsageError(f"there is no completion for {shell!r}", hint=f"one of {', '.join(SHELLS)}")
    return _fish() if shell == "fish" else _bash(zsh=shell == "zsh")


def _bash(*, zsh: bool) -> str:
    verbs = " ".join(sorted(commands.names()))
    cases = [
        f"    {name}) words={shlex.quote(' '.join(commands.options(name)))} ;;" for name in commands.names()
    ]
    return "\n".join(
        [
            *(["autoload -U +X bashcompinit && bashcompinit"] if zsh else []),
            "_ait() {",
            '  local word="${COMP_WORDS[COMP_CWORD]}" words=""',
            '  if [ "$COMP_CWORD" -eq 1 ]; then',
            f'    COMPREPLY=($(compgen -W {shlex.quote(verbs)} -- "$word"))',
            "    return",
            "  fi",
            '  case "${COMP_WORDS[1]}" in',
            *cases,
            "  esac",
            '  if [[ "$word" == -* ]]; then',
            '    COMPREPLY=($(compgen -W "$words" -- "$word"))',
            "  fi",
            "}",
            "complete -o default -F _ait ait",
            "",
        ]
    )


def _fish() -> str:
    lines = []
    for word, name in sorted(commands.names().items()):
        about = shlex.quote(commands.COMMANDS[name].help)
        lines.append(f"complete -c ait -n __fish_use_subcommand -f -a {word} -d {about}")
        lines += [
            f"complete -c ait -n '__fish_seen_subcommand_from {word}' -l {flag.removeprefix('--')}"
            for flag in commands.options(word)
        ]
    return "\n".join([*lines, ""])

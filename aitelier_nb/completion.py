"""What can come next on an `ait` command line: verbs, then the options of the verb."""

from __future__ import annotations

import re

from aitelier_nb import commands

__all__ = ["complete"]

LINE = re.compile(r"(?:^|=)\s*(?:%%?|!)?ait\s+(?P<rest>.*)$", re.DOTALL)


def complete(line: str) -> list[str]:
    """Return the words that can stand at the end of the line, sorted; none when it is no `ait` line."""
    match = LINE.search(line)
    if match is None:
        return []
    words = match.group("rest").split(" ")
    last = words[-1]
    if len(words) == 1:
        return sorted(name for name in commands.names() if name.startswith(last))
    if words[0] not in commands.names() or not last.startswith("-"):
        return []
    return sorted(flag for flag in commands.options(words[0]) if flag.startswith(last))

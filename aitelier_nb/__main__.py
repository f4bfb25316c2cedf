"""The terminal: `ait VERB ...`, also `python -m aitelier_nb VERB ...`.

Exit code 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted. Results go to stdout,
messages to stderr; with --json stdout holds one JSON document and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    from aitelier_nb import terminal

    return terminal.main(sys.argv[1:] if words is None else words)


if __name__ == "__main__":
    sys.exit(main())

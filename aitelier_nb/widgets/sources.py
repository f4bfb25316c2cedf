"""Joins a widget's script into the one module without imports that every notebook front end can load.

The sources are ordinary modules that import their neighbours, so linters and tests read them as
they are. anywidget loads a script from a Blob URL, where a relative import cannot be resolved:
each import line is therefore replaced by the neighbour's text, once.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["script", "style"]

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) )", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+|\n+(?=\n)", re.MULTILINE)


def script(name: str) -> str:
    """Return one ES module: the named file with everything that it imports, each part once.

    Comments and indentation are left out, because the text travels with every widget. So the
    sources have no template literals over several lines.
    """
    seen: set[str] = set()

    def text(part: str) -> str:
        seen.add(part)
        source = (_HERE / part).read_text(encoding="utf-8")
        before = [text(other) for other in _IMPORT.findall(source) if other not in seen]
        return "".join([*before, _EXPORT.sub("", _IMPORT.sub("", source))])

    return _INDENT.sub("", _COMMENT.sub("", text(name)))


def style(*names: str) -> str:
    """Return the style sheets one after the other."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)

"""A module imports only from lower layers; the list below is the whole rule."""

from __future__ import annotations

import ast
from pathlib import Path

import aitelier_nb

ROOT = Path(aitelier_nb.__file__).parent
LAYERS = [
    {"errors", "interrupts"},
    {"progress", "redaction", "views", "consent"},
    {"schema"},
    {"storage"},
    {"curation"},
    {"formats"},
    {"providers"},
    {"tuning", "evaluation"},
    {"widgets"},
    {"reports"},
    {"verbs"},
    {
        "commands",
        "catalogue",
        "example_commands",
        "model_commands",
        "parsing",
        "signatures",
        "magics",
        "completion",
        "terminal",
        "asking",
        "voting",
        "__main__",
    },
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
VERBS = set(aitelier_nb._WHERE) - {"Run", "Project", "AitelierError"}


def imported(path):
    """Yield (line, first name under aitelier_nb) of each import of our own in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "aitelier_nb":
            parts = node.module.split(".")[1:]
            for name in [parts[0]] if parts else [alias.name for alias in node.names]:
                yield node.lineno, name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "aitelier_nb" and len(parts) > 1:
                    yield node.lineno, parts[1]


def modules():
    return [
        path
        for path in sorted(ROOT.rglob("*.py"))
        if path.parent != ROOT or path.stem not in ("__init__", "_alias")
    ]


def home(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_every_module_has_a_layer():
    assert {home(path) for path in modules()} <= set(LEVEL)


def test_a_module_imports_only_from_lower_layers():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules()
        for line, name in imported(path)
        if name in LEVEL
        and name != home(path)
        and LEVEL[name] >= LEVEL[home(path)]
        and LEVEL[home(path)] < len(LAYERS) - 1
    ]
    assert wrong == []


def test_no_module_is_named_like_a_verb():
    assert [path.name for path in modules() if path.stem in VERBS] == []
    assert [path.name for path in ROOT.rglob("*") if path.is_dir() and path.name in VERBS] == []


def test_no_module_has_more_than_400_lines():
    long = {
        path.name: n for path in modules() if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_the_pure_layers_import_nothing_that_touches_the_world():
    banned = {
        "os",
        "pathlib",
        "socket",
        "subprocess",
        "time",
        "random",
        "secrets",
        "httpx",
        "shutil",
        "tempfile",
    }
    wrong = []
    for path in modules():
        if home(path) in ("formats", "curation"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                wrong += [f"{path.name}: {name}" for name in names if name.split(".")[0] in banned]
    assert wrong == []

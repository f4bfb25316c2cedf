"""The pages that are made from the code itself, so that they cannot say something else.

The front page is README.md, the reference is the docstrings, the commands are what `--help` prints,
and the tutorials are the notebooks with their saved outputs.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

import aitelier_nb as ait
from aitelier_nb import commands
from aitelier_nb.parsing import Help

ROOT = Path(__file__).parents[2]


@event_priority(100)  # before the plugin that renders notebooks
def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to those that lie in `pages/`."""
    made = {
        "index.md": front_page(),
        "changes.md": (ROOT / ".github/CHANGELOG.md").read_text(encoding="utf-8"),
        "contributing.md": (ROOT / ".github/CONTRIBUTING.md").read_text(encoding="utf-8"),
        "reference.md": reference(),
        "commands.md": command_pages(),
        "dependencies.md": dependencies(),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    tutorials = ROOT / "tutorials"
    for path in sorted([*tutorials.glob("[0-9]*.ipynb"), *tutorials.glob("pictures/*.png")]):
        name = path.relative_to(ROOT).as_posix()
        files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    for picture in sorted((ROOT / ".github/pictures").glob("*")):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Point the pictures of a notebook to where they lie: its page is a folder further down."""
    notebook = page.file.src_uri.endswith(".ipynb")
    return html.replace('src="pictures/', 'src="../pictures/') if notebook else html


def front_page() -> str:
    """Return the README, its links made links of this site, which has no hidden folders."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace(".github/pictures/", "pictures/")
    text = re.sub(r"\]\(\.github/(CHANGELOG|CONTRIBUTING)\.md\)", lambda m: f"]({NAMES[m[1]]})", text)
    text = re.sub(r"\]\(\.github/site/pages/([\w-]+\.md)\)", r"](\1)", text)
    return text.replace("](LICENSE)", "](https://spdx.org/licenses/MIT.html)")


NAMES = {"CHANGELOG": "changes.md", "CONTRIBUTING": "contributing.md"}


def reference() -> str:
    """Return a page with the docstring of every public name."""
    lines = ["# Reference", "", "`import aitelier_nb as ait`; each verb works on the project around it.", ""]
    for name in sorted({*ait.__all__, *ait.BUILTIN_NAMES}):
        home = getattr(ait, name).__module__
        lines += [f"::: {home}.{name}", "    options:", f"      heading: ait.{name}", ""]
    lines += ["## Statistics", "", "::: aitelier_nb.evaluation.statistics", ""]
    return "\n".join(lines)


def command_pages() -> str:
    """Return a page with the help of every command."""
    lines = [
        "# Commands",
        "",
        "`ait VERB` in a terminal, `%ait VERB` in a cell: one parser, one help.",
        "",
    ]
    for name in commands.COMMANDS:
        lines += [f"## ait {name}", "", "```text", help_of(name).rstrip(), "```", ""]
    return "\n".join(lines)


def dependencies() -> str:
    """Return a page with each package that we need, its licence as installed here, and why we need it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    lines = ["# Dependencies", "", "| package | for | licence | why |", "| --- | --- | --- | --- |"]
    for group, requirements in groups.items():
        for requirement in requirements:
            [line, *_] = [line for line in text.splitlines() if f'"{requirement}"' in line]
            why = line.partition("#")[2].strip()
            lines.append(f"| `{requirement}` | {group} | {licence(requirement)} | {why} |")
    return "\n".join([*lines, ""])


def licence(requirement: str) -> str:
    """Return the licence that an installed package names in its metadata."""
    name = re.match(r"[\w.-]+", requirement)
    try:
        told = metadata.metadata(name[0] if name else requirement)
    except metadata.PackageNotFoundError:
        return "not installed here"
    classes = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if "License" in line]
    words = told.get("License-Expression") or ", ".join(classes) or told.get("License") or "not named"
    return words.splitlines()[0]


def help_of(name: str) -> str:
    """Return what `ait NAME --help` prints."""
    try:
        commands.parse([name, "--help"])
    except Help as asked:
        return str(asked)
    raise AssertionError(f"ait {name} --help shows no help")

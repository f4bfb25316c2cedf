"""Help, docstrings and the site say the same, because they are made from the same."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import aitelier_nb as ait
from aitelier_nb import commands
from aitelier_nb.parsing import Help
from aitelier_nb.signatures import described, parameters_of, summary

ROOT = Path(__file__).parents[2]
VERBS = sorted(name for name in {*ait.__all__, *ait.BUILTIN_NAMES} if inspect.isfunction(getattr(ait, name)))


def help_of(name, prog="ait"):
    with pytest.raises(Help) as asked:
        commands.parse([name, "--help"], prog)
    return str(asked.value)


@pytest.mark.parametrize("name", VERBS)
def test_every_parameter_of_a_verb_is_described(name):
    verb = getattr(ait, name)
    assert summary(verb).endswith(".")
    told = described(verb)
    named = set(parameters_of(verb))
    assert {word for key in told for word in key.replace("*", "").split(", ")} >= named, name
    assert all(told.values()), name


@pytest.mark.parametrize("name", sorted(commands.COMMANDS))
def test_terminal_and_notebook_show_one_help(name):
    terminal, notebook = help_of(name).split(), help_of(name, "%ait").split()
    assert [word.lstrip("%") for word in terminal] == [word.lstrip("%") for word in notebook]
    assert commands.COMMANDS[name].help in " ".join(terminal)


@pytest.mark.parametrize("name", sorted(commands.COMMANDS))
def test_every_option_says_what_it_does(name):
    shown = help_of(name).partition("options:")[2]
    for option in re.split(r"\n  (?=-)", shown)[1:]:
        assert len(option.split(None, 1)) > 1, (name, option)
        assert re.search(r"(  |\n +)\S", option), (name, option)


PLAIN = sorted(name for name, command in commands.COMMANDS.items() if "plain" in command.call.__qualname__)


@pytest.mark.parametrize("name", PLAIN)
def test_the_help_of_an_option_is_the_docstrings(name):
    verb = getattr(ait, commands.COMMANDS[name].verb)
    shown = " ".join(help_of(name).split())
    for parameter, text in described(verb).items():
        if f"--{parameter.replace('_', '-')} " in shown and parameter in parameters_of(verb):
            assert text in shown, (name, parameter)


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the extra docs is not installed: the site was not built")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    config = load_config(str(ROOT / ".github/site/mkdocs.yml"), site_dir=str(tmp_path), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    page = (tmp_path / "commands/index.html").read_text(encoding="utf-8")
    assert all(f"ait {name}" in page for name in commands.COMMANDS)
    reference = (tmp_path / "reference/index.html").read_text(encoding="utf-8")
    assert all(f"ait.{name}" in reference for name in VERBS)
    shown = 0
    for made in tmp_path.rglob("*.html"):
        text = made.read_text(encoding="utf-8")
        assert "fonts.googleapis.com" not in text, made
        for picture in re.findall(r'(?:src|srcset)="((?!https?:|data:)[^"]*\.(?:png|gif))"', text):
            assert (made.parent / picture).exists(), (made, picture)
            shown += 1
    assert shown > 12

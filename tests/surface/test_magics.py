"""The magics: thin over the parser, silent, and clean to load and unload."""

from __future__ import annotations

import pytest

import aitelier_nb
from aitelier_nb.errors import UsageError


@pytest.fixture
def shell(tmp_path, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("AITELIER_RATER", "tester")
    monkeypatch.chdir(tmp_path)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.extension_manager.load_extension("aitelier")
    yield shell
    shell.extension_manager.unload_extension("aitelier")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_a_magic_returns_what_its_verb_returns(shell, capsys):
    shell.run_line_magic("ait", "init talk")
    added = shell.run_cell_magic("ait", "add --rating 9", "User: Hello?\nAssistant: Hello yourself.\n")
    assert added.id == 1
    stats = shell.run_line_magic("ait", "stats")
    assert stats.to_json()["rated"] == 1
    assert capsys.readouterr().out == ""


def test_help_prints_and_fails_no_cell(shell, capsys):
    for line in ("", "--help", "split --help"):
        assert shell.run_line_magic("ait", line) is None
    assert "--reshuffle" in capsys.readouterr().out


def test_a_trailing_semicolon_is_no_word(shell):
    shell.run_line_magic("ait", "init talk")
    assert shell.run_line_magic("ait", "stats;") is None


@pytest.mark.parametrize(
    ("line", "cell", "hint"),
    [
        ("statss", None, "stats"),
        ("split --ration 0.8", None, "--ratio"),
        ("add --input it's", None, "..."),
        ("stats", "a cell", "one %"),
        ("add", "  \n", "conversation"),
    ],
)
def test_wrong_words_are_one_error_with_a_remedy(shell, line, cell, hint):
    with pytest.raises(UsageError) as caught:
        shell.run_cell_magic("ait", line, cell) if cell is not None else shell.run_line_magic("ait", line)
    assert hint in caught.value.hint
    assert len(caught.value._render_traceback_()) == 2


def test_braces_and_dollars_in_a_line_are_left_alone(shell, tmp_path):
    shell.run_line_magic("ait", 'init talk --system "Pay {amount} or $5"')
    assert aitelier_nb.open(tmp_path).config.system_prompt == "Pay {amount} or $5"


def test_completion_offers_verbs_and_then_options(shell):
    from aitelier_nb.completion import complete

    assert complete("%ait sp") == ["split"]
    assert "--ratio" in complete("x = %ait split --r")
    assert complete("and i") == []

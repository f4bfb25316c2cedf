"""The magics: thin over the parser, silent, and clean to load and unload."""

from __future__ import annotations

import shutil
import subprocess

import pytest

import aitelier_nb
import aitelier_nb as ait
from aitelier_nb.__main__ import main
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


def test_completion_offers_what_an_option_takes(tmp_path, monkeypatch):
    from aitelier_nb.completion import complete

    monkeypatch.chdir(tmp_path)
    assert complete("%ait history ") == []
    project = ait.init("shop", path=tmp_path)
    for place in range(12):
        ait.add(f"Question {place}?", "Answer.", project=project)
    assert complete("%ait history 1") == ["1", "10", "11", "12"]
    assert complete("%ait rate --id 3") == ["3"]
    assert complete("%ait list --split ") == ["none", "train", "val"]
    assert "together" in complete("!ait init shop --provider ")
    assert complete("%ait stats 1") == []
    project.close()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_shell_completes_verbs_and_options(name, capsys):
    assert main(["--completion", name]) == 0
    script = capsys.readouterr().out
    program = shutil.which(name)
    if program is None:
        assert all(word in script for word in ("split", "reshuffle"))
        return
    if name == "fish":
        words = [program, "-c", f"{script}\ncomplete -C 'ait split --resh'"]
    else:
        ask = "COMP_WORDS=(ait split --resh); COMP_CWORD=2; COMPREPLY=(); _ait; echo ${COMPREPLY[@]}"
        words = [program, "-c", f"{script}\n{ask}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.split()[0] == "--reshuffle", done.stderr


def test_a_shell_that_is_not_known_is_named(capsys):
    assert main(["--completion", "tcsh"]) == 2
    assert "no completion for 'tcsh'" in capsys.readouterr().err

"""What other platforms lack or do otherwise, simulated here: no flock, another console, another line end."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

WITHOUT = """
import sys
import psutil  # it asks for some of them on Linux
for name in ("fcntl", "resource", "pwd", "grp"):
    sys.modules[name] = None
"""
EVERY = (
    WITHOUT
    + """
for name in ("termios", "tty", "pty"):
    sys.modules[name] = None
import importlib, pkgutil
import aitelier_nb
for module in pkgutil.walk_packages(aitelier_nb.__path__, "aitelier_nb."):
    if module.name.endswith(("__main__", "_alias")) or ".local." in module.name:  # torch's own business
        continue
    importlib.import_module(module.name)
print("all")
"""
)
LOOP = (
    WITHOUT
    + """
import threading
import aitelier_nb as ait
project = ait.init("shop", path=".")
ait.load([{"input": f"Question {n}?", "output": f"Answer {n}."} for n in range(20)])
def rate(part):
    for number in range(part, 21, 4):
        ait.set_rating(number, 9)
threads = [threading.Thread(target=rate, args=(part,)) for part in range(1, 5)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
ait.undo()
ait.split(seed=1)
ait.format()
project.close()
print(ait.stats().to_json()["rated"])
"""
)


def python(code, folder, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


def test_no_module_needs_what_only_posix_has(tmp_path):
    done = python(EVERY, tmp_path)
    assert done.stdout.split() == [b"all"], done.stderr.decode()


def test_threads_rate_and_a_project_is_made_without_flock(tmp_path):
    done = python(LOOP, tmp_path)
    assert done.stdout.split() == [b"19"], done.stderr.decode()
    assert (tmp_path / "data/train.jsonl").read_bytes().count(b"\n") >= 14


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_a_console_that_cannot_show_every_letter_stops_nothing(tmp_path, encoding):
    code = """
import sys
from aitelier_nb.__main__ import main
import aitelier_nb as ait
ait.init("shop", path=".")
ait.add("\\u00bfD\\u00f3nde est\\u00e1? \\u4f60\\u597d", "\\u2713 ok \\U0001f600", rating=9)
for words in (["stats"], ["list"], ["history", "1"], ["stats", "--json"]):
    assert main(words) == 0, words
"""
    done = python(code, tmp_path, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr.decode(encoding, "replace")
    document = done.stdout.splitlines()[-1]
    assert json.loads(document.decode(encoding))["result"]["total"] == 1


def test_lines_that_end_in_crlf_stay_so(tmp_path):
    (tmp_path / "data/evals").mkdir(parents=True)
    config = {"name": "shop", "provider": "local", "model": "m", "qualityThreshold": 8, "runs": []}
    (tmp_path / ".aitelier.json").write_text(json.dumps(config), encoding="utf-8")
    line = '{"id": %d, "messages": [{"role": "user", "content": "q%d"}, {"role": "assistant", "content": "a"}], "rating": null}\r\n'
    before = "".join(line % (n, n) for n in (1, 2, 3)).encode()
    (tmp_path / "data/examples.jsonl").write_bytes(before)
    done = python("import aitelier_nb as ait; ait.set_rating(2, 7); ait.open().close()", tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    after = (tmp_path / "data/examples.jsonl").read_bytes().splitlines(keepends=True)
    was = before.splitlines(keepends=True)
    assert [after[0], after[2]] == [was[0], was[2]]
    assert json.loads(after[1])["rating"] == 7
    assert after[1].endswith(b"\r\n")

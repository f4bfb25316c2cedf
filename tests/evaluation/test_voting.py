"""`ait eval --compare` at a real terminal: a person types, and only the result goes to stdout."""

import json
import os
import pty
import subprocess
import sys

import pytest

from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create
from aitelier_nb.evaluation.studies import Study

SCRIPT = """
import sys
from pathlib import Path
from aitelier_nb import voting
from aitelier_nb.evaluation.studies import Study
from aitelier_nb.storage.project import open_project
from aitelier_nb.verbs.comparing import BlindComparison
import json
blind = BlindComparison(Study(open_project(sys.argv[1]), Path(sys.argv[2])))
print(json.dumps(voting.vote(blind, ask=True).to_json()))
"""


@pytest.mark.skipif(not hasattr(pty, "openpty"), reason="needs a pseudo terminal")
def test_a_person_at_a_terminal_votes_and_stdout_holds_the_result_alone(project, provider):
    study = create(project, Contestant("base", provider, "a"), Contestant("tuned", provider, "b"))
    master, slave = pty.openpty()
    command = [sys.executable, "-c", SCRIPT, str(project.path), str(study.path)]
    environment = os.environ | {"AITELIER_RATER": "ann"}
    with subprocess.Popen(
        command, stdin=slave, stderr=slave, stdout=subprocess.PIPE, env=environment
    ) as voter:
        os.close(slave)
        os.write(master, b"1\n2\nu\n0\nq\n")
        out = voter.stdout.read()
        assert voter.wait() == 0
    os.close(master)
    assert json.loads(out)["votes"] == 2
    assert sorted(Study(project, study.path).choices().values()) == ["left", "tie"]


def test_without_a_person_nothing_is_asked(project, provider):
    study = create(project, Contestant("base", provider, "a"), Contestant("tuned", provider, "b"))
    command = [sys.executable, "-c", SCRIPT, str(project.path), str(study.path)]
    done = subprocess.run(command, input="1\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["votes"] == 0

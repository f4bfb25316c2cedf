"""What the processes that train and answer take as installed."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import pandas
from importlib.util import find_spec
from aitelier_nb.providers.local.packages import NEEDED, UNUSED, leave_out

leave_out()
assert sys.modules["pandas"] is pandas, "what was there is gone"
print([name for name in NEEDED if find_spec(name) is None])
print([name for name in UNUSED if name != "pandas" and find_spec(name) is not None])
"""


def test_a_process_that_trains_finds_what_it_needs_and_nothing_that_only_costs_time() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "[]"]

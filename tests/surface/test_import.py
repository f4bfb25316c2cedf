"""Importing the package is light, and both extension names load."""

from __future__ import annotations

import subprocess
import sys


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_import_loads_neither_pandas_nor_torch_nor_ipython():
    done = run(
        "import sys, aitelier_nb; print([m for m in ('pandas', 'torch', 'IPython', 'pyarrow', 'pydantic', 'scipy') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_both_extension_names_load_unload_and_reload():
    for name in ("aitelier", "aitelier_nb"):
        done = run(
            "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance();"
            f"m = s.extension_manager; print(m.load_extension('{name}')); print('ait' in s.magics_manager.magics['cell']);"
            f"m.unload_extension('{name}'); print('ait' in s.magics_manager.magics['line']);"
            f"m.load_extension('{name}'); m.reload_extension('{name}'); print('ait' in s.magics_manager.magics['line'])"
        )
        assert done.stdout.split() == ["None", "True", "False", "True"], done.stderr

"""Executes the tutorials and saves their outputs, without times and without widget state.

    python tutorials/execute.py [NAME ...]
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

HERE = Path(__file__).parent


def execute(path: Path) -> float:
    """Run one notebook in a fresh kernel in its own folder, save it, and return its seconds."""
    begun = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])),
        timeout=60,
        resources={"metadata": {"path": str(HERE)}},
        store_widget_state=False,
        record_timing=False,
    ).execute(env={**os.environ, "NO_COLOR": "1"})
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return time.monotonic() - begun


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.ipynb")):
        print(f"{name}: {execute(HERE / f'{name}.ipynb'):.1f} s")

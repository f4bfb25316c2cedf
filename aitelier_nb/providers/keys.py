"""Where a provider's key comes from, in one order, and never where it is written down.

Environment, the project's .env, the system's keychain, Colab's secrets, and a question to the
person, whose answer is kept in memory only.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aitelier_nb.consent import is_person_there
from aitelier_nb.errors import KeyMissing, UsageError
from aitelier_nb.redaction import Secret

__all__ = ["VARIABLES", "FoundKey", "ask_person", "find_key", "forget_key", "keep_key"]

VARIABLES = {
    "together": "TOGETHER_API_KEY",
    "fireworks": "FIREWORKS_API_KEY",
    "openai": "OPENAI_API_KEY",
    "compatible": "COMPATIBLE_API_KEY",
}
"""The environment variable of each provider's key."""

KEYCHAIN = "aitelier-nb"  # the service under which the system's keychain files our keys

_given: dict[str, Secret] = {}


@dataclass(frozen=True)
class FoundKey:
    """A key, of which only the last four characters show, and where it was found."""

    secret: Secret
    source: str

    def __str__(self) -> str:
        return f"{self.secret} (from {self.source})"


def find_key(provider: str, project: Path | None = None, *, ask: bool = False) -> FoundKey:
    """Return the key of a provider from the first place that has one.

    Parameters
    ----------
    project
        The folder whose .env is read, beside the working directory's.
    ask
        Ask the person when no place has one and somebody is there.

    Raises
    ------
    KeyMissing
        There is none; the hint names the variable to set.
    """
    variable = variable_of(provider)
    places: list[tuple[str, Callable[[], str | Secret | None]]] = [
        ("the environment", lambda: os.environ.get(variable)),
        (".env", lambda: _from_dotenv(variable, project)),
        ("the keychain", lambda: _from_keychain(provider)),
        ("Colab's secrets", lambda: _from_colab(variable)),
        ("what you typed", lambda: _given.get(provider)),
    ]
    for source, look in places:
        found = look()
        if found:
            return FoundKey(found if isinstance(found, Secret) else checked_key(found, variable), source)
    if ask and is_person_there():
        return FoundKey(ask_person(provider), "what you typed")
    raise KeyMissing(f"no key for {provider}", hint=f"set {variable}, or run: ait key {provider}")


def ask_person(provider: str) -> Secret:
    """Ask for a key without showing it and keep it in memory until the process ends."""
    variable = variable_of(provider)
    try:
        typed = getpass.getpass(f"key for {provider} (not shown): ")
    except (EOFError, NotImplementedError, RuntimeError) as error:  # nobody can type here
        raise KeyMissing(f"no key for {provider}", hint=f"set {variable}") from error
    _given[provider] = checked_key(typed, variable)
    return _given[provider]


def keep_key(provider: str, secret: Secret) -> bool:
    """Put a key into the system's keychain; False where there is no keychain."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return False
    try:
        keyring.set_password(KEYCHAIN, provider, secret.reveal())
    except KeyringError:
        return False
    return True


def forget_key(provider: str) -> None:
    """Remove a key from memory and from the system's keychain."""
    _given.pop(provider, None)
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return
    try:
        keyring.delete_password(KEYCHAIN, provider)
    except KeyringError:
        return


def variable_of(provider: str) -> str:
    """Return the name of the environment variable that holds a provider's key."""
    return VARIABLES.get(provider) or f"{provider.upper().replace('-', '_')}_API_KEY"


def checked_key(text: str, variable: str) -> Secret:
    """Return a key that an HTTP header can carry.

    Raises
    ------
    UsageError
        It is empty or has characters that no key has; it is not quoted.
    """
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(
            f"{variable} holds no usable key", hint="copy the key again, without quotes or blanks"
        )
    return Secret(key)


def _from_dotenv(variable: str, project: Path | None) -> str | None:
    from dotenv import dotenv_values

    for folder in (project, Path.cwd()):
        file = folder / ".env" if folder is not None else None
        if file is not None and file.is_file():
            value = dotenv_values(file, interpolate=False).get(variable)
            if value:
                return value
    return None


def _from_keychain(provider: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return str(keyring.get_password(KEYCHAIN, provider) or "") or None
    except KeyringError:  # a server without a keychain
        return None


def _from_colab(variable: str) -> str | None:
    try:
        from google.colab import userdata
    except ImportError:
        return None
    try:
        return str(userdata.get(variable) or "") or None
    except (userdata.SecretNotFoundError, userdata.NotebookAccessError):
        return None

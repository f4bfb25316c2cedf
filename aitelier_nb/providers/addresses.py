"""Which addresses a key or a file may be sent to: https anywhere, plain http on this machine alone."""

from __future__ import annotations

import ipaddress

import httpx

from aitelier_nb.errors import UsageError
from aitelier_nb.redaction import quoted

__all__ = ["checked_address", "is_loopback"]

LONGEST = 80  # characters of an address that a message quotes


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def checked_address(address: str, *, keep: bool = False) -> str:
    """Return an address that a key or a file may be sent to, without its last slash unless `keep`.

    Raises
    ------
    UsageError
        It is no address, holds a password, or is plain http to another machine.
    """
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise UsageError(f"{_shown(address)} is no address", hint="write it as https://host/v1") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{_shown(address)} is no address", hint="write it as https://host/v1")
    if url.userinfo:
        raise UsageError(
            f"the address of {quoted(url.host, LONGEST)} holds a password",
            hint="put the key into the environment",
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(
            f"{url.scheme}://{quoted(url.host, LONGEST)} is not encrypted",
            hint="use https; plain http is for this machine alone",
        )
    return address if keep else address.rstrip("/")


def _shown(address: str) -> str:
    """Return an address for a sentence, without a query that may be a signature."""
    return repr(quoted(address.split("?", maxsplit=1)[0], LONGEST))

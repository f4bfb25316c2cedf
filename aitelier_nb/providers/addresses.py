"""Which addresses a key or a file may be sent to: https anywhere, plain http on this machine alone."""

from __future__ import annotations

import ipaddress

import httpx

from aitelier_nb.errors import UsageError

__all__ = ["checked_address", "is_loopback"]


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
        raise UsageError(f"{address!r} is no address", hint="write it as https://host/v1") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{address!r} is no address", hint="write it as https://host/v1")
    if url.userinfo:
        raise UsageError(
            f"the address of {url.host} holds a password", hint="put the key into the environment"
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(
            f"{url.scheme}://{url.host} is not encrypted",
            hint="use https; plain http is for this machine alone",
        )
    return address if keep else address.rstrip("/")

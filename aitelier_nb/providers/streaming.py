"""Answers of several models side by side, in pieces as they come; each is recorded once it is whole."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from aitelier_nb.interrupts import Interrupted
from aitelier_nb.providers.base import ChatRequest, Provider
from aitelier_nb.providers.recordings import (
    Mode,
    Recordings,
    answers,
    canonical,
    fingerprint,
    identity_of,
    keep_answer,
)
from aitelier_nb.schema import Answer

__all__ = ["streams"]


def streams(
    provider: Provider, requests: Sequence[ChatRequest], *, folder: Path, mode: Mode = "auto"
) -> Generator[tuple[int, str | Answer]]:
    """Yield (place, piece of text) as pieces come, and (place, the whole answer) at each end.

    What is recorded comes whole. A provider that cannot stream gives its answers whole too.

    Parameters
    ----------
    folder
        The project's data/recordings.
    mode
        As for `recordings.answers`.

    Raises
    ------
    Interrupted
        Instead of KeyboardInterrupt: it says how many of the answers are kept.
    """
    recordings = Recordings(folder / f"{provider.name}.jsonl")
    identities = {model: identity_of(provider, model, folder) for model in {r.model for r in requests}}
    names = [fingerprint(provider.name, request, identities[request.model]) for request in requests]
    known = recordings.find(names) if mode in ("auto", "replay") else {}
    missing = [place for place, name in enumerate(names) if name not in known]
    if mode == "replay" or not missing or not hasattr(provider, "stream"):
        yield from answers(provider, requests, folder=folder, mode=mode)
        return
    there = {place for place, name in enumerate(names) if name in known}
    try:
        for place in sorted(there):
            yield place, known[names[place]]
        for number, piece in _live(provider, [requests[place] for place in missing]):
            place = missing[number]
            if isinstance(piece, str):
                yield place, piece
                continue
            request = requests[place]
            asked = canonical(provider.name, request, identities[request.model])
            asked |= {"model": request.model, "identity": identities[request.model]}
            whole = keep_answer(None if mode == "live" else recordings, names[place], asked, piece)
            there |= {place} if mode != "live" and piece.error is None else set()
            yield place, whole
    except KeyboardInterrupt as stop:
        raise Interrupted(len(there), len(requests)) from stop


def _live(provider: Provider, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, str | Answer]]:
    """Ask all at once where the provider can, else one after the other."""
    together = getattr(provider, "streams", None)
    if together is not None:
        yield from together(requests)
        return
    for place, request in enumerate(requests):
        pieces: list[str] = []
        for piece in provider.stream(request):  # type: ignore[attr-defined]
            pieces.append(piece)
            yield place, piece
        yield place, Answer(model=request.model, text="".join(pieces))

"""How large validation has to be before a comparison of two models can show anything."""

from __future__ import annotations

from aitelier_nb.views import counted

__all__ = ["FEWEST_VOTES", "LIKELY_VOTES", "shortage"]

# Two-sided exact sign test at .05: 5 wins of 5 give p = .0625; a power of .8 at a win rate of .8 needs
# 23 votes, at .7 it needs 54.
FEWEST_VOTES, LIKELY_VOTES, CAREFUL_VOTES = 6, 23, 54


def shortage(usable: int, holds: str = "holds") -> str:
    """Return what so few validation examples cannot show and how many would do; "" when they suffice."""
    count = counted(usable, "example")
    enough = f"{LIKELY_VOTES} will usually do when the tuned model wins 8 of 10"
    if usable < FEWEST_VOTES:
        return (
            f"Validation {holds} {count}: fewer than {FEWEST_VOTES} votes can never show a difference "
            f"(p < .05); {enough}."
        )
    if usable < LIKELY_VOTES:
        return (
            f"Validation {holds} {count}: only a large difference will show; {enough}, "
            f"{CAREFUL_VOTES} when it wins 7 of 10."
        )
    return ""

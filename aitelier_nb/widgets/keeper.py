"""A button for each of several answers that keeps it as an example; the answers themselves stand above."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets

from aitelier_nb.errors import AitelierError

__all__ = ["keeper"]

UNRATED = "unrated"


def keeper(labels: Sequence[str], keep: Callable[[str, int | None], int]) -> ipywidgets.Widget:
    """Return a row of a rating and a button for each answer.

    Parameters
    ----------
    labels
        Whose answers can be kept.
    keep
        Keeps the answer of a label with a rating and returns the example's id.
    """
    return ipywidgets.VBox([_row(label, keep) for label in labels])


def _row(label: str, keep: Callable[[str, int | None], int]) -> ipywidgets.Widget:
    rating = ipywidgets.Dropdown(
        options=[UNRATED, *map(str, range(1, 11))], value=UNRATED, layout={"width": "6em"}
    )
    button = ipywidgets.Button(description="keep as example", tooltip=f"add the answer of {label}")
    told = ipywidgets.Label()

    def kept(_: ipywidgets.Button) -> None:
        chosen = None if rating.value == UNRATED else int(rating.value)
        try:
            told.value = f"kept as example {keep(label, chosen)}"
        except AitelierError as error:
            told.value = f"{error} ({error.hint})" if error.hint else str(error)

    button.on_click(kept)
    return ipywidgets.HBox([ipywidgets.Label(label), rating, button, told])

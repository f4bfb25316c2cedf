"""Examples as an Arrow-backed DataFrame, and such a frame back as edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import ConflictError, DataError
from aitelier_nb.storage.editing import checked_rating

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["SETTABLE", "changes", "to_frame"]

SETTABLE = ("rating", "split", "flagged", "group", "source", "output")
KINDS = {
    "rating": "a whole number from 1 to 10, or nothing",
    "split": '"train", "val", or nothing',
    "flagged": "true or false",
    "group": "text, or nothing",
    "source": "text, or nothing",
    "output": "text",
}

Cells = dict[str, Any]


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame of ArrowDtype columns."""
    import pandas as pd

    found: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return found


def changes(frame: pd.DataFrame, now: pd.DataFrame) -> dict[int, Cells]:
    """Return the cells that a frame changes, by id.

    Parameters
    ----------
    frame
        At least `id` and one column more; rows that are left out stay as they are.
    now
        The dataset's frame as it is, with the same columns.

    Raises
    ------
    DataError
        A column that is not known or cannot be set, an id that is not there or comes twice, a
        value of the wrong kind.
    ConflictError
        A changed row that has been changed by others since the frame was taken.
    """
    _check_columns(frame, now)
    ids = [_whole(value) for value in frame["id"]]
    _check_ids(ids, set(now["id"].tolist()))
    there = now.set_index("id").loc[ids]
    found: dict[int, Cells] = {}
    for name in frame.columns:
        if name in ("id", "hash") or there[name].array.equals(frame[name].array):
            continue
        old, new = there[name].astype(object).tolist(), frame[name].astype(object).tolist()
        for example, before, after in zip(ids, old, new, strict=True):
            value = _plain(after)
            if not _equal(_plain(before), value):
                found.setdefault(example, {})[name] = _checked(example, name, value)
    _check_fresh(found, frame, there, ids)
    return found


def _check_columns(frame: pd.DataFrame, now: pd.DataFrame) -> None:
    if not hasattr(frame, "columns"):
        raise DataError(
            f"the changes are {type(frame).__name__}, not a DataFrame",
            hint="take the frame from dataset.frame()",
        )
    if "id" not in frame.columns:
        raise DataError("the frame has no column id", hint="take the frame from dataset.frame()")
    for name in frame.columns:
        if name not in now.columns:
            raise DataError(
                f"{name!r} is no column of the dataset", hint=f"what can be set: {', '.join(SETTABLE)}"
            )


def _check_ids(ids: list[Any], known: set[int]) -> None:
    seen = set()
    for example in ids:
        if example not in known:
            raise DataError(f"there is no example {example}", hint="leave rows of other ids out, or add them")
        if example in seen:
            raise DataError(f"example {example} comes twice in the frame", hint="leave one of the rows out")
        seen.add(example)


def _check_fresh(
    found: Mapping[int, Cells], frame: pd.DataFrame, there: pd.DataFrame, ids: list[int]
) -> None:
    marks = [name for name in ("hash", "version") if name in frame.columns][:1]
    for name in marks:
        taken, now = frame[name].tolist(), there[name].tolist()
        for example, then, current in zip(ids, taken, now, strict=True):
            if example in found and then != current:
                raise ConflictError(
                    f"example {example} has been changed since the frame was taken",
                    hint="take the frame again, and make the change on it",
                )


def _checked(example: int, name: str, value: Any) -> Any:
    if name not in SETTABLE:
        raise DataError(
            f"example {example}: {name} cannot be set", hint=f"what can be set: {', '.join(SETTABLE)}"
        )
    if name == "rating":
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        try:
            return checked_rating(whole)
        except DataError as error:
            raise DataError(f"example {example}: {error}", hint=f"it holds {KINDS[name]}") from error
    right = {
        "split": value in (None, "train", "val"),
        "flagged": isinstance(value, bool) or value is None,
        "output": isinstance(value, str) and bool(value.strip()),
    }.get(name, value is None or isinstance(value, str))
    if not right:
        raise DataError(f"example {example}: {name} is {value!r:.60}", hint=f"it holds {KINDS[name]}")
    return value


def _whole(value: Any) -> Any:
    plain = _plain(value)
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def _plain(value: Any) -> Any:
    """Return a cell as a Python value, None for all that stands for nothing."""
    import pandas as pd

    if value is None or value is pd.NA or (isinstance(value, float) and value != value):  # noqa: PLR0124
        return None
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) != isinstance(other, bool):
        return one is None and other is False
    same = one == other
    return bool(same.all()) if hasattr(same, "all") else bool(same)

"""Examples as an Arrow-backed DataFrame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aitelier_nb.storage.editing import example
from aitelier_nb.storage.lines import decode, encode

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame"]


def frame(bodies: Iterable[bytes], *, text: bool) -> pd.DataFrame:
    """Return lines as a DataFrame of ArrowDtype columns; text columns only when asked for."""
    import pandas as pd
    import pyarrow as pa

    columns = {
        "id": pa.int64(),
        "rating": pa.int8(),
        "split": pa.string(),
        "created_at": pa.string(),
        "version": pa.int32(),
        "n_turns": pa.int32(),
        "n_chars": pa.int64(),
        "flagged": pa.bool_(),
        "group": pa.string(),
        "source": pa.string(),
    }
    if text:
        columns |= {"input": pa.string(), "output": pa.string(), "messages": pa.string()}
    rows = [_row(body, text=text) for body in bodies]
    arrays = {name: pa.array([row[name] for row in rows], kind) for name, kind in columns.items()}
    found: pd.DataFrame = pa.table(arrays).to_pandas(types_mapper=pd.ArrowDtype)
    return found


def _row(body: bytes, *, text: bool) -> dict[str, Any]:
    one, line = example(body), decode(body)
    row: dict[str, Any] = {
        "id": one.id,
        "rating": one.rating,
        "split": one.split,
        "created_at": one.created_at,
        "version": one.version,
        "n_turns": len(one.messages),
        "n_chars": sum(len(turn.text) for turn in one.messages),
        "flagged": bool(one.flagged),
        "group": None if one.group is None else str(one.group),
        "source": one.source if isinstance(one.source, str | None) else encode(one.source).decode(),
    }
    if text:
        row |= {"input": one.input, "output": one.output, "messages": encode(line["messages"]).decode()}
    return row

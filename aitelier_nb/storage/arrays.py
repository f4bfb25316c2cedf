"""Python values as Arrow arrays and back, by way of numpy.

pyarrow's own ways look for pandas first, whose import takes a new kernel half a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["array", "numbers", "over_nothing", "scalar", "without_gaps"]


def array(values: Sequence[Any] | npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return whole numbers, truths or texts as Arrow, null where a value is None."""
    import pyarrow as pa

    if isinstance(values, np.ndarray):
        return _of_numpy(values, kind)
    if not isinstance(values, list):
        return pa.array(values, kind)
    gaps = values.count(None)
    if gaps == len(values):
        return pa.nulls(len(values), kind)
    there = pa.py_buffer(_bits([value is not None for value in values])) if gaps else None
    try:
        data = _texts(values) if pa.types.is_string(kind) else [_numbers(values, kind)]
    except (OverflowError, UnicodeEncodeError):
        return pa.array(values, kind)  # says what is wrong with which value
    return pa.Array.from_buffers(kind, len(values), [there, *map(pa.py_buffer, data)], gaps)


def over_nothing(values: npt.NDArray[Any], there: npt.NDArray[np.bool_]) -> pa.Array:
    """Return whole numbers as Arrow, null where none is there."""
    import pyarrow as pa

    gaps = len(there) - int(np.count_nonzero(there))
    buffers = [pa.py_buffer(_bits(there)) if gaps else None, pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers, gaps)


def scalar(value: object, kind: pa.DataType) -> pa.Scalar:
    """Return one value as Arrow."""
    return array([value], kind)[0]


def without_gaps(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column of numbers or truths as numpy, 0 where it is null."""
    return numbers(column.fill_null(scalar(0, column.type)) if column.null_count else column)


def _of_numpy(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    held = _bits(values) if pa.types.is_boolean(kind) else values.astype(kind.to_pandas_dtype())
    if not pa.types.is_boolean(kind) and (held != values).any():
        return pa.array(values.tolist(), kind)  # says what is wrong with which value
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(held)])


def _bits(values: Sequence[object] | npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.packbits(np.array(values, bool), bitorder="little")


def _texts(values: Sequence[str | None]) -> list[Any]:
    texts = [value or "" for value in values]
    data = "".join(texts).encode()
    sizes = list(map(len, texts))
    if sum(sizes) != len(data):
        sizes = [len(text.encode()) for text in texts]
    places = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(sizes, out=places[1:])
    if len(data) > np.iinfo(np.int32).max:
        raise OverflowError
    return [places.astype(np.int32), data]


def _numbers(values: Sequence[Any], kind: pa.DataType) -> npt.NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return _bits(values)
    return np.array([value or 0 for value in values], kind.to_pandas_dtype())


def numbers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column of numbers or truths that has no nulls as numpy."""
    chunks = [_plain(chunk) for chunk in column.chunks if len(chunk)]
    if len(chunks) == 1:
        return chunks[0]
    return np.concatenate(chunks) if chunks else np.array([], column.type.to_pandas_dtype())


def _plain(chunk: pa.Array) -> npt.NDArray[Any]:
    import pyarrow as pa

    if not pa.types.is_boolean(chunk.type):
        return np.from_dlpack(chunk)
    bits = np.unpackbits(np.frombuffer(chunk.buffers()[1], np.uint8), bitorder="little")
    return bits[chunk.offset : chunk.offset + len(chunk)].view(bool)

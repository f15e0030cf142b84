"""Record types: aligned, with field names that mean the same compiled and interpreted."""

from __future__ import annotations

import numpy as np

I64 = np.int64
I32 = np.int32
U32 = np.uint32
F64 = np.float64


def record(*fields: tuple[object, ...]) -> np.dtype:
    """Return an aligned record type; refuse names that an ndarray already has (they would read as its attribute)."""
    for field in fields:
        if hasattr(np.recarray, str(field[0])) or hasattr(np.record, str(field[0])):
            raise ValueError(f"record field {field[0]!r} shadows an ndarray attribute")
    return np.dtype(list(fields), align=True)


def ints(*names: str) -> list[tuple[str, type]]:
    """Return fields of 64-bit integers."""
    return [(name, I64) for name in names]

"""Record types: aligned, with field names that mean the same compiled and interpreted."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

I64 = np.int64
I32 = np.int32
U8 = np.uint8
I16 = np.int16
U32 = np.uint32
F64 = np.float64

NEVER = 2**62  # a time later than any simulated one, in femtoseconds or cycles


def record(*fields: tuple[Any, ...]) -> np.dtype:
    """Return an aligned record type; refuse names that an ndarray already has (they would read as its attribute).

    Its elements have their fields as attributes, as in compiled code.
    """
    for name, *_ in fields:
        if name == "plain" or hasattr(np.recarray, name) or hasattr(np.record, name):
            raise ValueError(f"record field {name!r} shadows an ndarray attribute")
    plain: Any = np.dtype([(name, _plain(kind), *shape) for name, kind, *shape in fields], align=True)
    places: Any = {
        "names": plain.names,
        "formats": [(kind, *shape) if shape else kind for _, kind, *shape in fields],
        "offsets": [plain.fields[name][1] for name in plain.names],  # numpy aligns no records with a class of their own
        "itemsize": plain.itemsize,
        "aligned": True,
    }
    return np.dtype((_element_of(plain), np.dtype(places)))


def _plain(kind: Any) -> Any:
    """Return a field's type as numpy knows where to place it."""
    return getattr(kind.type, "plain", kind) if isinstance(kind, np.dtype) else kind


def _element_of(plain: Any) -> type:
    """Return the class of a record's elements. An attribute of `np.record` takes ten times as long."""

    def entered(name: str) -> Callable[[Any, Any], None]:
        return lambda element, value: element.__setitem__(name, value)

    attributes = {name: property(itemgetter(name), entered(name)) for name in plain.names}
    about = {"__slots__": (), "__doc__": "An element of a record.", "plain": plain}
    return type("Element", (np.void,), attributes | about)


def ints(*names: str) -> list[tuple[str, type]]:
    """Return fields of 64-bit integers."""
    return [(name, I64) for name in names]


def offset_of(kind: np.dtype, name: str) -> int:
    """Return how many bytes behind a record's first a field begins."""
    assert kind.fields is not None
    return int(kind.fields[name][1])

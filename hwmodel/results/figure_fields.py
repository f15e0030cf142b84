"""Fields of a result that rows of the table of figures make (`rules/figures.py`), beside those that it declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TypeVar

from hwmodel.rules.figures import rows_of

Record = TypeVar("Record")


def with_figures(record: str) -> Callable[[type[Record]], type[Record]]:
    """Give a dataclass to be made a field for each row of its record that it does not declare.

    JSON leaves it out where it is 0. What code reads by name, or tells of in a docstring, is declared.
    """

    def extended(kind: type[Record]) -> type[Record]:
        for name, row in rows_of(record).items():
            if name not in kind.__annotations__:
                kind.__annotations__[name] = "int" if row.unit.amount else "float | None"
                setattr(kind, name, field(default=0, metadata={"omit_empty": True}))
        return kind

    return extended

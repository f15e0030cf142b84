"""What numba works out again and again while it compiles, worked out once.

Two questions cost these kernels seconds: how a record type is written down, each time through all its nested fields;
and which of numba's overloads an operator has for two numbers, each time through all that it has for arrays, sets and
text too. The code that is made is the same. Neither place is documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import types

from hwmodel.compiled.left_out import is_plain


@contextmanager
def known_answers() -> Iterator[None]:
    """Have numba work out each answer once while what is inside compiles; each time with HWMODEL_NUMBA=plain."""
    changed: list[tuple[Any, str, Callable[[Any], Any]]] = [
        (types.Record, "__repr__", _remembered),
        (types.NestedArray, "__repr__", _remembered),
        (types.BaseFunction, "get_call_type", _chosen_once),
    ]
    usual = [] if is_plain() else [(owner, name, getattr(owner, name), change) for owner, name, change in changed]
    for owner, name, numbas_own, change in usual:
        setattr(owner, name, change(numbas_own))
    try:
        yield
    finally:
        for owner, name, numbas_own, _ in usual:
            setattr(owner, name, numbas_own)


def _remembered(describe: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a `__repr__` that works a type's text out once."""
    texts: dict[int, tuple[Any, str]] = {}

    def recall(kind: Any) -> str:
        if id(kind) not in texts:
            texts[id(kind)] = (kind, describe(kind))  # kept, so that its id is its own
        return texts[id(kind)][1]

    return recall


def _chosen_once(choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `get_call_type` that looks once for what a function is for numbers of some types.

    A literal is a type of its own, so a function that is another one for some constant is so still.
    """
    chosen: dict[Any, tuple[Any, Any]] = {}

    def recall(function: Any, *asked: Any) -> Any:
        key = _numbers(asked)
        if key is None:
            return choose(function, *asked)
        known = chosen.get((id(function), key))
        if known is None:
            known = chosen[id(function), key] = (choose(function, *asked), function)  # kept, so that its id is its own
        return known[0]

    return recall


def _numbers(asked: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the argument types of a question, (context, positional, by name); None unless all are numbers."""
    if len(asked) != 3 or asked[2] or not isinstance(asked[1], tuple | list):
        return None
    numbers = (types.Number, types.Boolean, types.IntegerLiteral, types.BooleanLiteral)
    return tuple(asked[1]) if all(isinstance(one, numbers) for one in asked[1]) else None

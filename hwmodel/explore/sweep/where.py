"""The condition of a sweep: `where: "pcie.lanes < 8 and nic.rx_buffer >= 64KiB"`, read by a grammar of its own.

Python's parser gives the syntax tree, of which only comparisons, `and`, `or`, `not`, `in` and arithmetic over axes and
literals are accepted; no code is ever executed.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from hwmodel.config.kinds import suggest
from hwmodel.explore.study.axes import Quantity, exact, quantity_of
from hwmodel.units import DIMENSIONS

MOST_CHARACTERS = 2000
_UNITS = "|".join(sorted({unit for each in DIMENSIONS for unit in each.units}, key=len, reverse=True))
# Alternatives in this order: quoted texts, axes, quantities with a unit, other dotted names, anything else.
_TOKEN = (
    r"""(?P<text>'[^']*'|"[^"]*")|(?P<axis>(?<![\w.])(?:AXES)(?![\w.]))"""
    rf"|(?P<quantity>(?<![\w.])\d+(?:\.\d+)? ?(?:{_UNITS})(?![\w.]))|(?P<name>[^\W\d]\w*(?:\.\w+)*)|(?P<other>.)"
)
_WORDS = {"and", "or", "not", "in", "True", "False", "None"}
_CONSTANTS = {"true": True, "false": False, "null": None}
_ELSEWHERE = {r"&": "and", r"\|": "or", r"!(?!=)": "not", r"(?<![<>=!])=(?!=)": "=="}  # what other languages write
_COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_COMPUTE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
Values = Mapping[str, Any]
Part = Callable[[Values], Any]


class WhereError(ValueError):
    """Report a condition that cannot be read, or that makes no sense for a point's values."""


def compile_where(text: str, axes: Sequence[str]) -> Callable[[Values], bool]:
    """Return a function that tells from a point's values, by axis, whether the point meets the condition.

    Numbers are exact: 0.1 is a tenth. Raises WhereError; so does the function returned, for values that cannot be
    compared.
    """
    if len(text) > MOST_CHARACTERS:
        raise WhereError(f"the condition is longer than {MOST_CHARACTERS} characters")
    source, names = _placeholders(text, axes)
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        meant = next((f" (did you mean {word}?)" for sign, word in _ELSEWHERE.items() if re.search(sign, text)), "")
        how = 'write it like "pcie.lanes < 8 and nic.rx_buffer >= 64KiB"'
        raise WhereError(f"it cannot be read{meant}; {how}") from None
    try:
        whole = _part(tree.body, names)
    except RecursionError:
        raise WhereError("it is nested too deeply") from None

    def is_wanted(values: Values) -> bool:
        return _truth(whole(values), "the condition")

    return is_wanted


def _placeholders(text: str, axes: Sequence[str]) -> tuple[str, dict[str, Part]]:
    """Return the text with placeholders for Python to parse, and what each stands for: an axis or a literal."""
    names: dict[str, Part] = {}
    pieces = []
    longest_first = sorted(axes, key=len, reverse=True)
    for token in re.finditer(_TOKEN.replace("AXES", "|".join(map(re.escape, longest_first))), text, re.DOTALL):
        kind, word = token.lastgroup, token[0]
        if kind in ("text", "other") or word in _WORDS:
            pieces.append(" " if word == "\n" else word)
            continue
        if kind == "name" and word not in _CONSTANTS:
            raise WhereError(f"{word} is no axis of this sweep{suggest(word, axes)}; it has {', '.join(axes)}")
        pieces.append(name := f"_{len(names)}")
        if kind == "axis":
            names[name] = _value_of(word)
        else:
            names[name] = _constant(quantity_of(word) if kind == "quantity" else _CONSTANTS[word])
    return "".join(pieces), names


def _part(node: ast.expr, names: Mapping[str, Part]) -> Part:
    """Return a function that evaluates a part of the condition; raises WhereError for anything not allowed."""
    match node:
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Constant(value=value) if isinstance(value, bool | int | float | str) or value is None:
            return _constant(value)
        case ast.BoolOp(op=op, values=nodes):
            parts, stops_at = [_part(each, names) for each in nodes], isinstance(op, ast.Or)
            return lambda values: _joined(parts, values, stops_at)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            part = _part(inner, names)
            return lambda values: not _truth(part(values), "what `not` stands before")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=inner):
            part, sign = _part(inner, names), -1 if isinstance(op, ast.USub) else 1
            return lambda values: _compute(operator.mul, Fraction(sign), part(values))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTE:
            one, other, compute = _part(left, names), _part(right, names), _COMPUTE[type(op)]
            return lambda values: _compute(compute, one(values), other(values))
        case ast.Compare(left=left, ops=ops, comparators=rights):
            return _comparison(left, ops, rights, names)
    raise WhereError(f"`{_shown(node)}` has no place here; comparisons, and, or, not, in and arithmetic have")


def _shown(node: ast.expr) -> str:
    return re.sub(r"\b_\d+\b", "...", ast.unparse(node))[:40]


def _value_of(axis: str) -> Part:
    return lambda values: _read(values[axis])


def _constant(value: Any) -> Part:
    constant = _read(value)
    return lambda _values: constant


def _read(value: Any) -> Any:
    """Return a value in the form it is compared in: numbers and quantities exact, anything else as it is."""
    number = value if isinstance(value, Quantity) else exact(value)
    return value if number is None else number


def _truth(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise WhereError(f"{what} is neither true nor false but {_name(value)}")
    return value


def _name(value: Any) -> str:
    if isinstance(value, Fraction):
        return f"the number {float(value):g}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)[:40]


def _joined(parts: Sequence[Part], values: Values, stops_at: bool) -> bool:
    for part in parts:
        if _truth(part(values), "a side of `and` or `or`") is stops_at:
            return stops_at
    return not stops_at


def _comparison(
    left: ast.expr, ops: Sequence[ast.cmpop], rights: Sequence[ast.expr], names: Mapping[str, Part]
) -> Part:
    first = _part(left, names)
    steps: list[tuple[ast.cmpop, list[Part]]] = []
    for op, right in zip(ops, rights, strict=True):
        if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.List | ast.Tuple):
            steps.append((op, [_part(each, names) for each in right.elts]))
        elif type(op) in _COMPARE:
            steps.append((op, [_part(right, names)]))
        else:
            raise WhereError("it compares in a way that has no place here; ==, !=, <, <=, >, >= and `in [..]` have")

    def compare(values: Values) -> bool:
        here = first(values)
        for op, parts in steps:
            others = [part(values) for part in parts]
            if isinstance(op, ast.In | ast.NotIn):
                holds = any(_same(here, other) for other in others) is isinstance(op, ast.In)
            else:
                holds = _compare(op, here, others[0])
            if not holds:
                return False
            here = others[0] if others else None
        return True

    return compare


def _compare(op: ast.cmpop, one: Any, other: Any) -> bool:
    if isinstance(op, ast.Eq | ast.NotEq):
        return _same(one, other) is isinstance(op, ast.Eq)
    pair = _alike(one, other)
    if pair is None:
        raise WhereError(f"{_name(one)} and {_name(other)} cannot be compared{_unit_hint(one, other)}")
    return bool(_COMPARE[type(op)](*pair))


def _same(one: Any, other: Any) -> bool:
    pair = _alike(one, other)
    if pair is None and _unit_hint(one, other):
        raise WhereError(f"{_name(one)} and {_name(other)} cannot be compared{_unit_hint(one, other)}")
    return type(one) is type(other) and one == other if pair is None else bool(pair[0] == pair[1])


def _alike(one: Any, other: Any) -> tuple[Any, Any] | None:
    """Return two amounts in comparable form; None if they differ in dimension or are no amounts."""
    if isinstance(one, Quantity) and isinstance(other, Quantity) and one.dimension is other.dimension:
        return one.amount, other.amount
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return one, other
    return None


def _unit_hint(one: Any, other: Any) -> str:
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        return f": {one.dimension.name} and {other.dimension.name}"
    if {type(one), type(other)} == {Quantity, Fraction}:
        return ": one has a unit and the other has none"
    return ""


def _compute(compute: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    pair = _alike(one, other)
    try:
        if pair is not None and isinstance(one, Fraction):
            return Fraction(compute(*pair))
        if pair is not None and compute in (operator.add, operator.sub, operator.mod):
            return Quantity(one.dimension, Fraction(compute(*pair)))
        if pair is not None and compute in (operator.truediv, operator.floordiv):
            return Fraction(compute(*pair))
        if isinstance(one, Quantity) and isinstance(other, Fraction) and compute in (operator.mul, operator.truediv):
            return Quantity(one.dimension, Fraction(compute(one.amount, other)))
        if isinstance(other, Quantity) and isinstance(one, Fraction) and compute is operator.mul:
            return Quantity(other.dimension, one * other.amount)
    except ZeroDivisionError:
        raise WhereError("it divides by zero") from None
    raise WhereError(f"{_name(one)} and {_name(other)} cannot be computed with{_unit_hint(one, other)}")

"""The condition of a sweep: what Python says of the same expression, exact quantities, and nothing else than that."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hwmodel.explore.study.axes import Quantity, exact, identity, plain
from hwmodel.explore.sweep.where import WhereError, compile_where

AXES = ("pcie.lanes", "nic.vfs", "run.seed", "nic.vfs_all")

numbers = st.recursive(
    st.one_of(st.integers(0, 12).map(str), st.sampled_from(AXES)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", " - ", "//", "%"]), inner).map("({0[0]}{0[1]}{0[2]})".format),
        inner.map("(-{})".format),
    ),
    max_leaves=6,
)
comparisons = st.one_of(
    st.tuples(numbers, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), numbers).map(" ".join),
    st.tuples(numbers, numbers, numbers).map("{0[0]} <= {0[1]} < {0[2]}".format),
    st.tuples(numbers, st.sampled_from(["in", "not in"]), numbers, numbers).map(
        "{0[0]} {0[1]} [{0[2]}, {0[3]}]".format
    ),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map("not ({})".format),
        inner.map("({})".format),
    ),
    max_leaves=5,
)


@given(conditions, st.lists(st.integers(-3, 16), min_size=4, max_size=4))
def test_a_condition_means_what_python_says(text, values):
    as_python = text
    for axis in sorted(AXES, key=len, reverse=True):
        as_python = as_python.replace(axis, axis.replace(".", "_"))
    names = {axis.replace(".", "_"): value for axis, value in zip(AXES, values, strict=True)}
    is_wanted = compile_where(text, AXES)
    try:
        expected = eval(as_python, {"__builtins__": {}}, names)
    except ZeroDivisionError:
        with pytest.raises(WhereError, match="by zero"):
            is_wanted(dict(zip(AXES, values, strict=True)))
    else:
        assert is_wanted(dict(zip(AXES, values, strict=True))) is bool(expected)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("x.size < 64KiB", "65535B", True),
        ("x.size < 64KiB", "0.0625MiB", False),
        ("x.size == 64KiB", "65536B", True),
        ("x.size * 2 == 128KiB and 2*x.size == 128KiB", "64KiB", True),
        ("x.size / 32KiB == 2", "64KiB", True),
        ("x.size - 1KiB >= 63 KiB", "64KiB", True),
        ("1us <= x.size < 2us", "1.5us", True),
        ("x.size in (1ms, 1000us)", "1ms", True),
        ("x.size == 'auto'", "auto", True),
        ("x.size != null", None, False),
        ("x.size == null or x.size > 3", 4, True),
        ("x.size == true", True, True),
        ("x.size == 0.3", 0.1 + 0.2, False),
        ("x.size * 10 == 1", 0.1, True),
        ("x.size>=1\n  and x.size<2", 1, True),
    ],
)
def test_quantities_and_words_are_compared_exactly(text, value, expected):
    assert compile_where(text, ["x.size"])({"x.size": value}) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pcie.lans < 8", "did you mean pcie.lanes"),
        ("lanes < 8", "is no axis of this sweep"),
        ("pcie.lanes <", "cannot be read"),
        ("", "cannot be read"),
        ("(" * 300 + "1" + ")" * 300, "cannot be read"),
        ("__import__('os').system('true')", "__import__ is no axis"),
        ("[1][0] == 1", "has no place here"),
        ("2 ** 9 > 1", "has no place here"),
        ("pcie.lanes if true else false", "if is no axis"),
        ("(lambda: 1)() == 1", "lambda is no axis"),
        ("pcie.lanes is 8", "is is no axis"),
        ("'x'.format == 1", "format is no axis"),
        ("1 == 1" + " " * 2000, "longer than"),
    ],
)
def test_what_is_no_condition_is_refused_before_it_is_used(text, said):
    with pytest.raises(WhereError, match=said.replace("(", r"\(")):
        compile_where(text, AXES)


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("a.b < 8", "64KiB", "one has a unit and the other has none"),
        ("a.b == 8", "64KiB", "one has a unit and the other has none"),
        ("a.b < 8ns", "64KiB", "a byte count and a time"),
        ("a.b + 1 > 2", "64KiB", "cannot be computed with"),
        ("a.b < 8", None, "null and the number 8 cannot be compared"),
        ("a.b < 8", "auto", "auto and the number 8 cannot be compared"),
        ("a.b", 3, "neither true nor false"),
        ("a.b and true", 3, "neither true nor false"),
        ("not a.b", 3, "neither true nor false"),
        ("1 / a.b > 1", 0, "by zero"),
        ("1KiB % a.b > 1KiB", "0B", "by zero"),
        ("a.b * 2", True, "cannot be computed"),
    ],
)
def test_what_means_nothing_for_a_point_is_said(text, value, said):
    with pytest.raises(WhereError, match=said):
        compile_where(text, ["a.b"])({"a.b": value})


@given(st.integers(0, 10**9), st.sampled_from(["B", "KiB", "fs", "ns", "ms", "bps", "Gbps", "MHz", "Mpps"]))
def test_a_quantity_is_written_as_it_was_read(number, unit):
    text = f"{number}{unit}"
    quantity = exact(text)
    assert isinstance(quantity, Quantity)
    assert exact(plain(quantity)) == quantity == exact(str(quantity))
    assert identity(text) == identity(plain(quantity))


def test_equal_values_have_one_identity():
    assert identity("1KiB") == identity("1024B") and identity(1) == identity(1.0)
    assert len({identity(value) for value in ("1KiB", "1Kbps", 1024, "x", None, True, 1, [1], {"a": 1})}) == 9

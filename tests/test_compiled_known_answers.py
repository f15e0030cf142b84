"""Answers that numba is spared: the same as it gives, for each type and constant, and only for a while."""

from __future__ import annotations

import operator

import numba
import numpy as np
import pytest
from numba import types

from hwmodel.compiled import known_answers
from hwmodel.compiled.known_answers import known_answers as answers_known

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
NUMBERS = (types.int64, types.uint64, types.float64, types.boolean, types.literal(2), types.literal(3))
PLACES = (
    (types.Record, "__repr__"),
    (types.NestedArray, "__repr__"),
    (types.BaseFunction, "get_call_type"),
)


def numbas_parts():
    return [getattr(owner, name) for owner, name in PLACES]


def function_type(function):
    """Return numba's type of a function, and where it is looked up."""
    from numba.core.registry import cpu_target

    context = cpu_target.typing_context
    context.refresh()
    return context.resolve_value_type(function), context


@pytest.mark.parametrize("function", [operator.add, operator.pow, operator.floordiv, operator.lt, min, int])
def test_what_is_remembered_of_a_call_is_what_numba_answers(function):
    """Asked twice, of numbers and constants in any order: the second answer is the first and numba's own."""
    kind, context = function_type(function)
    asked = [(one,) for one in NUMBERS] if function is int else [(a, b) for a in NUMBERS for b in NUMBERS]
    expected = [kind.get_call_type(context, args, {}) for args in asked]
    with answers_known():
        first = [kind.get_call_type(context, args, {}) for args in asked]
        again = [kind.get_call_type(context, args, {}) for args in asked]
    assert first == again == expected
    assert all(one is other for one, other in zip(first, again, strict=True))
    if function is operator.add:
        assert len({one.return_type for one in expected}) > 2


def test_what_is_not_of_numbers_alone_is_asked_each_time():
    asked = []

    def choose(_function, *about):
        asked.append(about)
        return len(asked)

    recall = known_answers._chosen_once(choose)
    array, number = types.Array(types.int64, 1, "C"), types.int64
    for about in ((None, (array, number), {}), (None, (number,), {"key": number}), (None, (number,))):
        assert recall(choose, *about) != recall(choose, *about)
    assert recall(choose, None, (number,), {}) == recall(choose, None, (number,), {})
    assert recall(choose, None, (types.literal(2),), {}) != recall(choose, None, (types.literal(3),), {})
    assert recall(len, None, (number,), {}) != recall(choose, None, (number,), {})


def test_an_error_is_met_again():
    kind, context = function_type(operator.add)
    refused = (types.literal("text"), types.int64)
    with answers_known():
        for _ in range(2):
            with pytest.raises(numba.TypingError):
                kind.get_call_type(context, refused, {})


def test_a_record_is_written_down_as_ever():
    kind = numba.typeof(np.zeros(1, np.dtype([("inner", [("n", np.int64)]), ("taken", np.int64, 4)]))[0])
    text = repr(kind)
    with answers_known():
        assert [repr(kind), repr(kind)] == [text, text]
    assert "taken" in text


def test_nothing_stays():
    before = numbas_parts()
    with pytest.raises(ZeroDivisionError), answers_known():
        assert all(now is not usual for now, usual in zip(numbas_parts(), before, strict=True))
        raise ZeroDivisionError
    assert numbas_parts() == before

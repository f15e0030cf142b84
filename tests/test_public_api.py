"""What `import hwmodel` offers."""

from __future__ import annotations

import inspect

import pytest

import hwmodel

PUBLIC = {"InputError", "Result", "RunError", "__version__", "forward_frames", "limits", "load_config", "simulate"}


def test_the_public_names_are_these():
    assert set(hwmodel.__all__) == PUBLIC
    assert set(dir(hwmodel)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_each_name_is_there_and_documented(name):
    assert inspect.getdoc(getattr(hwmodel, name))


def test_the_errors_are_the_ones_that_the_library_raises():
    from hwmodel.errors import InputError, RunError

    assert hwmodel.InputError is InputError
    assert hwmodel.RunError is RunError


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hwmodel.no_such_name


def test_input_errors_keep_their_lines():
    assert hwmodel.InputError("a: b").lines == ["a: b"]
    several = hwmodel.InputError(line for line in ("a: b", "c: d"))
    assert several.lines == ["a: b", "c: d"]
    assert str(several) == "a: b\nc: d"

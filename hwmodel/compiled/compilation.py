"""What the kernels are compiled with.

Numba's documented features are enough: with HWMODEL_NUMBA=plain, or where an undocumented one does not work as expected
(`left_out`), no others are used. The undocumented ones, in `linked_only`, `known_answers` and here, save time and
change no result; kernels get them through this module alone. The versions that they were tried with bound what may be
installed (pyproject.toml).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba import njit, types
from numba.core.caching import FunctionCache

from hwmodel.compiled.left_out import is_plain, leave_out


def _decorators() -> tuple[Any, Any, Any, Any]:
    """Return numba's decorators of entries, of kernels, of those out of line, of those that are inlined."""
    # `error_model="numpy"` leaves out the tests for division by zero: all divisors are validated configuration.
    shared: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    plain = njit(**shared, cache=True), *[njit(**shared)] * 3
    if is_plain():
        return plain
    try:
        from hwmodel.compiled.linked_only import Entry, LinkedOnly, OutOfLine
    except Exception as error:  # another version of numba may raise anything
        leave_out(error)
        return plain

    # Only an entry can be called, from Python and by other programs; a kernel has no machine code of its own.
    # LLVM has to be told that a kernel may stay a call: else it is inlined as soon as its first caller is.
    # No kernel makes an array, so there are no references to count.
    shared |= {"_nrt": False}
    inner = shared | {"no_cfunc_wrapper": True, "no_cpython_wrapper": True, "forceinline": False}
    return (
        njit(**shared, pipeline_class=Entry),
        njit(**inner, pipeline_class=LinkedOnly),
        njit(**inner, pipeline_class=OutOfLine),
        njit(**inner | {"forceinline": True}, pipeline_class=LinkedOnly),
    )


class _MachineCode(FunctionCache):
    """Keep machine code on disk; where that is full it is used all the same, and made again by the next process."""

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


_ENTRY, _INNER, _OUT_OF_LINE, _INLINED = _decorators()


def entry(function: Callable[..., Any]) -> Any:
    """Mark a function that Python calls, and whose machine code is kept on disk; kernels may call it too."""
    dispatcher = _compiled_once(_ENTRY(function))
    if not (is_plain() or numba.config.DISABLE_JIT):
        dispatcher._cache = _MachineCode(function)
        linked = kernel(function)  # what kernels that call it link in, as they do any other
        dispatcher.get_call_template, dispatcher.get_overload = linked.get_call_template, linked.get_overload
    return dispatcher


def kernel(function: Callable[..., Any]) -> Any:
    """Mark a function that only other kernels call."""
    return _compiled_once(_INNER(function))


def out_of_line(function: Callable[..., Any]) -> Any:
    """Mark a kernel that few configurations or few frames call, so that it does not affect the code for all others.

    Also one that is long for what it does and is called at many places: its code exists once.
    """
    return _compiled_once(_OUT_OF_LINE(function))


def inlined(function: Callable[..., Any]) -> Any:
    """Mark a function on the path of every TLP, where a call costs as much as what it does."""
    return _compiled_once(_INLINED(function))


def compile_for(signature: Any, dispatcher: Any) -> bool:
    """Compile an entry for argument types; False where nothing is compiled (NUMBA_DISABLE_JIT)."""
    if numba.config.DISABLE_JIT:
        return False
    dispatcher.compile(signature)
    return True


def _compiled_once(dispatcher: Any) -> Any:
    """Let a function be compiled for 64-bit integers alone, not again for each constant and width it is called with."""
    if numba.config.DISABLE_JIT or is_plain():
        return dispatcher
    compile_as_called = dispatcher.compile

    def widened(signature: Any) -> Any:
        return compile_as_called(tuple(_widen(kind) for kind in signature))

    dispatcher.compile = widened
    return dispatcher


def _widen(kind: Any) -> Any:
    plain = types.unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) else plain

"""What the kernels are compiled with.

Numba's documented parts are enough. Some that are not documented save time, in `linked_only`, `machine_code`,
`known_answers` and here; this is the one door to them. Each is used where numba has it and does not break on it, and
left out elsewhere, or where HWMODEL_NUMBA asks for that (`left_out`). The results are the same bits, only compiling or
starting takes longer.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numba
from numba import njit, types

from hwmodel.compiled.known_answers import known_answers
from hwmodel.compiled.left_out import IS_PLAIN, leave_out

_MISSING = (ImportError, AttributeError, TypeError)  # what a numba of another shape raises on import


def pipelines() -> tuple[Any, Any, Any] | None:
    """Return the compilers of entries, of what they link in, of what they call; None where numba's own is all."""
    if IS_PLAIN:
        return None
    try:
        from hwmodel.compiled.linked_only import Entry, LinkedOnly, OutOfLine
    except _MISSING as error:
        leave_out("linking", error)
        return None
    return Entry, LinkedOnly, OutOfLine


def quick_cache() -> Any | None:
    """Return the class of the cache on disk that loads fast; None where numba's own is all there is."""
    if IS_PLAIN:
        return None
    try:
        from hwmodel.compiled.machine_code import MachineCode
    except _MISSING as error:
        leave_out("loading", error)
        return None
    return MachineCode


def _known(**undocumented: bool) -> dict[str, bool]:
    """Return those options that numba has."""
    if IS_PLAIN:
        return {}
    try:
        from numba.core.cpu import CPUTargetOptions
    except _MISSING as error:
        leave_out("options", error)
        return {}
    return {name: value for name, value in undocumented.items() if hasattr(CPUTargetOptions, name)}


def _decorators() -> tuple[Any, Any, Any, Any, Any]:
    # `error_model="numpy"` leaves out the tests for division by zero: all divisors are validated configuration. Only
    # an entry can be called from Python; the others have neither a wrapper for it nor machine code of their own. That
    # LLVM may call a kernel has to be said: else it is put where it is called as soon as what calls it first is.
    shared = {"nogil": True, "error_model": "numpy", **_known(no_cfunc_wrapper=True)}
    inner = shared | _known(no_cpython_wrapper=True, forceinline=False)
    entry_options: dict[str, Any] = dict(shared)
    apart = dict(inner)
    if (chosen := pipelines()) is not None:
        entry_options["pipeline_class"], inner["pipeline_class"], apart["pipeline_class"] = chosen
    inlined_options = inner | _known(forceinline=True)
    inside = njit(**inner), njit(**apart), njit(**inlined_options)
    return njit(**entry_options), njit(**entry_options, cache=True), *inside


_ENTRY, _ENTRY_WITH_NUMBAS_CACHE, _INNER, _OUT_OF_LINE, _INLINED = _decorators()
_CACHE = quick_cache()


def entry(function: Callable[..., Any]) -> Any:
    """Mark a function that Python calls."""
    dispatcher = _ENTRY(function)
    if numba.config.DISABLE_JIT:
        return dispatcher
    if _CACHE is None or not hasattr(dispatcher, "_cache"):
        return _compiled_once(_ENTRY_WITH_NUMBAS_CACHE(function))
    dispatcher._cache = _CACHE(function)
    return _compiled_once(dispatcher)  # kernels may call it too


def kernel(function: Callable[..., Any]) -> Any:
    """Mark a function that only other kernels call."""
    return _compiled_once(_INNER(function))


def out_of_line(function: Callable[..., Any]) -> Any:
    """Mark a kernel that few configurations call from the path of every frame: others' code stays as if it were not."""
    return _compiled_once(_OUT_OF_LINE(function))


def inlined(function: Callable[..., Any]) -> Any:
    """Mark a function on the path of every TLP, where a call costs as much as what it does."""
    return _compiled_once(_INLINED(function))


def compile_for(signature: Any, dispatcher: Any) -> bool:
    """Compile an entry for argument types; False where numba cannot be asked to: then its first call compiles it."""
    if not hasattr(dispatcher, "compile"):
        return False
    dispatcher.compile(signature)
    return True


def _compiled_once(dispatcher: Any) -> Any:
    """Let a function be compiled for 64-bit integers alone, not again for each constant and width it is called with."""
    if numba.config.DISABLE_JIT or IS_PLAIN or not hasattr(dispatcher, "compile") or not hasattr(types, "unliteral"):
        return dispatcher
    compile_as_called = dispatcher.compile

    def widened(signature: Any) -> Any:
        return compile_as_called(tuple(_widen(kind) for kind in signature))

    dispatcher.compile = widened
    return dispatcher


def _widen(kind: Any) -> Any:
    plain = types.unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) else plain


@contextmanager
def quick_compilation() -> Iterator[None]:
    """Compile what is called inside without two things that cost much time.

    They are garbage collection over the compiler's many objects; and questions that numba asks itself again and again
    (`known_answers`).
    """
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        with nullcontext() if IS_PLAIN else known_answers():
            yield
    finally:
        if was_collecting:
            gc.enable()

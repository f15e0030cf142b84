"""How numba compiles what only other kernels call: up to the point where an entry links it in, and no further.

By itself numba optimises each function together with all that it calls and then makes machine code of that, although
here the entry alone is ever run: it optimises everything once more. Leaving the first two out takes a third from the
time to compile, and the code is none the worse for being optimised once, as a whole.

In both an index counts from the start of its array. Python lets negative ones count from the end, which numba tests at
each index that it does not know to be positive; here none ever is negative, and without the tests a run takes an eighth
less time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering
from numba.core.types import intp
from numba.np import arrayobj

INDEX_PLACE = "fix_integer_index"  # in numba's module of arrays


def _from_the_start(context: Any, builder: Any, kind: Any, index: Any, _size: Any) -> Any:
    return context.cast(builder, index, kind, intp)


@contextmanager
def indices_from_the_start() -> Iterator[None]:
    """Write indices down as they are; where numba has no such place, its tests for negative ones stay."""
    usual = getattr(arrayobj, INDEX_PLACE, None)
    if usual is None:
        yield
        return
    setattr(arrayobj, INDEX_PLACE, _from_the_start)
    try:
        yield
    finally:
        setattr(arrayobj, INDEX_PLACE, usual)


class _LinkedOnly(JITCodeLibrary):
    """Keep a function's code, and the code of what it calls, as it was first written down."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LoweredForLinking(NativeLowering):
    """Lower a function without an address at which Python could call it."""

    _name = "lowered_for_linking"

    def run_pass(self, state: Any) -> bool:
        state.library = library = _LinkedOnly(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        with indices_from_the_start():
            super().run_pass(state)
        lowered = state["cr"]
        # The dispatcher keeps an object of this type for each function, also where no address belongs to it.
        nameless = _dynfunc.make_function(
            lowered.fndesc.lookup_module(), lowered.fndesc.qualname, "", 0, lowered.env, (library,)
        )
        state.targetctx.insert_user_function(nameless, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=nameless)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LoweredEntry(NativeLowering):
    """Lower a function that Python calls."""

    _name = "lowered_entry"

    def run_pass(self, state: Any) -> bool:
        with indices_from_the_start():
            return bool(super().run_pass(state))


class Entry(CompilerBase):
    """Compile a function that Python calls."""

    lowering: type[NativeLowering] = _LoweredEntry

    def define_pipelines(self) -> list[PassManager]:
        """Return numba's own passes but for the lowering."""
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state)
        changed = PassManager(self.lowering._name)
        for one, text in usual.passes:
            changed.add_pass(self.lowering if one is NativeLowering else one, text)
        changed.finalize()
        return [changed]


class LinkedOnly(Entry):
    """Compile a function for entries to link in."""

    lowering = _LoweredForLinking

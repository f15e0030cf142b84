"""How numba compiles what only other kernels call: up to the point where an entry links it in, and no further.

By itself numba links each function with all that it calls, optimises the whole and makes machine code of it, although
here the entry alone is ever run: it does it all once more. Leaving that out takes a third from the time to compile,
and the code is the better for being optimised once, as a whole program.

In kernels and entries an index counts from the start of its array. Python lets negative ones count from the end, which
numba tests at each index that it does not know to be positive; here none ever is negative, and without the tests a run
takes an eighth less time.

What this needs of numba is not documented: see `compilation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite.binding import Linkage
from numba import _dynfunc, types
from numba.core import ir
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.ir_utils import get_definition, guard
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering
from numba.core.types import intp
from numba.np import arrayobj

from hwmodel.compiled.constants import constant_of

# Numba's passes for language features that kernels do not use: closures and comprehensions, functions that are inlined
# before they are typed, loops over tuples of mixed types, and array expressions (which work without, only as several
# loops). Numba says so where a kernel needs one.
LANGUAGE_NOT_USED = frozenset(
    {
        "InlineClosureLikes",
        "MakeFunctionToJitFunction",
        "InlineInlinables",
        "InlineOverloads",
        "LiteralUnroll",
        "NopythonRewrites",
    }
)
SELDOM = 2000  # weight of an unset flag against a set one, as LLVM gives `__builtin_expect`


def _from_the_start(context: Any, builder: Any, kind: Any, index: Any, _size: Any) -> Any:
    return context.cast(builder, index, kind, intp)


@contextmanager
def indices_from_the_start() -> Iterator[None]:
    """Write indices down as they are, without tests for negative ones."""
    usual = arrayobj.fix_integer_index
    arrayobj.fix_integer_index = _from_the_start
    try:
        yield
    finally:
        arrayobj.fix_integer_index = usual


class _Lowering(Lower):
    """Lower a function with branch weights that take each tested flag (`if params.has_engines:`) for seldom set.

    LLVM assumes that a number which is tested is mostly not 0, and puts the code for a set flag into the path of every
    frame. Most flags tell what few configurations have, or few frames meet: taken for not set, that code moves out of
    the path, and a run takes 3 to 11 % less time. A comparison (`if n > 0:`) is left to LLVM; so flags that many
    configurations set, such as link credits, are compared.

    Fields that the program takes for constants (`constants`) are not read.
    """

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        if expr.op == "getattr" and isinstance(owner := self.typeof(expr.value.name), types.Record):
            value = constant_of(owner, expr.attr)
            if value is not None:
                return self.context.get_constant(resty, value)
        return super().lower_expr(resty, expr)

    def lower_inst(self, inst: Any) -> None:
        super().lower_inst(inst)
        if isinstance(inst, ir.Branch) and self._tests_flag(inst.cond):
            self.builder.block.terminator.set_weights([1, SELDOM])

    def _tests_flag(self, condition: Any) -> bool:
        """Tell whether a condition is a number's truth; numba writes `bool(...)` around every one."""
        tested = guard(get_definition, self.func_ir, condition)
        is_call = isinstance(tested, ir.Expr) and tested.op == "call"
        return is_call and isinstance(self.typeof(tested.args[0].name), types.Integer)


class _Unlinked(JITCodeLibrary):
    """Keep a function's code as it was first written down; `_linking_libraries` names what it calls."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Run numba's function passes on it alone, so that LLVM knows its true length when it decides on inlining."""
        ll_module.data_layout = self._codegen._data_layout
        passes, builder = self._codegen._function_pass_manager()
        for function in ll_module.functions:
            if not function.is_declaration:
                passes.run(function, builder)

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True


class _OutOfLine(_Unlinked):
    """Keep a function's code in one place, never inlined, and marked as seldom called.

    LLVM then moves the code that leads to the call out of the path of every frame, which just fits an instruction cache
    of 32 KiB.
    """

    def _optimize_functions(self, ll_module: Any) -> None:
        super()._optimize_functions(ll_module)
        for function in ll_module.functions:
            if not function.is_declaration:
                function.add_function_attribute("noinline")
                function.add_function_attribute("cold")


class _Lowered(NativeLowering):
    """Lower a function as `_Lowering` does."""

    @property
    def lowering_class(self) -> type[Lower]:
        return _Lowering


@register_pass(mutates_CFG=False, analysis_only=False)  # nothing comes after that would look at the graph again
class _LoweredForLinking(_Lowered):
    """Lower a function without an address at which Python could call it."""

    _name = "lowered_for_linking"
    library: type[_Unlinked] = _Unlinked

    def run_pass(self, state: Any) -> bool:
        state.library = library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        with indices_from_the_start():
            super().run_pass(state)
        lowered = state["cr"]
        # The dispatcher keeps an object of this type for each function, also where no address belongs to it.
        nameless = _dynfunc.make_function(
            lowered.fndesc.lookup_module(), lowered.fndesc.qualname, "", 0, lowered.env, (library,)
        )
        # A caller has to link all that this one calls.
        called = [library, *_callers_first(library._linking_libraries)]
        state.targetctx.insert_user_function(nameless, lowered.fndesc, called)
        state["cr"] = lowered._replace(cfunc=nameless)
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class _LoweredOutOfLine(_LoweredForLinking):
    """Lower such a function so that it stays where it is."""

    _name = "lowered_out_of_line"
    library = _OutOfLine


def _callers_first(libraries: Iterable[Any]) -> list[Any]:
    """Return each library once, behind all that call it: where it stands last.

    LLVM drops what nothing before it calls. A caller whose call was folded away is none, though it names the library.
    """
    return list(dict.fromkeys(reversed([*libraries])))[::-1]


class _WholeProgram(JITCodeLibrary):
    """Optimise an entry with all that it links in as one program, whose other functions nobody else calls.

    Then LLVM can inline a function that is called at one place, and drop arguments and results that nobody needs.
    Numba's first, cheaper round is left out: it serves reference counting, which kernels hardly use, and vectors.
    """

    def finalize(self) -> None:
        self._linking_libraries: list[Any] = _callers_first(self._linking_libraries)
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


@register_pass(mutates_CFG=False, analysis_only=False)
class _LoweredEntry(_Lowered):
    """Lower a function that Python calls."""

    _name = "lowered_entry"

    def run_pass(self, state: Any) -> bool:
        state.library = _WholeProgram(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        with indices_from_the_start():
            return bool(super().run_pass(state))


class Entry(CompilerBase):
    """Compile a function that Python calls."""

    lowering: type[NativeLowering] = _LoweredEntry
    omitted: frozenset[str] = frozenset()

    def define_pipelines(self) -> list[PassManager]:
        """Return numba's own passes but for the lowering, and for those that find nothing to do."""
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state)
        changed = PassManager(self.lowering._name)
        for one, text in usual.passes:
            if one.__name__ not in self.omitted:
                changed.add_pass(self.lowering if one is NativeLowering else one, text)
        changed.finalize()
        return [changed]


class LinkedOnly(Entry):
    """Compile a function for entries to link in."""

    lowering = _LoweredForLinking
    omitted = LANGUAGE_NOT_USED


class OutOfLine(LinkedOnly):
    """Compile a function for entries to link in and to call, never to inline."""

    lowering = _LoweredOutOfLine

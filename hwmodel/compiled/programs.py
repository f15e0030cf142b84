"""Programs that call one another: an entry that kernels of another entry call by its address, and do not link in.

What several entries need as a whole is compiled once and in one place, where linking it in would compile it again for
each: the loop of one server (`machine/engine.py`) serves a server alone, one with commands and each of a system. The
call costs a nanosecond or two, and what is called is optimised for itself.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

WORD = types.int64


def address_of(program: Any) -> Any:
    """Return where the machine code of an entry is that this process has; the entry itself where all runs interpreted.

    It has that once the entry was called, or `compile_entry` was for it.
    """
    if numba.config.DISABLE_JIT:
        return program
    (compiled,) = program.overloads.values()
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)


@intrinsic
def _call_server(
    _context: Any, programs: Any, servers: Any, number: Any, until_fs: Any, n_events: Any, part: Any
) -> Any:
    def called(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        address, beneath = (builder.extract_value(values[0], at) for at in range(2))
        arguments = [*values[1:], beneath]
        kind = ir.FunctionType(ir.IntType(64), [each.type for each in arguments])
        return builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)

    return WORD(types.UniTuple(WORD, 2), servers, WORD, WORD, WORD, WORD), called


def _call_it(programs: Any, *arguments: Any) -> Any:
    program, beneath = programs
    return program(*arguments, beneath)


# Let the first of two programs do something with one of the servers; it is told where the second is, which it calls.
call_server = _call_it if numba.config.DISABLE_JIT else _call_server

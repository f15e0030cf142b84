"""Programs that call one another: an entry that kernels of other entries call by its address, and do not link in.

What several entries need as a whole is compiled once, where linking it in would compile it again for each: the loop of
one server (`machine/engine.py`) serves a server alone, one with commands and each of a system. The call costs a
nanosecond or two, and what is called is optimised for itself.

An address is valid in one process. So it stands in a word of memory that machine code refers to by a symbol; the first
call finds 0 there, and has the program loaded, or compiled, first.

How to get an address from numba is not documented: where only its documented features are used (`left_out`), programs
are linked in.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from llvmlite.binding import add_symbol
from numba import from_dtype
from numba.core import types
from numba.core.types.containers import StarArgTuple
from numba.extending import intrinsic

from hwmodel.compiled.left_out import is_plain

RECORDS: dict[str, np.dtype[Any]] = {}  # by their names in signatures; the module that declares a record enters it
WORD = ir.IntType(64)
Found = TypeVar("Found")
BACK_IN_KERNEL_S = 0.1
_LOADER = ctypes.CFUNCTYPE(None)
_KEPT: list[Any] = []  # kept alive, since machine code has their addresses


def by_address(program: Any, *kinds: str) -> Any:
    """Return what kernels call in place of an entry that they shall not link in.

    `program` returns a 64-bit integer. `kinds` of its arguments: `int64`, one of RECORDS by its name, or an array of it
    (`name[]`).
    """
    if numba.config.DISABLE_JIT or is_plain():
        return program
    name = f"{program.__module__}.{program.__name__}"
    address = ctypes.c_int64(0)

    def load() -> None:
        if not address.value:
            address.value = address_of(program, signature_of(kinds))

    loader = _LOADER(below_kernels(load))
    _KEPT.extend((address, loader))
    add_symbol(f"{name}.address", ctypes.addressof(address))
    add_symbol(f"{name}.load", ctypes.cast(loader, ctypes.c_void_p).value)

    @intrinsic
    def call(_context: Any, *_arguments: Any) -> Any:
        def called(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            given = [builder.extract_value(values[0], at) for at in range(len(kinds))]
            return builder.call(_pointer(builder, name, given), given)

        return types.int64(StarArgTuple(signature_of(kinds))), called  # an integer of any width is widened

    return call


def below_kernels(action: Callable[..., Found]) -> Callable[..., Found]:
    """Return an action that kernels can call: it is done, even where Ctrl-C comes amid it, which is raised later.

    It must be one that can be begun anew at any point.
    """

    def done(*arguments: Any) -> Found:
        is_interrupted = False
        while True:
            try:
                found = action(*arguments)
                break
            except KeyboardInterrupt:
                is_interrupted = True
            except Exception:  # cannot be raised: the calling kernel would just go on
                traceback.print_exc()
                os._exit(1)
        if is_interrupted:  # raised here, below a running kernel, it would be lost
            later = threading.Timer(BACK_IN_KERNEL_S, _thread.interrupt_main)
            later.daemon = True
            later.start()
        return found

    return done


def signature_of(kinds: Iterable[str]) -> tuple[Any, ...]:
    """Return the types that such kinds of arguments have for numba."""
    return tuple(_type_of(kind) for kind in kinds)


def _type_of(kind: str) -> Any:
    if kind == "int64":
        return types.int64
    name, is_array, _ = kind.partition("[]")
    return array_of(RECORDS[name]) if is_array else from_dtype(RECORDS[name])


def array_of(dtype: np.dtype[Any]) -> Any:
    """Return the type that an array of such records has for numba."""
    return types.Array(from_dtype(dtype), 1, "C")


def _pointer(builder: Any, name: str, arguments: Any) -> Any:
    """Emit code that gets a program's address, and has the program loaded first if it is not."""
    module, address = builder.module, f"{name}.address"
    place = module.globals.get(address) or ir.GlobalVariable(module, WORD, address)
    is_unknown = builder.icmp_unsigned("==", builder.load(place), ir.Constant(WORD, 0))
    with builder.if_then(is_unknown, likely=False):
        loader = ir.FunctionType(ir.VoidType(), [])
        builder.call(module.globals.get(f"{name}.load") or ir.Function(module, loader, f"{name}.load"), [])
    kind = ir.FunctionType(WORD, [each.type for each in arguments])
    return builder.inttoptr(builder.load(place), kind.as_pointer())


def address_of(program: Any, signature: tuple[Any, ...]) -> int:
    """Return where the machine code of an entry is, as C would call it; compile it if nobody has."""
    program.compile(signature)
    compiled = program.overloads[signature]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name))

"""What the processor offers beyond Python's numbers: vector sums, prefetching, addressing by offset.

And what threads synchronise by: flags that one sets and others read, and a pause between two looks at one.
"""

from __future__ import annotations

import platform
import time
from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

LINE_BYTES = 64  # of the processor's caches
FRONT_BYTES = 512  # how much of a longer record is prefetched
FOR_READING, KEPT_NEAR, DATA = 0, 3, 1  # arguments of LLVM's `llvm.prefetch`
BYTE_AT = ir.IntType(8).as_pointer()
# LLVM's intrinsics, with their arguments, that tell a processor that it only spins, waiting for another.
PAUSES = {
    "x86_64": ("llvm.x86.sse2.pause", ()),
    "amd64": ("llvm.x86.sse2.pause", ()),
    "aarch64": ("llvm.aarch64.hint", (1,)),
    "arm64": ("llvm.aarch64.hint", (1,)),
}
YIELD = "sched_yield"  # of the C library


def _ask_for_line(builder: Any, record: Any, offset: Any) -> None:
    """Emit a prefetch of one cache line, so many bytes behind a record's first."""
    takes = ir.FunctionType(ir.VoidType(), [BYTE_AT, *[ir.IntType(32)] * 3])
    hint = builder.module.declare_intrinsic("llvm.prefetch", [BYTE_AT], takes)
    place = builder.gep(builder.bitcast(record, BYTE_AT), [offset])
    builder.call(hint, [place, *(ir.Constant(ir.IntType(32), each) for each in (FOR_READING, KEPT_NEAR, DATA))])


@intrinsic
def _prefetch(_context: Any, record: Any) -> Any:
    def hints(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        n_bytes = min(record.size, FRONT_BYTES)
        for offset in range(0, n_bytes + LINE_BYTES - 1, LINE_BYTES):
            _ask_for_line(builder, values[0], ir.Constant(ir.IntType(64), min(offset, n_bytes - 1)))
        return context.get_dummy_value()

    return types.none(record), hints


@intrinsic
def _prefetch_at(_context: Any, record: Any, offset: Any) -> Any:
    def hint(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        _ask_for_line(builder, *values)
        return context.get_dummy_value()

    return types.none(record, types.int64), hint


@intrinsic
def _add_fields(_context: Any, sums: Any, record: Any) -> Any:
    def addition(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        vector_at = ir.VectorType(ir.IntType(64), sums.size // 8).as_pointer()
        total, addend = (builder.bitcast(each, vector_at) for each in values)
        added = builder.add(builder.load(total, align=8), builder.load(addend, align=8))
        builder.store(added, total, align=8)
        return context.get_dummy_value()

    return types.none(sums, record), addition


@intrinsic
def _with_offsets(_context: Any, record: Any) -> Any:
    def as_unknown(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        place = values[0].type
        return builder.asm(ir.FunctionType(place, [place]), "", "=r,0", [values[0]], side_effect=True)

    return record(record), as_unknown


def _value_at(builder: Any, flag: Any) -> Any:
    """Return the address of a record's first field, of 64 bits."""
    return builder.bitcast(flag, ir.IntType(64).as_pointer())


@intrinsic
def _seen(_context: Any, flag: Any) -> Any:
    def look(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.load_atomic(_value_at(builder, values[0]), "acquire", 8)

    return types.int64(flag), look


@intrinsic
def _show(_context: Any, flag: Any, value: Any) -> Any:
    def shown(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], _value_at(builder, values[0]), "release", 8)
        return context.get_dummy_value()

    return types.none(flag, types.int64), shown


@intrinsic
def _pause(_context: Any) -> Any:
    def instruction(context: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        name, arguments = PAUSES.get(platform.machine().lower(), ("", ()))
        word = ir.IntType(32)
        if name:
            takes = ir.FunctionType(ir.VoidType(), [word] * len(arguments))
            hint = builder.module.declare_intrinsic(name, (), takes)
            builder.call(hint, [ir.Constant(word, each) for each in arguments])
        return context.get_dummy_value()

    return types.none(), instruction


@intrinsic
def _give_way(_context: Any) -> Any:
    def call(context: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        known = builder.module.globals.get(YIELD)
        builder.call(known or ir.Function(builder.module, kind, YIELD), [])
        return context.get_dummy_value()

    return types.none(), call


def _no_hint(_record: Any) -> None:
    pass


def _no_hint_at(_record: Any, _offset: int) -> None:
    pass


def _add_each(sums: Any, record: Any) -> None:
    for name in sums.dtype.names:
        sums[name] += record[name]


def _same(record: Any) -> Any:
    return record


def _value_of(flag: Any) -> Any:
    return flag.value


def _set_value(flag: Any, value: int) -> None:
    flag.value = value


def _let_others_run() -> None:
    time.sleep(0)


# Prefetch a record that is read some frames later.
prefetch = _no_hint if numba.config.DISABLE_JIT else _prefetch
# Prefetch one cache line, so many bytes behind a record's first.
prefetch_at = _no_hint_at if numba.config.DISABLE_JIT else _prefetch_at
# Add to each field of a record of sums the field at that place of another record, all of 64 bits, as one vector.
add_fields = _add_each if numba.config.DISABLE_JIT else _add_fields
# The same record, at an address that LLVM must take for a new one in each turn of a loop. Else it computes the
# addresses of hundreds of fields ahead of the loop, runs out of registers, and reloads each from the stack, where an
# offset in the instruction that uses the field costs nothing.
with_offsets = _same if numba.config.DISABLE_JIT else _with_offsets
# Atomic flags: `seen` loads one with acquire semantics, `show` stores to one with release semantics.
seen = _value_of if numba.config.DISABLE_JIT else _seen
show = _set_value if numba.config.DISABLE_JIT else _show
# `pause`: wait a little before the next look at a flag; `give_way`: let other threads have this core.
pause = _let_others_run if numba.config.DISABLE_JIT else _pause
give_way = _let_others_run if numba.config.DISABLE_JIT else _give_way

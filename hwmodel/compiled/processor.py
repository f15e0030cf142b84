"""What the processor offers beyond Python's numbers: vector sums, prefetching, addressing by offset.

And what threads synchronise by: flags that one sets and others read, and a pause between two looks at one.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
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


def ask_for_line(builder: Any, record: Any, offset: Any) -> None:
    """Emit a prefetch of one cache line, so many bytes behind a record's first."""
    takes = ir.FunctionType(ir.VoidType(), [BYTE_AT, *[ir.IntType(32)] * 3])
    hint = builder.module.declare_intrinsic("llvm.prefetch", [BYTE_AT], takes)
    place = builder.gep(builder.bitcast(record, BYTE_AT), [offset])
    builder.call(hint, [place, *(ir.Constant(ir.IntType(32), each) for each in (FOR_READING, KEPT_NEAR, DATA))])


def instruction(interpreted: Callable[..., Any]) -> Any:
    """Return the decorator of what compiles to instructions; `interpreted` does the same where nothing is compiled."""
    return (lambda _compiled: interpreted) if numba.config.DISABLE_JIT else intrinsic


def _add_each(sums: Any, record: Any) -> None:
    for name in sums.dtype.names:
        sums[name] += record[name]


@instruction(lambda _record: None)
def prefetch(_context: Any, record: Any) -> Any:
    """Prefetch a record that is read some frames later."""

    def hints(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        n_bytes = min(record.size, FRONT_BYTES)
        for offset in range(0, n_bytes + LINE_BYTES - 1, LINE_BYTES):
            ask_for_line(builder, values[0], ir.Constant(ir.IntType(64), min(offset, n_bytes - 1)))
        return context.get_dummy_value()

    return types.none(record), hints


@instruction(lambda _record, _offset: None)
def prefetch_at(_context: Any, record: Any, offset: Any) -> Any:
    """Prefetch one cache line, so many bytes behind a record's first."""

    def hint(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        ask_for_line(builder, *values)
        return context.get_dummy_value()

    return types.none(record, types.int64), hint


@instruction(_add_each)
def add_fields(_context: Any, sums: Any, record: Any) -> Any:
    """Add to each field of a record of sums the field at that place of another, all of 64 bits, as one vector."""

    def addition(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        vector_at = ir.VectorType(ir.IntType(64), sums.size // 8).as_pointer()
        total, addend = (builder.bitcast(each, vector_at) for each in values)
        added = builder.add(builder.load(total, align=8), builder.load(addend, align=8))
        builder.store(added, total, align=8)
        return context.get_dummy_value()

    return types.none(sums, record), addition


@instruction(lambda record: record)
def with_offsets(_context: Any, record: Any) -> Any:
    """Return the same record, at an address that LLVM must take for a new one in each turn of a loop.

    Else it computes the addresses of hundreds of fields ahead of the loop, runs out of registers, and reloads each from
    the stack, where an offset in the instruction that uses the field costs nothing.
    """

    def as_unknown(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        place = values[0].type
        return builder.asm(ir.FunctionType(place, [place]), "", "=r,0", [values[0]], side_effect=True)

    return record(record), as_unknown


def _value_at(builder: Any, flag: Any) -> Any:
    """Return the address of a record's first field, of 64 bits."""
    return builder.bitcast(flag, ir.IntType(64).as_pointer())


@instruction(lambda flag: flag.value)
def seen(_context: Any, flag: Any) -> Any:
    """Load an atomic flag, with acquire semantics."""

    def look(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.load_atomic(_value_at(builder, values[0]), "acquire", 8)

    return types.int64(flag), look


@instruction(lambda flag, value: setattr(flag, "value", value))
def show(_context: Any, flag: Any, value: Any) -> Any:
    """Store to an atomic flag, with release semantics."""

    def shown(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], _value_at(builder, values[0]), "release", 8)
        return context.get_dummy_value()

    return types.none(flag, types.int64), shown


@instruction(lambda: time.sleep(0))
def pause(_context: Any) -> Any:
    """Wait a little before the next look at a flag."""

    def instruction(context: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        name, arguments = PAUSES.get(platform.machine().lower(), ("", ()))
        word = ir.IntType(32)
        if name:
            takes = ir.FunctionType(ir.VoidType(), [word] * len(arguments))
            hint = builder.module.declare_intrinsic(name, (), takes)
            builder.call(hint, [ir.Constant(word, each) for each in arguments])
        return context.get_dummy_value()

    return types.none(), instruction


@instruction(lambda: time.sleep(0))
def give_way(_context: Any) -> Any:
    """Let other threads have this core."""

    def call(context: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        known = builder.module.globals.get(YIELD)
        builder.call(known or ir.Function(builder.module, kind, YIELD), [])
        return context.get_dummy_value()

    return types.none(), call

"""Tables outside their record, which holds where each lies and how long it is: so it is as long as a run needs.

An array within a record has its greatest length in every run; its memory is taken only as it is written, but it is set
aside all the same, which batch systems limit (`ulimit -v`). A far table reads like such an array, compiled and in
Python: it has elements, a length, and slices in Python. `give` makes it longer before a run, `lengthened` in mid-run.

Where it lies changes as it grows. What it was copied from stays until the records go, so an element that somebody still
looks at can be read, but what is written to it then is lost. A kernel's index is never a constant: numba reads that
as the number of a field.
"""

from __future__ import annotations

import ctypes
import mmap
import operator
import platform
import sys
import threading
from contextlib import suppress
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from llvmlite import ir
from llvmlite.binding import add_symbol
from numba.core import types
from numba.core.types import BaseTuple  # type: ignore[attr-defined]
from numba.extending import lower_builtin, type_callable

from hwmodel.compiled.processor import BYTE_AT, ask_for_line, instruction
from hwmodel.compiled.programs import below_kernels
from hwmodel.compiled.records import I64, ints, record

ADDRESS, LENGTH, MOST = range(3)  # the words of a table
WORDS = ("address", "n", "most")
ITEMS = "of"  # a field of no length, by which a table's type says what lies in it
WORD_BYTES = 8
LINE_BYTES = 64  # of the processor's caches: where tables begin
WORD = ir.IntType(64)
# Linux's MAP_NORESERVE, which Python's module does not name on all machines; elsewhere the system sets aside what it
# sees fit for memory that is never touched.
NO_RESERVE = 0x4000 if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") else 0
GROW = "hwmodel.far_tables.grow"  # what machine code calls to have a table made longer


class Table(np.void):  # type: ignore[misc]  # numpy calls it final, and has it subclassed for records elements
    """Be a table in Python: an array of its items."""

    __slots__ = ()
    entry: np.dtype[Any]
    first: int
    most: int

    def rows(self) -> Any:
        """Return all items as an array; it does not follow if the table is made longer."""
        return _owner_of(self).rows(np.void.__getitem__(self, "address"), np.void.__getitem__(self, "n"), self.entry)

    def __getitem__(self, key: Any) -> Any:
        return self.rows()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.rows()[key] = value

    def __repr__(self) -> str:
        return repr(self.rows())

    def __iter__(self) -> Any:
        return iter(self.rows())

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Return the shape of all items."""
        return self.rows().shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """Return the type of an item."""
        return self.rows().dtype

    def __len__(self) -> int:
        return int(np.void.__getitem__(self, "n"))

    def lengthen(self, n: int) -> bool:
        """Make the table at least so long; return whether it is."""
        return _grow(address_of(self), n, self.entry.itemsize) != 0

    def lengthen_once(self) -> bool:
        """Do as `lengthened` does in compiled code."""
        return len(self) < self.most and self.lengthen(min(2 * len(self), self.most))


def far(item: Any, most: int, first: int = 1) -> np.dtype[Any]:
    """Return the type of a field that is a table of items: `first` of them in a fresh record, at most `most`."""
    of = np.dtype(item)
    words: Any = record(*ints(*WORDS), (ITEMS, of, (0,)))
    about = {"__slots__": (), "plain": words.type.plain, "entry": of, "first": first, "most": most}
    return np.dtype((type("Table", (Table,), about), words))


class _Owner:
    """Own the tables of records that lie in one piece of memory; `refused`: why one could not be made longer."""

    def __init__(self, records: mmap.mmap, tables: mmap.mmap) -> None:
        self.start, self.end = address_of(records), address_of(records) + len(records)
        self._first = address_of(tables)
        self._blocks = {self._first: tables}  # by their addresses
        self._views: dict[tuple[int, int], Any] = {}
        self.n_bytes = len(records) + len(tables)
        self.refused = ""

    def own(self, block: mmap.mmap) -> int:
        """Keep a longer table; return its address."""
        address = address_of(block)
        self._blocks[address] = block
        self.n_bytes += len(block)
        return address

    def rows(self, address: int, n: int, item: np.dtype[Any]) -> Any:
        """Return a table as an array, which keeps its memory even when the records go."""
        place = int(address), int(n)
        if place not in self._views:
            block = self._blocks.get(place[0])
            lies_with_others = block is None
            offset = place[0] - self._first if lies_with_others else 0
            self._views[place] = np.ndarray(
                place[1], item, self._blocks[self._first] if lies_with_others else block, offset
            )
        return self._views[place]


# By the memory of their records, and gone with it. Kernels on several threads may have tables made longer at once.
_OWNERS: WeakKeyDictionary[mmap.mmap, _Owner] = WeakKeyDictionary()
_LOCK = threading.RLock()


def address_of(memory: Any) -> int:
    """Return where memory lies that has Python's buffer protocol."""
    return int(np.frombuffer(memory, np.uint8).ctypes.data)


def _owner_of(part: Any) -> _Owner:
    while not isinstance(part, (mmap.mmap, memoryview)):
        part = part.base
    return _OWNERS[part.obj if isinstance(part, memoryview) else part]  # type: ignore[index]


def spanned_bytes(records: Any) -> int:
    """Return how many bytes of addresses some records, made together, and their tables take."""
    return _owner_of(records).n_bytes


def check_memory(records: Any) -> None:
    """Raise MemoryError, with the amount, if there was no memory to make a table of some records longer in a run."""
    refused = _owner_of(records).refused
    if refused:
        raise MemoryError(refused)


def mapped(n_bytes: int) -> mmap.mmap:
    """Return memory of zeros, which is taken only as it is written, in small pages.

    A large page is 2 MiB to be filled with zeros, which takes a short run more than all that it simulates. Raises
    MemoryError with the amount where the system, or a limit (`ulimit -v`), has no room for so many addresses.
    """
    try:
        memory = mmap.mmap(-1, max(1, n_bytes), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
    except OSError as error:
        raise MemoryError(f"Unable to allocate {n_bytes / (1 << 20):,.0f} MiB of addresses") from error
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without large pages knows no such advice
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory


def zeros(n: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return an array of records of zeros, with their tables as long as these begin; raises as `mapped` does."""
    found = list(tables_in(dtype))
    offsets = np.array([offset for offset, _ in found], np.int64)
    lengths = np.array([kind.first for _, kind in found], np.int64)
    n_bytes = lengths * np.array([kind.entry.itemsize for _, kind in found], np.int64)
    ends = np.cumsum(-(-n_bytes // LINE_BYTES) * LINE_BYTES)
    of_each = int(ends[-1]) if found else 0
    records, tables = mapped(n * dtype.itemsize), mapped(n * of_each)
    words = np.frombuffer(records, I64, n * dtype.itemsize // WORD_BYTES)
    for number in range(n if found else 0):
        at = (number * dtype.itemsize + offsets) // WORD_BYTES
        words[at + ADDRESS] = address_of(tables) + number * of_each + np.concatenate([[0], ends[:-1]])
        words[at + LENGTH], words[at + MOST] = lengths, [kind.most for _, kind in found]
    with _LOCK:
        _OWNERS[records] = _Owner(records, tables)
    return np.frombuffer(records, dtype, n)


def tables_in(dtype: np.dtype[Any]) -> tuple[tuple[int, Any], ...]:
    """Return of each table in a record where it stands, in bytes, and its class."""
    # By identity: two types of tables with the same items are equal for numpy.
    if id(dtype) not in _FOUND:
        _FOUND[id(dtype)] = dtype, _sought(dtype)
    return _FOUND[id(dtype)][1]


_FOUND: dict[int, tuple[np.dtype[Any], tuple[tuple[int, Any], ...]]] = {}


def _sought(dtype: np.dtype[Any]) -> tuple[tuple[int, Any], ...]:
    if dtype.subdtype is not None:
        item, (n,) = dtype.base, (int(np.prod(dtype.shape)),)
        inner = _sought(item)
        return tuple((at * item.itemsize + offset, kind) for at in range(n if inner else 0) for offset, kind in inner)
    if issubclass(dtype.type, Table):
        return ((0, dtype.type),)
    fields: Any = dtype.fields or {}
    return tuple(
        (start + offset, kind) for name in dtype.names or () for start in (int(fields[name][1]),)
        for offset, kind in _sought(fields[name][0])
    )  # fmt: skip


def give(table: Any, n: int) -> Any:
    """Make a table at least so long, and return its first so many items as an array; raises as `mapped` does."""
    if not table.lengthen(n):
        raise MemoryError(_owner_of(table).refused)
    return table.rows()[:n]


def _grow(table_at: int, n: int, item_bytes: int) -> int:
    """Make the table whose record lies at an address at least so long; return 0 where it cannot be."""
    words = (ctypes.c_int64 * len(WORDS)).from_address(table_at)
    if n > words[LENGTH]:
        with _LOCK:
            owner = next(one for one in _OWNERS.values() if one.start <= table_at < one.end)
        if n > words[MOST]:
            return 0
        try:
            address = owner.own(mapped(n * item_bytes))
        except MemoryError as error:
            owner.refused = str(error)
            return 0
        ctypes.memmove(address, words[ADDRESS], words[LENGTH] * item_bytes)
        words[ADDRESS], words[LENGTH] = address, n
    return 1


_GROWN = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(below_kernels(_grow))
add_symbol(GROW, ctypes.cast(_GROWN, ctypes.c_void_p).value)


def is_table(kind: Any) -> bool:
    """Tell whether a type of numba's is that of a table."""
    return isinstance(kind, types.Record) and set(kind.fields) == {*WORDS, ITEMS}


def _item_of(table: Any) -> Any:
    """Return the type of what an index finds: an item or, of an item that is a row of numbers, a number."""
    return table.typeof(ITEMS).dtype


def item_bytes(table: Any) -> int:
    """Return the bytes of what an index finds."""
    item = _item_of(table)
    return int(item.size if isinstance(item, types.Record) else item.bitwidth // 8)


@type_callable(len)
def _type_length(_context: Any) -> Any:
    return lambda table: types.intp if is_table(table) else None


@type_callable(operator.getitem)
def _type_item(_context: Any) -> Any:
    return lambda table, _index: _item_of(table) if is_table(table) else None


@type_callable(operator.setitem)
def _type_entry(_context: Any) -> Any:
    return lambda table, _index, _value: types.none if is_table(table) else None


@lower_builtin(len, types.Record)
def _length(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    words = builder.bitcast(values[0], WORD.as_pointer())
    return builder.load(builder.gep(words, [ir.Constant(WORD, LENGTH)]))


@lower_builtin(operator.getitem, types.Record, types.Any)
def _item(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    place = _place(context, builder, signature.args, values)
    return context.unpack_value(builder, signature.return_type, place)


@lower_builtin(operator.setitem, types.Record, types.Any, types.Any)
def _entered(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    place, item = _place(context, builder, signature.args, values), _item_of(signature.args[0])
    context.pack_value(builder, item, context.cast(builder, values[2], signature.args[2], item), place)
    return context.get_dummy_value()


def _place(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
    """Emit code that finds an item of a table, by its number, or by those of a row and of an item there."""
    place = context.get_data_type(_item_of(kinds[0])).as_pointer()
    first = builder.load(builder.bitcast(values[0], place.as_pointer()))
    index = values[1]
    if isinstance(kinds[1], BaseTuple):
        row, column = (
            context.cast(builder, builder.extract_value(values[1], at), kinds[1][at], types.intp) for at in range(2)
        )
        n_columns = kinds[0].typeof(ITEMS).shape[1]
        index = builder.add(builder.mul(row, ir.Constant(WORD, n_columns)), column)
    else:
        index = context.cast(builder, index, kinds[1], types.intp)
    return builder.gep(first, [index])


@instruction(lambda table: table.lengthen_once())
def lengthened(_context: Any, table: Any) -> Any:
    """Make a table twice as long, or as long as it may be; return 0 where it is that already, or there is no memory."""
    of = table.typeof(ITEMS)
    n_bytes = item_bytes(table) * prod(of.shape[1:])

    def call(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        grow = builder.module.globals.get(GROW) or ir.Function(builder.module, ir.FunctionType(WORD, [WORD] * 3), GROW)
        words = builder.bitcast(values[0], WORD.as_pointer())
        length, most = (builder.load(builder.gep(words, [ir.Constant(WORD, at)])) for at in (LENGTH, MOST))
        twice, may_grow = builder.shl(length, ir.Constant(WORD, 1)), builder.icmp_signed("<", length, most)
        n = builder.select(builder.icmp_signed("<", twice, most), twice, most)
        found = builder.call(grow, [builder.ptrtoint(values[0], WORD), n, ir.Constant(WORD, n_bytes)])
        return builder.and_(found, builder.zext(may_grow, WORD))

    return types.int64(table), call


@instruction(lambda _table, _number: None)
def prefetch_item(_context: Any, table: Any, _number: Any) -> Any:
    """Prefetch the cache line in which an item of a table begins; of rows of numbers, count all numbers."""
    n_bytes = item_bytes(table)

    def hint(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        first = builder.load(builder.bitcast(values[0], BYTE_AT.as_pointer()))
        ask_for_line(builder, first, builder.mul(values[1], ir.Constant(WORD, n_bytes)))
        return context.get_dummy_value()

    return types.none(table, types.int64), hint

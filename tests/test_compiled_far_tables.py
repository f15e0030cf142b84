"""Tables outside their record: as an array within it would be, compiled and in Python, and longer when asked."""

from __future__ import annotations

import ast
import gc
import random
import weakref
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest
from numba import njit

from hwmodel.compiled import COMPILED_BLOCKS, far_tables
from hwmodel.compiled.far_tables import check_memory, far, give, lengthened, spanned_bytes, tables_in, zeros
from hwmodel.compiled.records import I16, I32, ints, record
from hwmodel.machine.network.bridge_state import BRIDGE
from hwmodel.machine.server import SERVER
from hwmodel.machine.system import SYSTEM

ITEM = record(*ints("first", "second"), ("small", I16))
INNER = record(*ints("n"), ("entry", far(ITEM, 40, 3)))
RECORD = record(
    *ints("before"),
    ("number", far(I32, 64, 2)),
    ("row", far((I32, (5,)), 9, 2)),
    ("inner", INNER, (2,)),
    ("within", ITEM, (40,)),
    *ints("behind"),
)


def steps_in_python(records, plan):
    """Write, copy, add up and lengthen as a plan says; return sums of what was read."""
    one, found, first = records[0], 0, np.int64(0)
    for i in range(len(plan)):
        at, value, inner = plan[i, 0], plan[i, 1], one.inner[plan[i, 2]]
        while at >= len(inner.entry):
            if not lengthened(inner.entry):
                return -1
        while at >= len(one.number):
            if not lengthened(one.number):
                return -2
        item = inner.entry[at]
        item.first += value
        item.small = value
        inner.entry[first] = inner.entry[at]
        one.number[at] += value
        one.row[at % 2, value % 5] += value
        found += inner.entry[first].first + 3 * one.number[at] + 7 * one.row[at % 2, value % 5] + len(inner.entry)
    return found


steps_compiled = njit(steps_in_python)


def interpreted(records, plan):
    """Do the same where nothing is compiled."""
    names = steps_in_python.__globals__ | {"lengthened": lambda table: table.lengthen_once()}
    return FunctionType(steps_in_python.__code__, names)(records, plan)


def plan_of(seed, most=40, n=200):
    chance = random.Random(seed)
    return np.array([(chance.randrange(most), chance.randrange(100), chance.randrange(2)) for _ in range(n)], np.int64)


def filled(records):
    one = records[0]
    return [one.number.rows(), one.row.rows(), *(inner["entry"].rows() for inner in one.inner)]


@pytest.mark.parametrize("seed", range(4))
def test_a_table_is_as_arrays_are(seed):
    """Against numpy arrays of the greatest length, step by step, and compiled as in Python."""
    plan, expected = plan_of(seed), 0
    number, row, items, lengths = np.zeros(64, int), np.zeros((9, 5), int), np.zeros((2, 40, 3), int), [3, 3]
    for at, value, inner in plan.tolist():
        while lengths[inner] <= at:
            lengths[inner] = min(2 * lengths[inner], 40)
        items[inner, at] += value, 0, 0
        items[inner, at, 2] = value
        items[inner, 0] = items[inner, at]
        number[at] += value
        row[at % 2, value % 5] += value
        expected += items[inner, 0, 0] + 3 * number[at] + 7 * row[at % 2, value % 5] + lengths[inner]
    for run in (steps_compiled, interpreted):
        records = zeros(1, RECORD)
        assert run(records, plan) == expected
        numbers, rows, *inner = filled(records)
        assert numbers.tolist() == number[: len(numbers)].tolist()
        assert rows.tolist() == row[: len(rows)].tolist()
        for own, table, n in zip(items, inner, lengths, strict=True):
            assert len(table) == n and table["first"].tolist() == own[:n, 0].tolist()
        assert (records[0].before, records[0].behind, records[0].within["first"].any()) == (0, 0, False)


def test_a_table_is_never_longer_than_it_may_be():
    """40 items, whatever the powers of two; the 41st finds no room, and nothing is lost."""
    records = zeros(1, RECORD)
    assert steps_compiled(records, np.array([[39, 5, 1]], np.int64)) > 0
    assert steps_compiled(records, np.array([[40, 5, 1]], np.int64)) == -1
    assert len(records[0].inner[1].entry) == 40 and records[0].inner[1].entry[39].first == 5
    with pytest.raises(MemoryError):
        give(records[0].inner[1].entry, 41)


def test_python_sees_what_was_given_and_slices_it():
    records = zeros(3, RECORD)
    rows = give(records[2].inner[0].entry, 20)
    rows["second"] = np.arange(20)
    assert [len(one.inner[0].entry) for one in records] == [3, 3, 20]
    assert records[2]["inner"][0]["entry"]["second"][5:8].tolist() == [5, 6, 7]
    assert [int(each.second) for each in records[2].inner[0].entry][-1] == 19
    records[2].inner[0].entry[1] = records[2].inner[0].entry[19]
    assert records[2].inner[0].entry[1].second == 19
    give(records[2].inner[0].entry, 5)  # long enough
    assert len(records[2].inner[0].entry) == 20
    assert [offset for offset, _ in tables_in(RECORD)] == sorted(offset for offset, _ in tables_in(RECORD))
    assert len(tables_in(RECORD)) == 4


def test_what_is_taken_is_what_tables_need_and_goes_with_the_records():
    long = record(("entry", far(ITEM, 1 << 30)))
    records = zeros(1, long)
    begun = spanned_bytes(records)
    give(records[0].entry, 1 << 16)
    assert begun < 4096 and (1 << 16) * ITEM.itemsize <= spanned_bytes(records) - begun < (1 << 17) * ITEM.itemsize
    block = weakref.ref(records[0].entry.rows().base)
    view = records[0].entry[7:9]
    del records
    gc.collect()
    assert block() is not None and view["first"].tolist() == [0, 0]  # a view keeps what it shows
    del view
    gc.collect()
    assert block() is None


def test_memory_that_is_refused_in_mid_run_is_told_with_the_amount(monkeypatch):
    def refuse(n_bytes):
        raise MemoryError(f"Unable to allocate {n_bytes} bytes")

    records = zeros(1, RECORD)
    check_memory(records)
    monkeypatch.setattr(far_tables, "mapped", refuse)
    assert steps_compiled(records, np.array([[10, 5, 0]], np.int64)) == -1
    with pytest.raises(MemoryError, match=rf"Unable to allocate {6 * ITEM.itemsize} bytes"):
        check_memory(records)


def test_no_kernel_indexes_a_table_by_a_constant():
    """Numba reads a constant index of a record, as a table is, as the number of a field."""
    names = {name for dtype in (SERVER, BRIDGE, SYSTEM) for name in names_of_tables(dtype)}
    assert {"post", "slot", "histogram", "template", "hop"} <= names
    package = Path(far_tables.__file__).parents[1]
    found = [
        f"{path.name}:{node.lineno}"
        for block in COMPILED_BLOCKS
        for path in (package / block).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.UnaryOp)
        and isinstance(node.value, ast.Attribute) and node.value.attr in names
    ]  # fmt: skip
    assert found == []


def names_of_tables(dtype):
    for name in dtype.names or ():
        kind = dtype.fields[name][0].base
        if issubclass(kind.type, far_tables.Table):
            yield name
            kind = kind.type.entry.base
        yield from names_of_tables(kind)

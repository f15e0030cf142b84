"""Scripts of configuration accesses: a line each, answered in order.

    read FUNCTION OFFSET BYTES
    write FUNCTION OFFSET BYTES VALUE
    raise FUNCTION VECTOR
    wait TIME

FUNCTION is `pf`, `pf1` of a second port, `vf0`, ..., of a read or a write also one of its memory ranges, `vf0:bar0`;
OFFSET, BYTES, VALUE and VECTOR are numbers, 0x for hexadecimal; # begins a comment. A script ends with an error at what
software must not do, where hardware would behave as it likes: NumVFs above TotalVFs, more VFs enabled than work beside
the PF's driver, VFs enabled whose ranges end beyond the last address, and what `vf_range.py` and `msix_table.py` name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hwmodel.config_space.adapter import CONTROL, NUM_VFS, VF_ENABLE, VF_MEMORY, PciAdapter
from hwmodel.config_space.memory_ranges import MemoryRanges, check_memory_access, is_range
from hwmodel.config_space.space import check_access
from hwmodel.errors import InputError
from hwmodel.units import format_bytes, format_time_fs, ns_from_fs, parse_time_fs
from hwmodel.words.quantities import counted

FORMS = {
    "read": ("FUNCTION", "OFFSET", "BYTES"),
    "write": ("FUNCTION", "OFFSET", "BYTES", "VALUE"),
    "raise": ("FUNCTION", "VECTOR"),
    "wait": ("TIME",),
}


class Access(NamedTuple):
    """Hold one line: `kind` is a key of `FORMS`; `time_fs` of a wait alone, `vector` of a raise."""

    kind: str
    function: str = ""
    offset: int = 0
    n_bytes: int = 0
    value: int = 0
    time_fs: int = 0
    vector: int = 0


class Answer(NamedTuple):
    """Say what came of a line: its text, and the value read, or present after a write; None for other lines.

    `at_fs`: when it began, by the adapter's clock; `took_fs`: what it took.
    """

    text: str
    value: int | None
    at_fs: int
    took_fs: int


def read_script(text: str, name: str) -> list[tuple[int, Access]]:
    """Return the accesses of a script, with their lines. Raises InputError, a line for each that is wrong."""
    found, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            found.append((number, _access(words)))
        except InputError as error:
            problems += [f"{name}:{number}: {each}" for each in error.lines]
    if problems:
        raise InputError(problems)
    return found


def run_script(memory: MemoryRanges, script: list[tuple[int, Access]], name: str) -> Iterator[Answer]:
    """Do the accesses of a script, to an adapter and its ranges. Raises InputError at one that cannot be done."""
    adapter = memory.adapter
    for number, access in script:
        at_fs = adapter.now_fs
        try:
            said, value = _done(adapter, memory, access)
            came_of_it = memory.told()
        except InputError as error:
            raise InputError([f"{name}:{number}: {each}" for each in error.lines]) from None
        took_fs = adapter.now_fs - at_fs
        if value is not None:
            said += f" ({ns_from_fs(took_fs):,.1f} ns)"
        yield Answer("; ".join([said, *came_of_it]), value, at_fs, took_fs)


def _access(words: list[str]) -> Access:
    kind, *arguments = words
    if kind not in FORMS:
        raise InputError(f"no access is called {kind!r} ({', '.join(FORMS)})")
    if len(arguments) != len(FORMS[kind]):
        form = " ".join((kind, *FORMS[kind]))
        raise InputError(f"{kind} takes {counted(len(FORMS[kind]), 'word')}, not {len(arguments)} ({form})")
    if kind == "wait":
        try:
            return Access(kind, time_fs=parse_time_fs(arguments[0]))
        except ValueError as error:
            raise InputError(f"{error}") from None
    numbers = [_number(word, what) for word, what in zip(arguments[1:], FORMS[kind][1:], strict=True)]
    if kind == "raise":
        return Access(kind, arguments[0], vector=numbers[0])
    (check_memory_access if is_range(arguments[0]) else check_access)(*numbers[:2])
    return Access(kind, arguments[0], *numbers)


def _number(word: str, what: str) -> int:
    try:
        value = int(word, 0)
    except ValueError:
        raise InputError(f"{what} is {word!r}, which is no whole number (as 12 or 0x0c)") from None
    if value < 0:
        raise InputError(f"{what} is {word}, which is less than 0")
    return value


def _done(adapter: PciAdapter, memory: MemoryRanges, access: Access) -> tuple[str, int | None]:
    function, offset, n_bytes = access.function, access.offset, access.n_bytes
    if access.kind == "wait":
        adapter.wait(access.time_fs)
        return f"wait {format_time_fs(access.time_fs)}", None
    if access.kind == "raise":
        why_held = memory.raise_vector(function, access.vector)
        return f"raise {function} {access.vector}{why_held and ' -> '}{why_held}", None
    said = f"{access.kind} {function} 0x{offset:03x} {n_bytes}"
    if access.kind == "write":
        said += f" 0x{access.value:0{2 * n_bytes}x}"
    value = _of_memory(memory, access) if is_range(function) else _of_configuration(adapter, access)
    if value is None:
        why_silent = f" ({memory.why_silent(function)})" if is_range(function) else ""
        value = (1 << 8 * n_bytes) - 1
        return f"{said} -> {value:#x}, does not answer{why_silent}", value
    return f"{said} -> 0x{value:0{2 * n_bytes}x}", value


def _of_memory(memory: MemoryRanges, access: Access) -> int | None:
    """Do an access; return the value read, or present after a write; None if nothing answers."""
    at = (access.function, access.offset, access.n_bytes)
    return memory.read(*at) if access.kind == "read" else memory.write(*at, access.value)


def _of_configuration(adapter: PciAdapter, access: Access) -> int | None:
    """Do an access; return the value read, or present after a write; None if nothing answers."""
    at = (access.function, access.offset, access.n_bytes)
    if access.kind == "read":
        return adapter.answer(*at)
    _check_n_vfs(adapter, access)
    is_there = adapter.write(*at, access.value)
    _check_ranges(adapter)
    space = adapter.space(access.function) if is_there else None
    return None if space is None else space.get(access.offset, access.n_bytes)


def _check_n_vfs(adapter: PciAdapter, access: Access) -> None:
    """Raise InputError if a write, even of one byte, would set NumVFs above TotalVFs, or enable more than work."""
    if access.function not in adapter.pf_names or access.value >> 8 * access.n_bytes:
        return
    pf = adapter.pf_of(access.function)
    content = bytearray(pf.content())
    content[access.offset : access.offset + access.n_bytes] = access.value.to_bytes(access.n_bytes, "little")
    asked = int.from_bytes(content[pf.sr_iov + NUM_VFS : pf.sr_iov + NUM_VFS + 2], "little")
    if asked > pf.total_vfs:
        raise InputError(f"NumVFs {asked} is more than TotalVFs, {pf.total_vfs}")
    enables = content[pf.sr_iov + CONTROL] & VF_ENABLE and not pf.has_vfs
    if enables and adapter.beside_pf is not None and asked > adapter.beside_pf:
        raise InputError(
            f"VF Enable with NumVFs {asked}: beside the PF's driver {adapter.beside_pf} VFs of the "
            f"{adapter.device.name} work, though TotalVFs is {pf.total_vfs} (Linux limits sriov_numvfs so)"
        )


def _check_ranges(adapter: PciAdapter) -> None:
    """Raise InputError if the memory ranges of enabled VFs end beyond the last address."""
    for pf in adapter.pfs:
        if pf.get(pf.sr_iov + CONTROL, 1) & (VF_ENABLE | VF_MEMORY) != VF_ENABLE | VF_MEMORY:
            continue
        for index, bar in adapter.device.vf_bars.items():
            first, size_bytes = pf.vf_address(0, index), pf.vf_bar_bytes(index)
            if pf.vf_address(pf.n_vfs, index) > 1 << (64 if bar.is_64_bit else 32):
                each = format_bytes(size_bytes)
                raise InputError(f"VF BAR {index} at 0x{first:x}: {pf.n_vfs} VFs of {each} end behind the last address")

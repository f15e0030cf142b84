"""The kernels' machine code on disk: whether it is there, and how it gets there.

A cold cache is filled by other processes, up to one for each processor: the compiler's memory is freed when they end,
and what speeds it up (`compiled.known_answers`) affects no other code. Code that two entry points share is compiled
once in a process, so a second entry takes it a third of the time. Only one command fills a folder at a time; others
that find it cold wait.

Each entry's files are sealed with a checksum, since they are executed: a file left empty by a power loss, or with a
flipped bit, is recompiled; otherwise numba would fail for ever, or the program crash at the first call.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numba

from hwmodel.compiled import CACHE_DIR, CACHE_ROOTS
from hwmodel.errors import RunError

# Entry points, as dotted names within the package.
ENGINE = "machine.engine.run"
WITHOUT_OPTIONS = "machine.without_options.run_without_options"  # in its place for a server without optional features
COMMANDS = "machine.commanded.run_commanded"  # needed in addition if something changes in mid-run
DECISIONS = "machine.switch.decisions.decide_anew"
DECIDING = (DECISIONS, "machine.first_decisions.decide_alone")
RUN_ENTRIES = (ENGINE, *DECIDING)
SYSTEM_ENTRIES = (
    ENGINE, DECISIONS, "machine.system.run_system", "machine.first_decisions.decide_first",
    "machine.network.places.enter_homes", "machine.network.places.announce", "machine.counts.flow_state.add_flows",
)  # fmt: skip
DMA_ENTRIES = ("machine.link_alone.run_dma",)
PEER_ENTRIES = ("machine.peer_writes.run_writes",)
SWITCH_ENTRIES = ("forwarding.frame_batch.decide_batch", "forwarding.frame_batch.copy_batch")
CAPTURE_ENTRIES = ("forwarding.frame_batch.read_packets",)
# Processor seconds to compile the slower entries (benches/startup.py measures a first run).
_TAKES_S = {
    ENGINE: 23, WITHOUT_OPTIONS: 18, COMMANDS: 12, SYSTEM_ENTRIES[2]: 12, SYSTEM_ENTRIES[3]: 4, DECISIONS: 5,
}  # fmt: skip
_ROUNDED_S = 5  # the announced time is a multiple of this
_IN_PROCESS: set[tuple[str, ...]] = set()  # entries known to be compiled, not to be checked again
_WHOLE: set[Path] = set()  # seals that this process has verified


def kernels_are_cached(entries: tuple[str, ...] = RUN_ENTRIES) -> bool:
    """Tell whether these entry points are on disk, whole, so that nothing has to be compiled."""
    return all(_is_whole(name) for name in entries)


def _is_loaded(entry: str) -> bool:
    """Tell whether this process, and so any process forked from it, has an entry's code in memory."""
    module, _, function = entry.rpartition(".")
    loaded = sys.modules.get(f"hwmodel.{module}")
    return loaded is not None and bool(getattr(getattr(loaded, function), "signatures", ()))


def seal(entry: str, without: str = "") -> None:
    """Write the checksums of an entry's files; do nothing if it has none, or if the disk is full.

    `without`: which of numba's undocumented parts were left out (`compiled.left_out`), written to a file of its own.
    """
    checksums = _checksums(entry)
    if checksums:
        with suppress(OSError):
            _note_of(entry).unlink(missing_ok=True)
            if without:
                _note_of(entry).write_text(without, encoding="utf-8")
            _seal_of(entry).write_text(checksums, encoding="utf-8")


def compiled_without(entries: tuple[str, ...]) -> str:
    """Return which of numba's undocumented parts these entries were compiled without, and why; "" if none."""
    return "; ".join(dict.fromkeys(text for entry in entries if (text := _text(_note_of(entry)))))


def _is_whole(entry: str) -> bool:
    """Tell whether an entry's files match their seal; once found so, a process does not check again (some 2 ms)."""
    path = _seal_of(entry)
    if path not in _WHOLE and _text(path) and _text(path) == _checksums(entry):
        _WHOLE.add(path)
    return path in _WHOLE


def _seal_of(entry: str) -> Path:
    return CACHE_DIR / f"{entry}.crc32"


def _note_of(entry: str) -> Path:
    return CACHE_DIR / f"{entry}.without"


def _files_of(entry: str) -> str:
    """Return the glob pattern of an entry's files, which numba names after module, function and line."""
    return f"{'.'.join(entry.split('.')[-2:])}-*"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _checksums(entry: str) -> str:
    """Return a checksum line for each of an entry's files: numba's index (.nbi) and machine code (.nbc)."""
    try:
        files = sorted(path for path in CACHE_DIR.rglob(_files_of(entry)) if path.suffix in (".nbi", ".nbc"))
        return "".join(f"{path.name} {zlib.crc32(path.read_bytes()):08x}\n" for path in files)
    except OSError:
        return ""


def _discard(entry: str) -> bool:
    """Remove an entry's files; return whether they had been sealed."""
    was_sealed = _seal_of(entry).exists()
    for path in [_seal_of(entry), _note_of(entry), *CACHE_DIR.rglob(_files_of(entry))]:
        with suppress(OSError):
            path.unlink()
    return was_sealed


def have_kernels(entries: tuple[str, ...] = RUN_ENTRIES) -> float:
    """Compile the entries that are neither in memory nor on disk; return the seconds that it took."""
    if entries in _IN_PROCESS:
        return 0.0
    started_s = time.perf_counter()
    was_there = not _missing(entries)
    fill_cache(entries)
    _IN_PROCESS.add(entries)
    return 0.0 if was_there else time.perf_counter() - started_s


def announce_compilation(entries: tuple[str, ...], say: Callable[[str], object]) -> None:
    """Announce a compilation and how long it takes; first say where the code is kept if not in the usual folder."""
    if not _missing(entries):
        return
    if passed_over := passed_over_cache():
        say(passed_over)
    takes_s = [_TAKES_S.get(entry, 0) for entry in _missing(entries)]
    most_s = -(-max(*takes_s, sum(takes_s) / 2) // _ROUNDED_S) * _ROUNDED_S
    takes = f": some {most_s:.0f} s on two cores" if most_s else ""
    say(f"compiling the kernels, the first time only{takes} ...")


def passed_over_cache() -> str | None:
    """Return a line naming the folder used in place of the first choice; None if the first choice is used."""
    if not CACHE_ROOTS or CACHE_DIR.parent == CACHE_ROOTS[0]:
        return None
    why = "cannot be written, is full, or is not this user's alone"
    return f"{CACHE_ROOTS[0]}: {why}; the compiled kernels are kept in {CACHE_DIR.parent}"


def fill_cache(entries: tuple[str, ...] = RUN_ENTRIES) -> None:
    """Compile what is not on disk yet, in other processes; if none can be started, the first call compiles.

    The first call also compiles if a process is killed, or, with a warning, if the disk is full. Damaged files are
    recompiled, with a warning too.
    """
    if not _missing(entries):
        return
    with _one_at_a_time():
        missing = _missing(entries)
        if any([_discard(name) for name in missing]):
            damage = f"{CACHE_DIR}: compiled kernels there were damaged; they are compiled anew"
            warnings.warn(damage, RuntimeWarning, stacklevel=2)
        _compile(missing)


def _compile(missing: list[str]) -> None:
    from hwmodel.processes import work_through
    from hwmodel.processes.processors import usable_processors
    from hwmodel.simulation.run.compile_entry import compile_alone

    if not missing:
        return
    n_done = 0
    in_turn = sorted(missing, key=lambda name: -_TAKES_S.get(name, 0))  # the longest first
    try:
        with _this_folder():
            for one in work_through(compile_alone, in_turn, jobs=min(len(missing), usable_processors()), attempts=1):
                if one.value is not None:
                    seal(in_turn[one.number], one.value)
                    n_done += 1
    except RunError:
        return
    if without := compiled_without(tuple(missing)):
        warnings.warn(
            "numba compiles by its documented parts alone, which takes four times as long and makes runs a half slower "
            f"({without})",
            RuntimeWarning,
            stacklevel=3,
        )
    if n_done == len(missing) and not kernels_are_cached(tuple(missing)):
        warnings.warn(
            f"{CACHE_DIR}: the disk is full; the kernels are compiled again for each run "
            "(HWMODEL_CACHE_DIR names another folder)",
            RuntimeWarning,
            stacklevel=3,
        )


def _missing(entries: tuple[str, ...]) -> list[str]:
    """Return the entries to compile; none if numba is disabled."""
    return [] if numba.config.DISABLE_JIT else [name for name in entries if not (_is_loaded(name) or _is_whole(name))]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock while filling this folder; if files cannot be locked, go on without."""
    descriptor = None
    with suppress(OSError):
        descriptor = os.open(CACHE_DIR.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def _this_folder() -> Iterator[None]:
    """Make child processes use this process's cache folder, which may be a temporary one of its own."""
    asked = os.environ.get("HWMODEL_CACHE_DIR")
    os.environ["HWMODEL_CACHE_DIR"] = str(CACHE_DIR.parent)
    try:
        yield
    finally:
        if asked is None:
            del os.environ["HWMODEL_CACHE_DIR"]
        else:
            os.environ["HWMODEL_CACHE_DIR"] = asked


def load_kernels(entries: tuple[str, ...]) -> None:
    """Load the kernels into this process now, so that processes forked from it have them."""
    from hwmodel.simulation.run.compile_entry import compile_entry

    if kernels_are_cached(entries):
        for entry in entries:
            compile_entry(entry)

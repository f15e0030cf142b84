"""The kernels' machine code on disk: whether it is there, and how it gets there.

A cold cache is filled by other processes, as many as there are processors for: the compiler's memory is gone with
them, and what makes it quick (`compiled.known_answers`) touches nobody else's code. What two entry points both link in
a process compiles once, so that a second one takes it a third of the time. One command fills a folder at a time; others
that find it cold wait for that.

What lies there is run, so each entry's files are sealed with a checksum: a file that a power loss left empty, or in
which a bit has flipped, is compiled anew, where numba would fail for ever or the processor at the first call.
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

# Entry points, dotted from the package on.
ENGINE = "machine.engine.run"
COMMANDS = "machine.commanded.run_commanded"  # beside the others, where something changes in mid-run
DECISIONS = "machine.switch.decisions.decide_anew"
RUN_ENTRIES = (ENGINE, DECISIONS, "machine.first_decisions.decide_alone")
SYSTEM_ENTRIES = (
    ENGINE, DECISIONS, "machine.system.run_system", "machine.first_decisions.decide_first",
    "machine.network.places.enter_homes", "machine.network.places.announce", "machine.counts.flow_state.add_flows",
    "machine.counts.flow_state.mark_flows",
)  # fmt: skip
DMA_ENTRIES = ("machine.link_alone.run_dma",)
PEER_ENTRIES = ("machine.peer_writes.run_writes",)
SWITCH_ENTRIES = ("forwarding.frame_batch.decide_batch", "forwarding.frame_batch.copy_batch")
CAPTURE_ENTRIES = ("forwarding.frame_batch.read_packets",)
# Seconds of a processor that an entry takes to compile, where they are some (benches/startup.py measures a first run).
_TAKES_S = {
    ENGINE: 23, COMMANDS: 12, SYSTEM_ENTRIES[2]: 12, SYSTEM_ENTRIES[3]: 4, DECISIONS: 5,
}  # fmt: skip
_ROUNDED_S = 5  # what is said of them
_IN_PROCESS: set[tuple[str, ...]] = set()  # entries that need not be looked for on disk again
_WHOLE: set[Path] = set()  # seals that this process has compared with their files


def kernels_are_cached(entries: tuple[str, ...] = RUN_ENTRIES) -> bool:
    """Tell whether these entry points are on disk, whole, so that nothing has to be compiled."""
    return all(_is_whole(name) for name in entries)


def _is_loaded(entry: str) -> bool:
    """Tell whether this process has an entry's code in memory, and so have the copies that it makes of itself."""
    module, _, function = entry.rpartition(".")
    loaded = sys.modules.get(f"hwmodel.{module}")
    return loaded is not None and bool(getattr(getattr(loaded, function), "signatures", ()))


def seal(entry: str, without: str = "") -> None:
    """Write down the checksums of an entry's files; nothing where it has none, or the disk is full.

    `without`: what of numba's undocumented parts was left out (`compiled.left_out`), which is written down beside them.
    """
    checksums = _checksums(entry)
    if checksums:
        with suppress(OSError):
            _note_of(entry).unlink(missing_ok=True)
            if without:
                _note_of(entry).write_text(without, encoding="utf-8")
            _seal_of(entry).write_text(checksums, encoding="utf-8")


def compiled_without(entries: tuple[str, ...]) -> str:
    """Return what of numba's undocumented parts these entries were compiled without, and why; "" where with all."""
    return "; ".join(dict.fromkeys(text for entry in entries if (text := _text(_note_of(entry)))))


def _is_whole(entry: str) -> bool:
    """Tell whether an entry's files are those that were sealed; read once in a process, which takes some 2 ms."""
    path = _seal_of(entry)
    if path not in _WHOLE and _text(path) and _text(path) == _checksums(entry):
        _WHOLE.add(path)
    return path in _WHOLE


def _seal_of(entry: str) -> Path:
    return CACHE_DIR / f"{entry}.crc32"


def _note_of(entry: str) -> Path:
    return CACHE_DIR / f"{entry}.without"


def _files_of(entry: str) -> str:
    """Return the pattern of an entry's files: numba calls them by the file and the function, and a line."""
    return f"{'.'.join(entry.split('.')[-2:])}-*"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _checksums(entry: str) -> str:
    """Return a line for each file of an entry: numba keeps an index (.nbi) and the machine code (.nbc)."""
    try:
        files = sorted(path for path in CACHE_DIR.rglob(_files_of(entry)) if path.suffix in (".nbi", ".nbc"))
        return "".join(f"{path.name} {zlib.crc32(path.read_bytes()):08x}\n" for path in files)
    except OSError:
        return ""


def _discard(entry: str) -> bool:
    """Remove what there is of an entry; return whether it had been whole once."""
    was_sealed = _seal_of(entry).exists()
    for path in [_seal_of(entry), _note_of(entry), *CACHE_DIR.rglob(_files_of(entry))]:
        with suppress(OSError):
            path.unlink()
    return was_sealed


def have_kernels(entries: tuple[str, ...] = RUN_ENTRIES) -> float:
    """Compile what neither this process has asked for before nor the disk has; return the seconds that it took."""
    if entries in _IN_PROCESS:
        return 0.0
    started_s = time.perf_counter()
    was_there = not _missing(entries)
    fill_cache(entries)
    _IN_PROCESS.add(entries)
    return 0.0 if was_there else time.perf_counter() - started_s


def announce_compilation(entries: tuple[str, ...], say: Callable[[str], object]) -> None:
    """Say a line ahead of a compile: how long it takes, and before it where the code is kept if that is elsewhere."""
    if not _missing(entries):
        return
    if passed_over := passed_over_cache():
        say(passed_over)
    takes_s = [_TAKES_S.get(entry, 0) for entry in _missing(entries)]
    most_s = -(-max(*takes_s, sum(takes_s) / 2) // _ROUNDED_S) * _ROUNDED_S
    takes = f": some {most_s:.0f} s on two cores" if most_s else ""
    say(f"compiling the kernels, the first time only{takes} ...")


def passed_over_cache() -> str | None:
    """Return a line that says where the kernels are kept in place of the first choice, None if they are there."""
    if not CACHE_ROOTS or CACHE_DIR.parent == CACHE_ROOTS[0]:
        return None
    return f"{CACHE_ROOTS[0]}: cannot be written or is full; the compiled kernels are kept in {CACHE_DIR.parent}"


def fill_cache(entries: tuple[str, ...] = RUN_ENTRIES) -> None:
    """Compile what is not on disk yet; where no process can be started, the caller compiles when it first calls.

    So it does where the disk is full, with a warning, and where a process is killed. What is damaged is compiled anew,
    with a warning too.
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
    from hwmodel.simulation.compile_entry import compile_alone

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
    """Return what has to be compiled; nothing where all runs interpreted."""
    return [] if numba.config.DISABLE_JIT else [name for name in entries if not (_is_loaded(name) or _is_whole(name))]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait until no other command fills this folder; where files cannot be locked, fill it beside them."""
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
    """Have processes keep kernels where this one does: a temporary folder may be its own."""
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
    """Have this process load its kernels now, for the processes that will be copies of it."""
    from hwmodel.simulation.compile_entry import compile_entry

    if kernels_are_cached(entries):
        for entry in entries:
            compile_entry(entry)

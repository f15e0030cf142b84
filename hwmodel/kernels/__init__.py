"""Compiled hardware blocks, one file each, in the order in which a frame meets them.

`kernel` marks a function that only other kernels call; `entry` marks one that Python calls and whose machine code
is kept on disk. Numba notices a change in the file of an entry only, not in what the entry calls, so the folder of
the cache is named after a hash of all sources here and of the switches that change the code.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core import types
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys
from numba.core.types.misc import unliteral

from .linked_only import Entry, LinkedOnly


def _source_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    # Numba keeps the code of each place and each Python apart; so does the folder, or the code of one would seem to be
    # there for all (`simulation.kernel_cache`).
    place = (str(Path(__file__).resolve().parent), platform.python_version(), platform.machine())
    switches = (numba.__version__, str(numba.config.BOUNDSCHECK), str(numba.config.OPT), *place)
    digest.update("\0".join(switches).encode())
    return digest.hexdigest()[:16]


def _cache_roots() -> list[Path]:
    """Return the folders to be tried, best first: the one asked for, the user's own."""
    asked = os.environ.get("HWMODEL_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "hwmodel"
    # The user's own is not absolute for a user without a home.
    return [*([Path(asked)] if asked else []), *([user] if user.is_absolute() else [])]


def _cache_root(name: str) -> Path:
    """Return the first folder that can be written and has room, or `name` in it already; else a temporary one."""
    for root in CACHE_ROOTS:
        try:
            root.mkdir(parents=True, exist_ok=True)
            has_room = (root / name).is_dir() or shutil.disk_usage(root).free >= _ROOM_BYTES
        except OSError:
            continue
        if has_room and os.access(root, os.W_OK):
            return root
    return _temporary_root()


def _temporary_root() -> Path:
    """Return a folder for temporary files that nobody else can write: what lies there is run.

    Its name can be guessed, so another user may have made it first; then the folder is a new one, gone at exit.
    """
    folder = Path(tempfile.gettempdir()) / f"hwmodel-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    with suppress(OSError):
        about = folder.lstat()
        if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and stat.S_IMODE(about.st_mode) == 0o700:
            return folder
    fresh = tempfile.mkdtemp(prefix="hwmodel-")
    atexit.register(shutil.rmtree, fresh, ignore_errors=True)
    return Path(fresh)


_ROOM_BYTES = 16 << 20  # some times what the machine code takes
CACHE_ROOTS = _cache_roots()
_FOLDER = f"kernels-{_source_digest()}"
CACHE_DIR = _cache_root(_FOLDER) / _FOLDER
numba.config.CACHE_DIR = str(CACHE_DIR)

# `error_model="numpy"` leaves out the tests for division by zero: all divisors are validated configuration. Only an
# entry can be called from Python; the others have neither a wrapper for it nor machine code of their own.
_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER = njit(**_OPTIONS, no_cpython_wrapper=True, pipeline_class=LinkedOnly)
_INLINED = njit(**_OPTIONS, no_cpython_wrapper=True, forceinline=True, pipeline_class=LinkedOnly)
_ENTRY = njit(**_OPTIONS, pipeline_class=Entry)


class _MachineCode(FunctionCache):
    """Load machine code from disk without what only the compiler needs: that takes a fifth of a short run to import."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code; where the disk is full it is used all the same, and made again by the next process."""
        with suppress(OSError):
            super().save_overload(sig, data)


def entry(function: Callable[..., Any]) -> Any:
    """Mark a function that Python calls."""
    dispatcher = _ENTRY(function)
    if not numba.config.DISABLE_JIT:
        dispatcher._cache = _MachineCode(function)
    return dispatcher


def kernel(function: Callable[..., Any]) -> Any:
    """Mark a function that only other kernels call."""
    return _compiled_once(_INNER(function))


def inlined(function: Callable[..., Any]) -> Any:
    """Mark a function on the path of every TLP, where a call costs as much as what it does."""
    return _compiled_once(_INLINED(function))


def _compiled_once(dispatcher: Any) -> Any:
    """Let a function be compiled for 64-bit integers alone, not again for each constant and width it is called with."""
    if numba.config.DISABLE_JIT:
        return dispatcher
    compile_for = dispatcher.compile

    def widened(signature: Any) -> Any:
        return compile_for(tuple(_widen(kind) for kind in signature))

    dispatcher.compile = widened
    return dispatcher


def _widen(kind: Any) -> Any:
    plain = unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) else plain


@contextmanager
def quick_compilation() -> Iterator[None]:
    """Compile what is called inside without three things that cost much time.

    They are LLVM's levels above 1, which gain nothing here since the hot functions are inlined by hand; garbage
    collection over the compiler's many objects; and numba's printing of record types, again and again, each time
    through all nested fields.
    """
    level, was_collecting = numba.config.OPT, gc.isenabled()
    plain = {kind: kind.__repr__ for kind in (types.Record, types.NestedArray)}
    numba.config.OPT = 1
    gc.disable()
    for kind, describe in plain.items():
        setattr(kind, "__repr__", _remembered(describe))  # noqa: B010 - mypy refuses the plain assignment
    try:
        yield
    finally:
        numba.config.OPT = level
        for kind, describe in plain.items():
            setattr(kind, "__repr__", describe)  # noqa: B010
        if was_collecting:
            gc.enable()


def _remembered(describe: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a `__repr__` that works a type's text out once."""
    texts: dict[int, tuple[Any, str]] = {}

    def recall(kind: Any) -> str:
        if id(kind) not in texts:
            texts[id(kind)] = (kind, describe(kind))
        return texts[id(kind)][1]

    return recall

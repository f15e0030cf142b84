"""What kernels are compiled with, and where their machine code is kept.

In `compilation`, `kernel` marks a function that only other kernels call; `entry` marks one that Python calls and whose
machine code is kept on disk. Numba notices a change in the file of an entry only, not in what the entry calls, so the
folder of the cache is named after a hash of all compiled sources and of the switches that change the code.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import numba

from hwmodel.compiled.left_out import PLAIN, is_plain

COMPILED_BLOCKS = ("compiled", "forwarding", "machine", "switch_core")  # packages whose functions are compiled
_IN_CODE = (*COMPILED_BLOCKS, "rules")  # packages whose constants are in the machine code


def _source_digest() -> str:
    digest = hashlib.sha256()
    package = Path(__file__).parent.parent
    for path in sorted(path for block in _IN_CODE for path in (package / block).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    # Numba keeps the code of each place and each Python apart; so does the folder, or the code of one would seem to be
    # there for all (`simulation.kernel_cache`).
    place = (str(Path(__file__).resolve().parent), platform.python_version(), platform.machine())
    way = (PLAIN,) if is_plain() else ()
    switches = (numba.__version__, str(numba.config.BOUNDSCHECK), str(numba.config.OPT), *place, *way)
    digest.update("\0".join(switches).encode())
    return digest.hexdigest()[:16]


def _cache_roots() -> list[Path]:
    """Return the folders to be tried, best first: the one asked for, the user's own."""
    asked = os.environ.get("HWMODEL_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "hwmodel"
    # The user's own is not absolute for a user without a home.
    return [*([Path(asked)] if asked else []), *([user] if user.is_absolute() else [])]


def _cache_root(name: str) -> Path:
    """Return the first folder that is the user's alone, can be written and has room, or `name` in it already.

    What lies there is run. If there is none, the folder is a temporary one.
    """
    for root in CACHE_ROOTS:
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_there = (root / name).is_dir()
            has_room = is_there or shutil.disk_usage(root).free >= _ROOM_BYTES
            is_safe = _is_the_users_alone(root) and (not is_there or _is_the_users_alone(root / name))
        except OSError:
            continue
        if has_room and is_safe and os.access(root, os.W_OK):
            return root
    return _temporary_root()


def _is_the_users_alone(folder: Path) -> bool:
    """Tell whether a folder is the user's own, and nobody else may write there."""
    about = folder.stat()
    return about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _temporary_root() -> Path:
    """Return a folder for temporary files that nobody else can write.

    Its name can be guessed, so another user may have made it first; then the folder is a new one, gone at exit.
    """
    folder = Path(tempfile.gettempdir()) / f"hwmodel-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    with suppress(OSError):
        if folder.is_dir() and not folder.is_symlink() and _is_the_users_alone(folder):
            return folder
    fresh = tempfile.mkdtemp(prefix="hwmodel-")
    atexit.register(shutil.rmtree, fresh, ignore_errors=True)
    return Path(fresh)


_ROOM_BYTES = 16 << 20  # some times what the machine code takes
CACHE_ROOTS = _cache_roots()
_FOLDER = f"kernels-{_source_digest()}"
CACHE_DIR = _cache_root(_FOLDER) / _FOLDER
with suppress(OSError):
    CACHE_DIR.mkdir(mode=0o700, exist_ok=True)  # numba would let the user's group write there where the umask does
numba.config.CACHE_DIR = str(CACHE_DIR)

"""Compiled hardware blocks, one file each, in the order in which a frame meets them.

`kernel` marks a function that only other kernels call; `entry` marks one that Python calls and whose machine code
is kept on disk. Numba notices a change in the file of an entry only, not in what the entry calls, so the folder of
the cache is named after a hash of all sources here and of the switches that change the code.
"""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

import numba
from numba import njit


def _source_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    switches = (numba.__version__, platform.machine(), str(numba.config.BOUNDSCHECK), str(numba.config.OPT))
    digest.update("\0".join(switches).encode())
    return digest.hexdigest()[:16]


def _cache_root() -> Path:
    chosen = os.environ.get("HWMODEL_CACHE_DIR")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hwmodel"


CACHE_DIR = _cache_root() / f"kernels-{_source_digest()}"
numba.config.CACHE_DIR = str(CACHE_DIR)

# `error_model="numpy"` leaves out the tests for division by zero: all divisors are validated configuration.
kernel = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
# For functions on the path of every TLP: a call costs as much as what they do.
inlined = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
entry = njit(nogil=True, error_model="numpy", cache=True, no_cfunc_wrapper=True)

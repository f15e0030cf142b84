"""An entry's machine code on disk. What this needs of numba is not documented: see `compilation`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys

from hwmodel.compiled.left_out import leave_out

# Looked up here, so that a numba without them is known when this is imported.
_LOAD = FunctionCache._load_overload
_GUARD = FunctionCache._guard_against_spurious_io_errors
_INITIALIZE = rtsys.initialize


class MachineCode(FunctionCache):
    """Load machine code from disk without what only the compiler needs: that takes a fifth of a short run to import."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for argument types, None where there is none."""
        try:
            _INITIALIZE(target_context)
            with _GUARD(self):
                return _LOAD(self, sig, target_context)
        except Exception as error:  # what a numba of another shape raises cannot be known
            leave_out("loading", error)
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code; where the disk is full it is used all the same, and made again by the next process."""
        with suppress(OSError):
            super().save_overload(sig, data)

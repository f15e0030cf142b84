"""An entry's machine code on disk. What this needs of numba is not documented: see `compilation`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys


class MachineCode(FunctionCache):
    """Load machine code from disk without what only the compiler needs: that takes a fifth of a short run to import."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for argument types, None where there is none."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code; where the disk is full it is used all the same, and made again by the next process."""
        with suppress(OSError):
            super().save_overload(sig, data)

"""The adapter's DMA engines (`nic.dma`) in closed form: when an operation begins, and how long it keeps its engine.

Written from docs/datapath.md ("DMA engines"), apart from the kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config.adapter import DmaEngine, DmaEngines


def operation_fs(engine: DmaEngine, n_bytes: int) -> int:
    """Give the time in fs for which an operation keeps its engine."""
    if n_bytes <= engine.small_bytes:
        return engine.small_operation_fs
    n_pieces = -(-n_bytes // engine.piece_bytes)
    busy_fs = engine.start_fs + engine.piece_time_fs * n_pieces
    if engine.rate_bps is not None:
        moved_bytes = max(n_bytes, (n_pieces - 1) * engine.piece_bytes + engine.piece_least_bytes)
        busy_fs += moved_bytes * BITS_PER_BYTE * FS_PER_S // engine.rate_bps
    return max(engine.operation_fs, busy_fs)


def shared_fs(settings: DmaEngines, n_bytes: int) -> int:
    """Give the time in fs for which an operation keeps the path that both engines share; 0 where there is none."""
    if settings.shared_rate_bps is None:
        return 0
    moved_bits = min(n_bytes, settings.shared_bytes) * BITS_PER_BYTE
    return settings.shared_time_fs + moved_bits * FS_PER_S // settings.shared_rate_bps


def places_of(engine: DmaEngine, n_bytes: int) -> int:
    """Give the places that a read takes of those outstanding: two where it is a large one."""
    return 1 + (n_bytes > engine.large_bytes)


class Engines:
    """Hold when both engines and the shared path are free; without `nic.dma` every operation is ready at once."""

    def __init__(self, settings: DmaEngines | None) -> None:
        """Begin with all of them idle."""
        self._settings = settings
        self._read_free_fs = self._write_free_fs = self._shared_free_fs = 0

    def read_ready_fs(self, now_fs: int, n_bytes: int) -> int:
        """Begin a read as soon as it can; return when its request is ready for the link."""
        if self._settings is None:
            return now_fs
        begin_fs = max(self._read_free_fs, self._shared_begin_fs(now_fs, n_bytes))
        self._read_free_fs = begin_fs + operation_fs(self._settings.read, n_bytes)
        return begin_fs + self._settings.read.latency_fs

    def write_ready_fs(self, now_fs: int, n_bytes: int) -> int:
        """Begin a write as soon as it can; return when all of it is ready for the link."""
        if self._settings is None:
            return now_fs
        begin_fs = max(self._write_free_fs, self._shared_begin_fs(now_fs, n_bytes))
        self._write_free_fs = begin_fs + operation_fs(self._settings.write, n_bytes)
        return self._write_free_fs + self._settings.write.latency_fs

    def _shared_begin_fs(self, now_fs: int, n_bytes: int) -> int:
        """Take the shared path, first come, first served; return when, at once where there is none."""
        assert self._settings is not None
        if self._settings.shared_rate_bps is None:
            return now_fs
        begin_fs = max(now_fs, self._shared_free_fs)
        self._shared_free_fs = begin_fs + shared_fs(self._settings, n_bytes)
        return begin_fs

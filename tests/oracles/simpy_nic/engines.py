"""The adapter's DMA engines: one for reads, one for writes, and the path that both share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import simpy

from .parameters import DmaEngine, DmaPath
from .timing import fs_of_bytes


class Kind(Enum):
    """What an operation is."""

    NONE = 0
    READ = 1
    WRITE = 2


@dataclass(eq=False)
class Operation:
    """What something that goes to the link asks of an engine; bytes are data without padding.

    Several requests of a transfer are one operation, which begins with the first.
    """

    kind: Kind
    n_bytes: int
    ready_fs: int | None = None
    """When the first request is ready; None: it has not begun."""


NO_OPERATION = Operation(Kind.NONE, 0)


class Engine:
    """When an engine is free, and how long an operation keeps it."""

    def __init__(self, settings: DmaEngine) -> None:
        """Begin with a free engine."""
        self.settings = settings
        self.free_fs = 0

    def busy_fs(self, n_bytes: int) -> int:
        """Return how long an operation of so many bytes keeps the engine."""
        settings = self.settings
        if n_bytes <= settings.small_bytes:
            return settings.small_operation_fs
        pieces = [settings.piece_bytes] * (n_bytes // settings.piece_bytes)
        if rest := n_bytes % settings.piece_bytes:
            pieces.append(rest)
        moved = sum(pieces[:-1]) + max(pieces[-1], settings.piece_least_bytes)
        pieces_fs = settings.piece_time_fs * len(pieces)
        bytes_fs = fs_of_bytes(moved, settings.fs_per_byte) if settings.fs_per_byte else 0
        return max(settings.operation_fs, settings.start_fs + pieces_fs + bytes_fs)


class Engines:
    """Tells when operations that begin now are ready for the link."""

    def __init__(self, env: simpy.Environment, read: DmaEngine, write: DmaEngine, path: DmaPath | None) -> None:
        """Begin with everything free."""
        self._env = env
        self._path = path
        self._path_free_fs = 0
        self._engines = {Kind.READ: Engine(read), Kind.WRITE: Engine(write)}

    def ready_fs(self, operation: Operation) -> int:
        """Begin an operation; return when a read's request is ready, or the whole of a write."""
        if operation.kind is Kind.NONE:
            return self._env.now
        if operation.ready_fs is not None:
            return max(self._env.now, operation.ready_fs)
        engine = self._engines[operation.kind]
        begins_fs = max(self._take_path(operation.n_bytes), engine.free_fs)
        engine.free_fs = begins_fs + engine.busy_fs(operation.n_bytes)
        ready_fs = begins_fs if operation.kind is Kind.READ else engine.free_fs
        operation.ready_fs = ready_fs + engine.settings.latency_fs
        return operation.ready_fs

    def _take_path(self, n_bytes: int) -> int:
        """Take the path that both engines share; return from when on."""
        if self._path is None:
            return self._env.now
        starts_fs = max(self._env.now, self._path_free_fs)
        bytes_fs = fs_of_bytes(min(n_bytes, self._path.bytes_each), self._path.fs_per_byte)
        self._path_free_fs = starts_fs + self._path.time_fs + bytes_fs
        return starts_fs

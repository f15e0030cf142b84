"""The adapter's DMA engines (`nic.dma`): when an operation begins, how long it takes, what is outstanding."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel


@kernel
def operation_fs(engine, n_bytes):
    """Return how long an operation keeps its engine."""
    params = engine.params
    if n_bytes <= params.small_bytes:
        return params.small_fs
    busy_fs = params.start_fs
    moved_bytes = n_bytes
    if params.piece_bytes > 0:
        n_before = (n_bytes - 1) // params.piece_bytes
        busy_fs += params.piece_fs * (n_before + 1)
        moved_bytes = max(n_bytes, n_before * params.piece_bytes + params.piece_least_bytes)
    if params.den > 0:
        busy_fs += moved_bytes * params.num // params.den
    return max(params.operation_fs, busy_fs)


@kernel
def begin(engines, engine, now_fs, n_bytes):
    """Let an operation begin as soon as its engine and the shared path are free; return when."""
    begin_fs = max(now_fs, engine.next_fs)
    params = engines.params
    if params.shared_den > 0:
        shared_begin_fs = max(now_fs, engines.shared_next_fs)
        shared = min(n_bytes, params.shared_bytes)
        shared_fs = params.shared_fs + shared * params.shared_num // params.shared_den
        engines.shared_next_fs = shared_begin_fs + shared_fs
        engines.counts.busy_fs += shared_fs
        begin_fs = max(begin_fs, shared_begin_fs)
    busy_fs = operation_fs(engine, n_bytes)
    engine.next_fs = begin_fs + busy_fs
    engine.counts.busy_fs += busy_fs
    return begin_fs


@kernel
def write_ready_fs(engines, now_fs, n_bytes):
    """Begin a write; return when all of it is ready for the link."""
    begin_fs = begin(engines, engines.write, now_fs, n_bytes)
    return begin_fs + operation_fs(engines.write, n_bytes) + engines.write.params.latency_fs


@kernel
def read_ready_fs(engines, now_fs, n_bytes):
    """Begin a read; return when its first request is ready for the link."""
    return begin(engines, engines.read, now_fs, n_bytes) + engines.read.params.latency_fs


@inlined
def places_of(engine, n_bytes):
    """Return how many of a read engine's places for outstanding reads a read takes: two if it is a large one."""
    return 1 + int(n_bytes > engine.params.large_bytes)


@inlined
def has_places(engine, n_bytes):
    """Say whether a read engine has the places that a read of so many bytes takes."""
    return engine.n_used + places_of(engine, n_bytes) <= engine.params.outstanding

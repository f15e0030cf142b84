"""Python's cyclic garbage collector, which finds nothing where much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_rests() -> Iterator[None]:
    """Disable Python's cyclic garbage collector; a context manager or a decorator.

    Hundreds of thousands of flows make as many headers and results, which the collector scans again and again without
    finding garbage, and thousands of events as many configurations. With 64 servers this took a seventh of the time
    spent outside events, with 10,000 events a fifth of loading them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""Which rings have a frame that can be picked, and which functions may send."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined

NOBODY = -1


@inlined
def has_next(queue):
    """Say whether all descriptors of a ring's next frame, or send, are in its cache."""
    return queue.cached > queue.next_more


@inlined
def is_ready(function):
    """Say whether a function has something to send and may."""
    return function.ready_queues > 0 and function.is_shaped == 0

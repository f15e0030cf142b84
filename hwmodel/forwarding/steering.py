"""Receive side scaling, and its like at the sender: which of a function's rings a frame goes through."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined


@inlined
def ring_of(function, rss_hash):
    """Return the number of the ring, Tx or Rx, that a hash names."""
    if function.params.n_queues == 1:
        return function.params.first_queue
    return function.params.first_queue + rss_hash % function.params.n_queues

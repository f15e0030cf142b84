"""The random-number streams of a run: each is seeded by the run's seed and a stream number from this module.

So the streams are independent of what others draw.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

FIRST_SOURCE = 1  # first of the sources, in the order in which the workload lists them
HOSTS = 1 << 20  # of the hosts, plus the host's number; the first host has stream 0
FLOW_CACHE = 1 << 21  # which connection a frame of a virtual switch is of; plus two for each server before its own
FLOW_SAMPLES = FLOW_CACHE + 1  # which frames a virtual switch samples; plus two for each server before its own
STREAMS_A_SWITCH = 2
BRIDGE_SAMPLES = 1 << 22  # which frames the first sampler of bridges samples; then those of the others
DMA_TRANSFERS = 1 << 24  # of `hwmodel dma`
CLOCKS = 1 << 40  # one for each thing that `clocks.drawn` is asked for


def stream_of_host(number: int) -> int:
    """Return the stream of a host by its number among those of all servers."""
    return HOSTS + number if number else 0


def random_words(seed: int, stream: int) -> Any:
    """Return four words of 32 bits, not all zero, that start an independent stream."""
    return np.array(_words(seed, stream), np.int64)


@lru_cache(4096)  # a scenario's changes ask for those of all sources again and again
def _words(seed: int, stream: int) -> tuple[int, ...]:
    first, *others = np.random.SeedSequence([seed, stream]).generate_state(4).tolist()
    return (first | 1, *others)

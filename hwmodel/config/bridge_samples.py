"""Validate `bridge.samples`: which frames that come to a bridge are samples, and who is told of them."""

from __future__ import annotations

from typing import Annotated, Literal

from .kinds import Block, Duration, Truth, Whole, Word, key
from .names import OUTSIDE, LogicalName, Name

SampleProtocol = Literal["sflow", "ipfix"]


class BridgeSampler(Block):
    """Samples of the frames that come in at a port, and the collector that gets datagrams of them."""

    source: Annotated[str, LogicalName()] = key(
        ...,
        "Port at which frames come, for all its logical ports together, or one of these: a, a.10, a.vf0.",
        alias="from",
    )
    one_in: Annotated[int, Whole(1, 1 << 20)] = key(..., "One in so many frames, drawn by chance, is a sample.")
    collector: Annotated[str, Name(OUTSIDE, with_servers=True)] = key(
        OUTSIDE, "Station to whose address the datagrams go: b.vf3, outside."
    )
    protocol: Annotated[SampleProtocol, Word(SampleProtocol)] = key(
        "sflow", "How they tell of samples: sflow (version 5), or ipfix (packet reports of PSAMP)."
    )
    every_fs: Annotated[int, Duration("1us", "1s")] = key(
        "1ms", "How often the collector is told, if there is anything to tell.", alias="every"
    )
    header_bytes: Annotated[int, Whole(14, 256)] = key(128, "Most bytes of a frame, from its start, that are told.")
    counters: Annotated[bool, Truth()] = key(
        False, "Whether sflow tells the port's counters too, each time; ipfix does not."
    )

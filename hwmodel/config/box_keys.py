"""The keys that a bridge and its extenders have alike: latency, forwarding, buffer and sharing of their ports."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from .amounts import ByteCount, Duration
from .block import key
from .kinds import Word

Latency = Annotated[int, Duration("0ns", "1s")]
Forwarding = Annotated[
    Literal["store_and_forward", "cut_through"],
    Word("store_and_forward", "cut_through"),
]
Buffer = Annotated[int, ByteCount("64B", "1024MiB")]
Sharing = Annotated[Literal["port", "all"], Word("port", "all")]

LATENCY: Any = key(
    "500ns", "Time from a frame's arrival until it stands in the queues of the ports it goes to.", alias="latency"
)
FORWARDING: Any = key(
    "store_and_forward", "Whether a frame has come with its last byte, or (cut_through) with its first 64."
)
BUFFER: Any = key(
    "1MiB", "Room for copies that wait or are being sent; one without room drops (QUEUE_FULL).", alias="buffer"
)
SHARING: Any = key("port", "Whether each port has a buffer of this size, or all have one together.")

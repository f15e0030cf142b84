"""Validate the `port` block: the Ethernet port to the outside."""

from __future__ import annotations

from typing import Annotated

from .amounts import Rate
from .block import Block, key


class WirePort(Block):
    """The Ethernet port."""

    rate_bps: Annotated[int, Rate("1Mbps", "1000Gbps")] = key(
        "10Gbps",
        "Rate of the Ethernet port, each way; a frame takes its bytes and 20 B more.",
        alias="rate",
    )

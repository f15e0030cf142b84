"""What functions and their rings count, under the names that users of `ethtool -S` and `ip -s link show` know.

docs/counters.md defines each name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# In the drivers' order; counters of rings follow.
ETHTOOL_NAMES = (
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_pkts_nic",
    "tx_pkts_nic",
    "rx_bytes_nic",
    "tx_bytes_nic",
    "multicast",
    "broadcast",
    "rx_missed_errors",
    "rx_long_length_errors",
    "rx_no_dma_resources",
    "tx_flow_control_xon",
    "rx_flow_control_xon",
    "tx_flow_control_xoff",
    "rx_flow_control_xoff",
)
_PRIORITY = re.compile(r"(tx|rx)_pb_([0-7])_pxo(n|ff)")
_RING = re.compile(r"(tx|rx)_queue_([0-9]{1,9})_(packets|bytes)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReceived:
    """Count what a function received, as the line `RX` of `ip -s link show` does; bytes without FCS."""

    bytes: int
    packets: int
    dropped: int
    missed: int
    mcast: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSent:
    """Count what a function sent, as the line `TX` does; bytes without FCS."""

    bytes: int
    packets: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VfReceived:
    """Count what a VF received, as its PF shows it under `vf N`; bytes with FCS."""

    bytes: int
    packets: int
    mcast: int
    bcast: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VfLink:
    """Hold what a PF shows of one of its VFs; bytes with FCS."""

    rx: VfReceived
    tx: LinkSent


@dataclass(frozen=True, slots=True, kw_only=True)
class IpLink:
    """Hold what `ip -s link show` shows of a function, and of a PF's VFs by their names."""

    rx: LinkReceived
    tx: LinkSent
    vfs: Mapping[str, VfLink] = field(default_factory=dict, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCounters:
    """Hold what one function counted in a whole run, as `ethtool -S` and as `ip -s link show` have it."""

    ethtool: Mapping[str, int]
    ip: IpLink

    def in_order(self) -> list[tuple[str, int]]:
        """Return the counters of `ethtool` as the drivers order them: the function's, then ring by ring."""
        return sorted(self.ethtool.items(), key=lambda item: _place(item[0]))


def _place(name: str) -> tuple[int, int, int, int]:
    """Return where a counter stands; those that are not known here stand last."""
    ring = _RING.fullmatch(name)
    if ring is not None:
        return (1, int(ring[1] == "rx"), int(ring[2]), int(ring[3] == "bytes"))
    priority = _PRIORITY.fullmatch(name)
    if priority is not None:
        return (2, int(priority[1] == "rx"), int(priority[2]), int(priority[3] == "ff"))
    return (0, ETHTOOL_NAMES.index(name), 0, 0) if name in ETHTOOL_NAMES else (3, 0, 0, 0)

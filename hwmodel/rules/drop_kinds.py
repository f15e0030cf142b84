"""Kinds of the reasons for which frames drop (docs/forwarding.md), by their names in results."""

from __future__ import annotations

from collections.abc import Mapping

from hwmodel.resources import BY_NAME, RATE_LIMIT

# Drops for lack of room; those at a sender's own Tx ring only show that it offers more than gets through.
CONGESTION_DROPS = ("TX_RING_FULL", "RX_BUFFER_FULL", "NO_DESCRIPTOR", "QUEUE_FULL")
LATE_DROPS = CONGESTION_DROPS[1:]
RX_DROPS = ("RX_BUFFER_FULL", "NO_DESCRIPTOR")  # behind the port by which a frame came
POLICED_DROPS = BY_NAME[RATE_LIMIT].drops  # at token buckets, whose rates are limits too
OFF_DROPS = ("FUNCTION_RESET", "PORT_DISABLED", "LINK_DOWN")  # at a function, port or wire that is off
STRAY_DROPS = ("SAME_PORT", "NO_DESTINATION", "UNKNOWN_UNICAST")  # with no station to receive them
REFUSED_DROPS = (  # by what a switch checks of a frame, and of who sends it
    "BAD_FRAME", "RUNT", "OVERSIZE", "BAD_SOURCE", "CONTROL_FRAME", "SPOOFED_MAC", "FORBIDDEN_TAG", "VLAN_ADMIT",
    "VLAN_MEMBER", "ACL_DENY", "VNTAG_MISSING", "VNTAG_VERSION", "VNTAG_DIRECTION", "VNTAG_UNKNOWN_VIF",
    "ETAG_MISSING", "ETAG_UNKNOWN_ECID", "STAG_UNKNOWN", "PVLAN", "PORT_SECURITY", "ARP_GUARD", "DHCP_GUARD",
    "ND_GUARD", "IP_GUARD",
)  # fmt: skip
ALL_DROPS = (*CONGESTION_DROPS, *POLICED_DROPS, *OFF_DROPS, *STRAY_DROPS, *REFUSED_DROPS)


def why_whatever_the_rate(drops: Mapping[str, int]) -> list[str]:
    """Return the sorted reasons of drops if they hold at any load; none if fewer frames could get through.

    With fewer frames there is room, and there are tokens; rules, and what is off, drop every frame.
    """
    reasons = sorted(reason for reason, count in drops.items() if count)
    return [] if {*reasons} & {*CONGESTION_DROPS, *POLICED_DROPS} else reasons

"""Constants of receive steering: the hash's key, tables, protocols, keys of Flow Director's hashes."""

from __future__ import annotations

from collections.abc import Mapping

# The key that Microsoft publishes with its RSS verification suite; drivers of the 82599 use it or a random one.
VERIFICATION_KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
KEY_BYTES = len(VERIFICATION_KEY)
LARGEST_TABLE = 512  # entries: Linux ixgbe, IXGBE_MAX_RETA_ENTRIES (X550)
USUAL_TABLE = 128  # the same, of the 82599 and X540
HASH_BITS = 31  # bits kept of a hash, so that it is never negative

# IANA, assigned internet protocol numbers.
TCP, UDP, SCTP = 6, 17, 132
ANY_OTHER = 0  # stands for every protocol without ports
PROTOCOLS: Mapping[str, int] = {"tcp": TCP, "udp": UDP, "sctp": SCTP, "other": ANY_OTHER}

# Linux ixgbe, ixgbe_type.h: IXGBE_ATR_BUCKET_HASH_KEY, IXGBE_ATR_SIGNATURE_HASH_KEY, IXGBE_ATR_HASH_MASK.
BUCKET_KEY, SIGNATURE_KEY, FILTER_HASH_MASK = 0x3DAD14E2, 0x174D3614, 0x7FFF
# The same, enum ixgbe_atr_flow_type: 0 IPv4 alone, and 1 UDP, 2 TCP, 3 SCTP beside; 4 more with IPv6.
FLOW_TYPES: Mapping[int, int] = {ANY_OTHER: 0, UDP: 1, TCP: 2, SCTP: 3}
IPV6_FLOW = 4

FILTER_UNIT_BYTES = 64 << 10  # of Flow Director's memory


def perfect_filters(memory_bytes: int) -> int:
    """Return how many perfect filters Flow Director's memory holds.

    Linux ixgbe, ixgbe_ethtool.c: (1024 << pballoc) - 2, pballoc being 1 for 64 KiB, 2 for 128, 3 for 256.
    """
    return 2048 * memory_bytes // FILTER_UNIT_BYTES - 2


def signature_filters(memory_bytes: int) -> int:
    """Return how many signature filters Flow Director's memory holds.

    8 K for each 64 KiB (DPDK, guide to ixgbe, the option for the table's size), less one, which Intel's drivers leave.
    """
    return 8192 * memory_bytes // FILTER_UNIT_BYTES - 1

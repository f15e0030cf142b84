"""How long a frame is on the wire, and how long it takes there, at any Ethernet port."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.rules.ethernet import FCS_BYTES, MIN_UNPADDED_BYTES, WIRE_OVERHEAD_BYTES


@kernel
def padded_bytes(n_bytes):
    """Return the length of a frame on the wire, padded and with its frame check sequence."""
    return max(n_bytes, MIN_UNPADDED_BYTES) + FCS_BYTES


@kernel
def wire_time_fs(port, n_bytes):
    """Return the time of a frame on the wire, with preamble and gap."""
    return (padded_bytes(n_bytes) + WIRE_OVERHEAD_BYTES) * port.fs_per_byte_num // port.fs_per_byte_den

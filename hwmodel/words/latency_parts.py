"""Where a frame's time goes: the parts of its way from post to taken by the guest, in order.

docs/results.md says where each part begins and ends. Each frame's parts add up to its whole latency exactly; a part
that a frame does not meet (the wire, for one that stays inside) is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PART_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "driver_batch": "the driver's wait for a doorbell batch",
        "doorbell": "the doorbell's way to the adapter",
        "tx_ring": "the wait in the Tx ring",
        "tx_descriptor_fetch": "the fetch of the Tx descriptor",
        "scheduler": "the wait for its turn",  # at the Tx scheduler, or at a core of a virtual switch
        "tx_room": "the wait for room in the Tx buffer",
        "payload_read": "the read of the payload",
        "switch": "the switch",
        "wire": "the wire",
        "bridge": "the bridge and the wire behind it",
        "rx_switch": "the receiving adapter's switch",
        "rx_room": "the wait for room in the Rx buffer",
        "rx_buffer": "the wait in the Rx buffer",
        "rx_descriptor": "the wait for an Rx descriptor",
        "payload_write": "the write of the payload",
        "writeback_batch": "the wait for a write-back batch",
        "writeback": "the write-back",
        "interrupt_moderation": "the wait for an interrupt",
        "interrupt": "the interrupt",
        "guest_queue": "the receiving guest's core",  # its wake-up, interrupt, queue and work
    }
)
ALL_PARTS = tuple(PART_WORDS)
BRIDGE_PARTS = ("bridge", "rx_switch")  # only frames over a bridge have these
# Where frames come from and go to, as `Result.latency_by_direction_ns` names it.
DIRECTIONS = ("vm_to_vm", "over_bridge", "to_wire", "from_wire")
PARTS = tuple(name for name in ALL_PARTS if name not in BRIDGE_PARTS)

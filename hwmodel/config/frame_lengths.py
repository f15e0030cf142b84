"""List the frame lengths that a configuration names, each with the key that names it; count their Rx descriptors."""

from __future__ import annotations

from hwmodel.wire.ethernet import FCS_BYTES, EtherType
from hwmodel.wire.tags import TAG_BYTES

from .document import KeyPath
from .model import Config


def longest_frame(config: Config) -> tuple[int, KeyPath]:
    """Return the longest frame (bytes with FCS) that a key names, and the key; a pcap is not read, and has 0."""
    return max(named_lengths(config), key=lambda named: named[0], default=(0, ("workload", "frame_bytes")))


def named_lengths(config: Config, *, of_vms_only: bool = False) -> list[tuple[int, KeyPath]]:
    """Return each length (bytes with FCS) that a configuration names, with the path of the key."""
    found: list[tuple[int, KeyPath]] = []
    blocks = [(config.workload, ("workload",)), (config.workload.external, ("workload", "external"))]
    for block, path in blocks[:1] if of_vms_only else blocks:
        if block is None:
            continue
        if block.frame_bytes is not None:
            found.append((block.frame_bytes, (*path, "frame_bytes")))
        for index, entry in enumerate(block.sizes or ()):
            found.append((entry.frame_bytes, (*path, "sizes", index)))
    return found


def descriptors_of(config: Config, frame_bytes: int) -> int:
    """Return how many Rx descriptors a frame (bytes with FCS) takes at most: one for each host buffer begun.

    A C-TAG counts where the switch may add one. Where a buffer has no room at all, which is another check's, it is 1.
    """
    room = config.host.buffer_bytes - config.host.buffer_offset_bytes
    may_add_tag = any(set(port.vlans) - set(port.untagged) for port in config.switch.ports)
    n_bytes = frame_bytes - FCS_BYTES + TAG_BYTES[EtherType.C_TAG] * may_add_tag
    return max(1, -(-n_bytes // room)) if room > 0 else 1

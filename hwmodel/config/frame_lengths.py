"""List the frame lengths that a configuration names, each with the key that names it."""

from __future__ import annotations

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

"""List the frame lengths that a configuration names, each with the key that names it; count their Rx descriptors."""

from __future__ import annotations

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.tags import TAG_BYTES

from .document import KeyPath
from .model import Config

_OUTER_TAGS = {"vn_tag": EtherType.VN_TAG, "e_tag": EtherType.E_TAG, "multichannel": EtherType.S_TAG}


def longest_frame(config: Config) -> tuple[int, KeyPath]:
    """Return the longest frame (bytes with FCS) that a key names, and the key; a pcap is not read, and has 0."""
    return max(named_lengths(config), key=lambda named: named[0], default=(0, ("workload", "frame_bytes")))


def named_lengths(config: Config, *, of_vms_only: bool = False) -> list[tuple[int, KeyPath]]:
    """Return each length (bytes with FCS) that a configuration names, with the path of the key."""
    found: list[tuple[int, KeyPath]] = []
    blocks = [(config.workload, ("workload",)), (config.workload.external, ("workload", "external"))]
    for block, path in blocks[:1] if of_vms_only else blocks:
        if block is None or (block is config.workload and config.workload.pattern is None):
            continue
        if block.frame_bytes is not None:
            found.append((block.frame_bytes, (*path, "frame_bytes")))
        for index, entry in enumerate(block.sizes or ()):
            found.append((entry.frame_bytes, (*path, "sizes", index)))
    return found


def mirrored_tag_bytes(config: Config) -> int:
    """Return the most bytes of tags with which a mirrored copy comes that its frame, as a station has it, lacks.

    A watcher of the wire gets the tags of the wire: the mode's outer tag and a C-TAG.
    """
    if not config.switch.mirrors:
        return 0
    return TAG_BYTES[EtherType.C_TAG] + outer_tag_bytes(config.switch.mode)


def outer_tag_bytes(mode: str) -> int:
    """Return the bytes of the outer tag that frames on the wire have in a mode of the switch."""
    return TAG_BYTES[_OUTER_TAGS[mode]] if mode in _OUTER_TAGS else 0


def descriptors_of(config: Config, frame_bytes: int) -> int:
    """Return how many Rx descriptors a frame (bytes with FCS) takes at most: one for each host buffer begun.

    Tags count where the switch may add some, or a mirrored copy may have some. Where a buffer has no room at all, which
    is another check's, it is 1.
    """
    room = config.host.buffer_bytes - config.host.buffer_offset_bytes
    may_add_tag = any(set(port.vlans) - set(port.untagged) for port in config.switch.ports)
    added_bytes = max(TAG_BYTES[EtherType.C_TAG] * may_add_tag, mirrored_tag_bytes(config))
    n_bytes = frame_bytes - FCS_BYTES + added_bytes
    return max(1, -(-n_bytes // room)) if room > 0 else 1

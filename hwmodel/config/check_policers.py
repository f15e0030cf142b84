"""Check that policers have room for the tokens of a frame."""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.units import format_bytes
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.tags import TAG_BYTES

from .document import KeyPath
from .findings import Findings, Part
from .frame_lengths import named_lengths
from .model import Config
from .switch import AclEntry
from .system import bridges_of


def check_policers(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Report policers whose burst is below all frames of the workload, so that none would ever pass."""
    lengths = named_lengths(config)
    if not lengths:
        return
    shortest, key = min(lengths, key=lambda named: named[0])
    lists: list[tuple[Findings, KeyPath, Sequence[AclEntry]]] = [
        (part.findings, ("switch", "acl"), part.server.config.switch.acl) for part in parts
    ]
    lists += [(findings, (*bridge.path, "policy"), bridge.settings.policy) for bridge in bridges_of(config)]
    for own, path, entries in lists:
        for at, entry in enumerate(entries):
            # On its way a frame may lose its C-TAG.
            if entry.burst_bytes is not None and entry.burst_bytes < shortest - TAG_BYTES[EtherType.C_TAG]:
                own.add(
                    f"a bucket of {format_bytes(entry.burst_bytes)} never has the tokens for a frame of the workload, "
                    f"{shortest} B or more: nothing would pass (write {format_bytes(_enough(lengths))} or more)",
                    (*path, at, "burst"),
                    key,
                )


def _enough(lengths: Sequence[tuple[int, KeyPath]]) -> int:
    """Return a round number of bytes that has room for the longest frame with its tags."""
    longest = max(n_bytes for n_bytes, _ in lengths)
    return 1024 * -(-(longest + 3 * TAG_BYTES[EtherType.C_TAG]) // 1024)

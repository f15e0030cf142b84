"""What the bridge, or an extender, does with a header: the ways out of it, and what it looks up frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.simulation.bridge_ports import LogicalPort
from hwmodel.wire.tags import ETag, ParsedHeader, Tag, VlanTag, build_header


@dataclass(frozen=True)
class Way:
    """Hold one way out; `template`: what the header is behind it, for an extender a hop, outside the kind of a copy."""

    logical_port: int
    port: int
    template: int
    delta_bytes: int


@dataclass
class Hop:
    """Hold what the bridge does with a header on a logical port, or an extender at a port.

    `home`: the way to where its target stands in the configuration; `flood`: the ways to all who may want it, which
    hops may share. A flood takes `home` in place of its own way to that port.
    """

    logical_port: int
    reason: DropReason = DropReason.NONE
    source: int = NOBODY
    target: int = NOBODY
    policer: int = NOBODY
    home: Way | None = None
    flood: list[Way] = field(default_factory=list)


@dataclass(frozen=True)
class Inside:
    """Hold a header in the bridge: parsed, in its VLAN, with the tag fields that its copies leave with."""

    parsed: ParsedHeader
    vlan: int
    pcp: int
    dei: int
    n_bytes: int
    sender: str
    target: str

    def header(self, port: LogicalPort, outer: Tag | None) -> bytes:
        """Return the bytes with which it leaves by a logical port."""
        tags: list[Tag] = [] if outer is None else [outer]
        if self.vlan not in port.untagged:
            tags.append(VlanTag(self.pcp, self.dei, port.wire_vlan or self.vlan))
        return build_header(self.parsed.destination, self.parsed.source, self.parsed.ethertype, tags)


def priority_of(parsed: ParsedHeader) -> tuple[int, int]:
    """Return priority and drop eligibility: the C-TAG's, else those of an S-TAG or E-TAG, else 0."""
    if parsed.c_tag is not None:
        return parsed.c_tag.pcp, parsed.c_tag.dei
    if isinstance(parsed.outer, ETag | VlanTag):
        return parsed.outer.pcp, parsed.outer.dei
    return 0, 0

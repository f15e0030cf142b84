"""What a port extender decides, apart from its time: docs/bridge.md, "Extenders"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..service_level_oracle import Level
from .ports import AttachedPort
from .relay import Relayed
from .tags import parse


class ExtenderPort(NamedTuple):
    """One port: the upper end of an extender's uplink, the lower end, or one to an adapter."""

    name: str
    rate_bps: int
    propagation_fs: int
    wires: frozenset[str]
    """Those of servers below it; none below the lower end of an uplink."""


class ExtenderRelay:
    """Passes all on upwards, and downwards to where the tag says; `root` is the port of the bridge above."""

    shut: frozenset[int] = frozenset()  # it has no port security

    def __init__(self, ports: Mapping[int, ExtenderPort], uplink: int, root: AttachedPort) -> None:
        """Know the ports by their numbers, that of the uplink among them."""
        self.ports = ports
        self._uplink = uplink
        self._root = root

    def levels_of(self, _number: int) -> Mapping[None, Level]:
        """Return the service levels of a port, which has none."""
        return {}

    def relay(self, _now_fs: int, number: int, raw: bytes, _station: str = "") -> Relayed:
        """Say where a frame that came in at a port goes, as it is."""
        if number != self._uplink:
            return Relayed([(self._uplink, raw)], keys=[None])
        wires = set(self._named(raw))
        to = [each for each, port in sorted(self.ports.items()) if port.wires & wires]
        return Relayed([(each, raw) for each in to], keys=[None] * len(to))

    def _named(self, raw: bytes) -> Sequence[str]:
        """Return the wires of servers for which a frame that comes down is."""
        value = parse(raw, self._root.outer_type).outer
        assert value is not None
        if self._root.mode == "vn_tag":
            is_list, key = value >> 30 & 1, value >> 16 & 0x3FFF
        else:
            is_list, key = value >> 28 & 3, (value & 0xFF) << 12 | value >> 16 & 0xFFF
        if not is_list:
            return [self._root.wire_to[key]]
        (members,) = [each.members for each in self._root.lists.values() if each.number == key]
        return [member.wire for member in members]

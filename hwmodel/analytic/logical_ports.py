"""The logical ports of a bridge, as docs/bridge.md ("Logical ports") has them: VLANs, outer tags, hairpin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.analytic.routes import TAG_BYTES
from hwmodel.config import reflects
from hwmodel.config.bridge import TAG_MODES

if TYPE_CHECKING:
    from hwmodel.analytic.system import System, Trunk
    from hwmodel.config.bridge import Bridge, BridgePort
    from hwmodel.config.switch import Port

DEFAULT_S_CHANNEL = 1
_ALL_VLANS = frozenset(range(1, 4095))


@dataclass(frozen=True)
class LogicalPort:
    """Hold one logical port at the wire of component `part`.

    `interface`: the station in the modes with a tag for each, the S-channel in mode multichannel, else None.
    `tag_bytes`: of the outer tag of frames on the wire. `vlans`: in the bridge, None for all. `untagged`: those whose
    frames leave without C-TAG. `wire_vlan`: what the only one of `vlans` is on the wire, where it is translated.
    """

    part: int
    interface: str | int | None
    tag_bytes: int
    is_hairpin: bool
    native_vlan: int | None
    vlans: frozenset[int] | None
    untagged: frozenset[int]
    wire_vlan: int | None = None

    def on_wire(self, vlan: int) -> int:
        """Give the number on the wire of a VLAN of the bridge."""
        return vlan if self.wire_vlan is None else self.wire_vlan

    def carries(self, vlan: int | None) -> bool:
        """Tell whether frames of a VLAN pass."""
        return vlan is not None and (self.vlans is None or vlan in self.vlans)


def logical_ports(system: System, bridge: int = 0) -> tuple[LogicalPort, ...]:
    """List the logical ports of a bridge, in the order in which it puts copies into queues."""
    own = system.bridges[bridge].settings
    ends = [part for part in range(system.outside + 1) if system.bridge_at(part) == bridge]
    found = [one for part in ends for one in _of_part(system, own, part)]
    # Wires between bridges stand in the order of the ports of the bridge that lists one end first.
    for trunk in sorted(system.trunks, key=lambda one: _place_of(system, one)):
        for number, name in ((trunk.upper, trunk.upper_port), (trunk.lower, trunk.lower_port)):
            if number == bridge:
                found.append(_plain(system.part_of_trunk(trunk), own.ports[name]))
    return tuple(found)


def _place_of(system: System, trunk: Trunk) -> tuple[int, int]:
    number, name = min((trunk.upper, trunk.upper_port), (trunk.lower, trunk.lower_port))
    return number, list(system.bridges[number].settings.ports).index(name)


def _plain(part: int, port: BridgePort) -> LogicalPort:
    """Give a port without interfaces, hairpin and translated VLANs."""
    vlans = None if port.vlans == "all" else frozenset(port.vlans)
    untagged = frozenset(() if port.native_vlan is None else (port.native_vlan,))
    return LogicalPort(part, None, 0, False, port.native_vlan, vlans, untagged)


def interface_of(mode: str, station: Port) -> str | int | None:
    """Give the interface behind which a station of an adapter stands."""
    if mode in TAG_MODES:
        return station.name
    return (station.s_channel or DEFAULT_S_CHANNEL) if mode == "multichannel" else None


def _of_part(system: System, bridge: Bridge, part: int) -> Iterator[LogicalPort]:
    port = bridge.ports[system.port_name(part)]
    native = port.native_vlan
    vlans = None if port.vlans == "all" else frozenset(port.vlans)
    untagged = frozenset(() if native is None else (native,))
    if part == system.outside:
        yield _plain(part, port)
        return
    switch = system.config(part).switch
    if switch.mode in TAG_MODES:
        for one in switch.ports:
            if one.enabled:
                yield LogicalPort(
                    part, one.name, TAG_BYTES[switch.mode], False, one.port_vlan, frozenset(one.vlans),
                    frozenset(one.untagged),
                )  # fmt: skip
    elif switch.mode == "multichannel":
        named = {interface_of(switch.mode, one) for one in switch.ports} & {DEFAULT_S_CHANNEL}
        for channel in sorted({*switch.s_channels, *(int(one or 0) for one in named)}):
            tag_bytes = 0 if channel == DEFAULT_S_CHANNEL else TAG_BYTES["s"]
            yield LogicalPort(part, channel, tag_bytes, reflects(port, switch, channel), native, vlans, untagged)
    else:
        is_hairpin = reflects(port, switch)
        others = vlans if not port.translate else (_ALL_VLANS if vlans is None else vlans) - frozenset(port.translate)
        yield LogicalPort(part, None, 0, is_hairpin, native, others, untagged)
        for wire_vlan, vlan in sorted(port.translate.items()):
            own = frozenset((vlan,))
            yield LogicalPort(
                part, None, 0, is_hairpin, native, own, own if wire_vlan == native else frozenset(), wire_vlan
            )

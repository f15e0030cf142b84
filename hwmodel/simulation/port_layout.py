"""The ports of all bridges and extenders in their order, with what stands at each end of each wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from hwmodel.config.bridge import BRIDGE
from hwmodel.simulation.bridge_ports import (
    ALL_VLANS,
    OUTER_TYPES,
    OUTSIDE,
    LogicalPort,
    PhysicalPort,
    logical_ports,
)
from hwmodel.workload.traffic import UPLINK

if TYPE_CHECKING:
    from hwmodel.config import Config, NamedBridge
    from hwmodel.config.bridge import BridgePort

ALONE = "adapter"  # the port to the one server that has no name


def ports_of(bridges: Sequence[NamedBridge], servers: Sequence[tuple[str, Config]]) -> list[PhysicalPort]:
    """Return the ports of all bridges and extenders with their logical ports.

    First those to each server in turn, then outside, then the two ends of each wire between bridges, then of each
    extender's uplink the upper end and the lower.
    """
    boxes = {name: at for at, name in enumerate(_boxes_of(bridges))}
    roots = _roots(bridges, [name or ALONE for name, _ in servers])
    found: list[PhysicalPort] = []
    numbers = count()
    for index, (name, config) in enumerate(servers):
        port_name = name or ALONE
        at, settings = _port_of(bridges, port_name)
        device = bridges[at].name if settings.behind == BRIDGE else settings.behind
        switch = config.switch
        port = PhysicalPort(
            index, port_name, settings.rate_bps, bridges[at].propagation_fs(port_name), index, roots[port_name],
            bridges[at], at, device, boxes[device], below=(index,), mode=switch.mode,
        )  # fmt: skip
        if switch.mode in OUTER_TYPES:
            port.outer_types = frozenset({int(OUTER_TYPES[switch.mode])})
        port.is_scheduled = bool(settings.s_channels)
        port.taken_lists = set(switch.vif_lists) | {entry.ecid for entry in switch.ecid_lists}
        prefix = f"{name}." if name else ""
        port.logical = list(logical_ports(port, switch, settings, prefix, numbers))
        found.append(port)
    found.append(_plain_port(bridges, _port_of(bridges, OUTSIDE)[0], OUTSIDE, len(found), next(numbers)))
    for end, other in _wires(bridges):
        number = len(found)
        for at, (own, far) in enumerate(((end, other), (other, end))):
            port = _plain_port(bridges, *own, number + at, next(numbers))
            port.joined, port.to = number + 1 - at, f"{bridges[far[0]].name}.{far[1]}"
            found.append(port)
    for at, bridge in enumerate(bridges):
        for name in bridge.settings.extenders:
            found += _uplink(bridge, at, name, len(found), boxes, found[: len(servers)])
    return found


def _boxes_of(bridges: Sequence[NamedBridge]) -> Iterator[str]:
    """Name all bridges, then all extenders."""
    yield from (bridge.name for bridge in bridges)
    for bridge in bridges:
        yield from bridge.settings.extenders


def _port_of(bridges: Sequence[NamedBridge], name: str) -> tuple[int, BridgePort]:
    """Return the number of the bridge that has the port to a server or outside, and that port's settings."""
    return next((at, one.settings.ports[name]) for at, one in enumerate(bridges) if name in one.settings.ports)


def _wires(bridges: Sequence[NamedBridge]) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    """Return the ends of each wire between bridges, by a bridge's number and the port's name, as listed."""
    numbers = {bridge.name: at for at, bridge in enumerate(bridges)}
    found: list[tuple[tuple[int, str], tuple[int, str]]] = []
    for at, bridge in enumerate(bridges):
        for name, port in bridge.wires.items():
            assert port.to is not None
            far_bridge, _, far_name = port.to.partition(".")
            if ((numbers[far_bridge], far_name), (at, name)) not in found:
                found.append(((at, name), (numbers[far_bridge], far_name)))
    return found


def _roots(bridges: Sequence[NamedBridge], to_servers: Sequence[str]) -> dict[str, int]:
    """Return for each port to a server its bridge's own port that leads to it."""
    first = len(to_servers) + 1 + 2 * len(_wires(bridges))
    names = [name for bridge in bridges for name in bridge.settings.extenders]
    uppers = {name: first + 2 * at for at, name in enumerate(names)}
    above = {name: bridges[_port_of(bridges, name)[0]].settings.above(name) for name in to_servers}
    return {name: uppers[way[-1]] if way else at for at, (name, way) in enumerate(above.items())}


def _plain_port(bridges: Sequence[NamedBridge], at: int, name: str, number: int, logical_number: int) -> PhysicalPort:
    """Return a port that is one logical port without outer tags: to the stations outside, or to another bridge."""
    bridge = bridges[at]
    settings = bridge.settings.ports[name]
    port = PhysicalPort(
        number, name, settings.rate_bps, bridge.propagation_fs(name), None, number, bridge, at, bridge.name, at
    )  # fmt: skip
    vlans = ALL_VLANS if settings.vlans == "all" else settings.vlans
    native = [] if settings.native_vlan is None else [settings.native_vlan]
    port.logical = [
        LogicalPort(logical_number, number, name, "veb", None, False, settings.native_vlan, vlans, native)
    ]  # fmt: skip
    return port


def _uplink(
    bridge: NamedBridge,
    at: int,
    name: str,
    number: int,
    boxes: Mapping[str, int],
    to_servers: Sequence[PhysicalPort],
) -> tuple[PhysicalPort, PhysicalPort]:
    """Return the two ends of an extender's uplink, the upper first, which has the name of what it leads to."""
    settings = bridge.settings
    extender = settings.extenders[name]
    below = [port for port in to_servers if port.bridge == at and name in (settings.above(port.name) or ())]
    device = bridge.name if extender.behind == BRIDGE else extender.behind
    upper = PhysicalPort(
        number, name, extender.rate_bps, settings.propagation_fs, None, below[0].root, bridge, at, device,
        boxes[device], number + 1,
        below=tuple(port.number for port in below), mode=below[0].mode, outer_types=below[0].outer_types,
        logical=[logical for port in below for logical in port.logical],
        taken_lists={taken for port in below for taken in port.taken_lists},
    )  # fmt: skip
    lower = PhysicalPort(
        number + 1, f"{name}.{UPLINK}", extender.rate_bps, settings.propagation_fs, None, upper.root, bridge, at, name,
        boxes[name], number, mode=upper.mode, outer_types=upper.outer_types,
    )  # fmt: skip
    return upper, lower

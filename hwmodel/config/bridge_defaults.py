"""Fill in the ports of a bridge, one for each adapter, then `outside`, and its extenders: what adapters say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .bridge import OUTSIDE, Bridge
from .switch import Uplink
from .wire_port import WirePort

Plain = Mapping[str, Any]


def fill_bridge(bridge: dict[str, Any], adapters: Mapping[str, Plain]) -> None:
    """Give the plain data of a bridge all its ports, in order, and these and extenders what follows from the adapters.

    `adapters`: the plain data of each server's configuration, by the name of its port. Ports of nobody stay, last.
    """
    ports = _ports_in(bridge)
    if ports is not None:
        _fill_ports(bridge, {name: {} for name in (*adapters, OUTSIDE)} | ports, adapters)


def fill_joined(bridges: list[Any], adapters: Mapping[str, Plain]) -> None:
    """Give the plain data of several bridges what `fill_bridge` gives to one, and to wires what either end says.

    A server has a port where one is written; so has `outside`, or else the first bridge.
    """
    found = [(entry, ports) for entry in bridges if isinstance(entry, dict) and (ports := _ports_in(entry)) is not None]
    if found and not any(OUTSIDE in ports for _, ports in found):
        found[0][1][OUTSIDE] = {}
    ends = [
        _End(f"{entry.get('name')}.{name}", entry, port)
        for entry, ports in found
        for name, port in ports.items()
        if isinstance(port, dict)
    ]
    wires = {end.name: end for end in ends if end.name.partition(".")[2] not in (*adapters, OUTSIDE)}
    for end in wires.values():
        to = end.port.get("to")
        if isinstance(to, str) and to in wires:
            wires[to].port.setdefault("to", end.name)
    rate = _rate_of(next(iter(adapters.values())))
    for end in ends:
        _fill_wire(end, wires, rate)
    for entry, ports in found:
        _fill_ports(entry, {name: ports[name] for name in (*adapters, OUTSIDE) if name in ports} | ports, adapters)


class _End(NamedTuple):
    """A port by its name in the system, with its bridge's plain data and its own."""

    name: str
    bridge: Plain
    port: dict[str, Any]


def _fill_wire(end: _End, wires: Mapping[str, _End], rate: Any) -> None:
    """Let both ends of a wire between bridges have one rate and one propagation."""
    port, to = end.port, end.port.setdefault("to", None)
    propagation = end.bridge.get("propagation", Bridge.model_fields["propagation_fs"].default)
    other = wires.get(to) if isinstance(to, str) else None
    if other is not None and other.port.get("to") == end.name:
        for key, default in (("rate", rate), ("propagation", propagation)):
            port.setdefault(key, other.port.get(key, default))
            other.port.setdefault(key, port[key])
    port.setdefault("propagation", propagation)


def _ports_in(bridge: dict[str, Any]) -> dict[str, Any] | None:
    """Return the ports that are written, those without keys as empty mappings; None where it is no mapping."""
    written = bridge.get("ports")
    if written is not None and not isinstance(written, dict):
        return None
    return {name: {} if entry is None else entry for name, entry in (written or {}).items()}


def _rate_of(adapter: Plain) -> Any:
    return _value(adapter, WirePort.model_fields["rate_bps"].default, "port", "rate")


def _fill_ports(bridge: dict[str, Any], in_order: dict[str, Any], adapters: Mapping[str, Plain]) -> None:
    rates = {name: _rate_of(data) for name, data in adapters.items()}
    first_rate = next(iter(rates.values()))
    bridge["ports"] = in_order
    extenders = bridge.get("extenders")
    if isinstance(extenders, dict):
        bridge["extenders"] = {name: {} if entry is None else entry for name, entry in extenders.items()}
        for entry in bridge["extenders"].values():
            if isinstance(entry, dict):
                entry.setdefault("rate", first_rate)
    for name, entry in in_order.items():
        if isinstance(entry, dict):
            native_vlan = Uplink.model_fields["native_vlan"].default
            entry.setdefault("rate", rates.get(name, first_rate))
            entry.setdefault(
                "native_vlan", _value(adapters.get(name, {}), native_vlan, "switch", "uplink", "native_vlan")
            )


def _value(data: Plain, default: object, *keys: str) -> Any:
    here: Any = data
    for key in keys:
        if not isinstance(here, Mapping) or key not in here:
            return default
        here = here[key]
    return here

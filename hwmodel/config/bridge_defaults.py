"""Fill in the ports of a bridge, one for each adapter, then `outside`, and its extenders: what adapters say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bridge import OUTSIDE
from .switch import Uplink
from .wire_port import WirePort

Plain = Mapping[str, Any]


def fill_bridge(bridge: dict[str, Any], adapters: Mapping[str, Plain]) -> None:
    """Give the plain data of a bridge all its ports, in order, and these and extenders what follows from the adapters.

    `adapters`: the plain data of each server's configuration, by the name of its port. Ports of nobody stay, last.
    """
    written = bridge.get("ports")
    if written is not None and not isinstance(written, dict):
        return
    ports = {name: {} if entry is None else entry for name, entry in (written or {}).items()}
    rates = {name: _value(data, WirePort.model_fields["rate_bps"].default, "port", "rate")
             for name, data in adapters.items()}  # fmt: skip
    first_rate = next(iter(rates.values()))
    bridge["ports"] = in_order = {name: {} for name in (*rates, OUTSIDE)} | ports
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

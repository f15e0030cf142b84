"""Fill in an adapter's receive steering from a configuration: filters, the RSS key and its table."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from hwmodel.forwarding.steering import DROPPED, NO_DIRECTOR, PERFECT, SIGNATURE
from hwmodel.forwarding.tables import ANY, NO_VLAN
from hwmodel.rules.steering import KEY_BYTES, PROTOCOLS
from hwmodel.simulation.access_lists import address_words

if TYPE_CHECKING:
    from hwmodel.config.steering import FlowFilter, Steering, TupleFilter

DIRECTORS = {"perfect": PERFECT, "signature": SIGNATURE}


def fill_steering(record: Any, steering: Steering | None, ports: Mapping[str, int]) -> None:
    """Fill a zeroed STEERING, which stays off without `nic.steering`. `ports`: port numbers by name."""
    if steering is None:
        return
    record.is_on = 1
    key = bytes.fromhex(steering.rss.key_digits)
    record.key[:] = [int.from_bytes(key[at : at + 4], "big") for at in range(0, KEY_BYTES, 4)]
    entries, table = steering.rss.entries, steering.rss.table
    record.table_mask = entries - 1
    record.table[:entries] = [table[at % len(table)] for at in range(entries)]
    for one, filled in zip(steering.tuple_filters, record.tuple_filter, strict=False):
        _fill_filter(filled, one, ports)
        filled.priority = one.priority
    record.n_tuple_filters = len(steering.tuple_filters)
    director = steering.flow_director
    record.director = NO_DIRECTOR
    if director is None:
        return
    record.director, record.atr = DIRECTORS[director.mode], director.atr
    is_perfect = director.mode == "perfect"
    record.capacity = director.capacity
    for flow, filled in zip(director.filters, record.flow_filter, strict=False):
        _fill_filter(filled, flow, ports)
        filled.flow.vlan = flow.vlan if flow.vlan is not None else ANY if is_perfect else NO_VLAN
    record.n_flow_filters = len(director.filters)


def _fill_filter(record: Any, one: TupleFilter | FlowFilter, ports: Mapping[str, int]) -> None:
    record.port = ANY if one.pool is None else ports[one.pool]
    record.queue = DROPPED if one.queue == "drop" else one.queue
    flow = record.flow
    flow.vlan = ANY
    flow.protocol = ANY if one.protocol is None else PROTOCOLS[one.protocol]
    for name in ("source_port", "destination_port"):
        port = getattr(one, name)
        flow[name] = 0 if one.protocol == "other" else ANY if port is None else port
    version = ANY
    for name in ("source", "destination"):
        address: IPv4Address | IPv6Address | None = getattr(one, name)
        if address is not None:
            version = address.version
            record[f"has_{name}"] = 1
            flow[name][:] = address_words(int(address))
    flow.version = version

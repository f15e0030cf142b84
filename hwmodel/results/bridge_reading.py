"""What summary and page both say of bridges at the other ends of wires, and of the servers on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.resources import CORE, OFFERED_LOAD
from hwmodel.words.quantities import (
    MISSING,
    count_text,
    counted,
    decimals_text,
    drop_words,
    percent_text,
    printable,
    three_digits,
)

if TYPE_CHECKING:
    from hwmodel.results.bridge import BridgePortResult, BridgeResult
    from hwmodel.results.result import AdapterResult, Result


NO_NAME = "bridge"  # what the bridge is called that has no name
_SHOWN_FROM = 0.0005  # of a share that has one decimal as a percentage


def forwarding_sentence(bridge: BridgeResult) -> str:
    """Return how many frames a bridge forwarded, and how many copies it made."""
    copies = f"{counted(bridge.replicated_frames, 'frame')} more made by copying"
    return f"{counted(bridge.forwarded_frames, 'frame')} forwarded, {copies}"


def flooding_sentence(bridge: BridgeResult) -> str:
    """Return how many frames a bridge flooded because it did not know the address, and their share of all."""
    share = bridge.flooded_frames / bridge.forwarded_frames if bridge.forwarded_frames else 0.0
    shown = percent_text(share) if share >= _SHOWN_FROM or not bridge.flooded_frames else "below 0.1 %"
    whose = "its" if bridge.flooded_frames == 1 else "their"
    return f"{counted(bridge.flooded_frames, 'frame')} ({shown} of those forwarded), {whose} address unknown"


def learning_sentence(bridge: BridgeResult) -> str:
    """Return what a bridge's address table holds at the end, and how it changed."""
    if bridge.kind == "controlling":
        return "knows each station by its virtual interface, and learns nothing"
    full = ", the table being full"
    changes = (("moved", bridge.moved, ""), ("aged", bridge.aged, ""), ("not learned", bridge.not_learned, full))
    told = [f"{words} {counted(count, 'time')}{why}" for words, count, why in changes if count]
    changed = f"; {', '.join(told)}" if told else ""
    noun = "address" if bridge.addresses_known == 1 else "addresses"
    return f"{count_text(bridge.addresses_known)} {noun} known at the end of the run{changed}"


def copying_words(result: Result) -> str:
    """Return, in words, what made more frames out of those offered: flooding, unless some may be for groups."""
    workload = result.config.get("workload") or {}
    may_have_groups = workload.get("pattern") in ("broadcast", "multicast") or workload.get("pcap") is not None
    floods = any(bridge.flooded_frames for bridge in result.bridges)
    return "made by flooding" if floods and not may_have_groups else "made by copying"


def limit_cell(adapter: AdapterResult) -> str:
    """Return a server's fullest resource and how busy it is, also where nothing is full and the load limits."""
    own = adapter.bottleneck
    name, share = own.resource, own.utilization
    if name == OFFERED_LOAD:
        name, share = _busiest(adapter.utilization)
    return f"{name} {percent_text(share)}" if share else name or MISSING  # a rate limit is never full


def _busiest(utilization: Mapping[str, float]) -> tuple[str, float]:
    """Return the busiest resource and how busy it is; a core by the side that takes more of it."""
    sides = {name: share for name, share in utilization.items() if name in CORE}
    shares = {name: share for name, share in utilization.items() if name not in sides}
    if sides:
        shares[max(sides, key=lambda side: sides[side])] = min(1.0, sum(sides.values()))
    name = max(shares, key=lambda one: shares[one], default="")
    return name, shares.get(name, 0.0)


def core_share(utilization: Mapping[str, float]) -> float | None:
    """Return how busy the busiest core is, None where that is not known."""
    sides = [utilization[name] for name in CORE if name in utilization]
    return sum(sides) if sides else None


def nic_setting_of(result: Result, server: str, name: str) -> Any:
    """Return a `nic` key of one server: its own setting, else the common one."""
    changes: Mapping[str, Any] = dict(servers_in(result.config)).get(server, {})
    return changes.get(f"nic.{name}", result.config.get("nic", {}).get(name))


def servers_in(config: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return a stored configuration's servers (or each of their adapters) by name, with what each sets differently."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in config.get("servers") or []:
        name, own, adapters = str(entry.get("name")), entry.get("set", {}), entry.get("adapters") or []
        found += [(f"{name}.{each.get('name')}", own | each.get("set", {})) for each in adapters]
        if not adapters:
            found.append((name, own))
    return found


def place_of(config: Mapping[str, Any], vm: str) -> str:
    """Return where a VM is attached by a stored configuration, its own name where that is a function's."""
    return next((str(one["at"]) for one in config.get("vms") or () if one["name"] == vm), vm)


class NamedPort(NamedTuple):
    """Hold a port of a bridge or an extender: what it is called in tables, and as a resource."""

    label: str
    resource: str
    port: BridgePortResult


def ports_of(result: Result) -> list[NamedPort]:
    """Return the ports of all bridges."""
    return [one for bridge in result.bridges for one in ports_at(bridge)]


def ports_at(bridge: BridgeResult) -> list[NamedPort]:
    """Return the ports of a bridge and its extenders.

    An extender's port is labelled with the extender's name behind it; a named bridge's port with the bridge's before
    it.
    """
    return [NamedPort(_label(bridge, port), f"{bridge.name}.{port.name}", port) for port in bridge.ports]


def _label(bridge: BridgeResult, port: BridgePortResult) -> str:
    if port.device != bridge.name:
        return printable(port.name if port.name.startswith(f"{port.device}.") else f"{port.name} ({port.device})")
    return printable(port.name if bridge.name == NO_NAME else f"{bridge.name}.{port.name}")


def bridge_words(bridge: BridgeResult) -> str:
    """Return the words that a line on a bridge begins with."""
    return "Bridge" if bridge.name == NO_NAME else printable(f"Bridge {bridge.name}")


def port_row(named: NamedPort, share_text: Callable[[float], str]) -> list[str]:
    """Return a port's cells in a table: its name, rates and busy shares in and out, its queue, its drops."""
    port = named.port
    return [
        named.label,
        decimals_text(port.in_gbps, 3),
        decimals_text(port.out_gbps, 3),
        share_text(port.in_utilization),
        share_text(port.out_utilization),
        three_digits(port.queue_mean_bytes),
        count_text(port.queue_max_bytes),
        drop_words(port.drops, none=MISSING),
    ]


def port_share(port: BridgePortResult) -> float:
    """Return how busy a port is in its busier direction."""
    return max(port.in_utilization, port.out_utilization)


def port_lines(port: BridgePortResult) -> tuple[str, ...]:
    """Return what a picture says of a port: how busy each way, and what its queue holds."""
    n_bytes = port.queue_mean_bytes
    return (
        f"in {percent_text(port.in_utilization)} busy",
        f"out {percent_text(port.out_utilization)} busy",
        f"queue {three_digits(n_bytes / 1024)} KiB" if n_bytes >= 1024 else f"queue {three_digits(n_bytes)} B",
    )


# ---- A bridge that floods. ----


def flooding(bridge: BridgeResult, reason: str, cure: str) -> str:
    """Say how much a bridge floods, between the reason and the cure."""
    share, is_one = 100 * bridge.flooded_frames / bridge.forwarded_frames, bridge.flooded_frames == 1
    return (
        f"{reason}; {counted(bridge.flooded_frames, 'frame')} ({share:.1f} % of those that the "
        f"{_named(bridge)} forwarded) {'was to an address' if is_one else 'were to addresses'} that it did not know, "
        f"and went to every port of {'its' if is_one else 'their'} VLAN.{cure}"
    )


def unlearned(bridge: BridgeResult) -> str:
    """Say why a bridge forgot addresses or learned none, where all stations send."""
    if bridge.not_learned:
        full = f"The {_named(bridge)}'s table was full ({bridge_key(bridge)}.table)"
        return f"{full}, an address was not learned {counted(bridge.not_learned, 'time')}"
    if bridge.aged:
        rarely = f"Stations sent so rarely that the {_named(bridge)} forgot"
        return f"{rarely} an address {counted(bridge.aged, 'time')} ({bridge_key(bridge)}.ageing)"
    return "Stations had sent nothing over the bridge when frames to them came"


def announce_helps(bridge: BridgeResult) -> str:
    """Name the key that makes stations of servers announce themselves, and what else that takes."""
    key = bridge_key(bridge)
    limits = (f"{key}.table has room", bridge.not_learned)
    ageing = (f"{key}.ageing lets them stay", bridge.aged)
    unless = " and ".join(words for words, holds in (limits, ageing) if holds)
    return (
        f" With {key}.announce true the servers' stations are in its table from the start"
        f"{f', as far as {unless}' if unless else ''}."
    )


def _named(bridge: BridgeResult) -> str:
    return "bridge" if bridge.name == NO_NAME else f"bridge {bridge.name}"


def bridge_key(bridge: BridgeResult) -> str:
    """Return the prefix of a bridge's keys."""
    return bridge.name if bridge.name == NO_NAME else f"bridges.{bridge.name}"

"""What a reader must know of a bridge that floods: whose addresses it does not know, and which key changes that."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from hwmodel.config import bridge_with, bridges_of, servers_of
from hwmodel.results import BridgeResult, Result
from hwmodel.words import warnings as words
from hwmodel.workload.traffic import UPLINK

if TYPE_CHECKING:
    from hwmodel.config import Config, Server

MOST_FLOODED = 0.01  # of what a bridge forwards


def flooding_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning where a learning bridge floods more than 1 % of what it forwards.

    It names the stations that frames go to over the bridge and that send nothing over it, those that most are sent to
    first; where all send, what else makes a bridge forget an address or never learn it.
    """
    for bridge in result.bridges:
        if bridge.kind == "learning" and bridge.flooded_frames > MOST_FLOODED * bridge.forwarded_frames:
            yield words.flooding(bridge, _reason(config, result, bridge), _cure(config, result, bridge))


def silent_stations(config: Config, result: Result) -> list[str]:
    """Return the stations that frames are sent to over the bridge and that send nothing over it, the busiest first."""
    local = {part.name for part in servers_of(config) if _forwards_itself(config, part)}
    stations = {vm.name for vm in result.vms} | {UPLINK}
    crossing = [flow for flow in result.flows if flow.offered and _crosses(flow.from_, flow.to, local)]
    senders = {flow.from_ for flow in crossing}
    offered: dict[str, int] = {}
    for flow in crossing:
        if flow.to in stations and flow.to not in senders:
            offered[flow.to] = offered.get(flow.to, 0) + flow.offered
    return sorted(offered, key=lambda name: -offered[name])


def stations_elsewhere(config: Config, result: Result) -> list[str]:
    """Return the stations that others send to over the bridge from a VLAN in which they are not, in their order.

    None where wires between bridges lead from one VLAN to another, as they do with two native VLANs.
    """
    wires = [port for bridge in bridges_of(config) for port in bridge.wires.values()]
    if len({port.native_vlan for port in wires}) > 1:
        return []
    own, reached = {}, {}
    for part in servers_of(config):
        bridge = bridge_with(config, part.port)
        translate = {} if bridge is None else bridge.settings.ports[part.port].translate
        for station in part.config.switch.ports:
            name = part.station(station.name)
            own[name] = translate.get(station.port_vlan, station.port_vlan)
            reached[name] = {translate.get(vlan, vlan) for vlan in station.vlans}
    found = {
        flow.to for flow in result.flows
        if flow.offered and flow.from_ in own and flow.to in own and own[flow.from_] not in reached[flow.to]
    }  # fmt: skip
    return [name for name in own if name in found]


def _forwards_itself(config: Config, part: Server) -> bool:
    """Tell whether an adapter forwards frames between its stations: not where the bridge translates their VLANs."""
    bridge = bridge_with(config, part.port)
    translates = bridge is not None and bool(bridge.settings.ports[part.port].translate)
    return part.config.switch.mode == "veb" and not translates


def _crosses(sender: str, target: str, local: Collection[str]) -> bool:
    """Tell whether frames go over the bridge: all but those that an adapter, one of `local`, forwards itself."""
    if UPLINK in (sender, target):
        return True
    own = sender.rpartition(".")[0]
    return own != target.rpartition(".")[0] or own not in local


def _reason(config: Config, result: Result, bridge: BridgeResult) -> str:
    """Say why addresses are not known, in the words before the count."""
    strangers = stations_elsewhere(config, result)
    if strangers:
        return words.in_other_vlans(strangers)
    silent = silent_stations(config, result)
    return words.silent(silent, UPLINK) if silent else words.unlearned(bridge)


def _cure(config: Config, result: Result, bridge: BridgeResult) -> str:
    """Name the key that lets the bridge know all stations but those outside; empty where it would not help."""
    announces = {one.name: one.settings.announce for one in bridges_of(config)}
    if announces[bridge.name] or silent_stations(config, result) == [UPLINK]:
        return ""
    return words.announce_helps(bridge)

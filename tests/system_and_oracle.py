"""One configuration of several servers on a bridge, for the second implementation of docs/bridge.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hwmodel.config import Config
from tests.engine_and_oracle import NS_FS, parameters_of
from tests.oracles.simpy_nic import Stop
from tests.oracles.simpy_system import (
    OUTSIDE,
    BridgeParameters,
    BridgePort,
    Server,
    SystemArrival,
    SystemLoad,
    SystemOutcome,
    simulate_system,
)

GROUP = "group"  # a destination: broadcast
OUTSIDE_MAC = 0x02FF_0000_0001

Recorded = Sequence[tuple[int, str, str, int]]
"""Frames: at which ns, from which station, to which (or GROUP), how many bytes with FCS."""


def servers_of(config: Config) -> list[Server]:
    """Return the servers that a configuration has."""
    from hwmodel.config import system

    return [Server(each.name, parameters_of(each.config), each.config.switch) for each in system.servers_of(config)]


def arrivals_of(servers: Iterable[Server], frames: Recorded) -> list[SystemArrival]:
    """Return recorded frames with their bytes, untagged, under the first address of each station."""
    macs = {OUTSIDE: OUTSIDE_MAC, GROUP: (1 << 48) - 1}
    macs |= {server.station(port.name): port.macs[0] for server in servers for port in server.switch.ports}

    def raw(source: str, to: str, frame_bytes: int) -> bytes:
        addresses = macs[to].to_bytes(6, "big") + macs[source].to_bytes(6, "big")
        return (addresses + b"\x88\xb5").ljust(frame_bytes - 4, b"\0")

    return [SystemArrival(at_ns * NS_FS, source, raw(source, to, n_bytes)) for at_ns, source, to, n_bytes in frames]


def bridge_of(block: Any) -> BridgeParameters:
    """Translate the block `bridge`."""
    return BridgeParameters(
        kind=block.kind,
        ports={
            name: BridgePort(
                rate_bps=port.rate_bps,
                hairpin=port.hairpin,
                native_vlan=port.native_vlan,
                vlans=None if port.vlans == "all" else frozenset(port.vlans),
            )
            for name, port in block.ports.items()
        },
        latency_fs=block.latency_fs,
        forwarding=block.forwarding,
        buffer_bytes=block.buffer_bytes,
        sharing=block.sharing,
        propagation_fs=block.propagation_fs,
        table=block.table,
        ageing_fs=block.ageing_fs,
        policy=block.policy,
    )


def oracle_of_system(config: Any, frames: Recorded, stop: Stop) -> SystemOutcome:
    """Run recorded frames through a configuration that has a bridge."""
    servers = servers_of(config)
    load = SystemLoad(arrivals=arrivals_of(servers, frames), on_full=config.workload.on_full)
    return simulate_system(servers, bridge_of(config.bridge), load, stop)

"""One configuration of several servers on a bridge, for the second implementation of docs/bridge.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hwmodel.config import Config
from tests.engine_and_oracle import parameters_of
from tests.oracles.simpy_nic import Stop
from tests.oracles.simpy_system import (
    BridgeParameters,
    BridgePort,
    Server,
    SystemLoad,
    SystemOutcome,
    simulate_system,
)


def servers_of(config: Config) -> list[Server]:
    """Return the servers that a configuration has."""
    from hwmodel.config import system

    return [Server(each.name, parameters_of(each.config), each.config.switch) for each in system.servers_of(config)]


def bridge_of(block: Any, outside_macs: Iterable[int] = ()) -> BridgeParameters:
    """Translate the block `bridge`; `outside_macs`: of all stations outside, which a controlling bridge knows."""
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
        outside_macs=frozenset(outside_macs),
    )


def oracle_of_system(config: Any, load: SystemLoad, stop: Stop, outside_macs: Iterable[int] = ()) -> SystemOutcome:
    """Run a configuration that has a bridge."""
    return simulate_system(servers_of(config), bridge_of(config.bridge, outside_macs), load, stop)

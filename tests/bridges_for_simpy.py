"""Bridges as a configuration has them, for the SimPy model."""

from __future__ import annotations

from hwmodel.config import Config, NamedBridge
from hwmodel.config.bridge import JoinedPort
from tests.flow_control_for_simpy import bridge_flow_control
from tests.oracles.service_level_oracle import Level
from tests.oracles.simpy_system import BridgeParameters, BridgePort, ExtenderParameters


def bridge_of(config: Config, named: NamedBridge) -> BridgeParameters:
    """Translate the block `bridge`, or an entry of `bridges`."""
    block = named.settings
    flow_control, percents = bridge_flow_control(config, block)
    return BridgeParameters(
        name=named.name,
        kind=block.kind,
        ports={
            name: BridgePort(
                rate_bps=port.rate_bps,
                hairpin=port.hairpin,
                native_vlan=port.native_vlan,
                vlans=None if port.vlans == "all" else frozenset(port.vlans),
                pvlan=port.pvlan,
                most_addresses=None if port.port_security is None else port.port_security.most,
                shuts=port.port_security is not None and port.port_security.on_excess == "shut_down",
                behind=port.behind,
                s_channels={
                    s_vid: Level(level.weight, level.rate_bps, level.burst_bytes, level.buffer_bytes)
                    for s_vid, level in port.s_channels.items()
                },
                translate=port.translate,
                to=port.to if isinstance(port, JoinedPort) else None,
                propagation_fs=port.propagation_fs if isinstance(port, JoinedPort) else None,
            )
            for name, port in block.ports.items()
        },
        extenders={name: ExtenderParameters(**dict(one)) for name, one in block.extenders.items()},
        latency_fs=block.latency_fs,
        forwarding=block.forwarding,
        buffer_bytes=block.buffer_bytes,
        sharing=block.sharing,
        propagation_fs=block.propagation_fs,
        table=block.table,
        ageing_fs=block.ageing_fs,
        announce=block.announce,
        policy=block.policy,
        guards={name: controls.guards for name, controls in block.controls.items()},
        flow_control=flow_control,
        percents=percents,
    )

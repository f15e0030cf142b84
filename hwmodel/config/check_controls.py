"""Check what ports of bridges control: that there are these ports, and that stations of adapters are behind them."""

from __future__ import annotations

from collections.abc import Sequence

from .check_bridge_mirrors import check_mirrors, check_samplers
from .findings import Findings
from .kinds import suggest
from .system import NamedBridge
from .topology import Topology


def check_controls(bridges: Sequence[NamedBridge], topology: Topology, findings: Findings) -> None:
    """Check `bridge.controls` of each bridge; for a system in which nothing else is wrong."""
    for at, bridge in enumerate(bridges):
        to_adapters = [port for port, _ in topology.to_adapters if port.bridge == at]
        known = [name for port in to_adapters for name in (port.name, *(each.name for each in port.logical))]
        others = [port.name for port in topology.bridge_ports.ports[at] if port.switch is None]
        check_mirrors(at, bridge.settings.mirrors, bridge.path, topology, findings)
        check_samplers(at, bridge.settings.samples, bridge.path, topology, findings)
        for name, controls in bridge.settings.controls.items():
            path = (*bridge.path, "controls", name)
            if name in others and name not in known:
                if controls.guards:
                    findings.add("guards are for ports to adapters, whose stations have addresses", (*path, "guards"))
            elif name not in known:
                hint = suggest(name, [*known, *others]) or f"; there are {', '.join(dict.fromkeys((*known, *others)))}"
                findings.add(f"there is no port {name} at {bridge.words}{hint}", path)

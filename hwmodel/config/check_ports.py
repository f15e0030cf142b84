"""Check an adapter's Ethernet ports: that each port named exists, and that what belongs together is at one port."""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.rules.function_names import PF, is_pf, pf_name

from .document import KeyPath
from .findings import Findings, Part
from .model import Config
from .names import UPLINK, ethernet_ports, is_uplink, port_place
from .system import apart_ports, bridges_of
from .vms import Domain, domains_of, own_uplinks, port_of_end


def check_ports(config: Config, findings: Findings) -> None:
    """Check the `port` block, and that stations, and the two ends of each mirror, are at possible ports."""
    _check_down(config, findings)
    _check_stations(config, findings)
    if config.port.count > 1:
        _check_mirrors(config, findings)


def _there_is(config: Config) -> str:
    names = ethernet_ports(config.port.count)
    return f"port.count is {config.port.count}, {f'{names[0]} to {names[-1]}' if len(names) > 1 else 'p0 alone'}"


def check_port_name(config: Config, findings: Findings, name: str, path: KeyPath) -> bool:
    """Report a port name, written at `path`, that the adapter does not have; return whether it has it."""
    is_there = name in ethernet_ports(config.port.count)
    if not is_there:
        findings.add(f"there is no port {name}; {_there_is(config)}", path, "port.count")
    return is_there


def _check_down(config: Config, findings: Findings) -> None:
    for at, name in enumerate(config.port.down):
        if check_port_name(config, findings, name, ("port", "down", at)) and name in config.port.down[:at]:
            findings.add(f"{name} stands there already", ("port", "down", at))


def _check_stations(config: Config, findings: Findings) -> None:
    known = ethernet_ports(config.port.count)
    for station in config.switch.ports:
        if station.port is not None and station.port not in known:
            path = findings.station(station.name, "port")
            findings.add(
                f"{station.name} is at {station.port}, which the adapter does not have; {_there_is(config)}",
                path,
                "port.count",
            )
        elif is_pf(station.name) and config.port.count > 1 and station.name != pf_name(port_place(station.port)):
            own = station.name.removeprefix(PF) or "0"
            message = f"each port has a PF of its own, and {station.name} is that of p{own}"
            findings.add(message, findings.station(station.name, "port"))


def _check_mirrors(config: Config, findings: Findings) -> None:
    """Report mirrors across Ethernet ports: each port has a switch of its own, which sees no other port's frames."""
    ports = {port.name: port.port for port in config.switch.ports}
    for at, mirror in enumerate(config.switch.mirrors):
        if mirror.source is None or mirror.source == UPLINK:
            continue
        ends = {name: ports.get(name) for name in (mirror.to, mirror.source)}
        if len(set(ends.values())) > 1:
            where = ", ".join(f"{name} is at {port}" for name, port in ends.items())
            findings.add(
                f"a switch mirrors what passes it, and each port has its own: {where}",
                ("switch", "mirrors", at, "to"),
                besides=["switch.ports", "port.count"],
            )


def check_port_system(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check, if no bridge joins the ports' wires, that each flow stays at one port, and the pattern can run there."""
    _check_flows(config, findings)
    if apart_ports(config) != ("",) and config.workload.pcap is None:
        _check_pattern(config, findings, domains_of(config))


def _check_flows(config: Config, findings: Findings) -> None:
    apart = apart_ports(config)
    there_is = (
        "a bridge joins all wires, and uplink is all who are outside" if bridges_of(config) else _there_is(config)
    )
    for at, flow in enumerate(config.workload.flows):
        wrong = False
        for place, end in enumerate((flow.source, flow.target)):
            port = end.rpartition(".")[0]
            if is_uplink(end) and port and port not in apart:
                hint = " (did you mean uplink?)" if apart == ("",) else ""
                findings.add(
                    f"there are no stations {end}; {there_is}{hint}",
                    ("workload", "flows", at, place),
                    "port.count",
                )
                wrong = True
        source, target = own_uplinks(config, flow.source, flow.target)
        ports = [port_of_end(config, end) for end in (source, target)]
        if wrong or ports[0] == ports[1] or "" in ports:
            continue
        if is_uplink(source) and is_uplink(target):
            continue  # reported with all flows that do not meet the adapter (`check_workload`)
        findings.add(
            f"{source} is at {ports[0]} and {target} at {ports[1]}: nothing outside joins the two ports' wires "
            f"(bridge: {{}} does; flows from {source} to {ports[0]}.{UPLINK} and from {ports[1]}.{UPLINK} to {target} "
            "stand for it)"
            if not (is_uplink(source) or is_uplink(target))
            else f"{source} and {target} are at different ports, {ports[0]} and {ports[1]}, whose wires nothing joins",
            ("workload", "flows", at),
            besides=["switch.ports", "port.count"],
        )


def _check_pattern(config: Config, findings: Findings, domains: Sequence[Domain]) -> None:
    """Report a pattern that needs an even number of VFs at each port, or two VFs or more at some port."""
    pattern = config.workload.pattern
    if pattern is None or pattern == "flows":
        return
    keys = ("workload.pattern", "nic.vfs", "port.count")
    at_ports = ", ".join(f"{len(domain.vms)} at {domain.port}" for domain in domains)
    if pattern == "pairs":
        odd = [domain for domain in domains if len(domain.vms) % 2]
        if odd:
            findings.add(
                f"pattern: pairs needs an even number of VFs in use at each port, whose VFs send to each other; there "
                f"are {at_ports}",
                *keys,
                besides=["switch.ports"],
            )
    elif pattern in ("ring", "uniform", "incast") and all(len(domain.vms) < 2 for domain in domains):
        findings.add(
            f"pattern: {pattern} needs 2 VFs or more in use at a port, whose VFs send to each other; there are "
            f"{at_ports}",
            *keys,
            besides=["switch.ports"],
        )

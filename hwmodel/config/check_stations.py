"""Check the entries of `switch.ports`, and other names of functions, against each other and the number of VFs."""

from __future__ import annotations

from collections.abc import Iterable

from .document import KeyPath
from .findings import Findings
from .model import Config
from .names import mac_text


def check_stations(config: Config, findings: Findings) -> None:
    """Check names, addresses, interface numbers and S-channels of the stations."""
    _check_names(config, findings)
    check_station_names(config, findings, ((name, ("driver", "vms", name)) for name in config.driver.vms))
    _check_macs(config, findings)
    _check_interfaces(config, findings)
    _check_s_channels(config, findings)


def check_station_names(config: Config, findings: Findings, names: Iterable[tuple[str, KeyPath]]) -> None:
    """Report each name, given with its key's path, of a VF that the adapter does not have."""
    present = {"pf", "uplink", "all", *(f"vf{k}" for k in range(config.nic.vfs))}
    for name, path in names:
        if name not in present:
            findings.add(_absent(name, config.nic.vfs), path, besides=["nic.vfs"])


def _absent(name: str, n_vfs: int) -> str:
    last = f"vf0 to vf{n_vfs - 1}" if n_vfs > 1 else "vf0 alone"
    return f"there is no {name}; nic.vfs is {n_vfs}, {last}"


def _check_names(config: Config, findings: Findings) -> None:
    seen: set[str] = set()
    for index, entry in enumerate(findings.written_stations()):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str):
            if name in seen:
                findings.add(f"{name} has an entry already", ("switch", "ports", index, "name"))
            seen.add(name)
    named = [(port.name, findings.station(port.name, "name")) for port in config.switch.ports]
    check_station_names(config, findings, dict.fromkeys(named))


def _check_macs(config: Config, findings: Findings) -> None:
    owners: dict[int, list[tuple[str, set[int], int]]] = {}
    for port in config.switch.ports:
        for index, mac in enumerate(dict.fromkeys(port.macs)):
            for other, other_vlans, other_index in owners.get(mac, []):
                shared = other_vlans.intersection(port.vlans)
                if shared and other != port.name:
                    findings.add(
                        f"{other} and {port.name} both have {mac_text(mac)} in VLAN {min(shared)}",
                        findings.station(port.name, "macs", index),
                        findings.station(other, "macs", other_index),
                        besides=[findings.station(port.name, "vlans"), findings.station(other, "vlans")],
                    )
            owners.setdefault(mac, []).append((port.name, set(port.vlans), index))


def _check_interfaces(config: Config, findings: Findings) -> None:
    for key, name in (("vif", "VIF"), ("ecid", "E-CID")):
        owners: dict[int, str] = {}
        for port in config.switch.ports:
            number = getattr(port, key)
            other = owners.setdefault(number, port.name)
            if other != port.name:
                findings.add(
                    f"{other} and {port.name} both have {name} {number}; unless written it is the port's number",
                    findings.station(port.name, key),
                    findings.station(other, key),
                )


def _check_s_channels(config: Config, findings: Findings) -> None:
    channels = config.switch.s_channels
    stations: dict[int, list[str]] = {}
    for port in config.switch.ports:
        if port.s_channel is None:
            continue
        stations.setdefault(port.s_channel, []).append(port.name)
        if port.s_channel not in channels:
            known = f"which has {', '.join(map(str, sorted(channels)))}" if channels else "which is empty"
            findings.add(
                f"{port.s_channel} is not in switch.s_channels, {known}",
                findings.station(port.name, "s_channel"),
                besides=["switch.s_channels"],
            )
    for number, names in stations.items():
        if channels.get(number) == "single" and len(names) > 1:
            findings.add(
                f"channel {number} is for a single station, but {' and '.join(names)} are in it",
                findings.station(names[1], "s_channel"),
                ("switch", "s_channels", str(number)),
            )

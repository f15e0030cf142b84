"""Fill in what the user did not write: from the driver, then the device, then what follows from other keys.

Works on the plain data of a document before validation, so that each value, whoever gave it, is checked in one place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from pydantic import ValidationError

from hwmodel.rules.function_names import BEHIND_VFS, MOST_PORTS, MOST_VFS, function_names, is_pf
from hwmodel.rules.switch_modes import INTERFACE_KEYS, MODES
from hwmodel.units import UnitError, parse_bytes
from hwmodel.wire.ethernet import format_mac

from .adapter import Nic, WirePort
from .bridge import OUTSIDE, Bridge, wire_names
from .document import Document, KeyPath, Problem, copied_data
from .fill_queues import (
    fill_bus,
    fill_queues,
    fill_reach,
    fill_segments,
    fill_thresholds,
    fill_virtual_switch,
    has_bond,
    has_own_threads,
    has_virtual_switch,
    uses_wire,
)
from .kinds import LONGEST_FRAME_BYTES
from .model import OF_SYSTEM, Config
from .names import MOST_CORES, ethernet_ports, is_station_name, port_number
from .pcie_tree import MULTI_ROOT
from .presets import DEVICES, DRIVERS, DRIVERS_OF_DEVICES, HOSTS, Values
from .servers import ServerEntry
from .switch import Uplink
from .system import Server, entries_of, own_blocks
from .vm_entries import fill_names
from .workload import DEFAULT_HEADER, lengths_of_send

BLOCKS = tuple(name for name in Config.model_fields if name not in ("vms", *OF_SYSTEM))
NAMED_IS_STRICT: bool | None = True  # `nic.strict` where a preset is written
_BASE_MAC = 0x02_00_00_00_00_00
_BASE_IP = IPv4Address("10.0.0.1")
DEFAULT_FRAME_BYTES = 1518
# Makes frames of 1518 B, with the timestamps of TCP.
_DEFAULT_MSS = "1448B"
ALL = "all"
PORTS: KeyPath = ("switch", "ports")
_Marks = tuple[dict[KeyPath, Any], ...]  # like `Document.marks`, with paths relative to the entry
# Rules for guests that drivers do not set up for their own PF (docs/forwarding.md).
OF_PF: Plain = {"spoof_check": False, "trusted": True}
_OWN_ALONE = ("macs", "ips", *INTERFACE_KEYS)  # keys whose values no two stations may share
Plain = Mapping[str, Any]


def fill(
    document: Document,
    base_directory: str,
    *,
    server: int = 0,
    interfaces_before: int = 0,
    vfs_beside: int = 0,
    has_bridge: bool = False,
    adapters: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return a copy of the document's data with every key that can be derived filled in.

    `server`: the number of the adapter's server. `interfaces_before`: virtual interfaces that other servers' stations
    have below the same port of the bridge. `vfs_beside`: VFs of the other adapters in the same server. `has_bridge`:
    whether it is one of the servers of a system, which a bridge joins. `adapters`: the plain data of each server's
    configuration, by the names of its ports at the bridge; None: the document's own adapter is the only one.
    """
    data: dict[str, Any] = copied_data(document.data)
    no_blocks = {name: data[name] for name in BLOCKS if not isinstance(data.get(name), dict | None)}
    for name in BLOCKS:
        if data.get(name) is None or name in no_blocks:
            data[name] = {}  # a block whose keys are all left out, or commented out, or that is none
    nic, driver, workload, host = data["nic"], data["driver"], data["workload"], data["host"]
    nic.setdefault("strict", NAMED_IS_STRICT if "preset" in nic else None)
    preset = _preset_name(nic, "82599") or ""
    device = DEVICES.get(preset)
    fill_thresholds(nic, device)
    has_own_buffer = "rx_buffer" in nic
    if has_virtual_switch(nic):
        data["switch"].setdefault("promiscuous", "all")  # it is software, whatever adapter there is beside it
    for values in (*_driver_values(driver, nic), _device(nic), _preset(host, None, HOSTS)):
        for block, keys in values.items():
            _fill_block(data[block], keys)
    fill_bus(data["pcie"])
    _fill_vms(driver, nic)
    if workload.get("connections", 1) != 1:
        nic.setdefault("steering", {})
    n_ports = number_of_ports(data["port"])
    fill_queues(driver, nic, preset if device else None, n_ports, has_own_buffer=has_own_buffer)
    n_beside = 2 if has_virtual_switch(nic) else 0  # the PF, and the switch
    n_beside += number_of_vfs(nic) if n_beside and has_own_threads(host) else 0
    host.setdefault("cores", min(MOST_CORES, number_of_vfs(nic) + vfs_beside + n_beside))
    has_bridge = has_bridge or any(data.get(name) not in (None, []) for name in ("bridge", "bridges", "servers"))
    leaves = has_bridge or uses_wire(workload) or data["switch"].get("mode", "veb") != "veb"
    fill_virtual_switch(host, data["switch"], nic, leaves)
    if isinstance(data["switch"].setdefault("ports", []), list):
        list_stations(data["switch"]["ports"], functions_of(data))
        fill_segments(data["switch"]["ports"], nic, workload)
        fill_reach(host, data["switch"], nic)
        n_switched = 1 if has_bond(host, nic) else n_ports
        _fill_stations(data["switch"], server, interfaces_before, n_switched, number_of_vfs(nic))
    _fill_workload(document, workload, nic, base_directory)
    fill_names(data)
    starts = data["control"].get("starts") if isinstance(data.get("control"), dict) else None
    if isinstance(starts, dict) and starts:
        data["workload"].setdefault("stopped", [*starts])
    if isinstance(data.get(MULTI_ROOT), dict):
        _fill_hosts(data[MULTI_ROOT], data.get("servers"))
    if isinstance(data.get("bridge"), dict):
        fill_bridge(data["bridge"], adapters or dict.fromkeys(wire_names("", n_ports), data))
    if isinstance(data.get("bridges"), list):
        fill_joined(data["bridges"], adapters or dict.fromkeys(wire_names("", n_ports), data))
    return data | no_blocks


def _fill_hosts(multi_root: dict[str, Any], servers: Any) -> None:
    """Give a multi-root switch an entry for each host, in the order of the servers."""
    _fill_null(multi_root, "hosts", {})
    hosts = multi_root["hosts"]
    if isinstance(hosts, dict) and isinstance(servers, list):
        names = [entry["name"] for entry in servers if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
        multi_root["hosts"] = {name: {} if hosts.get(name) is None else hosts[name] for name in (*names, *hosts)}


def default_mac(number: int, server: int = 0) -> str:
    """Return a port's default address, 02:00:00:SS:NN:NN: SS is its server's number, NN:NN its own."""
    return format_mac(_BASE_MAC | server << 16 | number & 0xFFFF)


def _preset_name(block: Any, default: str | None) -> str | None:
    """Return the name of a block's preset: `default` if none is written, None if it is written as null."""
    name = block.get("preset", default) if isinstance(block, dict) else default
    return name if name is None else str(name)  # an unquoted 82599


def _preset(block: dict[str, Any], default: str | None, known: dict[str, Values] | Any) -> Values:
    name = _preset_name(block, default)
    if name is None:
        return {}
    of_default: Values = {} if default is None else known[default]
    found: Values = known.get(name, of_default)
    return found


def _driver_values(driver: dict[str, Any], nic: dict[str, Any]) -> tuple[Values, Values]:
    """Return what a driver's preset sets with this device, then with any."""
    both = _preset_name(driver, "kernel"), _preset_name(nic, "82599")
    return DRIVERS_OF_DEVICES.get(both, {}), _preset(driver, "kernel", DRIVERS)


def _fill_vms(driver: dict[str, Any], nic: dict[str, Any]) -> None:
    """Fill in VMs' own drivers: from the preset that each names, else from the common driver, filled in before.

    A preset's values for the adapter are not used, since all VMs share the adapter.
    """
    vms = driver.get("vms")
    if not isinstance(vms, dict):
        return
    of_all = {name: value for name, value in driver.items() if name != "vms"}
    for name in [name for name, own in vms.items() if own is None]:
        vms[name] = {}  # all its keys are left out, or commented out
    for own in (own for own in vms.values() if isinstance(own, dict)):
        if "preset" not in own:
            _fill_block(own, of_all)
            continue
        for values in (*_driver_values(own, nic), _device(nic)):
            _fill_block(own, values.get("driver", {}))


def _device(nic: Any) -> Values:
    return _preset(nic, "82599", {name: device.values for name, device in DEVICES.items()})


def _fill_block(written: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Fill in what is not written, also in inner blocks, except those written with another `kind` than the values."""
    for name, value in values.items():
        inner = written.setdefault(name, copied_data(value))
        if isinstance(value, Mapping) and isinstance(inner, dict) and inner.get("kind") in (None, value.get("kind")):
            _fill_block(inner, value)


def number_of_vfs(nic: Any) -> int:
    """Return how many VFs the plain data of a block `nic` ask for; the default if they are invalid."""
    default: Any = _device(nic).get("nic", {}).get("vfs", Nic.model_fields["vfs"].default)
    n_vfs = nic.get("vfs", default) if isinstance(nic, dict) else default
    valid = isinstance(n_vfs, int) and not isinstance(n_vfs, bool) and 1 <= n_vfs <= MOST_VFS
    return int(n_vfs) if valid else int(default)


def functions_of(data: dict[str, Any]) -> list[str]:
    """Return the names of the functions that a configuration's plain data asks for."""
    nic = data.get("nic")
    has_vfs = not isinstance(nic, dict) or nic.get("mode", "sriov") == "sriov"
    return function_names(number_of_vfs(nic), number_of_ports(data.get("port")), has_vfs=has_vfs)


def number_of_ports(port: Any) -> int:
    """Return how many Ethernet ports the plain data of a block `port` ask for; 1 if they are invalid."""
    count = port.get("count") if isinstance(port, dict) else None
    return count if isinstance(count, int) and 1 < count <= MOST_PORTS else 1


def list_stations(stations: list[Any], functions: list[str]) -> None:
    """Append an entry, with its name only, for each function that has none."""
    named = {entry["name"] for entry in stations if isinstance(entry, dict) and isinstance(entry.get("name"), str)}
    stations.extend({"name": name} for name in functions if name not in named)


def _fill_stations(switch: dict[str, Any], server: int, interfaces_before: int, n_ports: int, n_vfs: int) -> None:
    for entry in switch["ports"]:
        if isinstance(entry, dict):
            fill_station(entry, server, interfaces_before, n_vfs)
            if n_ports > 1 and is_station_name(str(entry.get("name"))):
                # Each port has a PF of its number; VFs are dealt to the ports in turn.
                digits = entry["name"][2:] or "0"
                entry.setdefault("port", ethernet_ports(n_ports)[int(digits) % n_ports])
            if switch.get("pool_filters") is not None:
                entry.setdefault("accept", ["broadcast", "multicast", "untagged"])


def fill_station(entry: dict[str, Any], server: int = 0, interfaces_before: int = 0, n_vfs: int = BEHIND_VFS) -> None:
    """Fill in the keys of a station that can be derived, its own of all by its number among the VFs and others."""
    name = entry.get("name")
    # A bad name is reported anyway; any number then does, to avoid further errors about what is missing.
    number = port_number(name, n_vfs) if isinstance(name, str) and is_station_name(name) else 1
    port_vlan = entry.get("port_vlan", 1)
    vlans = entry.setdefault("vlans", [port_vlan])
    entry.setdefault("untagged", [port_vlan] if isinstance(vlans, list) and port_vlan in vlans else [])
    entry.setdefault("macs", [default_mac(number, server)])
    if isinstance(name, str) and is_pf(name):
        for key, value in OF_PF.items():
            entry.setdefault(key, value)
    entry.setdefault("vlan_spoof_check", entry.get("spoof_check", True))
    if entry.get("guards") and entry.get("ips") is None:
        entry["ips"] = [str(_BASE_IP + (server << 16) + number)]
    # Beyond the highest number counting restarts at 1; duplicates are reported where stations have interfaces.
    for mode in (mode for mode in MODES.values() if mode.has_interfaces):
        entry.setdefault(mode.key, (interfaces_before + number - 1) % mode.highest + 1)


def _fill_null(block: dict[str, Any], key: str, value: object) -> None:
    """Fill in a key that is not written or null; whatever else was written, 0 too, is for the validation."""
    if block.get(key) is None:
        block[key] = value


def _fill_sends(workload: dict[str, Any], nic: dict[str, Any]) -> None:
    """Fill in how sends are cut, and the lengths of their frames; the validation reports what cannot be read."""
    if any(one is not None for one in (workload.get("segment_bytes"), nic.get("rsc"), nic.get("header_split"))):
        _fill_null(workload, "header_bytes", DEFAULT_HEADER)
    if workload.get("segment_bytes") is None:
        return
    _fill_null(workload, "mss", _DEFAULT_MSS)
    keys = ("segment_bytes", "mss", "header_bytes")
    try:
        segment, mss, header = (parse_bytes(workload[name]) for name in keys)
        lengths = lengths_of_send(segment, mss, header)
    except (UnitError, TypeError, ZeroDivisionError):
        return
    if not lengths or max(length for length, _ in lengths) > LONGEST_FRAME_BYTES or workload.get("pcap") is not None:
        return
    if workload.get("frame_bytes") is None and workload.get("sizes") is None:
        if len(lengths) == 1:
            workload["frame_bytes"] = lengths[0][0]
        else:
            workload["sizes"] = [list(entry) for entry in lengths]


def capture_path(document: Document, written: str, base_directory: str) -> str:
    """Return the whole path of the capture that a document, or an override in it, names in `workload.pcap`."""
    from_command_line = document.place_of(("workload", "pcap")).source_index > 0
    return os.path.abspath(os.path.join("" if from_command_line else base_directory, written))


def _fill_workload(document: Document, workload: dict[str, Any], nic: dict[str, Any], base_directory: str) -> None:
    pcap = workload.get("pcap")
    if isinstance(pcap, str):
        workload["pcap"] = capture_path(document, pcap, base_directory)
    if pcap is not None:
        workload.setdefault("pattern", "none")  # the capture's frames say who sends to whom
    _fill_sends(workload, nic)
    if pcap is None and workload.get("frame_bytes") is None and workload.get("sizes") is None:
        workload["frame_bytes"] = DEFAULT_FRAME_BYTES
    external = workload.get("external")
    if isinstance(external, dict) and external.get("frame_bytes") is None and external.get("sizes") is None:
        for key in ("frame_bytes", "sizes"):
            external[key] = workload.get(key)
        if external["frame_bytes"] is None and external["sizes"] is None:
            external["frame_bytes"] = DEFAULT_FRAME_BYTES


def spread_port_defaults(document: Document, stations: list[str]) -> None:
    """Take the entry `all` out of the document's ports and give its keys to every one of `stations`.

    What is wrong with a spread value is reported once, at the entry `all`. Problems are added to the document.
    """
    switch = document.data.get("switch")
    ports = switch.get("ports") if isinstance(switch, dict) else None
    if not isinstance(ports, list):
        return
    found = [index for index, entry in enumerate(ports) if isinstance(entry, dict) and entry.get("name") == ALL]
    if not found:
        return
    for index in found[1:]:
        document.problems.append(document.problem((*PORTS, index, "name"), "all has an entry already"))
    defaults, marks = _take_out(document, ports, found[0])
    for index in reversed([index - 1 for index in found[1:]]):
        _take_out(document, ports, index)
    for key in _OWN_ALONE:
        if defaults.pop(key, None) is not None:
            message = "no two stations have the same; it belongs into the entries of single ports"
            place = marks[0].get((key,), document.place_of(PORTS))
            document.problems.append(Problem(place, f"switch.ports.all.{key}", message))
    list_stations(ports, stations)
    for index, entry in enumerate(ports):
        if isinstance(entry, dict):
            is_own_port = is_pf(str(entry.get("name")))  # a PF is at the port of its number
            for key in [key for key in defaults if key not in entry and not (key == "port" and is_own_port)]:
                _give(document, (*PORTS, index, key), entry, defaults[key], marks)


def _take_out(document: Document, ports: list[Any], at: int) -> tuple[dict[str, Any], _Marks]:
    """Remove an entry, renumber the places of later ones; return its keys without the name, and their places."""
    entry: dict[str, Any] = ports.pop(at)
    taken = tuple(
        {path[3:]: mark for path, mark in known.items() if path[:3] == (*PORTS, at)} for known in document.marks
    )
    document.forget((*PORTS, at), entry)
    for known in document.marks:
        behind = sorted(path for path in known if path[:2] == PORTS and len(path) > 2 and _position(path) > at)
        for path in behind:
            known[(*PORTS, _position(path) - 1, *path[3:])] = known.pop(path)
    return {key: value for key, value in entry.items() if key != "name"}, taken


def _position(path: KeyPath) -> int:
    assert isinstance(path[2], int)
    return path[2]


def _give(document: Document, path: KeyPath, entry: dict[str, Any], value: object, marks: _Marks) -> None:
    key = str(path[-1])
    entry[key] = copied_data(value)
    for known, taken in zip(document.marks, marks, strict=True):
        known.update({(*path, *inside[1:]): mark for inside, mark in taken.items() if inside[:1] == (key,)})
    document.spread.add(path)


def fill_bridge(bridge: dict[str, Any], adapters: Mapping[str, Plain]) -> None:
    """Fill in the plain data of a bridge: all ports, in order, and keys of ports and extenders derived from adapters.

    `adapters`: the plain data of each server's configuration, by the names of its ports. Other ports stay, last.
    """
    ports = _ports_in(bridge)
    if ports is not None:
        _fill_ports(bridge, {name: {} for name in (*adapters, OUTSIDE)} | ports, adapters)


def fill_joined(bridges: list[Any], adapters: Mapping[str, Plain]) -> None:
    """Fill in the plain data of several bridges as `fill_bridge` does, and give each wire's ends what either says.

    Servers have only the ports that are written; so has `outside`, but if there is none the first bridge gets it.
    """
    found = [(entry, ports) for entry in bridges if isinstance(entry, dict) and (ports := _ports_in(entry)) is not None]
    if found and not any(OUTSIDE in ports for _, ports in found):
        found[0][1][OUTSIDE] = {}
    ends = [
        _End(f"{entry.get('name')}.{name}", entry, port)
        for entry, ports in found
        for name, port in ports.items()
        if isinstance(port, dict)
    ]
    wires = {end.name: end for end in ends if end.name.partition(".")[2] not in (*adapters, OUTSIDE)}
    for end in wires.values():
        to = end.port.get("to")
        if isinstance(to, str) and to in wires:
            wires[to].port.setdefault("to", end.name)
    rate = _rate_of(next(iter(adapters.values())))
    for end in ends:
        _fill_wire(end, wires, rate)
    for entry, ports in found:
        _fill_ports(entry, {name: ports[name] for name in (*adapters, OUTSIDE) if name in ports} | ports, adapters)


class _End(NamedTuple):
    """A port by its name in the system, with its bridge's plain data and its own."""

    name: str
    bridge: Plain
    port: dict[str, Any]


def _fill_wire(end: _End, wires: Mapping[str, _End], rate: Any) -> None:
    """Let both ends of a wire between bridges have one rate and one propagation."""
    port, to = end.port, end.port.setdefault("to", None)
    propagation = end.bridge.get("propagation", Bridge.model_fields["propagation_fs"].default)
    other = wires.get(to) if isinstance(to, str) else None
    if other is not None and other.port.get("to") == end.name:
        for key, default in (("rate", rate), ("propagation", propagation)):
            port.setdefault(key, other.port.get(key, default))
            other.port.setdefault(key, port[key])
    port.setdefault("propagation", propagation)


def _ports_in(bridge: dict[str, Any]) -> dict[str, Any] | None:
    """Return the ports that are written, those without keys as empty mappings; None where it is no mapping."""
    written = bridge.get("ports")
    if written is not None and not isinstance(written, dict):
        return None
    return {name: {} if entry is None else entry for name, entry in (written or {}).items()}


def _rate_of(adapter: Plain) -> Any:
    return _value_at(adapter, WirePort.model_fields["rate_bps"].default, "port", "rate")


def _fill_ports(bridge: dict[str, Any], in_order: dict[str, Any], adapters: Mapping[str, Plain]) -> None:
    rates = {name: _rate_of(data) for name, data in adapters.items()}
    first_rate = next(iter(rates.values()))
    bridge["ports"] = in_order
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
                "native_vlan", _value_at(adapters.get(name, {}), native_vlan, "switch", "uplink", "native_vlan")
            )


def _value_at(data: Plain, default: object, *keys: str) -> Any:
    here: Any = data
    for key in keys:
        if not isinstance(here, Mapping) or key not in here:
            return default
        here = here[key]
    return here


def defaults_beside(resolved: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the resolved configuration that has the same presets, VFs, servers, bridge kinds, and defaults otherwise.

    None if `resolved` lacks one of these, or has a value that this version does not know.
    """
    try:
        nic, driver = resolved["nic"], resolved["driver"]
        written: dict[str, Any] = {
            "nic": {"preset": nic["preset"], "strict": nic.get("strict", True), "vfs": nic["vfs"]},
            "driver": {"preset": driver["preset"]},
            "host": {"preset": resolved.get("host", {}).get("preset")},
        }
        entries = [_unchanged(entry) for entry in resolved.get("servers", [])]
        beside = {name: len(entry.adapter_names) - 1 for entry in entries for name in entry.adapter_names}
        if beside:
            written["workload"] = {"incast_to": f"{next(iter(beside))}.vf0"}
        base = _filled(written)
        servers = [
            Server(name, _filled(written, server=at, vfs_beside=n_others * nic["vfs"]))
            for at, (name, n_others) in enumerate(beside.items())
        ]
        listed = entries_of(entries, own_blocks(base), servers)
        written["servers"] = [entry.model_dump(by_alias=True) for entry in listed]
        if "bridge" in resolved:
            written["bridge"] = {"kind": resolved["bridge"]["kind"]}
        if "bridges" in resolved:
            written["bridges"] = [_bare_bridge(entry) for entry in resolved["bridges"]]
        wires = [wire for name in beside or [""] for wire in wire_names(name, _said_ports(resolved, name))]
        return _filled(written, adapters=dict.fromkeys(wires, base.resolved())).resolved()
    except (KeyError, TypeError, ValidationError):
        return None


def _said_ports(resolved: Mapping[str, Any], name: str) -> int:
    """Return how many Ethernet ports an adapter has in a resolved configuration; `name`: its name in the system."""
    server, _, adapter = name.partition(".")
    said = resolved.get("port", {}).get("count", 1)
    for entry in (one for one in resolved.get("servers", []) if one["name"] == server):
        own = [entry, *(one for one in entry.get("adapters", []) if one["name"] == adapter)]
        said = next((one["set"]["port.count"] for one in reversed(own) if "port.count" in one.get("set", {})), said)
    return number_of_ports({"count": said})


def _bare_bridge(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of several bridges with its kind, and with what its ports lead to."""
    ports = {name: {"to": port["to"]} for name, port in entry["ports"].items()}
    return {"name": entry["name"], "kind": entry["kind"], "ports": ports}


def _filled(written: dict[str, Any], **of_system: Any) -> Config:
    return Config.model_validate(fill(Document("defaults", data=written), ".", **of_system))


def _unchanged(entry: Mapping[str, Any]) -> ServerEntry:
    adapters = [{"name": each["name"]} for each in entry.get("adapters", [])]
    return ServerEntry.model_validate({"name": entry["name"], "adapters": adapters})

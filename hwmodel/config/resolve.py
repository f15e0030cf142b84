"""Fill in what the user did not write: from the driver, then the device, then what follows from other keys.

Works on the plain data of a document before validation, so that each value, whoever gave it, is checked in one place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .bridge import ADAPTER
from .bridge_defaults import fill_bridge, fill_joined
from .document import Document, copied_data
from .host import MOST_CORES
from .model import OF_SYSTEM, Config
from .names import function_name, is_station_name, mac_text, port_number
from .nic import MODEL_MAX_VFS, Nic
from .presets import DEVICES, DRIVERS, DRIVERS_OF_DEVICES, HOSTS, Values
from .station import MAX_VIF

BLOCKS = tuple(name for name in Config.model_fields if name not in OF_SYSTEM)
_BASE_MAC = 0x02_00_00_00_00_00
_DEFAULT_FRAME_BYTES = 1518


def fill(
    document: Document,
    base_directory: str,
    *,
    server: int = 0,
    interfaces_before: int = 0,
    vfs_beside: int = 0,
    adapters: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return a copy of the document's data with every key that can be derived filled in.

    `server`: whose adapter it is, by number. `interfaces_before`: virtual interfaces that other servers' stations have
    below the same port of the bridge. `vfs_beside`: VFs of the other adapters in the same server. `adapters`: the plain
    data of each server's configuration, by the name of its port at the bridge; without them the document is that of
    the only one.
    """
    data: dict[str, Any] = copied_data(document.data)
    for name in BLOCKS:
        if data.get(name) is None:
            data[name] = {}  # a block whose keys are all left out, or commented out
    nic, driver, workload = data["nic"], data["driver"], data["workload"]
    for values in (*_driver_values(driver, nic), _device(nic), _preset(data["host"], None, HOSTS)):
        _fill_values(data, values)
    _fill_vms(driver, nic)
    if isinstance(data["host"], dict):
        data["host"].setdefault("cores", min(MOST_CORES, _number_of_vfs(nic) + vfs_beside))
    if isinstance(data["switch"], dict):
        _fill_stations(data["switch"], function_names(data), server, interfaces_before)
    if isinstance(workload, dict):
        _fill_workload(document, workload, base_directory)
    if isinstance(data.get("bridge"), dict):
        fill_bridge(data["bridge"], adapters or {ADAPTER: data})
    if isinstance(data.get("bridges"), list):
        fill_joined(data["bridges"], adapters or {ADAPTER: data})
    return data


def default_mac(number: int, server: int = 0) -> str:
    """Return the address that a port has by its number and its server's, 02:00:00:SS:NN:NN."""
    return mac_text(_BASE_MAC | server << 16 | number & 0xFFFF)


def _name(block: Any, default: str | None) -> str | None:
    """Return the name of a block's preset; the default's where what is written is none."""
    name = block.get("preset", default) if isinstance(block, dict) else default
    return name if name is None else str(name)  # an unquoted 82599


def _preset(block: Any, default: str | None, known: dict[str, Values] | Any) -> Values:
    name = _name(block, default)
    if name is None:
        return {}
    of_default: Values = {} if default is None else known[default]
    found: Values = known.get(name, of_default)
    return found


def _driver_values(driver: Any, nic: Any) -> tuple[Values, Values]:
    """Return what a driver's preset sets with this device, then with any."""
    both = _name(driver, "kernel"), _name(nic, "82599")
    return DRIVERS_OF_DEVICES.get(both, {}), _preset(driver, "kernel", DRIVERS)


def _fill_vms(driver: Any, nic: Any) -> None:
    """Fill in the VMs' own drivers: from the preset that one names, else from that of all, which is filled already.

    A preset's values of the adapter are none of a VM's: the adapter is one for all.
    """
    vms = driver.get("vms") if isinstance(driver, dict) else None
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


def _fill_values(data: dict[str, Any], values: Values) -> None:
    for block, keys in values.items():
        if isinstance(data[block], dict):
            _fill_block(data[block], keys)


def _fill_block(written: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Fill in what is not written, in inner blocks too, but for one of another kind than the values'."""
    for name, value in values.items():
        inner = written.setdefault(name, copied_data(value))
        if isinstance(value, Mapping) and isinstance(inner, dict) and inner.get("kind") in (None, value.get("kind")):
            _fill_block(inner, value)


def _number_of_vfs(nic: Any) -> int:
    default: Any = _device(nic).get("nic", {}).get("vfs", Nic.model_fields["vfs"].default)
    n_vfs = nic.get("vfs", default) if isinstance(nic, dict) else default
    valid = isinstance(n_vfs, int) and not isinstance(n_vfs, bool) and 1 <= n_vfs <= MODEL_MAX_VFS
    return int(n_vfs) if valid else int(default)


def function_names(data: dict[str, Any]) -> list[str]:
    """Return the names of the functions that a configuration's plain data asks for: the PF and the VFs."""
    return list(map(function_name, range(1 + _number_of_vfs(data.get("nic")))))


def _fill_stations(switch: dict[str, Any], functions: list[str], server: int, interfaces_before: int) -> None:
    stations = switch.setdefault("ports", [])
    if not isinstance(stations, list):
        return
    named = {entry["name"] for entry in stations if isinstance(entry, dict) and isinstance(entry.get("name"), str)}
    stations.extend({"name": name} for name in functions if name not in named)
    for entry in stations:
        if isinstance(entry, dict):
            _fill_station(entry, server, interfaces_before)


def _fill_station(entry: dict[str, Any], server: int, interfaces_before: int) -> None:
    name = entry.get("name")
    # Without a good name, which is reported, any number does: that the rest is missing would be no news.
    number = port_number(name) if isinstance(name, str) and is_station_name(name) else 1
    port_vlan = entry.get("port_vlan", 1)
    vlans = entry.setdefault("vlans", [port_vlan])
    entry.setdefault("untagged", [port_vlan] if isinstance(vlans, list) and port_vlan in vlans else [])
    entry.setdefault("macs", [default_mac(number, server)])
    # More than there are VIFs are counted from 1 again: to be reported where stations have VIFs at all.
    entry.setdefault("vif", (interfaces_before + number - 1) % MAX_VIF + 1)
    entry.setdefault("ecid", interfaces_before + number)


def _fill_workload(document: Document, workload: dict[str, Any], base_directory: str) -> None:
    pcap = workload.get("pcap")
    if isinstance(pcap, str):
        from_command_line = document.place_of(("workload", "pcap")).source_index > 0
        workload["pcap"] = os.path.abspath(os.path.join("" if from_command_line else base_directory, pcap))
    if pcap is not None:
        workload.setdefault("pattern", "none")  # the capture's frames say who sends to whom
    if pcap is None and workload.get("frame_bytes") is None and workload.get("sizes") is None:
        workload["frame_bytes"] = _DEFAULT_FRAME_BYTES
    external = workload.get("external")
    if isinstance(external, dict) and external.get("frame_bytes") is None and external.get("sizes") is None:
        for key in ("frame_bytes", "sizes"):
            external[key] = workload.get(key)
        if external["frame_bytes"] is None and external["sizes"] is None:
            external["frame_bytes"] = _DEFAULT_FRAME_BYTES

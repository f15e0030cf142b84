"""Fill in keys that follow from `nic.mode`, which says who has the queues, from steering, ring thresholds, a bus.

Works on plain data before validation, as `resolve` does, so that each value is checked in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.function_names import PF
from hwmodel.rules.steering import USUAL_TABLE
from hwmodel.units import UnitError, format_bytes, parse_bytes

from .adapter import Nic, RxThresholds, TxThresholds
from .device_limits import has_none, rss_table
from .kinds import LONGEST_FRAME_BYTES, LONGEST_SEGMENT_BYTES
from .names import is_uplink
from .presets import VIRTUAL_SWITCHES, Device
from .steering import FlowDirector
from .switch import Port
from .virtual_switch import BYTE_TIME, PASS_TIME, RULE_TIME
from .workload import DEFAULT_HEADER

Block = dict[str, Any]  # the plain data of a block
# Defaults of the other keys of `pcie` on a bus. PCI: one read under way, since a device waits for its retried read;
# PCI-X: reads of the least size, and 8 split transactions (model's choice).
_OF_BUSES = {
    "pci": {"tags": 1, "max_payload": "4096B", "max_read_request": "512B"},
    "pci_x": {"tags": 8, "max_payload": "4096B", "max_read_request": "512B"},
}


def fill_queues(driver: Block, nic: Block, device: str | None, n_ports: int, *, has_own_buffer: bool) -> None:
    """Fill in the hypervisor's costs of passing frames (vmdq), the RSS table, and the Rx buffer less filter memory.

    `device`: a preset's name. `has_own_buffer`: the user wrote the Rx buffer, which then stays as it is.
    """
    if nic.get("mode") == "vmdq":
        for own in _drivers(driver):
            own.setdefault("pass_time", PASS_TIME)
            own.setdefault("pass_byte_time", BYTE_TIME.get(str(own.get("pass_by", "copy")), "0ns"))
    steering = nic.get("steering")
    if isinstance(steering, dict):
        _fill_table(steering, nic, device)
        if not has_own_buffer:
            _take_memory(steering, nic, n_ports, device)


def fill_virtual_switch(host: Block, switch: Block, nic: Block, needs_wire: bool) -> None:
    """Fill in a virtual switch's costs, its cores, and whether it has an uplink; add the block if VMs need it."""
    is_used = has_virtual_switch(nic)
    if is_used and host.get("virtual_switch") is None:
        host["virtual_switch"] = {}
    own = host.get("virtual_switch")
    if isinstance(own, dict):
        for key, value in VIRTUAL_SWITCHES.get(str(own.get("preset")), {}).items():
            if key == "learning" and switch.get("mode", "veb") != "veb":
                continue  # the bridge learns
            if isinstance(value, Mapping) and isinstance(own.setdefault(key, {}), dict):
                own[key] = {**value, **(_by_rules(switch) if key == "flow_cache" else {}), **own[key]}
            own.setdefault(key, value)
        own.setdefault("rule_time", RULE_TIME.get(str(own.get("rule_match", "masks")), "0ns"))
        own.setdefault("byte_time", BYTE_TIME.get(str(own.get("pass_by", "copy")), "0ns"))
        cores = host.get("cores")
        own.setdefault("cores", [cores - 1 if isinstance(cores, int) and cores > 0 else 0])
        own.setdefault("reach", "external" if needs_wire or own.get("bond") is not None else "internal")
    is_internal = is_used and isinstance(own, dict) and own.get("reach") != "external"
    if is_internal and isinstance(switch.setdefault("uplink", {}), dict):
        switch["uplink"].setdefault("vlans", [])


def fill_reach(host: Block, switch: Block, nic: Block) -> None:
    """Let all ports of a virtual switch that learns get what floods; the host has none at a private switch."""
    own = host.get("virtual_switch") if has_virtual_switch(nic) else None
    own = own if isinstance(own, dict) else {}
    for entry in switch["ports"]:
        if isinstance(entry, dict) and isinstance(own.get("learning"), dict):
            entry.setdefault("promiscuous", True)
        if isinstance(entry, dict) and entry.get("name") == PF and own.get("reach") == "private":
            entry.setdefault("enabled", False)


def has_own_threads(host: Block) -> bool:
    """Tell whether each VM has a thread at a virtual switch, on a core of its own."""
    own = host.get("virtual_switch")
    own = own if isinstance(own, dict) else {}
    of_preset = VIRTUAL_SWITCHES.get(str(own.get("preset")), {}).get("thread_cores")
    return own.get("thread_cores", of_preset) == "own"


def _by_rules(switch: Block) -> Block:
    """Return for what an entry with wildcards is in a preset's flow cache: connections, where rules look at ports."""
    rules = switch.get("acl")
    asked = {key for rule in (rules if isinstance(rules, list) else ()) if isinstance(rule, dict) for key in rule}
    return {"wildcard_match": "connections"} if asked & {"source_port", "destination_port"} else {}


def has_virtual_switch(nic: Block) -> bool:
    """Tell whether VMs have ports of the host's virtual switch, as the plain data of a block `nic` says."""
    return nic.get("mode") == "vswitch"


def has_bond(host: Block, nic: Block) -> bool:
    """Tell whether the ports of an adapter are legs of a virtual switch's uplink."""
    own = host.get("virtual_switch")
    return has_virtual_switch(nic) and isinstance(own, dict) and own.get("bond") is not None


def fill_segments(stations: list[Any], nic: Block, workload: Block) -> None:
    """Fill in `max_frame` of a virtual switch's stations as the segment length, if VMs send segments, not frames."""
    length = _segment_length(workload) if has_virtual_switch(nic) else None
    for entry in stations:
        if length is not None and isinstance(entry, dict):
            entry.setdefault("max_frame", f"{length}B")


def _segment_length(workload: Block) -> int | None:
    """Return the bytes with FCS of the segments that VMs hand over, None where they are frames or cannot be read."""
    said, least = workload.get("frame_bytes"), LONGEST_FRAME_BYTES
    try:
        if workload.get("segment_bytes") is not None:
            least = parse_bytes(Port.model_fields["max_frame_bytes"].default)
            header = workload.get("header_bytes")
            header = parse_bytes(DEFAULT_HEADER if header is None else header)
            said = parse_bytes(workload["segment_bytes"]) + header + FCS_BYTES
        elif isinstance(said, str):
            said = parse_bytes(said)
    except (UnitError, TypeError):  # reported where it stands
        return None
    return said if isinstance(said, int) and least < said <= LONGEST_SEGMENT_BYTES else None


def uses_wire(workload: Block) -> bool:
    """Tell whether a workload, as plain data, has frames to the wire or from it."""
    flows = workload.get("flows")
    ends = [end for flow in (flows if isinstance(flows, list) else ()) for end in _ends_of(flow)]
    others = any(workload.get(name) for name in ("wire_share", "external", "pcap"))
    return workload.get("pattern") == "to_wire" or others or any(is_uplink(end) for end in ends)


def _ends_of(flow: Any) -> list[str]:
    return [str(end) for end in flow[:2]] if isinstance(flow, list) else []


def _drivers(driver: Block) -> Iterator[Block]:
    vms = driver.get("vms")
    own = vms.values() if isinstance(vms, dict) else ()
    yield from (one for one in (*own, driver) if isinstance(one, dict))


def table_entries(mode: object, device: str | None) -> int:
    """Return how many entries the RSS table of a VF, or of a pool, has."""
    if device is None:
        return USUAL_TABLE
    (entries,) = rss_table(device, has_pools=mode == "vmdq").choices or (USUAL_TABLE,)
    return int(entries)


def _fill_table(steering: dict[str, Any], nic: dict[str, Any], device: str | None) -> None:
    rss = steering.get("rss")
    if rss is None:
        rss = steering["rss"] = {}
    if isinstance(rss, dict):
        queues = nic.get("queues_per_vf", Nic.model_fields["queues_per_vf"].default)
        n_queues = queues if isinstance(queues, int) and 1 <= queues <= 16 else 1
        rss.setdefault("entries", table_entries(nic.get("mode"), device))
        rss.setdefault("table", list(range(n_queues)))


def _take_memory(steering: dict[str, Any], nic: dict[str, Any], n_ports: int, device: str | None) -> None:
    director = steering.get("flow_director")
    if not isinstance(director, dict) or (device is not None and has_none("nic.steering.flow_director", device)):
        return
    try:
        memory = parse_bytes(director.get("memory", FlowDirector.model_fields["memory_bytes"].default))
        buffer = parse_bytes(nic.get("rx_buffer"))
    except UnitError:  # reported where it stands
        return
    nic["rx_buffer"] = format_bytes(max(buffer - n_ports * memory, 64))


def fill_thresholds(nic: Block, device: Device | None) -> None:
    """Fill in the batches that follow from written thresholds, and how many Tx descriptors the device has on chip."""
    if isinstance(nic.get("txdctl"), dict) and device is not None and device.tx_on_chip is not None:
        nic.setdefault("descriptor_cache", device.tx_on_chip)
    cache = nic.get("descriptor_cache")
    if cache is None:
        of_device = {} if device is None else device.values.get("nic", {})
        cache = of_device.get("descriptor_cache", Nic.model_fields["descriptor_cache"].default)
    for key, batch in batches_of(nic, cache).items():
        nic.setdefault(key, batch)


def batches_of(nic: Mapping[str, Any], cache: Any) -> dict[str, int]:
    """Return the batches, by their keys, that TXDCTL and RXDCTL thresholds in plain data stand for, if all are numbers.

    A Tx prefetch begins once fewer than PTHRESH descriptors are on the chip, and reads as many as there is room for.
    """
    found: dict[str, int] = {}
    sent, received = _values(nic.get("txdctl"), TxThresholds), _values(nic.get("rxdctl"), RxThresholds)
    if sent and isinstance(cache, int):
        found |= {"fetch_batch": max(1, cache - sent["pthresh"])}
        found |= {"tx_writeback_batch": sent["wthresh"] or sent["rs"]}
    if received:
        found |= {"rx_prefetch": received["pthresh"], "rx_fetch_batch": max(1, received["hthresh"])}
        found |= {"rx_writeback_batch": max(1, received["wthresh"])}
    return found


def _values(block: Any, model: Any) -> dict[str, int]:
    """Return all thresholds of a block; none if one is no number, which the validation reports."""
    if not isinstance(block, Mapping):
        return {}
    values = {name: block.get(name, field.default) for name, field in model.model_fields.items()}
    return values if all(type(value) is int for value in values.values()) else {}


def fill_bus(pcie: Block) -> None:
    """Fill in the unwritten keys of `pcie`, as plain data, that have other defaults on a bus."""
    bus = pcie.get("bus")
    if isinstance(bus, dict):
        for name, value in _OF_BUSES.get(str(bus.get("kind", "pci_x")), {}).items():
            pcie.setdefault(name, value)

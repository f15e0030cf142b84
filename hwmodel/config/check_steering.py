"""Check who has the queues and which cores serve them, and the filters that choose a queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hwmodel.units import format_bytes

from .check_switch import check_station_names
from .document import KeyPath
from .findings import Findings
from .model import Config
from .steering import MODEL_MAX_ETHERTYPE_FILTERS, MODEL_MAX_TUPLE_FILTERS, FlowDirector, Steering, at_pools
from .switch import Port

AT: KeyPath = ("nic", "steering")
_LISTS = ("ethertype_filters", "tuple_filters")
_FIELDS = ("vlan", "source", "destination", "source_port", "destination_port")
_PORTS = ("source_port", "destination_port")


def check_queues(config: Config, findings: Findings) -> None:
    """Check pools and the cores that serve queues."""
    _check_cores(config, findings)
    _check_drops(config, findings)
    if config.has_pools:
        _check_pools(config, findings)
        return
    for name, driver in config.driver_blocks.items():
        for key in ("pass_time", "pass_byte_time"):
            if driver.value_of(key):
                findings.add(
                    "a VM with a virtual function has its frames from the adapter, and nobody passes them to it; "
                    "nic.mode: vmdq has a hypervisor that does",
                    f"{name}.{key}",
                    "nic.mode",
                )


def _check_drops(config: Config, findings: Findings) -> None:
    for port in config.switch.ports:
        if port.drop_enable is not None and len(port.drop_enable) > config.nic.queues_per_vf:
            findings.add(
                f"{len(port.drop_enable)} values for {_queues_of(config, port)}",
                findings.station(port.name, "drop_enable"),
                "nic.queues_per_vf",
            )


def check_core(config: Config, findings: Findings, core: int, *keys: KeyPath) -> None:
    """Report a core that the host does not have, at the first of `keys` that was written."""
    if core >= config.host.cores:
        message = f"there is no core {core}; host.cores is {config.host.cores}, from 0 on"
        findings.add(message, *keys, "host.cores")


def _queues_of(config: Config, port: Port) -> str:
    n_queues = config.nic.queues_per_vf
    return f"{n_queues} {'queue' if n_queues == 1 else 'queues'} of {port.name}"


def _check_cores(config: Config, findings: Findings) -> None:
    for port in config.switch.ports:
        for index, core in enumerate(port.cores or ()):
            key = findings.station(port.name, "cores")
            check_core(config, findings, core, findings.station(port.name, "cores", index), key)
        if port.cores is not None and len(port.cores) > config.nic.queues_per_vf:
            findings.add(
                f"{len(port.cores)} cores for {_queues_of(config, port)}; a queue has one core",
                findings.station(port.name, "cores"),
                "nic.queues_per_vf",
            )


def _check_pools(config: Config, findings: Findings) -> None:
    """Check what pools need, and what only functions have."""
    if config.pcie.ordering == "id_based":
        findings.add(
            "with nic.mode: vmdq all queues are of one function, so that no id tells them apart; strict or relaxed",
            "pcie.ordering",
            "nic.mode",
        )
    if config.host.iotlb is not None and config.host.iotlb.split:
        findings.add(
            "with nic.mode: vmdq all queues are of one function, which has all entries; split: false",
            "host.iotlb.split",
            "nic.mode",
        )


def check_steering(config: Config, findings: Findings) -> None:
    """Check the block `nic.steering`: queues, pools, tables of the device, filters that contradict each other."""
    steering = config.nic.steering
    if steering is None:
        return
    _check_names(config, steering, findings)
    _check_queue_numbers(config, steering, findings)
    _check_lists(config, steering, findings)
    _check_table(steering, findings)
    if steering.flow_director is not None:
        _check_director(config, steering.flow_director, findings)


def _filters(steering: Steering) -> Iterator[tuple[KeyPath, Any]]:
    for name in _LISTS:
        for index, one in enumerate(getattr(steering, name)):
            yield (*AT, name, index), one
    director = steering.flow_director
    for index, one in enumerate(director.filters if director is not None else ()):
        yield (*AT, "flow_director", "filters", index), one


def _check_names(config: Config, steering: Steering, findings: Findings) -> None:
    named = [(one.pool, (*path, "pool")) for path, one in _filters(steering) if one.pool is not None]
    check_station_names(config, findings, named)


def _check_queue_numbers(config: Config, steering: Steering, findings: Findings) -> None:
    n_queues = config.nic.queues_per_vf
    said = [((*path, "queue"), one.queue) for path, one in _filters(steering) if one.queue != "drop"]
    said += [((*AT, "rss", "table", index), queue) for index, queue in enumerate(steering.rss.table)]
    last = "queue 0 alone" if n_queues == 1 else f"queues 0 to {n_queues - 1}"
    for path, queue in said:
        if queue >= n_queues:
            findings.add(
                f"there is no queue {queue}; a pool has {last} (nic.queues_per_vf {n_queues})",
                path,
                "nic.queues_per_vf",
            )


def _check_lists(config: Config, steering: Steering, findings: Findings) -> None:
    for name, what, most in (
        ("ethertype_filters", "EtherType", MODEL_MAX_ETHERTYPE_FILTERS),
        ("tuple_filters", "5-tuple", MODEL_MAX_TUPLE_FILTERS),
    ):
        filters: Sequence[Any] = getattr(steering, name)
        n_filters, where = _fullest(config, filters)
        is_told = config.nic.strict is not False and config.nic.preset is not None  # as more than the device has
        if n_filters > most and not is_told:
            findings.add(f"the table{where} is full: {n_filters} {what} filters; the model holds {most}", (*AT, name))
        _check_pairs(filters, (*AT, name), findings)


def _fullest(config: Config, filters: Sequence[Any]) -> tuple[int, str]:
    """Return the most filters at any one Ethernet port, and words for that port, empty if there is only one."""
    n_filters, port = max(
        (len(at_pools(filters, {station.name for station in config.switch.at_port(port).ports})), port)
        for port in config.port.names
    )
    return n_filters, f" of {port}" if port else ""


def _check_pairs(filters: Sequence[Any], at: KeyPath, findings: Findings) -> None:
    """Report filters that match the same frames as an earlier one: the later one is redundant, or contradicts it."""
    seen: dict[object, tuple[int, Any]] = {}
    for index, one in enumerate(filters):
        matched = one.model_dump(exclude={"queue"})
        if at[-1] == "ethertype_filters":
            matched.pop("pool")
        first, other = seen.setdefault(tuple(sorted(matched.items(), key=str)), (index, one))
        if first == index:
            continue
        same = (other.queue, other.pool) == (one.queue, one.pool)
        why = "says the same" if same else f"sends them to {_target(other)} already"
        findings.add(f"entry {first} matches the same frames and {why}", (*at, index), at)


def _target(one: Any) -> str:
    if one.queue == "drop":
        return "nobody (drop)"
    return f"queue {one.queue}" + (f" of {one.pool}" if one.pool else "")


def _check_table(steering: Steering, findings: Findings) -> None:
    entries = steering.rss.entries
    if len(steering.rss.table) > entries:
        findings.add(
            f"{len(steering.rss.table)} values for a table of {entries} entries",
            (*AT, "rss", "table"),
            (*AT, "rss", "entries"),
        )


def _check_director(config: Config, director: FlowDirector, findings: Findings) -> None:
    at = (*AT, "flow_director")
    is_perfect = director.mode == "perfect"
    most = director.capacity
    n_filters, where = _fullest(config, director.filters)
    if n_filters > most:
        findings.add(
            f"the table{where} is full: {n_filters} {director.mode} filters, of which "
            f"{format_bytes(director.memory_bytes)} hold {most}",
            (*at, "filters"),
            (*at, "memory"),
            (*at, "mode"),
        )
    if director.atr and is_perfect:
        findings.add("atr writes signature filters; it needs mode: signature", (*at, "atr"), (*at, "mode"))
    port_of = {station.name: station.port for station in config.switch.ports}
    for index, one in enumerate(director.filters):
        path: KeyPath = (*at, "filters", index)
        if is_perfect:
            _check_same_fields(port_of, director, index, path, findings)
        elif one.pool is None or any(getattr(one, name) is None for name in _needed(one)):
            missing = [name for name in ("pool", *_needed(one)) if getattr(one, name) is None]
            findings.add(
                f"{', '.join(missing)} is missing: a signature is a hash of all fields; mode: perfect compares some "
                "alone",
                path,
                (*at, "mode"),
            )
        if one.protocol == "other" and any(getattr(one, name) is not None for name in _PORTS):
            findings.add("protocol: other has no ports", (*path, "protocol"), path)
        if one.source and one.destination and one.source.version != one.destination.version:
            findings.add(
                f"source is an address of IPv{one.source.version}, destination of IPv{one.destination.version}",
                (*path, "destination"),
                (*path, "source"),
            )
    _check_pairs(director.filters, (*at, "filters"), findings)


def _needed(one: Any) -> tuple[str, ...]:
    return ("source", "destination", *(() if one.protocol == "other" else _PORTS))


def _check_same_fields(
    port_of: Mapping[str, Any], director: FlowDirector, index: int, path: KeyPath, findings: Findings
) -> None:
    """Report a filter that compares other fields than the first at its port: there is one mask for all."""
    own = director.filters[index]
    at, first = next(
        (at, one)
        for at, one in enumerate(director.filters)
        if one is own or None in (one.pool, own.pool) or port_of.get(str(one.pool)) == port_of.get(str(own.pool))
    )
    for name in _FIELDS:
        if (getattr(first, name) is None) != (getattr(own, name) is None):
            has, lacks = (f"filter {at}", "this one") if getattr(own, name) is None else ("this one", f"filter {at}")
            findings.add(
                f"{has} compares {name} and {lacks} does not; all perfect filters have one mask, so they compare the "
                "same fields (tuple_filters need not)",
                (*path, name) if getattr(own, name) is not None else path,
                path,
            )
            return

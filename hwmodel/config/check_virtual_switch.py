"""Check what goes with a virtual switch in the host's memory, and what it has not."""

from __future__ import annotations

from .findings import Findings
from .model import Config
from .names import is_uplink
from .workload import MOST_HEADERS

_MODE = "nic.mode"


def check_virtual_switch(config: Config, findings: Findings) -> None:
    """Check the block `host.virtual_switch`, and that nothing is asked of the adapter beside it."""
    own = config.host.virtual_switch
    if config.workload.connections > MOST_HEADERS and (own is None or own.flow_cache is None):
        findings.add(
            f"more than {MOST_HEADERS} connections between two stations are told apart by a flow cache alone",
            "workload.connections",
            "host.virtual_switch.flow_cache",
        )
    if own is None:
        return
    misses = own.flow_cache.miss_cores if own.flow_cache is not None else ()
    named = {"cores": own.cores, "flow_cache.miss_cores": misses}
    for name, at, core in ((name, at, core) for name, cores in named.items() for at, core in enumerate(cores)):
        if core >= config.host.cores:
            findings.add(
                f"there is no core {core}; host.cores is {config.host.cores}, from 0 on",
                ("host", "virtual_switch", *name.split("."), at),
                f"host.virtual_switch.{name}",
                "host.cores",
            )
    if not config.has_virtual_switch:  # `hwmodel compare` may ask for it
        return
    _check_wire(config, findings)
    for key, is_set in (
        ("bridge", config.bridge is not None),
        ("bridges", bool(config.bridges)),
        ("servers", bool(config.servers)),
        ("workload.segment_bytes", config.workload.segment_bytes is not None),
        ("nic.arbitration", config.nic.arbitration is not None),
        ("nic.flow_control", config.nic.flow_control is not None),
        ("nic.rsc", config.nic.rsc is not None),
        ("nic.header_split", config.nic.header_split_bytes is not None),
        ("host.iotlb", config.host.iotlb is not None),
        ("port.count", config.port.count > 1),
        ("switch.pool_filters", config.switch.pool_filters is not None),
    ):
        if is_set:
            findings.add("not modelled with a virtual switch (nic.mode: vswitch)", key, _MODE)
    for station in config.switch.ports:
        for key, value in (("rate_limit", station.rate_limit_bps), ("min_rate", station.min_rate_bps)):
            if value is not None:
                path = findings.station(station.name, key)
                findings.add("not modelled with a virtual switch (nic.mode: vswitch)", path, _MODE)
    if config.switch.timing != "none":
        findings.add("is of the adapter's switch; a virtual switch has times of its own", "switch.timing", _MODE)
    if config.switch.mode != "veb":
        findings.add(f"a virtual switch switches by itself; {config.switch.mode} does not", "switch.mode", _MODE)


def _check_wire(config: Config, findings: Findings) -> None:
    """Report frames for the wire, or from it: the switch's uplink to the adapter is not modelled."""
    workload, why = config.workload, "the virtual switch has no uplink yet: its frames stay among the VMs"
    if workload.pattern == "to_wire":
        findings.add(why, "workload.pattern", _MODE)
    if workload.wire_share:
        findings.add(why, "workload.wire_share", _MODE)
    if workload.external is not None:
        findings.add(why, "workload.external", _MODE)
    if workload.pcap is not None:
        findings.add("captures are not played into a virtual switch", "workload.pcap", _MODE)
    for at, flow in enumerate(workload.flows):
        if is_uplink(flow.source) or is_uplink(flow.target):
            findings.add(why, ("workload", "flows", at), _MODE)
    if config.switch.uplink.vlans:
        findings.add(why, "switch.uplink.vlans", _MODE)

"""Small runs of a virtual switch whose uplink is a bond, for their digests (`run_digest`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BOND_CASES: Mapping[str, Mapping[str, Any]] = {
    "bond": {
        "port": {"count": 4, "rate": "2Gbps"}, "nic": {"mode": "vswitch", "vfs": 4, "preset": None},
        "host": {"virtual_switch": {"bond": {"mode": "l4_hash", "lacp": "fast", "monitor": "3us"}}},
        "workload": {"pattern": "uniform", "load": "1Gbps", "frame_bytes": 300, "wire_share": 0.5, "connections": 9,
                     "external": {"rate": "1Gbps"}},
    },
    "bond_by_address": {
        "port": {"count": 2}, "nic": {"mode": "vswitch", "vfs": 4},
        "host": {"virtual_switch": {"bond": {"mode": "source_mac"}}},
        "switch": {"ports": [{"name": "vf1", "port_vlan": 7, "vlans": [7], "untagged": [7]}]},
        "workload": {"pattern": "to_wire", "load": "1Gbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    },
}  # fmt: skip
# By case, and by the time in ns, what differs from then on.
BOND_CHANGES: Mapping[str, Mapping[int, Mapping[str, Any]]] = {
    "bond": {
        5000: {"port.down": ["p1"]}, 8000: {"port.down": ["p1", "p2"]},
        11000: {"host.virtual_switch.bond.silent": ["p0"]}, 14000: {"port.down": ["p0", "p1", "p2", "p3"]},
    },
}  # fmt: skip

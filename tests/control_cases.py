"""Systems in which somebody starts VMs, for tests of who tells the network of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MS, S = 10**12, 10**15  # in fs
LATENCY = {"vm_manager": 50, "network_manager": 20, "orchestrator": 30, "hypervisor": 1, "switch": 10}  # in ms
SERVICE = {"vm_manager": 5, "network_manager": 10, "orchestrator": 7, "hypervisor": 2, "switch": 40}
PARTIES: Mapping[str, Mapping[str, str]] = {
    name: {"latency": f"{LATENCY[name]}ms", "service": f"{SERVICE[name]}ms"} for name in LATENCY
}
PROFILES: Mapping[str, Any] = {"web": {"port_vlan": 10}, "shop": {"port_vlan": 20}}


def system(way: str = "events", **control: Any) -> dict[str, Any]:
    """Return two servers behind a bridge, with a VM that runs at each and one at `a` that is started at 1 s."""
    return {
        "servers": [{"name": "a"}, {"name": "b"}],
        "nic": {"preset": None, "vfs": 2},
        "profiles": dict(PROFILES),
        "vms": [
            {"name": "web1", "at": "a.vf0", "profile": "web"}, {"name": "shop1", "at": "a.vf1", "profile": "shop"},
            {"name": "shop2", "at": "b.vf0", "profile": "shop"},
        ],
        "bridge": {"announce": True, "ports": {"a": {"vlans": [1]}, "b": {"vlans": [1]}}},
        "control": {"way": way, "starts": {"shop1": "1s"}, **PARTIES, **control},
        "workload": {
            "pattern": "flows", "flows": [["shop1", "shop2", "51200bps"]], "frame_bytes": 64, "arrivals": "periodic",
        },
        "run": {"warmup": "0ns", "duration": "12s"},
    }  # fmt: skip

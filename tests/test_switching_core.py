"""The busiest core of a virtual switch: whose it is, and that the keys named make it faster, and others do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.ceiling import Ceiling
from hwmodel.config import Config, config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.switching_core import MATTERS

BLOCK = "host.virtual_switch"
SWITCH: Mapping[str, Any] = {
    "nic": {"preset": None, "mode": "vswitch", "vfs": 4, "tx_ring": 512, "rx_ring": 512}, "driver": {"preset": "dpdk"},
    "port": {"rate": "40Gbps"}, "pcie": {"generation": 3, "lanes": 8}, "host": {"cores": 12},
    "switch": {"ports": [{"name": "all", "max_frame": "9018B"}]},
    "workload": {"pattern": "flows", "frame_bytes": 64, "load": "saturate", "flows": [["vf0", "vf1"]]},
    "run": {"warmup": "1ms", "duration": "3ms", "clocks": "exact"},
}  # fmt: skip
KERNEL = {f"{BLOCK}.preset": "ovs_kernel"}
ONE_CORE = {f"{BLOCK}.cores": [5]}
TO_ONE = {"workload.flows": [["vf0", "vf3"], ["vf1", "vf3"], ["vf2", "vf3"]], f"{BLOCK}.frame_time": "100ns"}
EACH = {"workload.flows": [["vf0", "vf1"], ["vf1", "vf2"], ["vf2", "vf3"], ["vf3", "vf0"]]}
FROM_WIRE = {"workload.flows": [["uplink", "vf0"]]}
TO_WIRE = {"workload.flows": [["vf0", "uplink"]]}
SLOW_UPLINK = {f"{BLOCK}.uplink_time": "900ns", f"{BLOCK}.uplink_byte_time": "0ns"}
S_TAGS = {"switch.mode": "multichannel", "switch.ports.vf0.s_channel": 2, "switch.s_channels": {2: "single"},
          f"{BLOCK}.tag_time": "900ns"}  # fmt: skip
CACHE = {f"{BLOCK}.flow_cache": {"exact_entries": 64}, "workload.connections": 10_000}
LONG_LIST = [{"vlan": at, "action": "deny"} for at in range(2, 400)]
# The changes, the VMs whose thread is the busiest core, and the keys of the block that are named, the first first.
CASES: Mapping[str, tuple[Mapping[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "a sender's thread": (KERNEL, ("vf0",), ("guest_time", "frame_time")),
    "of long frames": (KERNEL | {"workload.frame_bytes": 9018}, ("vf0",), ("byte_time",)),
    "a receiver's thread": (KERNEL | TO_ONE, ("vf3",), ("guest_time",)),
    "of frames from the wire": (KERNEL | FROM_WIRE, ("vf0",), ("guest_time",)),
    "the core before it": (
        KERNEL | FROM_WIRE | {f"{BLOCK}.guest_time": "100ns", f"{BLOCK}.cores": [5]}, (), ("frame_time",),
    ),
    "a thread that drives the uplink": (
        KERNEL | TO_WIRE | SLOW_UPLINK, ("vf0",), ("uplink_time", "guest_time", "frame_time"),
    ),
    "a thread for two": (
        KERNEL | EACH | {f"{BLOCK}.thread_cores": [6, 7]}, ("vf0", "vf2"), ("thread_cores", "guest_time", "frame_time"),
    ),
    "one ring at a core": (ONE_CORE, (), ("frame_time",)),
    "four rings at a core": (ONE_CORE | EACH, (), ("cores", "frame_time")),
    "one copy": (ONE_CORE | {"workload.frame_bytes": 9018}, (), ("byte_time", "frame_time", "pass_by")),
    "by pointer": (
        ONE_CORE | EACH | {f"{BLOCK}.pass_by": "pointer", "workload.frame_bytes": 1518}, (), ("cores", "frame_time"),
    ),
    "the uplink": (ONE_CORE | TO_WIRE | SLOW_UPLINK, (), ("uplink_time", "frame_time")),
    "tags": (
        ONE_CORE | TO_WIRE | SLOW_UPLINK | S_TAGS | {f"{BLOCK}.uplink_time": "0ns"}, (), ("tag_time", "frame_time"),
    ),
    "wildcards": (
        ONE_CORE | CACHE | {f"{BLOCK}.flow_cache.wildcard_time": "900ns"}, (),
        ("flow_cache.wildcard_time", "flow_cache.exact_entries", "frame_time"),
    ),
    "pieces of one frame": (
        ONE_CORE | {f"{BLOCK}.batch": 1, f"{BLOCK}.batch_time": "1us"}, (), ("batch_time", "frame_time"),
    ),
    "access rules in a list": (
        ONE_CORE | {f"{BLOCK}.rule_match": "list", "switch.acl": LONG_LIST},
        (), ("rule_time",),
    ),
}  # fmt: skip
TIMES = (
    "frame_time", "guest_time", "byte_time", "batch_time", "uplink_time", "uplink_byte_time", "ring_time", "rule_time",
    "tag_time", "flow_cache.wildcard_time",
)  # fmt: skip


def rate_of(result: Result) -> float:
    return result.totals.gbps + result.wire.tx_gbps


def gbps_with(changes: Mapping[str, Any]) -> float:
    return rate_of(simulate(config_from_mapping(SWITCH, changes)))


def larger(config: Config, key: str) -> Any:
    """Return what a key is to be, so that it takes half of the time, or there are twice the cores."""
    own = config.virtual_switch
    assert own is not None
    if key in ("cores", "thread_cores"):
        return [*(own.cores if key == "cores" else config.thread_cores), *(10, 11)[: 1 if key == "cores" else 2]]
    if key == "pass_by":
        return "pointer"
    if key.endswith("exact_entries"):
        return 65536
    found = own.flow_cache if key.startswith("flow_cache") else own
    if key.startswith("uplink"):
        return f"{config.uplink_costs_fs[key == 'uplink_byte_time'] / 2e6:.6f}ns"
    time_fs = getattr(found, f"{key.rpartition('.')[2]}_fs", 0)
    return f"{time_fs / 2e6:.6f}ns"


@pytest.mark.parametrize("name", CASES)
def test_keys_that_are_named_make_the_core_faster_and_others_do_not(name: str) -> None:
    changes, vms, keys = CASES[name]
    config = config_from_mapping(SWITCH, changes)
    base = simulate(config)
    assert base.bottleneck is not None and base.bottleneck.resource == "vswitch"
    assert base.bottleneck.keys == tuple(f"{BLOCK}.{key}" for key in keys)
    assert all(vm in base.bottleneck.why for vm in vms) and ("thread" in base.bottleneck.why) == bool(vms)
    own = config.virtual_switch
    tried = [key for key in TIMES if own is not None and (own.flow_cache is not None or "." not in key)]
    gains = {
        key: gbps_with({**changes, f"{BLOCK}.{key}": larger(config, key)}) / rate_of(base) - 1
        for key in dict.fromkeys([*keys, *tried])
    }
    best = max(gains[key] for key in keys if key in TIMES)
    assert all(gains[key] > 0.5 * MATTERS * best and gains[key] > 0.02 for key in keys), gains
    assert all(gain < 1.5 * MATTERS * best for key, gain in gains.items() if key not in keys), gains


@pytest.mark.parametrize("name", CASES)
def test_limits_name_the_times_that_lower_the_ceiling_and_no_others(name: str) -> None:
    changes, _, _ = CASES[name]

    def row(more: Mapping[str, Any]) -> Ceiling:
        config = config_from_mapping(SWITCH, {**changes, **more})
        return next(one for one in limits(config).ceilings if one.resource == "vswitch")

    found, config = row({}), config_from_mapping(SWITCH, changes)
    assert found.what.startswith("core of the virtual switch") or ", thread of vf" in found.what
    named = found.what.split(", ")
    for key in TIMES[:-1]:
        faster = row({f"{BLOCK}.{key}": larger(config, key)})
        assert (faster.per_frame < found.per_frame) == (key in named), (key, found)

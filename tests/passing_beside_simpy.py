"""The host's virtual switch for the SimPy model: its rules, and what both count of marks and samples."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from hwmodel.config import Config
from tests.oracles.simpy_nic.passed_flows import FlowCounts
from tests.oracles.simpy_nic.virtual_switch import Rules

SAMPLES = 2**21 + 1  # the stream of random words


def passing_rules(config: Config) -> Rules | None:
    """Return what a configuration says of its virtual switch, None where it has none."""
    if config.nic.mode != "vswitch":
        return None
    words = [int(word) for word in np.random.SeedSequence([config.run.seed, SAMPLES]).generate_state(4)]
    rules = replace(Rules.of(with_rules(config)), sample_state=(words[0] | 1, *words[1:]))
    if config.workload.segment_bytes is None or config.host.virtual_switch.reach == "internal":
        return rules
    own = config.workload
    cuts = "adapter" if config.nic.tso else "switch"
    return replace(rules, cuts=cuts, mss_bytes=own.mss_bytes, header_bytes=own.header_bytes)


TAG_TYPES = {"multichannel": b"\x88\xa8", "vn_tag": b"\x89\x26", "e_tag": b"\x89\x3f"}


def with_rules(config: Config) -> Any:
    """Return the virtual switch with the costs that depend on other blocks: access rules, the uplink's driver."""
    own, driver = config.host.virtual_switch, config.driver.vms.get("pf", config.driver)
    looks_fs = own.rule_time_fs * rules_met(config)
    changed: dict[str, Any] = {"rules_fs": 0 if own.flow_cache else looks_fs}
    for name, of_driver in (("uplink_time_fs", "frame_time_fs"), ("uplink_byte_time_fs", "byte_time_fs")):
        said = getattr(own, name)
        changed[name] = getattr(driver, of_driver) if said is None else said
    if own.flow_cache:
        cache = own.flow_cache.model_copy()
        times = {"wildcard_time_fs": cache.wildcard_time_fs * max(1, rules_met(config))}
        if own.rule_match == "list":
            times = {"miss_time_fs": cache.miss_time_fs + looks_fs}
        changed["flow_cache"] = cache.model_copy(update=times)
    return SimpleNamespace(
        **{name: getattr(own, name) for name in type(own).model_fields}
        | {"memory_byte_fs": own.memory_byte_fs, "thread_cores": config.thread_cores}
        | {"tag_type": TAG_TYPES.get(config.switch.mode, b"")}
        | changed
    )


def rules_met(config: Config) -> int:
    """Return with how many tables, or rules of a list, each frame is compared."""
    if config.switch.mode in ("vn_tag", "e_tag"):
        return 0
    if config.host.virtual_switch.rule_match == "list":
        return len(config.switch.acl)
    masks = set()
    for rule in config.switch.acl:
        asked = rule.model_dump(exclude={"action", "priority", "rate_bps", "burst_bytes"}, exclude_none=True)
        if asked.get("port") == "all":
            del asked["port"]
        masks.add(tuple(sorted((name, str(getattr(rule, name)).partition("/")[2]) for name in asked)))
    return len(masks)


def guarantee_window_fs(config: Config) -> int:
    """Return in what time two of the longest frames of each function pass the wire, rounded down.

    At a virtual switch, where a rate limit lasts so long too: two turns of each ring, on a core or on the wire.
    """
    longest_bytes = max(port.max_frame_bytes for port in config.switch.ports)
    if config.nic.mode != "vswitch":
        return 2 * len(config.switch.ports) * (longest_bytes + 20) * 8 * 10**15 // config.port.rate_bps
    own = config.host.virtual_switch
    weights = [port.weight if config.switch.scheduler == "weighted" else 1 for port in config.switch.ports]
    n_rings = sum(weights) * config.nic.queues_per_vf
    rules = with_rules(config)
    frame_fs = own.frame_time_fs + own.guest_time_fs * 2 + own.byte_time_fs * (longest_bytes - 4)
    frame_fs += own.ring_time_fs * own.further_rings + rules.rules_fs
    if own.reach == "external":
        frame_fs += own.tag_time_fs * bool(rules.tag_type)
        frame_fs += rules.uplink_time_fs + rules.uplink_byte_time_fs * (longest_bytes - 4)
    leaves, sends = own.reach == "external", config.workload
    n_pieces, header_bytes = 1, sends.header_bytes or 0
    if leaves and sends.segment_bytes:
        n_pieces = -(-(longest_bytes - 4 - header_bytes) // sends.mss_bytes)
        frame_fs += 0 if config.nic.tso else n_pieces * own.segment_frame_time_fs
    passing_fs = 2 * n_rings * (own.batch * frame_fs + own.batch_time_fs)
    wire_bytes = longest_bytes + 20 + (n_pieces - 1) * (header_bytes + 4 + 20)
    on_wire_fs = 2 * n_rings * own.batch * wire_bytes * 8 * 10**15 // config.port.rate_bps
    return max(passing_fs, leaves * on_wire_fs)


def counted_by_engine(nic: Any) -> dict[str, int]:
    """Return the marks by receiver, a port, and the samples, of the whole run."""
    n_flows = int(nic.ledger.directory.n)
    receivers = nic["ledger"]["directory"]["ends"]["receiver"][:n_flows]
    rows = nic["virtual_switch"]["flow"][: 1 + n_flows]
    found = {"samples": int(rows["samples"].sum())}
    for name in ("may_be_marked", "marked"):
        sums = np.bincount(receivers, weights=rows[name][1:])
        found |= {f"{name} {port}": round(n) for port, n in enumerate(sums) if n}
    return found


def counted_by_oracle(counts: FlowCounts | None) -> dict[str, int]:
    """Return the same of the SimPy model."""
    if counts is None:
        return {"samples": 0}
    found = {"samples": sum(counts.samples.values())}
    for name in ("may_be_marked", "marked"):
        found |= {f"{name} {port}": n for port, n in getattr(counts, name).items() if n}
    return found

"""How far each server and bridge runs alone, and where a run is cut into calls, changes nothing of what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.config import Config
from hwmodel.machine.counts.ledger_state import DONE
from hwmodel.machine.time.clock import LINE
from tests.state_digest import state_digest
from tests.system_beside_simpy import (
    BROADCAST,
    LATER_FS,
    OUTSIDE,
    UNKNOWN,
    US_FS,
    Stations,
    SystemRun,
    config_with,
    drawn,
    with_window,
    workload_of,
)

NAMES = ("pf", "vf0", "vf1", "vf2", "vf3")
END_FS = 60 * US_FS
ONE: Mapping[str, Any] = {"switch.mode": "vepa", "bridge.latency": "230ns"}
TWO: Mapping[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 8, "nic.max_pps": 3_000_001}}],
    "bridge": {"forwarding": "cut_through", "propagation": "7.3ns", "buffer": "6KiB", "sharing": "all",
               "latency": "0ns", "ports": {"outside": {"rate": "3.1Gbps"}}},
}  # fmt: skip
THREE: Mapping[str, Any] = {"nic.strict": False,
    "servers": [{"name": "a"}, {"name": "b", "set": {"switch.mode": "vepa"}},
                {"name": "c", "set": {"port.rate": "40Gbps"}}],
    "bridge": {"latency": "100ns", "ageing": "9us", "table": 5},
    "driver.rx_interrupt_batch": 4,
}  # fmt: skip
# Two levels, of which the lower cuts through; frames are short for the buffer of fex1, which all its ports share.
EXTENDERS: Mapping[str, Any] = {"nic.strict": False,
    "servers": [{"name": "a"}, {"name": "b", "set": {"port.rate": "40Gbps"}}, {"name": "c"}],
    "switch.mode": "e_tag",
    "bridge": {"kind": "controlling", "latency": "130ns", "propagation": "3.3ns",
               "extenders": {"fex0": {"rate": "7Gbps", "latency": "0ns"},
                             "fex1": {"behind": "fex0", "rate": "40Gbps", "forwarding": "cut_through",
                                      "buffer": "6KiB", "sharing": "all"}},
               "ports": {"a": {"behind": "fex1"}, "b": {"behind": "fex1"}, "c": {"behind": "fex0"}}},
}  # fmt: skip
LEVELS: Mapping[str, Any] = {
    "switch.mode": "multichannel", "switch.s_channels": {10: "veb", 20: "vepa"},
    "switch.ports": [{"name": "vf0", "s_channel": 10}, {"name": "vf1", "s_channel": 20},
                     {"name": "vf2", "s_channel": 20}],
    "bridge": {"latency": "330ns", "buffer": "24KiB", "ports": {"outside": {"rate": "39.7Gbps"}, "adapter": {
        "s_channels": {10: {"weight": 3}, 20: {"rate": "1.1Gbps", "burst": "2KiB"}}}}},
}  # fmt: skip
TRANSLATED: Mapping[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b", "set": {"switch.mode": "vepa"}}],
    "switch.ports": [{"name": "vf0", "port_vlan": 101}, {"name": "vf1", "port_vlan": 102}],
    "bridge": {"ports": {"a": {"translate": {101: 1, 102: 1}}, "b": {"translate": {101: 1}}}},
}
SYSTEMS = {
    "extenders": EXTENDERS,
    "service levels": LEVELS,
    "translated": TRANSLATED,
    "one server": ONE,
    "two servers": TWO,
    "three servers": THREE,
}
MOST_LOGGED = 4096
WINDOWS_FS = [1, 67_200, pytest.param(10**9, marks=pytest.mark.nightly)]


def load_of(changes: Mapping[str, Any]) -> tuple[Config, Any]:
    """Return a system and frames that go on beyond the end."""
    config = with_window(config_with(changes), 0, END_FS)
    prefixes = [f"{each['name']}." for each in changes["servers"]] if "servers" in changes else [""]
    ends = [prefix + name for prefix in prefixes for name in NAMES] + [OUTSIDE]
    stations = Stations(config)
    frames = drawn(stations, 300, 260, ends, [*ends, BROADCAST], seed=4)
    assert frames[-1].at_fs > END_FS
    return config, workload_of(frames, stations.frame(LATER_FS, OUTSIDE, UNKNOWN, 64))


def what_it_is(run: SystemRun) -> dict[str, Any]:
    """Return digests of all that stands in servers and bridge, apart from what is under way between them.

    Frames on wires and in the bridge lie in places that are given out as they are handed over, sooner or later.
    """
    machine = run.machine
    assert machine.system is not None
    bridge = machine.system.bridges[0]
    for ledger in machine.ledgers():
        for name in ("log", "journey_log"):  # shows when it was last emptied
            log = ledger[name]
            log.entry[:MOST_LOGGED] = np.zeros(1, log.entry.dtype)[0]
    for nic in machine.system.servers:
        nic.clock.n_events = 0  # some only look whether a TLP has left
        for ring in (nic.wire[0].sent, nic.wire[0].come, nic.outside.sent):
            ring.ring[: int(ring.mask) + 1] = np.zeros(1, ring.ring.dtype)[0]
            ring.head = ring.tail = ring.mask = 0
        nic.clock.next_at[LINE] = nic.clock.rare_at = 0
    bridge.slot[: int(bridge.n_used)] = np.zeros(1, bridge.slot.dtype)[0]
    bridge.n_used = bridge.first_free = 0
    bridge.clock.seq = 0
    bridge.clock.heap[: int(bridge.clock.heap_n) + 64] = np.zeros(1, bridge.clock.heap.dtype)[0]
    for port in bridge.port[: int(bridge.params.n_ports)]:
        for name in ("come", "queue", "begun"):
            port[name]["first"] = port[name]["last"] = 0
        port["sending"] = 0
    for end in ("first", "last"):
        bridge["logical_port"]["queue"][end] = 0
    return {"servers": state_digest(machine.system.servers), "bridge": state_digest(machine.system.bridges)}


def found_by(run: SystemRun) -> dict[str, Any]:
    """Run to the end; return the result, the deliveries and the digests."""
    for _ in run.pieces():
        pass
    result = run.result().to_mapping(include_host_run=False)
    logs = {name: np.concatenate(pieces).tobytes() for name, pieces in run.logs.items()}
    assert sum(map(len, logs.values())) > 5_000
    return {"result": result, **logs, **what_it_is(run)}


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> tuple[Config, Any, dict[str, Any]]:
    """Return a system, its load, and what a run of it finds."""
    config, workload = load_of(SYSTEMS[request.param])
    return config, workload, found_by(SystemRun(config, workload))


@pytest.mark.parametrize("window_fs", WINDOWS_FS)
def test_how_far_each_runs_alone(system: tuple[Config, Any, dict[str, Any]], window_fs: int) -> None:
    config, workload, expected = system
    run = SystemRun(config, workload)
    assert run.machine.system is not None
    run.machine.system.system[0].window_fs = window_fs
    found = found_by(run)
    assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.parametrize("n_events", [1, 1000])
def test_calls(system: tuple[Config, Any, dict[str, Any]], n_events: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config, workload, expected = system
    monkeypatch.setattr("hwmodel.simulation.run.run.EVENTS_PER_CALL", n_events)
    found = found_by(SystemRun(config, workload))
    assert [name for name in expected if found[name] != expected[name]] == []


def test_stops_at_any_time(system: tuple[Config, Any, dict[str, Any]]) -> None:
    config, workload, expected = system
    run = SystemRun(config, workload)
    whole = run.kernel

    def in_pieces(until_fs: int, n_events: int) -> int:
        if n_events == 0:
            return whole(until_fs, n_events)
        for at_fs in np.linspace(run.machine.now_fs, until_fs, 7).astype(np.int64).tolist()[:-1]:
            assert whole(at_fs, n_events) == DONE
        return whole(until_fs, n_events)

    run.kernel = in_pieces  # type: ignore[method-assign]
    found = found_by(run)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_what_waits_for_the_line_outside_is_sent_though_nothing_else_happens() -> None:
    """Where calls end while the rest of a burst waits, and what came first is dropped, no event is left."""
    config = config_with({"bridge": {"forwarding": "cut_through", "latency": "0ns", "policy": [{"action": "deny"}]}})
    stations = Stations(config)
    burst = [stations.frame(US_FS + at, OUTSIDE, "vf0", 1518) for at in range(20)]
    run = SystemRun(config, workload_of(burst, stations.frame(LATER_FS, OUTSIDE, UNKNOWN, 64)))
    assert run.machine.system is not None
    wire_fs = 1538 * 8 * 10**5  # at 10 Gb/s
    for at_fs in range(0, US_FS + 20 * wire_fs, wire_fs // 4):
        assert run.kernel(at_fs, NEVER) == DONE
        n_come = sum(US_FS + k * wire_fs + 72 * 8 * 10**5 <= at_fs for k in range(len(burst)))
        assert int(run.machine.system.bridges[0].box[0].counts.forwarded) == n_come, at_fs
    assert n_come == len(burst)

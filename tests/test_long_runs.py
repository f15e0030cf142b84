"""A quiet hour: the longest run that a file may ask for, at whose end times are near the machine's largest."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.config import config_from_mapping
from hwmodel.config.run import LONGEST_RUN, LONGEST_WARMUP, LONGEST_WINDOW, LONGEST_WINDOW_FS
from hwmodel.errors import InputError
from hwmodel.simulation import simulate
from hwmodel.units import FS_PER_S, TIME
from tests.run_cases import merged

HOUR = {"duration": LONGEST_WINDOW, "warmup": LONGEST_WARMUP}
BITS = 64 * 8  # of a frame
# A frame each half a second; a limit, a guarantee, a policer, a limit on what is received and a classic bucket of
# bytes, all of which count the time since they were last asked.
QUIET: dict[str, Any] = {
    "nic": {"vfs": 2, "strict": False}, "run": {**HOUR, "clocks": "exact"},
    "switch": {
        "acl": [{"port": "vf0", "action": "police", "rate": "100Gbps", "burst": "64MiB"}],
        "ports": [{"name": "vf0", "rate_limit": "1Mbps", "min_rate": "500Kbps"},
                  {"name": "vf1", "receive_limit": "100Mbps"}],
    },
    "workload": {"pattern": "flows", "frame_bytes": 64, "flows": [["vf0", "vf1", "1024bps"]], "arrivals": "periodic"},
}  # fmt: skip
SYSTEM = {
    "servers": [{"name": "a"}, {"name": "b"}], "bridge": {"kind": "learning", "ageing": "4000s"},
    "switch": {"acl": [], "ports": []}, "workload": {"flows": [["a.vf0", "b.vf1", "1024bps"]]},
}  # fmt: skip


def fs_of(text: str) -> int:
    return int(TIME.parse(text))


def test_the_longest_run_ends_before_the_machine_s_last_femtosecond() -> None:
    """With a margin for what is still under way, and for what an entry of a bridge's table may outlive."""
    assert fs_of(LONGEST_WINDOW) == LONGEST_WINDOW_FS
    assert fs_of(LONGEST_RUN) == fs_of(LONGEST_WINDOW) + fs_of(LONGEST_WARMUP) < NEVER - 400 * FS_PER_S
    with pytest.raises(InputError, match=r"run\.duration: 3601s is out of range; 1ns to 3600s"):
        config_from_mapping({"run": {"duration": "3601s"}})


@pytest.mark.parametrize("machine", [{}, SYSTEM], ids=["an adapter", "servers"])
def test_a_quiet_hour_has_the_frames_that_its_rate_makes(machine: dict[str, Any]) -> None:
    config = config_from_mapping(merged(QUIET, machine))
    result = simulate(config, threads=1)
    assert result.window.end_ns == 4200e9 and result.window.start_ns == 600e9
    (flow,) = [one for one in result.flows if one.offered]
    assert abs(flow.latency_ns.count - 3600 * 1024 // BITS) <= 1
    assert abs(flow.delivered - 4200 * 1024 // BITS) <= 1 and result.totals.dropped_frames == 0
    assert flow.latency_ns.max is not None and flow.latency_ns.max < 20_000


def test_events_and_agents_of_a_quiet_hour_come_at_its_end() -> None:
    events = [
        {"at": "3000s", "set": {"switch.ports.vf0.rate_limit": "2Mbps"}},
        {"at": "4000s", "set": {"workload.flows": [["vf0", "vf1", "2048bps"]]}},
        {"when": {"of": "vf1", "figure": "delivered", "above": 190, "from": "4150s"},
         "set": {"switch.ports.vf0.loopback": False}},
    ]  # fmt: skip
    agents = {"each": {"rules": [{"when": {"every": "1000s"}, "set": {"switch.ports.vf1.weight": 2}}]}}
    result = simulate(config_from_mapping({**QUIET, "scenario": events, "agents": agents}), threads=1)
    assert result.series is not None
    times = [event.at_ns for event in result.series.events]
    assert times[0] == 3000e9 and times[1] == 4000e9
    # Four a second by then: the 191st behind 4,150 s.
    assert times[2] is not None and abs(times[2] - 4197.75e9) < 0.5e9
    assert [one.at_fs for one in result.agent_actions] == [k * 1000 * FS_PER_S + 1 for k in range(1, 5)]

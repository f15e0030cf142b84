"""How soon a frame can be at the other end of a wire, by hand: what servers and bridges may run ahead of each other."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation.fill.bridge_state import least_on_wire_bytes
from hwmodel.simulation.fill.system_state import build_system
from hwmodel.workload import build_workload
from tests.run_cases import OUTSIDE, frame, merged, write_capture
from tests.simulation_cases import DEFAULTS

PREAMBLE_AND_GAP, C_TAG, FCS = 20, 4, 4
BYTE_FS = {"10Gbps": 800_000, "40Gbps": 200_000}


def config_of(**changes: Any) -> Any:
    servers = [{"name": "a"}, {"name": "b", "set": {"nic.strict": False, "port.rate": "40Gbps"}}]
    return config_from_mapping(merged(DEFAULTS, {"servers": servers, "bridge": {}}, changes))


@pytest.mark.parametrize(
    ("workload", "n_bytes"),
    [
        ({"frame_bytes": 1518}, 1518),
        ({"frame_bytes": None, "sizes": [[1000, 1], [300, 5]]}, 300),
        ({"frame_bytes": 64}, 64),
    ],
)
def test_no_frame_is_shorter_than_the_shortest_that_is_sent(workload, n_bytes):
    found = least_on_wire_bytes(build_workload(config_of(workload=workload)))
    assert found == n_bytes + PREAMBLE_AND_GAP


@pytest.mark.parametrize(("n_bytes", "expected"), [(500, 500 - C_TAG), (66, 64), (64, 64)])
def test_a_frame_may_lose_its_tag_but_none_is_shorter_than_ethernets_shortest(n_bytes, expected, tmp_path):
    tagged = frame(OUTSIDE, "vf0", n_bytes - FCS, c_tag=5)
    path = write_capture(tmp_path / "in.pcap", [(0, tagged), (900, frame(OUTSIDE, "vf0", 1200))])
    found = least_on_wire_bytes(
        build_workload(config_of(workload={"pattern": None, "frame_bytes": None, "pcap": str(path)}))
    )
    assert found == expected + PREAMBLE_AND_GAP


def test_each_wire_takes_so_many_bytes_at_its_rate_and_its_length():
    bridge = {"propagation": "1us", "forwarding": "cut_through", "ports": {"outside": {"rate": "10Gbps"}}}
    config = config_of(workload={"frame_bytes": 700}, bridge=bridge)
    state = build_system(config, build_workload(config), 1)
    n_bytes = 700 + PREAMBLE_AND_GAP
    wire_fs = {rate: n_bytes * fs + 10**9 for rate, fs in BYTE_FS.items()}
    assert [int(each.end[0].crossing_fs) for each in state.system[0].server[:2]] == [
        wire_fs["10Gbps"],
        wire_fs["40Gbps"],
    ]
    # The fastest port decides on the first 64 B of a frame, behind the preamble; the others on whole frames. What is
    # due is so a latency later.
    latency_fs = int(state.bridges[0].box[0].params.latency_fs)
    ports = [int(each.params.crossing_fs) - latency_fs for each in state.bridges[0].port[:3]]
    assert ports == [wire_fs["10Gbps"], 72 * BYTE_FS["40Gbps"] + 10**9, wire_fs["10Gbps"]]

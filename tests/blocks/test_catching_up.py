"""One event for all completions of a read gives what an event for each gives, whatever goes up in between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.counts.ledger_state import COUNTERS
from hwmodel.simulation.figures.counts import gauges_in
from hwmodel.simulation.figures.measurement import take_snapshot
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.fill.workload_state import decide_workload, fill_workload
from hwmodel.simulation.run.machine import run_alone as run
from hwmodel.workload import build_workload
from tests.blocks.idle_machine import NS, config_of


def figures(config, runs_on, until_fs):
    state = build_state(config, seed=1)
    nic = state[0]
    workload = build_workload(config)
    book = decide_workload(state, config, workload, fill_workload(nic, config, workload, 1))
    nic.pcie[0].params.runs_on = runs_on
    found = []
    for at_fs in (until_fs // 3, until_fs // 2 + 77, until_fs):
        run(state, at_fs, 10**9)
        snapshot = take_snapshot(nic, book)
        links = [
            (link.busy_fs, link.n_tlps.tolist(), link.n_bytes.tolist(), link.dllps)
            for link in (snapshot.counts.up, snapshot.counts.down)
        ]
        counters = [snapshot.count(name) for name in COUNTERS]
        areas = {name: float(gauge.area) for name, gauge in gauges_in(snapshot.counts).items()}
        found.append((links, counters, snapshot.flows.tolist(), areas, float(snapshot.counts.tags.held_fs)))
    return found


@settings(max_examples=12)
@given(
    st.sampled_from(["tlp1", "tlp4", "none"]),
    st.sampled_from(["round_robin", "reads_first", "writes_first", "arrival"]),
    st.sampled_from([128, 256, 512]),
    st.sampled_from([512, 1024, 4096]),
    st.sampled_from(["mps", "rcb"]),
    st.sampled_from([0, 4, 36, 200]),
    st.sampled_from([570, 1518]),
    st.sampled_from([2, 8]),
)
def test_completions_of_a_read_in_one_event(model, arbitration, mps, mrrs, completions, offset, frame_bytes, tags):
    config = config_of(
        pcie={
            "dllp_model": model, "arbitration": arbitration, "max_payload": f"{mps}B", "max_read_request": f"{mrrs}B",
            "tags": tags,
        },
        host={"completion_bytes": completions, "buffer_offset": f"{offset}B"},
        workload={"pattern": "pairs", "frame_bytes": frame_bytes, "load": "saturate"},
    )  # fmt: skip
    until_fs = 9000 * NS
    assert figures(config, 1, until_fs) == figures(config, 0, until_fs)

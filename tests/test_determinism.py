"""One configuration and seed give one result: in every process, compiled or not, in one go or in pieces."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.config import load_config
from hwmodel.simulation import simulate, simulate_seeds
from hwmodel.simulation.run.kernel_cache import RUN_ENTRIES, SYSTEM_ENTRIES
from tests.run_cases import POLLED, finished, logged, merged, result_of
from tests.run_digest import (
    CASES,
    GOLDEN,
    GOLDEN_SEEDS,
    all_digests,
    captured,
    digests_of,
    kernel_functions,
    machine_of,
)
from tests.state_digest import state_digest

ROOT = Path(__file__).resolve().parent.parent
# The forwarding decision, the link test, writes to peers and the switch core's twin run by calls of their own; tests of
# their names run them both ways. The program without options is the general one where nothing is compiled.
NOT_OF_RUNS = (
    "compiled.", "switch_core.", "forwarding.", "machine.link_alone.", "machine.peer_writes.",
    "machine.pcie_trees.keep_for_peer", "machine.pcie_trees.stand_at_root", "machine.pcie_trees.return_write",
    "machine.pcie_trees.give_back_writes", "machine.without_options.",
)  # fmt: skip
OF_RUNS = ("forwarding.steering.",)  # the machine calls these itself


def run_python(*arguments: str, **environment: str) -> str:
    """Run Python in the repository in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # What goes wrong in a program that another calls by its address is written there, and the call goes on.
    assert "Exception ignored" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def of_all_seeds():
    """Return the digests of all cases, compiled as users have it."""
    return all_digests(GOLDEN_SEEDS)


@pytest.fixture
def compiled(of_all_seeds):
    """Return those of the first seed, which is what `python -m tests.run_digest` prints."""
    return {name: digests for name, digests in of_all_seeds.items() if name.endswith("/1")}


def test_two_processes_write_the_same_bytes(tmp_path):
    command = ["-m", "hwmodel", "run", "configs/sriov_imix.yaml", "--seed", "7"]
    command += ["--set", "run.duration=300us", "--set", "run.warmup=20us", "--set", "driver.preset=dpdk"]
    texts = []
    for number in ("0", "1"):
        path = tmp_path / f"{number}.json"
        run_python(*command, "--json", str(path), PYTHONHASHSEED=number)
        text = path.read_text(encoding="utf-8")
        assert list(json.loads(text))[-1] == "host_run"
        texts.append(text.partition('\n  "host_run": {')[0])
    assert texts[0] == texts[1]
    assert json.loads(texts[0].rstrip(",") + "}")["totals"]["delivered_frames"] > 100


RANDOM = {
    "poisson": {"workload": {"load": "1Gbps"}},
    "on_off": {"workload": {"load": "1Gbps", "arrivals": "on_off", "peak_rate": "4Gbps", "mean_burst": 4}},
    "lengths": {"workload": {"sizes": [[64, 1], [1518, 1]]}},
    "targets": {"workload": {"pattern": "uniform"}},
    "jitter": {"host": {"jitter": {"kind": "uniform", "range": "100ns"}}},
    "outside": {"workload": {"load": "1Gbps", "arrivals": "periodic", "external": {"rate": "1Gbps"}}},
}
NOT_RANDOM = {
    "saturated": {},
    "periodic": {"workload": {"load": "1Gbps", "arrivals": "periodic", "pattern": "broadcast"}},
}
A_WHILE = merged(POLLED, {"nic": {"vfs": 4}, "run": {"warmup": "0us", "duration": "100us"}})


def deliveries_with(seed, *machine):
    _, result, rows = logged(A_WHILE, *machine, {"run": {"seed": seed}})
    assert len(rows) > 10
    return result, list(zip(rows.at_fs.tolist(), rows.egress_port.tolist(), rows.frame_bytes.tolist(), strict=True))


@pytest.mark.parametrize("machine", RANDOM.values(), ids=list(RANDOM))
def test_another_seed_gives_another_run_where_chance_has_a_part(machine):
    result, first = deliveries_with(1, machine)
    again, same = deliveries_with(1, machine)
    _, other = deliveries_with(2, machine)
    assert first == same
    assert result.to_json(include_host_run=False) == again.to_json(include_host_run=False)
    assert first != other


@pytest.mark.parametrize("machine", NOT_RANDOM.values(), ids=list(NOT_RANDOM))
def test_the_seed_has_no_part_in_a_run_without_chance(machine):
    assert deliveries_with(1, machine)[1] == deliveries_with(2, machine)[1]


def test_streams_of_one_seed_differ():
    """Two VMs with the same load do not send in step."""
    result = result_of(A_WHILE, {"workload": {"load": "4Gbps"}, "run": {"duration": "300us"}})
    assert len({flow.offered for flow in result.flows}) > 1


def without_log(digests):
    """Leave out the state of a run with a log of deliveries, which shows when it was last emptied."""
    return {key: value for key, value in digests.items() if key != "state"}


def final_state(machine):
    """Return the digest of the state but for the number of events: some only look whether a TLP has left.

    What is left in the log of journeys shows when it was last emptied, as with that of deliveries.
    """
    run, _ = finished(machine)
    state = run.state
    state[0].clock.n_events = 0
    state[0]["ledger"]["journey_log"]["entry"][: len(run.entries)] = 0
    return state_digest(state)


@pytest.mark.parametrize("n_events", [1, 977])
@pytest.mark.parametrize("name", ["interrupts", "credits", "groups", "capture_asap"])
def test_a_run_in_pieces_is_the_same_run(name, n_events, tmp_path, monkeypatch):
    """The kernel returns to Python every so often, which must not show."""
    machine = machine_of(name, 3, captured(str(tmp_path)))
    whole, state = without_log(digests_of(machine)), final_state(machine)
    monkeypatch.setattr("hwmodel.simulation.run.run.EVENTS_PER_CALL", n_events)
    assert without_log(digests_of(machine)) == whole
    assert final_state(machine) == state


def test_long_waits_in_pieces_add_up_to_the_same_sums(monkeypatch):
    """Latencies of some 50 s in all, more femtoseconds than a float counts one by one."""
    machine = merged(
        {
            "pcie": {"generation": 2, "lanes": 4},
            "workload": {"load": "saturate"},
            "run": {"warmup": "0ns", "duration": "12ms"},
        }
    )
    whole = result_of(machine)
    monkeypatch.setattr("hwmodel.simulation.run.run.EVENTS_PER_CALL", 1009)
    parts = result_of(machine)
    assert whole.latency_to_guest_ns.mean * whole.host_run.frames > 2 * 2**53 / 1e6
    assert parts.latency_parts_ns == whole.latency_parts_ns
    assert parts.latency_to_guest_ns == whole.latency_to_guest_ns


@pytest.mark.parametrize("times", [{}, {"warmup": "auto", "precision": "1%"}], ids=["as asked", "until it is sure"])
def test_progress_is_told_and_does_not_go_back(times):
    seen = []
    run, _ = finished(A_WHILE, {"workload": {"load": "1Gbps"}, "run": times})
    again = simulate(run.config, progress=lambda share, _text: seen.append(share))
    assert again.to_json(include_host_run=False) == run.result(is_judged=True).to_json(include_host_run=False)
    assert seen == sorted(seen)
    assert 0 <= seen[0] <= seen[-1] == 1


# What these call, others call too; interpreted they take longer than those.
CALL_NOTHING_ELSE = (
    "servers", "trees", "switch_core", "loads_bridge", "ports_at_bridges", "service_levels", "ports", "weighted",
    "groups", "guarantees", "saturated", "interrupts", "credits", "pause", "strict", "capture", "capture_asap",
    "segments_cut_by_adapter",
)  # fmt: skip


@pytest.mark.parametrize(
    "left_out",
    [CALL_NOTHING_ELSE, pytest.param((), marks=(pytest.mark.slow, pytest.mark.nightly))],
    ids=["most", "all"],
)
def test_compiled_and_interpreted_runs_agree_on_the_whole_state(compiled, left_out):
    assert set(left_out) < set(CASES)
    found = json.loads(run_python("-m", "tests.run_digest", "--called", *left_out, NUMBA_DISABLE_JIT="1"))
    kept = {name: digests for name, digests in compiled.items() if name.partition("/")[0] not in left_out}
    assert found["digests"] == kept
    unseen = kernel_functions() - set(found["called"])
    assert sorted(name for name in unseen if not name.startswith(NOT_OF_RUNS) or name.startswith(OF_RUNS)) == []


FILL_A_COLD_CACHE = """
import sys
import numpy as np
from hwmodel.machine.counts.flow_state import add_flows
from hwmodel.machine.counts.ledger_state import FLOW
from hwmodel.simulation.run.kernel_cache import fill_cache, kernels_are_cached

asked, small = tuple(sys.argv[1:]), "machine.counts.flow_state.add_flows"
assert small in asked and not any(kernels_are_cached((entry,)) for entry in asked)
fill_cache(asked)
assert kernels_are_cached(asked)
flows = np.zeros(1, FLOW).view(np.recarray)
add_flows(flows, np.zeros(1, np.int64), flows)
(hits,), misses = add_flows.stats.cache_hits.values(), add_flows.stats.cache_misses
assert (hits, sum(misses.values())) == (1, 0), add_flows.stats
try:
    add_flows(flows, np.ones(1, np.int64), flows)
except IndexError:
    print("caught")
"""
CHECKED = {"NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(ROOT)}
SMALL = "machine.counts.flow_state.add_flows"


def test_a_cold_cache_is_filled_once_with_checks_of_each_index(tmp_path):
    """A child compiles, here with checks of each index; who asked for it finds that on disk, compiles nothing.

    Numba leaves index checks out unless told so; an index that is wrong on purpose shows that they are in.
    """
    assert run_python("-c", FILL_A_COLD_CACHE, SMALL, **CHECKED, HWMODEL_CACHE_DIR=str(tmp_path)) == "caught\n"


@pytest.mark.slow
@pytest.mark.nightly  # interpreted, above, an index that is out of bounds is found each time, by numpy
def test_no_index_is_out_of_bounds_in_the_whole_of_a_cold_cache(compiled, tmp_path):
    checked = {**CHECKED, "HWMODEL_CACHE_DIR": str(tmp_path)}
    assert run_python("-c", FILL_A_COLD_CACHE, SMALL, *RUN_ENTRIES, *SYSTEM_ENTRIES[:-1], **checked) == "caught\n"
    assert json.loads(run_python("-m", "tests.run_digest", **checked))["digests"] == compiled


def test_golden_digests(of_all_seeds):
    """Results stay what they were; where a change is meant, run `python -m tests.run_digest --write`."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = of_all_seeds
    assert sorted(golden) == sorted(f"{name}/{seed}" for name in CASES for seed in GOLDEN_SEEDS)
    changed = {
        name: [key for key in digests if digests[key] != found[name][key]]
        for name, digests in golden.items()
        if any(digests[key] != found[name][key] for key in digests)
    }
    assert changed == {}


def sum_of_later_pythons(items, start=0):
    """Add as Python 3.12 and later do: floats without the rounding of each step."""
    items = list(items)
    return (
        math.fsum([start, *items]) if any(type(item) is float for item in items) else sum_of_this_python(items, start)
    )


sum_of_this_python = sum


def test_no_figure_depends_on_how_python_adds_floats(monkeypatch):
    configs = [
        load_config(f"configs/{name}.yaml", {"run.duration": "1ms", "run.warmup": "1ms"})
        for name in ("sriov_10g_gen2x4", "sriov_imix", "two_servers")
    ]
    here = [simulate_seeds(config, 2).to_json(include_host_run=False) for config in configs]
    with monkeypatch.context() as patched:
        patched.setattr("builtins.sum", sum_of_later_pythons)
        later = [simulate_seeds(config, 2).to_json(include_host_run=False) for config in configs]
    assert here == later

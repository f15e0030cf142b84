"""Many runs in one process: each as if it were alone, whatever came before, goes on beside it or was cut short."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hwmodel
from hwmodel.config import read_base, servers_of
from hwmodel.simulation.fill.random_streams import random_words

pytestmark = [pytest.mark.real_clocks, pytest.mark.strict_devices]  # as the processes beside have them

ROOT = Path(__file__).resolve().parent.parent
# But for two points, without short runs in other phases, which are most of so short a run.
IN_PHASES = {"run.frames": 300, "run.duration": "200us", "run.warmup": "10us"}
SHORT = IN_PHASES | {"run.clocks": "exact"}
SERVERS = {"run.duration": "50us", "run.warmup": "10us", "run.clocks": "exact"}
POINTS = {
    "pairs": ("sriov_10g_gen2x4", IN_PHASES),
    "another seed": ("sriov_10g_gen2x4", SHORT | {"workload.load": 0.9, "workload.arrivals": "poisson", "run.seed": 2}),
    "the same load": ("sriov_10g_gen2x4", SHORT | {"workload.load": 0.9, "workload.arrivals": "poisson"}),
    "drops": ("sriov_10g_gen2x4", SHORT | {"workload.pattern": "incast", "workload.load": 1.0, "nic.rx_ring": 64}),
    "another switch": ("sriov_10g_gen2x4", SHORT | {"switch.ports.vf0.loopback": False}),
    "load of its ceiling": ("sriov_ideal", SHORT | {"workload.load": "60% of ceiling", "nic.vfs": 3,
                                                    "workload.pattern": "ring"}),
    "capture": ("sriov_pcap", {"run.duration": "200us", "run.clocks": "exact"}),
    "bridge": ("vepa_bridge", IN_PHASES),
    "two servers": ("two_servers", SERVERS),
    "two servers, another load": ("two_servers", SERVERS | {"run.seed": 2}),
}  # fmt: skip
BASES = {name: read_base(name) for name, _ in POINTS.values()}


def digest_of(point: str) -> str:
    name, overrides = POINTS[point]
    result = hwmodel.simulate(BASES[name].with_overrides(overrides))
    return hashlib.sha256(result.to_json(include_host_run=False).encode()).hexdigest()


@pytest.fixture(scope="module")
def elsewhere():
    """Each point's digest from another process, which has come to it by another way."""
    code = (
        "import json\nfrom tests.test_runs_in_one_process import POINTS, digest_of\n"
        "print(json.dumps({point: digest_of(point) for point in reversed(POINTS)}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_points_are_different(elsewhere):
    assert set(elsewhere) == set(POINTS)
    assert len(set(elsewhere.values())) == len(POINTS)


@settings(max_examples=3, deadline=None)
@given(points=st.lists(st.sampled_from(sorted(POINTS)), min_size=2, max_size=4))
@example(points=["pairs", "bridge", "pairs"])
@example(points=["another seed", "the same load", "another seed"])
@example(points=["drops", "another switch", "pairs", "drops"])
@example(points=["two servers", "pairs", "two servers, another load", "two servers"])
def test_what_ran_before_is_not_seen(elsewhere, points):
    for point in points:
        assert digest_of(point) == elsewhere[point]


def test_a_memory_that_takes_seeds_for_alike_would_be_seen(elsewhere, monkeypatch):
    words = random_words(1, 0)
    for module in ("nic_state", "workload_state"):
        monkeypatch.setattr(f"hwmodel.simulation.fill.{module}.random_words", lambda seed, stream: words)
    assert digest_of("another seed") != elsewhere["another seed"]


class CutShortError(Exception):
    """Raised in the middle of a run."""


@pytest.mark.parametrize("error", [CutShortError, KeyboardInterrupt])
@pytest.mark.parametrize("point", ["drops", "bridge"])
def test_a_run_that_is_cut_short_leaves_nothing_behind(elsewhere, point, error):
    name, overrides = POINTS[point]

    def progress(share, what):
        if share > 0.2:
            raise error

    with pytest.raises(hwmodel.Interrupted if error is KeyboardInterrupt else error):
        hwmodel.simulate(BASES[name].with_overrides(overrides | {"run.frames": 3000, "run.duration": "5ms"}), progress)
    assert digest_of(point) == elsewhere[point]


def test_two_threads_do_not_meet(elsewhere):
    order = [*POINTS, *reversed(POINTS)]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(digest_of, order))
    assert found == [elsewhere[point] for point in order]


def test_threads_that_ask_for_the_servers_of_many_configurations_do_not_meet():
    configs = [BASES["sriov_10g_gen2x4"].with_overrides({"run.seed": number}) for number in range(16)]
    asked = [config for _ in range(200) for config in configs]
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(servers_of, asked))
    finally:
        sys.setswitchinterval(interval_s)
    assert [servers[0].config for servers in found] == asked


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="says how much memory a process has on Linux alone")
def test_memory_does_not_grow():
    def resident_mb():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6

    def run(numbers, **others):
        for number in numbers:
            changes = {"nic.vfs": 2, "host.read_latency": f"{300 + number}ns", **others}
            hwmodel.simulate(BASES["sriov_10g_gen2x4"].with_overrides(IN_PHASES | changes))

    run(range(30), **{"run.clocks": "exact"})  # without short runs in other phases
    run(range(30, 35))  # what is remembered of configurations is full by then
    before_mb = resident_mb()
    run(range(35, 45))
    assert resident_mb() - before_mb < 3  # a single state that stayed would take more

"""The switch core's time in whole runs: the bus that limits, beside the closed form and worked out here."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.config import load_config
from hwmodel.rules.switch_core_cycles import alone_cycles, cycle_fs, more_header_words, words
from hwmodel.simulation import simulate
from tests.config_cases import CONFIGS

WIDE = {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 16, "pcie.tags": 256, "run.duration": "3ms"}


def run(**changes):
    config = load_config(CONFIGS / "sriov_ideal.yaml", {**WIDE, "switch.timing": "core", **changes})
    return config, simulate(config)


@pytest.mark.parametrize(
    ("bus_bits", "clock", "frame_bytes", "mpps"),
    [(64, "100MHz", 1518, 100 / 190), (512, "20MHz", 69, 10), (256, "50MHz", 1000, 50 / 32), (128, "40MHz", 64, 10)],
)
def test_a_narrow_bus_carries_what_the_closed_form_says(bus_bits, clock, frame_bytes, mpps):
    changes = {"switch.bus_bits": bus_bits, "switch.clock": clock, "workload.frame_bytes": frame_bytes}
    config, result = run(**changes)
    assert limits(config).limited_by == result.bottleneck.resource == "switch.bus"
    assert limits(config).mpps == pytest.approx(mpps, rel=1e-6)
    assert result.totals.mpps == pytest.approx(mpps, rel=0.003)
    assert result.utilization["switch.bus"] == pytest.approx(1, abs=1e-6)
    assert result.fairness_jain == pytest.approx(1, abs=1e-3)


def test_a_wide_bus_changes_the_latency_alone():
    config, core = run(**{"pcie.lanes": 4, "run.frames": 20_000})
    _, none = run(**{"pcie.lanes": 4, "run.frames": 20_000, "switch.timing": "none"})
    assert core.totals.gbps == pytest.approx(none.totals.gbps, rel=0.002)
    assert core.bottleneck.resource == none.bottleneck.resource != "switch.bus"
    # The share of the time in which the frames of the window held the bus.
    held = core.totals.mpps * 1e6 * words(config.workload.frame_bytes - 4, 512) / 156.25e6
    assert core.utilization["switch.bus"] == pytest.approx(held, rel=0.01)
    assert "switch.bus" not in none.utilization


def test_cycles():
    assert [words(n, 512) for n in (0, 1, 64, 65, 1514)] == [1, 1, 1, 2, 24]
    assert [more_header_words(bits) for bits in (64, 128, 256, 512)] == [3, 1, 0, 0]
    assert cycle_fs(156_250_000) == 6_400_000
    assert alone_cycles(60, 64) == 4 + 11 + 3 + 8


@pytest.mark.parametrize(("mode", "words_back"), [("vepa", 8), ("vn_tag", 9), ("e_tag", 9)])
def test_what_the_adjacent_bridge_sends_back_passes_the_bus_with_its_tag(mode, words_back):
    """64 B without FCS are 8 words of 64 bits; VN-Tag adds 6 B, E-TAG 8 B."""
    narrow = {"switch.timing": "core", "switch.bus_bits": 64, "switch.clock": "40MHz", "switch.mode": mode}
    config = load_config(CONFIGS / "sriov_ideal.yaml", {**WIDE, **narrow, "workload.frame_bytes": 68})
    found = limits(config, adjacent_bridge_reflects=True)
    assert found.limited_by == "switch.bus"
    assert found.mpps == pytest.approx(40 / (8 + words_back), rel=1e-9)

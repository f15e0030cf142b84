from pathlib import Path

import pytest

from hwmodel.analytic import dma_limits
from hwmodel.analytic.dma import DEFAULT_SIZES
from hwmodel.config import load_config
from hwmodel.simulation.run.dma import bandwidth_gbps
from tests.analytic_cases import demo

CALIBRATED = Path(__file__).parents[1] / "configs" / "nfp6000_xeon_e5.yaml"
GEN3_X8 = {
    "nic.strict": False,
    "pcie.generation": 3,
    "pcie.lanes": 8,
    "pcie.dllp_model": "pcie_bench",
    "pcie.tags": 256,
}

# Published for Gen3 x8, MPS 256, MRRS 512 (pcie-bench, SIGCOMM 2018): bytes -> write, read, both in Gb/s.
PUBLISHED = {64: ("42.10", "44.10", "33.08"), 256: ("52.92", "53.69", "48.75"), 1500: ("52.81", "53.60", "50.60")}


@pytest.mark.parametrize(("n_bytes", "gbps"), PUBLISHED.items())
def test_the_published_transfers(n_bytes, gbps):
    (found,) = dma_limits(demo(GEN3_X8), [n_bytes])
    assert (f"{found.write.gbps:.2f}", f"{found.read.gbps:.2f}", f"{found.both.gbps:.2f}") == gbps
    assert (found.write.limited_by, found.read.limited_by, found.both.limited_by) == ("up", "down", "up")


def test_few_tags_limit_short_reads():
    (found,) = dma_limits(demo({"pcie.tags": 4}), [64])
    round_trip_ns = 450 + (24 + 84) * 0.5 * 1538 / 1534
    assert found.read.limited_by == "pcie.tags"
    assert found.read.gbps == pytest.approx(4 * 64 * 8 / round_trip_ns, rel=1e-6)
    assert found.read.link_gbps == pytest.approx(16 * (1 - 4 / 1538) * 64 / (84 + 4))
    assert found.read_latency_ns == pytest.approx(round_trip_ns, abs=1e-5)
    assert (found.write.limited_by, found.both.limited_by) == ("up", "pcie.tags")


def test_few_credits_limit_writes():
    (found,) = dma_limits(demo({"pcie.credits.ph": 1, "pcie.dllp_model": "none"}), [256])
    assert found.write.limited_by == "pcie.credits"
    assert found.write.gbps == pytest.approx(256 * 8 / (200 + 280 * 0.5 * 1538 / 1534), rel=1e-6)


def test_bytes_of_a_coupled_transfer():
    (found,) = dma_limits(demo({"pcie.dllp_model": "none"}), [1024])
    assert (found.read.up_bytes, found.read.down_bytes) == (48, 4 * 20 + 1024)
    assert (found.write.up_bytes, found.write.down_bytes) == (4 * 24 + 1024, 0)
    assert (found.both.up_bytes, found.both.down_bytes) == (48 + 4 * 24 + 1024, 4 * 20 + 1024)


def test_dllps_of_a_write_cost_the_way_down():
    (found,) = dma_limits(demo(), [1024])
    assert (found.write.up_bytes, found.write.down_bytes) == (1120, 16)


def test_json_form():
    found = [row.to_dict() for row in dma_limits(demo())]
    assert [row["bytes"] for row in found] == list(DEFAULT_SIZES)
    assert {"read_gbps", "write_gbps", "both_gbps", "read_latency_ns", "read_limited_by"} <= set(found[0])


def test_a_transfer_has_bytes():
    with pytest.raises(ValueError, match="above zero"):
        dma_limits(demo(), [0])


@pytest.mark.parametrize("n_bytes", [64, 192, 256, 512, 2048])
def test_the_engines_of_the_calibrated_adapter(n_bytes):
    """The simulation reaches the ceilings to within what jitter and the turns of two engines cost."""
    config = load_config(CALIBRATED)
    (found,) = dma_limits(config, [n_bytes])
    for operation in ("read", "write", "both"):
        ceiling = getattr(found, operation)
        assert ceiling.limited_by.startswith(("nic.", "pcie.credits"))
        assert 0.965 * ceiling.gbps < bandwidth_gbps(config, n_bytes, operation) < 1.001 * ceiling.gbps

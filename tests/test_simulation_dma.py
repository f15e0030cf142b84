"""The link alone against published figures, what hardware reached, and the round trip worked out by hand."""

from __future__ import annotations

import pytest

from hwmodel.analytic import dma_limits
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.simulation.run.dma import dma

# pcie-bench (SIGCOMM 2018), Gen3 x8, MPS 256: bytes, Gb/s of writes, reads, both.
PUBLISHED = [(64, 42.10, 44.10, 33.08), (256, 52.92, 53.69, 48.75), (1500, 52.81, 53.60, 50.60)]


def link(**pcie):
    keys = {"generation": 3, "lanes": 8, "max_payload": "256B", "max_read_request": "512B", "tags": 256} | pcie
    return config_from_mapping({"pcie": keys})


@pytest.mark.parametrize(("n_bytes", "write", "read", "both"), PUBLISHED)
def test_the_published_figures(n_bytes, write, read, both):
    (row,) = dma(link(dllp_model="pcie_bench"), [n_bytes])
    assert row["bytes"] == n_bytes
    assert row["write_gbps"] == pytest.approx(write, rel=0.005)
    assert row["read_gbps"] == pytest.approx(read, rel=0.005)
    assert row["both_gbps"] == pytest.approx(both, rel=0.005)


def test_not_below_what_hardware_reached():
    (row,) = dma(link(dllp_model="tlp4"), [2048])
    assert row["read_gbps"] >= 55.7 and row["write_gbps"] >= 54.4 and row["both_gbps"] >= 49


@pytest.mark.parametrize("tags", [8, 16])
def test_tags_times_read_size_over_the_round_trip(tags):
    (row,) = dma(link(tags=tags), [64])
    # 24 B up, 450 ns, 84 B down, at 8 GT/s * 8 * 128/130 less one SKP block in 371.
    bits_per_ns = 64 * 128 / 130 * 370 / 371
    round_trip_ns = (24 + 84) * 8 / bits_per_ns + 450
    assert row["read_gbps"] == pytest.approx(tags * 64 * 8 / round_trip_ns, rel=0.01)


def test_the_latency_of_a_read_alone():
    (row,) = dma(link(dllp_model="none"), [1024])
    bits_per_ns = 64 * 128 / 130 * 370 / 371
    # Two requests back to back; the answer to the second follows the first's on the link: four completions of 276 B.
    alone_ns = 24 * 8 / bits_per_ns + 450 + 4 * 276 * 8 / bits_per_ns
    assert row["read_latency_ns"]["min"] == pytest.approx(alone_ns, abs=0.01)
    assert row["read_latency_ns"]["p99"] is None, "one sample gives no percentile"


def test_jitter_spreads_the_latency():
    config = config_from_mapping(
        {
            "nic": {"strict": False},
            "pcie": {"generation": 3, "lanes": 8},
            "host": {"jitter": {"kind": "uniform", "range": "200ns"}},
        }
    )
    latency = dma(config, [64])[0]["read_latency_ns"]
    assert latency["max"] - latency["min"] == pytest.approx(200, abs=5)
    assert latency["mean"] - latency["min"] == pytest.approx(100, abs=5)


def test_of_several_adapters_it_is_not_clear_whose_link_is_meant():
    two = config_from_mapping({"servers": [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 1}}]})
    for measure in (dma, dma_limits):
        with pytest.raises(InputError, match="of which server"):
            measure(two, [64])


@pytest.mark.parametrize("n_bytes", [0, (1 << 20) + 1])
def test_sizes_out_of_range_are_bad_input(n_bytes):
    with pytest.raises(InputError) as caught:
        dma(link(), [64, n_bytes])
    assert caught.value.lines == [f"--sizes: {n_bytes} B: a transfer has 1 B to 1048576 B"]

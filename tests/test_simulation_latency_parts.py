"""Where the time goes, of the mean and of percentiles: beside the journeys of a run, frame by frame."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hwmodel.machine.counts.journey_state import (
    FINISHED,
    FINISHED_STAMPS,
    JOURNEY,
    JOURNEY_STAMPS,
    PART_FIELDS,
    PART_SUMS,
    POST_STAMPS,
    RX_BATCH,
    STAMPS,
    WHOLE_JOURNEY,
)
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS, HISTOGRAM_SHIFT, HISTOGRAM_SUB_BITS
from hwmodel.results.histogram import PER_OCTAVE, UNIT_FS, bucket_index
from hwmodel.simulation.figures.latency_summary import latency_parts
from hwmodel.words.latency_parts import ALL_PARTS, PARTS
from tests.config_cases import ROOT
from tests.journey_runs import bucket_of, stamp_columns
from tests.run_cases import begun

LOAD = {
    "nic": {"vfs": 4, "writeback_timeout": "5us"},
    "workload": {"pattern": "uniform", "frame_bytes": 570, "load": "1Gbps", "arrivals": "poisson", "wire_share": 0.2},
    "run": {"warmup": "100us", "duration": "4ms"},
}
RANKS = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


@pytest.fixture(scope="module")
def run():
    run = begun(LOAD)
    run.go_through()
    return run


@pytest.fixture(scope="module")
def journeys(run):
    """Return the whole latency of each frame, and its parts, in fs."""
    stamps = stamp_columns(run.counted)[:, STAMPS.index("posted_fs") :]
    return stamps[:, -1] - stamps[:, 0], np.diff(stamps, axis=1)


def test_the_figures_are_those_of_the_journeys(run, journeys):
    wholes_fs, parts_fs = journeys
    latency, parts = latency_parts(run.end)
    assert latency.count == len(wholes_fs) > 1000
    assert (latency.min, latency.max) == (wholes_fs.min() / 1e6, wholes_fs.max() / 1e6)
    assert latency.mean == pytest.approx(wholes_fs.mean() / 1e6)
    assert list(parts["mean"].values()) == pytest.approx((parts_fs.mean(axis=0) / 1e6).tolist(), abs=1e-9)
    ordered = np.sort(wholes_fs)
    for name, rank in RANKS.items():
        bucket = bucket_of(int(ordered[int(np.ceil(rank * len(ordered))) - 1]))
        chosen = [bucket_of(int(whole)) == bucket for whole in wholes_fs]
        assert getattr(latency, name) == pytest.approx(wholes_fs[chosen].mean() / 1e6)
        assert list(parts[name].values()) == pytest.approx((parts_fs[chosen].mean(axis=0) / 1e6).tolist(), abs=1e-9)


def test_parts_add_up_to_the_whole(run):
    latency, parts = latency_parts(run.end)
    assert list(parts) == ["mean", *RANKS]
    for name, of_one in parts.items():
        assert tuple(of_one) == PARTS
        assert sum(of_one.values()) == pytest.approx(getattr(latency, name), rel=1e-12)
        assert min(of_one.values()) >= 0


def test_percentiles_need_samples():
    run = begun(LOAD, {"run": {"frames": 300, "duration": "1s"}})
    run.go_through()
    latency, parts = latency_parts(run.end)
    assert 100 <= latency.count < 1000
    assert list(parts) == ["mean", "p50", "p99"]
    assert latency.p999 is None
    run = begun(LOAD, {"workload": {"load": 0}, "run": {"duration": "10us"}})
    run.go_through()
    latency, parts = latency_parts(run.end)
    assert (latency.count, latency.mean, parts) == (0, None, {})


# ---- The parts' names: one list, in the kernel, the results and the documentation ----


def test_the_kernel_and_the_results_have_the_same_parts():
    assert ("sender_wait", *ALL_PARTS) == PART_FIELDS
    assert PART_SUMS.names == PART_FIELDS


def test_the_kernel_and_the_results_have_the_same_buckets():
    assert 1 << HISTOGRAM_SHIFT == UNIT_FS
    assert PER_OCTAVE == 1 << HISTOGRAM_SUB_BITS
    assert bucket_index((1 << 43) - 1) + 1 == HISTOGRAM_BUCKETS


def test_each_part_lies_between_two_stamps():
    assert len(STAMPS) == len(PARTS) + 2
    assert STAMPS[: len(POST_STAMPS)] == POST_STAMPS
    assert STAMPS[:2] == ("offered_fs", "posted_fs")
    assert WHOLE_JOURNEY.names[: len(STAMPS)] == STAMPS
    assert (*JOURNEY_STAMPS, *FINISHED_STAMPS, "taken_fs") == STAMPS
    assert set(JOURNEY_STAMPS) <= set(JOURNEY.names)
    assert set(FINISHED_STAMPS) <= {*FINISHED.names, *RX_BATCH.names}


def test_the_documentation_lists_each_part_in_order():
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    section = text[text.index("`latency_parts_ns` says") : text.index("Percentiles come from a histogram")]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == ALL_PARTS

"""Rates become gaps: against hand calculation, and the mean rate of each kind worked out from its parameters."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.config.streams import ArrivalError, Arrivals, Sizes, gap_at_rate, gap_at_share
from hwmodel.workload.streams import open_source, stagger
from hwmodel.workload.traffic import Source

SMALL = Sizes.of(64, None)
LARGE = Sizes.of(1518, None)
GBPS = 10**9


def test_the_full_port_is_the_textbook_frame_rate():
    # 10 Gb/s are 14,880,952.38 frames of 64 B a second: 67.2 ns each.
    assert gap_at_share(1, 10 * GBPS, SMALL) == 67_200_000
    assert gap_at_share(0.5, 10 * GBPS, SMALL) == 134_400_000


def test_a_rate_counts_the_frame_with_its_check_sequence():
    # 1518 B are 12,144 bits: at 2 Gb/s 6.072 us.
    assert gap_at_rate(2 * GBPS, LARGE) == 6_072_000_000
    imix = Sizes.of(None, ((64, 7), (570, 4), (1518, 1)))
    assert gap_at_rate(GBPS, imix) == Fraction(4246 * 8 * 10**6, 12)


def test_periodic_and_poisson_sources():
    for kind in ("periodic", "poisson"):
        source = open_source("vf0", gap_at_rate(2 * GBPS, LARGE), Arrivals(kind), LARGE)
        assert (source.port, source.kind, source.mean_gap_fs) == ("vf0", kind, 6_072_000_000)
        assert source.frames_per_s == pytest.approx(164690.38, abs=0.01)
        assert (source.peak_gap_fs, source.mean_burst_frames, source.mean_off_fs) == (0, 0, 0)


@given(
    rate=st.integers(10**6, 10 * GBPS),
    more=st.fractions(Fraction(101, 100), 1000),
    burst=st.fractions(1, 5000),
    frame_bytes=st.integers(64, 9728),
)
def test_bursts_and_pauses_make_the_mean_rate(rate, more, burst, frame_bytes):
    sizes = Sizes.of(frame_bytes, None)
    arrivals = Arrivals("on_off", round(rate * more), burst)
    source = open_source("vf0", gap_at_rate(rate, sizes), arrivals, sizes)
    # In a cycle: `burst` frames a peak gap apart on average, then a pause.
    cycle_fs = burst * source.peak_gap_fs + source.mean_off_fs
    rate_made = frame_bytes * 8 * burst * 10**15 / cycle_fs
    assert abs(rate_made / rate - 1) < 1e-6
    assert source.peak_gap_fs == round(Fraction(frame_bytes * 8 * 10**15, round(rate * more)))
    assert source.mean_burst_frames == float(burst)


@pytest.mark.parametrize("peak_rate", [2 * GBPS, 2 * GBPS - 1])
def test_a_peak_must_exceed_the_mean(peak_rate):
    with pytest.raises(ArrivalError, match=r"164690 frames/s must exceed the mean of vf3, 164690 frames/s") as caught:
        open_source("vf3", gap_at_rate(2 * GBPS, LARGE), Arrivals("on_off", peak_rate), LARGE)
    assert caught.value.key == "peak_rate"


def test_bursts_need_a_peak_rate():
    with pytest.raises(ArrivalError) as caught:
        open_source("vf3", gap_at_rate(2 * GBPS, LARGE), Arrivals("on_off"), LARGE)
    assert caught.value.key == "peak_rate"


def test_rates_of_next_to_nothing_are_refused():
    # 12,144 bits every 100 s.
    assert (
        open_source("vf0", gap_at_rate(Fraction(12144, 100), LARGE), Arrivals("poisson"), LARGE).mean_gap_fs == 10**17
    )
    with pytest.raises(ArrivalError, match="less than one frame in 100 s") as caught:
        open_source("vf0", gap_at_rate(121, LARGE), Arrivals("poisson"), LARGE)
    assert caught.value.key == "rate"
    with pytest.raises(ArrivalError, match="pause") as caught:
        open_source("vf0", gap_at_rate(1000, LARGE), Arrivals("on_off", GBPS, Fraction(10**6)), LARGE)
    assert caught.value.key == "mean_burst"


def test_periodic_sources_begin_evenly_spread():
    gap = 1_000_003
    periodic = [Source(f"vf{k}", "periodic", mean_gap_fs=gap) for k in range(7)]
    poisson = Source("vf9", "poisson", mean_gap_fs=gap)
    staggered = stagger([periodic[0], poisson, *periodic[1:]])
    assert staggered[1] == poisson
    phases = [source.phase_fs for source in staggered if source.kind == "periodic"]
    assert phases[0] == 0
    # The frames of all sources together are as even as whole femtoseconds allow, around the end of a gap as well.
    steps = [after - before for before, after in zip(phases, [*phases[1:], gap], strict=True)]
    assert max(steps) - min(steps) <= 1
    assert [replace(source, phase_fs=0) for source in staggered if source.kind == "periodic"] == periodic

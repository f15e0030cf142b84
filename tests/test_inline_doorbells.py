"""Descriptors of 64 B, completion entries and doorbells that carry a descriptor: bytes and times by hand, bad input."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.latency import frame_latency_steps
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.results import Result
from tests.run_cases import merged, result_of

# A frame of 64 B every 10 us, each transaction for one; no DLLPs, so that bytes are those of TLPs alone.
ONE: dict[str, Any] = {
    "pcie": {"generation": 2, "lanes": 4, "dllp_model": "none"},
    "nic": {"preset": None, "vfs": 2, "fetch_batch": 1, "rx_fetch_batch": 1, "rx_prefetch": 1, "tx_writeback_batch": 1,
            "rx_writeback_batch": 1},
    "driver": {"preset": None, "tx_doorbell_batch": 1, "refill_batch": 1, "rx_interrupt_batch": 0,
               "tx_interrupt_batch": 0},
    "workload": {"pattern": "flows", "flows": [["vf0", "vf1", "100Kpps"]], "frame_bytes": 64, "arrivals": "periodic"},
    "run": {"warmup": "300us", "duration": "2ms", "clocks": "exact"},
}  # fmt: skip
SIZES = {"nic": {"tx_descriptor": "64B", "completion_entry": "64B", "doorbell": "8B"}}
INLINE = {"driver": {"doorbell": "inline"}}
FULL = {"workload": {"flows": [["vf0", "vf1", "14Mpps"]]}, "run": {"duration": "500us"}}
WRITE, REQUEST, COMPLETION, DATA = 24, 24, 20, 60
# Descriptors are read, payload is read and written, both rings are written back; then what is read and written down.
PLAIN_UP = 2 * REQUEST + REQUEST + (WRITE + DATA) + 2 * (WRITE + 16)
PLAIN_DOWN = 2 * (WRITE + 4) + 2 * (COMPLETION + 16) + (COMPLETION + DATA)
LARGE_UP = 2 * REQUEST + REQUEST + (WRITE + DATA) + 2 * (WRITE + 64)
LARGE_DOWN = 2 * (WRITE + 8) + (COMPLETION + 64) + (COMPLETION + 16) + (COMPLETION + DATA)
INLINE_UP = LARGE_UP - REQUEST
INLINE_DOWN = LARGE_DOWN - (WRITE + 8) - (COMPLETION + 64) + (WRITE + 64)
CASES = [
    ({}, PLAIN_UP, PLAIN_DOWN, 5),
    (SIZES, LARGE_UP, LARGE_DOWN, 5),
    (merged(SIZES, INLINE), INLINE_UP, INLINE_DOWN, 4),
]


def bytes_a_frame(result: Result) -> tuple[float, float]:
    ways = result.pcie.up.per_frame, result.pcie.down.per_frame
    return tuple(sum(way.values()) for way in ways if way is not None)  # type: ignore[return-value]


@pytest.mark.parametrize(("changes", "up", "down", "tlps_down"), CASES)
def test_a_frame_alone_costs_what_its_tlps_have(changes, up, down, tlps_down):
    document = merged(ONE, changes)
    steps = limits(config_from_mapping(document)).steps
    sums = {way: sum(step.n_bytes for step in steps if step.direction == way) for way in ("up", "down")}
    assert sums == {"up": up, "down": down}
    assert sum(step.n_tlps for step in steps if step.direction == "down") == tlps_down
    result = result_of(document)
    assert not any("inline" in text for text in result.warnings)
    assert bytes_a_frame(result) == pytest.approx((up, down), rel=1e-12)


@pytest.mark.parametrize("changes", [changes for changes, *_ in CASES])
def test_a_frame_alone_takes_the_sum_of_its_steps(changes):
    """But for one in eight, whose write-back waits for a request of Rx descriptors."""
    document = merged(ONE, changes, {"nic": {"rx_fetch_batch": 8, "rx_prefetch": 8}})
    expected_fs = sum(step.duration_fs for step in frame_latency_steps(config_from_mapping(document), 64))
    latency = result_of(document).latency_ns
    assert latency.min == pytest.approx(expected_fs / 10**6, rel=1e-9)
    assert latency.mean == pytest.approx((expected_fs + 24 * 501_304 / 8) / 10**6, rel=1e-3)


def test_a_descriptor_in_its_doorbell_saves_its_read_and_costs_its_bytes():
    """t(24) + R + t(84) less, and t(88) for t(32): at 0.501304 ns a byte and 450 ns."""
    plain, inline = (
        sum(step.duration_fs for step in frame_latency_steps(config_from_mapping(merged(ONE, SIZES, more)), 64)) / 10**6
        for more in ({}, INLINE)
    )
    assert plain - inline == pytest.approx((24 + 84 + 32 - 88) * 0.501304 + 450, abs=0.001)


def test_a_ring_that_is_behind_reads_what_its_doorbells_brought():
    """Both ways descriptors are read, eight at once as their cache has room, and inline doorbells have their bytes."""
    result = result_of(merged(ONE, SIZES, INLINE, FULL, {"nic": {"fetch_batch": 8, "descriptor_cache": 8}}))
    assert result.pcie.down.per_frame["descriptor"] > COMPLETION + 16 + 64  # of Rx, and most of those of Tx
    # No doorbell tells of more than one frame, so each is inline.
    doorbells = result.pcie.down.per_frame["doorbell"]
    assert doorbells == pytest.approx(WRITE + 64 + WRITE + 8, rel=1e-9)
    assert any("came with their doorbells were read all the same" in text for text in result.warnings)
    assert result.totals.mpps < limits(config_from_mapping(merged(ONE, SIZES, INLINE, FULL))).mpps


def test_doorbells_for_several_frames_carry_none():
    """Sixteen slots are free at once: two doorbells of eight each, and with nine a last one for the seven left."""
    for batch, inline in ((8, 0), (15, 1), (9, 0)):
        document = merged(
            ONE, SIZES, INLINE, {"driver": {"tx_doorbell_batch": batch}, "nic": {"tx_writeback_batch": 16}}
        )
        names = [step.name for step in limits(config_from_mapping(document)).steps]
        assert names.count("Tx doorbell with descriptor") == inline


def test_a_report_for_a_batch_is_one_entry():
    """With RS in each eighth frame a Tx write-back is one entry of 64 B: 88 B / 8 a frame."""
    sent = {"nic": {"txdctl": {"wthresh": 0, "rs": 8, "pthresh": 0}, "tx_writeback_batch": 8, "descriptor_cache": 40,
                    "fetch_batch": 40}}  # fmt: skip
    document = merged({**ONE, "nic": {"preset": None, "vfs": 2, "rx_writeback_batch": 1}}, SIZES, sent)
    rows = {step.name: step.n_bytes for step in limits(config_from_mapping(document)).steps if step.direction == "up"}
    assert rows["Tx write-back"] == (WRITE + 64) / 8
    result = result_of(document)
    assert result.pcie.up.per_frame["writeback"] == pytest.approx((WRITE + 64) / 8 + WRITE + 64, rel=1e-9)


def test_nothing_is_said_of_what_is_as_without_it():
    said = config_from_mapping(ONE).resolved()
    assert not {"tx_descriptor", "completion_entry", "doorbell"} & set(said["nic"])
    assert "doorbell" not in said["driver"]
    again = config_from_mapping(config_from_mapping(merged(ONE, SIZES, INLINE)).resolved())
    assert again == config_from_mapping(merged(ONE, SIZES, INLINE))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"nic": {"preset": "82599", "tx_descriptor": "64B"}},
            "Tx descriptors of 64B; the 82599 has 16B (Linux ixgbe_type",
        ),
        ({"nic": {"preset": "XL710", "completion_entry": "64B"}}, "completion rings; the XL710 has none"),
        ({"nic": {"preset": "X550", "doorbell": "8B"}}, "doorbells of 8B; the X550 has 4B"),
        (
            {"nic": {"preset": "82599"}, "driver": {"doorbell": "inline"}},
            "descriptors within doorbells; the 82599 has none",
        ),
        ({"nic": {"preset": "XL710"}, "driver": {"vms": {"vf1": {"doorbell": "inline"}}}}, "driver.vms.vf1.doorbell"),
        ({"nic": {"tx_descriptor": "48B"}}, "48B is not a power of two"),
        ({"nic": {"completion_entry": "128B"}}, "128B is out of range"),
        ({"nic": {"doorbell": "16B"}}, "16B is out of range"),
        ({"driver": {"doorbell": "mmio"}}, "driver.doorbell"),
    ],
)
def test_what_an_adapter_does_not_have_is_one_line(changes, words):
    with pytest.raises(InputError) as found:
        config_from_mapping(changes)
    lines = str(found.value).splitlines()
    assert any(words in line for line in lines), lines

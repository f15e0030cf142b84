"""The link alone never beats the closed form, and reaches it where the link's bytes are what limits it."""

from __future__ import annotations

import pytest

from hwmodel.analytic.dma import dma_limits
from hwmodel.config import config_from_mapping
from hwmodel.simulation import dma

SIZES = (64, 300, 2048)
LINK = {"generation": 3, "lanes": 8, "max_payload": "256B", "max_read_request": "512B", "tags": 256}
CASES = {
    "plain": ({}, {}),
    "a DLLP pair a TLP": ({"dllp_model": "tlp1"}, {}),
    "small TLPs": ({"dllp_model": "none", "max_payload": "128B"}, {}),
    "Gen2 x4": ({"generation": 2, "lanes": 4, "dllp_model": "spec"}, {}),
    "short headers and ECRC": ({"address_bits": 32, "ecrc": True}, {}),
    "off the boundary": ({}, {"buffer_offset": "64B"}),
    "completions of RCB": ({}, {"completion_bytes": "rcb"}),
    "8 tags": ({"tags": 8}, {}),
    "1 tag": ({"tags": 1}, {}),
    "a long way": ({"propagation": "100ns", "tags": 16}, {}),
    "8 PH": ({"credits": {"ph": 8}}, {}),
    "32 PD": ({"credits": {"pd": 32}}, {}),
    "4 NPH": ({"credits": {"nph": 4}}, {}),
    "4 CPLH": ({"credits": {"cplh": 4}}, {}),
    "32 CPLD": ({"credits": {"cpld": 32}}, {}),
    "a slow memory": ({"credits": {"ph": 64}}, {"write_drain": "20Gbps"}),
}


@pytest.mark.parametrize("case", CASES)
def test_measured_and_closed_form(case):
    pcie, host = CASES[case]
    config = config_from_mapping({"pcie": LINK | pcie, "host": host})
    for row, limits in zip(dma(config, SIZES), dma_limits(config, SIZES), strict=True):
        for operation in ("read", "write", "both"):
            ceiling, measured = getattr(limits, operation), row[f"{operation}_gbps"]
            # A window begins and ends with a transfer: of 20 000, one more may fall into it.
            assert measured <= ceiling.gbps * 1.001, (operation, limits.n_bytes)
            if ceiling.limited_by in ("up", "down"):
                assert measured >= ceiling.gbps * 0.99, (operation, limits.n_bytes)


@pytest.mark.parametrize("case", ["small TLPs", "a long way", "off the boundary", "completions of RCB"])
def test_a_read_alone_takes_the_time_of_its_steps(case):
    """Without DLLPs to the femtosecond, but for the rounding of each TLP."""
    pcie, host = CASES[case]
    config = config_from_mapping({"pcie": LINK | pcie | {"dllp_model": "none"}, "host": host})
    for row, limits in zip(dma(config, SIZES), dma_limits(config, SIZES), strict=True):
        assert row["read_latency_ns"]["min"] == pytest.approx(limits.read_latency_ns, abs=1e-4)

"""The arithmetic of shared buses, beside the chapter's six rates and phases counted one by one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.rules.pci_bus import (
    CLOCKS_MHZ,
    WIDTHS_BITS,
    answer_phases,
    faster,
    raw_bps,
    request_clocks,
    word_bytes,
    write_phases,
)
from hwmodel.rules.pcie_link import link_rate_of, tlp_overhead_of, word_bytes_of


def bus(kind: str = "pci_x", **changes: int) -> SimpleNamespace:
    settings = {"width_bits": 64, "clock_mhz": 66, "decode_clocks": 2, "initial_wait_clocks": 0}
    return SimpleNamespace(kind=kind, **settings | changes)


@pytest.mark.parametrize(
    ("kind", "width_bits", "clock_mhz", "megabytes_per_s"),
    [
        ("pci", 32, 33, 133), ("pci", 64, 33, 266), ("pci", 32, 66, 266), ("pci", 64, 66, 533),
        ("pci_x", 64, 66, 533), ("pci_x", 64, 133, 1066),
    ],
)  # fmt: skip
def test_the_six_rates(kind: str, width_bits: int, clock_mhz: int, megabytes_per_s: int) -> None:
    settings = bus(kind, width_bits=width_bits, clock_mhz=clock_mhz)
    assert int(raw_bps(settings) / 8 / 10**6) == megabytes_per_s
    config = config_from_mapping({"pcie": {"bus": vars(settings)}})
    assert int(link_rate_of(config.pcie).bytes_per_s / 10**6) == megabytes_per_s


@pytest.mark.parametrize(
    ("kind", "decode", "wait", "write", "answer", "a_try"),
    [
        # The bus given, the address, data from DEVSEL# on; the AD lines of a read turn round; STOP#, then IRDY# off.
        ("pci", 1, 0, (1, 1, 0), (2, 1, 0), 4),
        ("pci", 2, 0, (1, 1, 1), (2, 1, 0), 5),
        ("pci", 3, 4, (1, 1, 6), (2, 1, 5), 6),
        # With an attribute; what is split is answered in one clock of its own.
        ("pci_x", 1, 0, (1, 2, 1), (1, 2, 1), 5),
        ("pci_x", 3, 2, (1, 2, 5), (1, 2, 5), 7),
    ],
)
def test_phases(kind: str, decode: int, wait: int, write: object, answer: object, a_try: int) -> None:
    settings = bus(kind, decode_clocks=decode, initial_wait_clocks=wait)
    assert write_phases(settings) == write
    assert answer_phases(settings) == answer
    assert request_clocks(settings) == a_try


def test_overheads_are_clocks_in_bytes() -> None:
    pcie = config_from_mapping({"nic": {"strict": False}, "pcie": {"bus": {"kind": "pci", "width_bits": 32}}}).pcie
    overhead = tlp_overhead_of(pcie)
    assert (overhead.memory_write_bytes, overhead.completion_bytes, overhead.read_request_bytes) == (12, 12, 20)
    assert word_bytes_of(pcie) == 4
    assert word_bytes_of(config_from_mapping({"nic": {"strict": False}, "pcie": {"bus": {}}}).pcie) == 8


@pytest.mark.parametrize("kind", CLOCKS_MHZ)
@pytest.mark.parametrize("width_bits", WIDTHS_BITS)
def test_each_step_is_faster_up_to_the_fastest(kind: str, width_bits: int) -> None:
    settings, rates = bus(kind, width_bits=width_bits, clock_mhz=CLOCKS_MHZ[kind][0]), []
    while True:
        rates.append(raw_bps(settings))
        changes = faster(settings)
        if not changes:
            break
        for name, before, after in changes:
            assert getattr(settings, name) == before
            setattr(settings, name, after)
        assert settings.clock_mhz in CLOCKS_MHZ[settings.kind]
    assert rates == sorted(set(rates))
    assert (settings.kind, word_bytes(settings), settings.clock_mhz) == ("pci_x", 8, 133)

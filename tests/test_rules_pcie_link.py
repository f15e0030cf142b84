import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.config.adapter import Pcie
from hwmodel.rules.pcie_link import (
    ack_limit_symbols,
    link_rate,
    link_rate_of,
    most_tags,
    raw_bps,
    tlp_overhead,
    tlp_overhead_of,
    word_bytes_of,
)
from tests.analytic_cases import demo

GENERATIONS = st.sampled_from((1, 2, 3, 4, 5))
WIDTHS = st.sampled_from((1, 2, 4, 8, 12, 16, 32))
PAYLOADS = st.sampled_from((128, 256, 512, 1024, 2048, 4096))
MODELS = st.sampled_from(("none", "spec", "tlp4", "tlp1", "pcie_bench"))


@pytest.mark.parametrize(
    ("generation", "lanes", "gbps"),
    [
        (1, 1, "2.00"),
        (1, 4, "8.00"),
        (2, 4, "16.00"),
        (2, 8, "32.00"),
        (3, 4, "31.51"),
        (3, 8, "63.02"),
        (4, 4, "63.02"),
        (4, 16, "252.06"),
        (5, 8, "252.06"),
        (5, 16, "504.12"),
    ],
)
def test_raw_rates(generation, lanes, gbps):
    assert f"{float(raw_bps(generation, lanes)) / 1e9:.2f}" == gbps


# PCI Express Base Specification, Ack latency limits: (generation, lanes, MPS) -> symbol times.
ACK_LIMITS = {
    (2, 4, 128): 124, (2, 4, 256): 169, (2, 8, 128): 118, (2, 8, 256): 158,
    (3, 4, 128): 169, (3, 4, 256): 214, (3, 8, 128): 163, (3, 8, 256): 203,
    (1, 1, 128): 237, (1, 1, 4096): 4143, (1, 2, 512): 289, (1, 8, 256): 107, (1, 32, 2048): 148,
    (2, 1, 512): 610, (2, 8, 512): 137, (2, 16, 512): 137, (2, 16, 1024): 201, (2, 32, 4096): 327,
    (3, 16, 128): 144, (3, 16, 256): 168, (3, 32, 256): 141, (1, 12, 128): 58, (1, 12, 512): 109,
}  # fmt: skip


@pytest.mark.parametrize(("link", "symbols"), ACK_LIMITS.items())
def test_ack_limits_are_those_of_the_tables(link, symbols):
    assert ack_limit_symbols(*link) == symbols


@pytest.mark.parametrize(
    ("arguments", "share"),
    [
        ((2, 4, 256, "none"), Fraction(4, 1538)),
        ((2, 4, 256, "tlp4"), Fraction(4, 1538)),
        ((3, 8, 256, "tlp1"), Fraction(1, 371)),
        # An Ack and an UpdateFC in the 169 symbol times in which four lanes move 676 B.
        ((2, 4, 256, "spec"), Fraction(4, 1538) + Fraction(16, 676)),
        # Published: symbol times taken for bytes, SKP of 8b/10b at every generation.
        ((3, 8, 256, "pcie_bench"), Fraction(4, 1538) + Fraction(16, 203)),
    ],
)
def test_constant_shares(arguments, share):
    rate = link_rate(*arguments)
    assert rate.skp_share + rate.dllp_share == share
    assert rate.bytes_per_s == raw_bps(*arguments[:2]) * (1 - share) / 8


@pytest.mark.parametrize(("link", "gbps"), [((3, 8), "57.88"), ((2, 4), "14.44")])
def test_tlp_layer_rates_as_published(link, gbps):
    assert f"{float(link_rate(*link, 256, 'pcie_bench').bytes_per_s * 8) / 1e9:.2f}" == gbps


@pytest.mark.parametrize("generation", [4, 5])
def test_what_is_newer_than_gen3_is_twice_as_fast_and_else_the_same(generation):
    for lanes, payload in itertools.product((1, 4, 8, 16), (128, 256, 512)):
        assert raw_bps(generation, lanes) == 2 ** (generation - 3) * raw_bps(3, lanes)
        assert ack_limit_symbols(generation, lanes, payload) == ack_limit_symbols(3, lanes, payload)


def test_tags_of_ten_bits_come_with_gen4():
    assert [most_tags(generation) for generation in (1, 2, 3, 4, 5)] == [256, 256, 256, 768, 768]


def test_dllps_counted_one_by_one():
    for model, n_bytes in (("none", 0), ("spec", 0), ("tlp4", 4), ("tlp1", 16), ("pcie_bench", 0)):
        assert link_rate(2, 4, 256, model).dllp_bytes_per_tlp == n_bytes
    assert link_rate(2, 4, 256, "tlp4").tlps_per_dllp_pair == 4


def test_time_of_a_tlp_by_hand():
    # Gen2 x4: 0.5 ns a byte, stretched by 1538/1534: 280 B take 140.365058... ns.
    rate = link_rate(2, 4, 256, "tlp4")
    assert rate.fs_per_byte == Fraction(500_000 * 1538, 1534)
    assert rate.transfer_fs(280) == 140_365_058
    # Gen3 x8: 130/128 ns for 8 lanes, 371/370 for SKP: 24 B take 24 * 130/1024 * 371/370 = 3.055109... ns.
    assert link_rate(3, 8, 256, "none").transfer_fs(24) == 3_055_109


@given(GENERATIONS, WIDTHS, PAYLOADS, MODELS, st.integers(1, 65536))
def test_times_are_rounded_down_and_fit_into_63_bits(generation, lanes, max_payload_bytes, model, n_bytes):
    rate = link_rate(generation, lanes, max_payload_bytes, model)
    assert n_bytes * rate.fs_numerator < 2**63
    assert 0 <= n_bytes * rate.fs_per_byte - rate.transfer_fs(n_bytes) < 1
    assert rate.transfer_fs(n_bytes) == n_bytes * rate.fs_numerator // rate.fs_denominator


@given(GENERATIONS, PAYLOADS, MODELS, st.sampled_from(((1, 2), (2, 4), (4, 8), (8, 16), (16, 32))))
def test_more_lanes_are_never_slower(generation, max_payload_bytes, model, widths):
    narrow, wide = (link_rate(generation, lanes, max_payload_bytes, model).bytes_per_s for lanes in widths)
    assert wide > narrow


@pytest.mark.parametrize(
    ("address_bits", "ecrc", "sizes"),
    [
        (64, False, (24, 24, 20, 20)),
        (32, False, (20, 20, 20, 20)),
        (64, True, (28, 28, 24, 24)),
        (32, True, (24, 24, 24, 24)),
    ],
)
def test_headers(address_bits, ecrc, sizes):
    overhead = tlp_overhead(address_bits, ecrc)
    requests = overhead.memory_write_bytes, overhead.read_request_bytes
    assert (*requests, overhead.completion_bytes, overhead.configuration_request_bytes) == sizes


def test_published_model_keeps_exact_bytes():
    assert [word_bytes_of(Pcie(dllp_model=model)) for model in ("tlp4", "pcie_bench")] == [4, 1]


def test_a_configuration_gives_its_link():
    pcie = demo({"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8, "pcie.address_bits": 32}).pcie
    assert link_rate_of(pcie) == link_rate(3, 8, 256, "tlp4")
    assert tlp_overhead_of(pcie) == tlp_overhead(32)
    assert pcie.link_name == "PCIe Gen3 x8, MPS 256 B, MRRS 512 B"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: raw_bps(6, 8),
        lambda: raw_bps(0, 8),
        lambda: raw_bps(2, 3),
        lambda: link_rate(2, 4, 256, "tlp2"),
        lambda: tlp_overhead(48),
    ],
)
def test_what_does_not_exist_is_refused(wrong):
    with pytest.raises(ValueError, match=r"known are|a link has"):
        wrong()

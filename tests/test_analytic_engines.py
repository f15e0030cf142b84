"""The DMA engines and the host's memory in closed form: by hand, and beside runs that the engines limit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.ceilings import engine_ceilings
from hwmodel.analytic.latency import operation_fs, places_of, shared_fs, transfer_read_fs, writes_ready_fs
from hwmodel.analytic.transactions import TlpRules, Transaction
from hwmodel.config import config_from_mapping, load_config
from hwmodel.config.adapter import DmaEngines
from hwmodel.simulation import simulate

NS = 10**6
ENGINES = {
    "read": {"operation": "20ns", "small": "64B", "small_operation": "15ns", "latency": "66ns", "large": "192B"},
    "write": {"start": "7ns", "piece": "128B", "piece_time": "10ns", "rate": "80Gbps", "latency": "185ns"},
    "shared_rate": "80Gbps", "shared_time": "2ns", "shared_bytes": "1KiB",
}  # fmt: skip
SETTINGS = DmaEngines(**ENGINES)


def test_how_long_an_operation_keeps_its_engine():
    assert operation_fs(SETTINGS.read, 64) == 15 * NS
    assert operation_fs(SETTINGS.read, 65) == 20 * NS
    assert operation_fs(SETTINGS.write, 300) == (7 + 3 * 10 + 30) * NS  # 0.1 ns a byte
    assert shared_fs(SETTINGS, 300) == (2 + 30) * NS
    assert shared_fs(SETTINGS, 4096) == int((2 + 102.4) * NS)
    assert (places_of(SETTINGS.read, 192), places_of(SETTINGS.read, 193)) == (1, 2)


def test_writes_take_the_shared_path_in_turn_and_then_their_engine():
    assert writes_ready_fs(SETTINGS, [300, 300]) == [(67 + 185) * NS, (67 + 67 + 185) * NS]  # the path is free at 32 ns
    slow_path = SETTINGS.model_copy(update={"shared_time_fs": 100 * NS})
    assert writes_ready_fs(slow_path, [300, 300]) == [(67 + 185) * NS, (130 + 67 + 185) * NS]
    assert writes_ready_fs(None, [300, 4]) == [0, 0]


def test_a_read_begins_when_its_engine_has_it_ready():
    config = config_from_mapping({"nic": {"preset": None, "dma": ENGINES}})
    plain = config_from_mapping({"nic": {"preset": None}})
    assert transfer_read_fs(config, 0, 300) == transfer_read_fs(plain, 0, 300) + 66 * NS


def test_what_transactions_take_of_the_engines():
    config = config_from_mapping({"nic": {"preset": None, "dma": ENGINES}})
    rules, once, none = TlpRules.of(config), Fraction(1), Fraction(0)
    transactions = [
        Transaction("payload read", Fraction(3), none, rules.read(0, 128)),
        Transaction("payload write", once, none, rules.write(0, 300)),
        Transaction("Rx interrupt", once, none, rules.write(0, 4)),
        Transaction("Tx doorbell", once, none, rules.write(0, 4, "down")),
    ]
    found = {(one.resource, one.unit): one.per_frame for one in engine_ceilings(config, transactions)}
    assert found["nic.dma.read", "s"] == Fraction(3 * 20, 10**9)
    assert found["nic.dma.write", "s"] == Fraction(67, 10**9)
    assert found["nic.dma.shared", "s"] == Fraction(1, 10**9) * (3 * (2 + Fraction(128, 10)) + 32)
    assert list(engine_ceilings(config_from_mapping({}), transactions)) == []


def test_the_reads_of_a_frame_are_one_operation():
    """1500 B by three requests of 512 B at the most: one operation of 1500 B, and places for one."""
    changes = {"nic": {"preset": None, "dma": ENGINES}, "pcie": {"max_read_request": "512B"}}
    rules = TlpRules.of(config_from_mapping(changes))
    transfer = rules.reads(0, 1500)
    config, once, none = config_from_mapping(changes), Fraction(1), Fraction(0)
    transactions = [
        Transaction("payload read", once, none, tlps, () if number else transfer)
        for number, tlps in enumerate(transfer)
    ]
    found = {(one.resource, one.unit): one.per_frame for one in engine_ceilings(config, transactions)}
    assert len(transfer) == 3
    assert found["nic.dma.read", "s"] == Fraction(operation_fs(SETTINGS.read, 1500), 10**15)
    assert found["nic.dma.shared", "s"] == Fraction(shared_fs(SETTINGS, 1500), 10**15)
    held_fs = places_of(SETTINGS.read, 1500) * transfer_read_fs(config, 0, 1500)
    assert found["nic.dma.read", "places"] == Fraction(held_fs, 10**15)


def test_the_last_piece_counts_as_no_less_than_its_least():
    """300 B are two pieces of 128 B and one of 44 B, which takes as long as 64 B."""
    engine = SETTINGS.write.model_copy(update={"piece_least_bytes": 64})
    assert operation_fs(engine, 300) == (7 + 3 * 10 + 32) * NS
    assert operation_fs(engine, 320) == operation_fs(engine, 300)
    assert operation_fs(engine, 330) == (7 + 3 * 10 + 33) * NS


@pytest.mark.parametrize(
    ("frame_bytes", "changes", "resource"),
    [
        (64, {}, "nic.dma.write"),
        (512, {}, "nic.dma.shared"),
        (512, {"nic.dma.shared_rate": None, "nic.dma.read.rate": "20Gbps"}, "nic.dma.read"),
    ],
)
def test_a_run_reaches_what_the_engines_let_through(frame_bytes, changes, resource):
    keys = {
        "driver.preset": None, "nic.vfs": 8, "host.cores": 16, "run.duration": "1ms",
        "workload.frame_bytes": frame_bytes,
    }  # fmt: skip
    config = load_config("nfp6000_xeon_e5", keys | changes)
    found, result = limits(config), simulate(config)
    assert (found.limited_by, result.bottleneck.resource) == (resource, resource)
    assert result.totals.gbps == pytest.approx(found.gbps, rel=2e-3)


def test_few_places_for_reads_are_named():
    keys = {"driver.preset": None, "host.cores": 4, "run.duration": "200us", "nic.dma.read.outstanding": 2}
    result = simulate(load_config("nfp6000_xeon_e5", keys))
    assert result.bottleneck.resource == "nic.dma.places"
    assert result.bottleneck.keys == ("nic.dma.read.outstanding",)


def test_page_walkers_are_named():
    keys = {"nic.strict": False,
        "pcie.lanes": 16, "pcie.generation": 3, "nic.vfs": 8, "host.cores": 16, "workload.frame_bytes": 64,
        "host.iotlb": {"entries": 16, "miss": "330ns", "walkers": 1}, "run.duration": "200us",
    }  # fmt: skip
    result = simulate(load_config("sriov_ideal", keys))
    assert result.bottleneck.resource == "host.walkers"
    assert result.utilization["host.walkers"] == pytest.approx(1.0, abs=0.01)

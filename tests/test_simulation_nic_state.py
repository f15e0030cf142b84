"""The machine at time 0 is the one that the configuration describes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.records import NEVER
from hwmodel.machine.time.clock import RX_WRITEBACK_TIMER, TX_WRITEBACK_TIMER
from hwmodel.machine.tlp_kinds import RX_WRITEBACK, TX_WRITEBACK
from hwmodel.simulation.fill.nic_state import build_state, fill_state, function_of, ring_slots
from hwmodel.simulation.fill.random_streams import random_words
from tests.simulation_cases import config_of

GEN2_X4 = Fraction(500_000) / (1 - Fraction(4, 1538))  # femtoseconds a byte: 2 B/ns less the SKP sets
GEN3_X8 = Fraction(8 * 10**15) / (8 * 8 * 10**9 * Fraction(128, 130)) / (1 - Fraction(1, 371))


def machine(seed=1, **blocks):
    return build_state(config_of(**blocks), seed)[0]


def test_functions_follow_the_port_numbers():
    """The PF is port 1, VF K is port K + 2; functions count from the PF."""
    assert [function_of(port) for port in (1, 2, 3, 129)] == [0, 1, 2, 128]


@pytest.mark.parametrize(("ring", "slots"), [(8, 8), (9, 16), (511, 512), (512, 512), (513, 1024), (65536, 65536)])
def test_rings_take_a_power_of_two_of_slots(ring, slots):
    assert ring_slots(ring) == slots


@pytest.mark.parametrize(
    ("pcie", "fs_per_byte"),
    [({"generation": 2, "lanes": 4}, GEN2_X4), ({"generation": 3, "lanes": 8}, GEN3_X8)],
)
@pytest.mark.parametrize("n_bytes", [1, 16, 28, 280, 4120])
def test_tlps_take_the_exact_time_rounded_down(pcie, fs_per_byte, n_bytes):
    nic = machine(pcie={**pcie, "dllp_model": "tlp4"})
    assert nic.pcie[0].params.duration_fs[n_bytes] == int(n_bytes * fs_per_byte)
    assert nic.pcie[0].params.dllp_fs == int(16 * fs_per_byte)


@pytest.mark.parametrize(("model", "period"), [("none", 0), ("spec", 0), ("pcie_bench", 0), ("tlp4", 4), ("tlp1", 1)])
def test_dllp_models(model, period):
    nic = machine(pcie={"dllp_model": model})
    assert nic.pcie[0].params.dllp_period == period
    assert int(nic.pcie[0].params.word_mask) == (0 if model == "pcie_bench" else 3)
    # The two models with a constant share make each byte take longer.
    assert (nic.pcie[0].params.duration_fs[4000] > int(4000 * GEN2_X4)) == (model in ("spec", "pcie_bench"))


def test_credits():
    nic = machine(pcie={"credits": {"ph": 3, "pd": 16, "nph": 5, "npd": 9, "cplh": 7, "cpld": 17, "return": "120ns"}})
    limits = [(int(each.params.headers_limit), int(each.params.data_limit)) for each in nic.pcie[0].credits]
    assert limits == [(3, 16), (5, 0), (7, 17)]  # reads carry no data
    assert nic.pcie[0].params.has_credits
    assert nic.pcie[0].params.credit_return_fs == 120 * 10**6
    assert not machine().pcie[0].params.has_credits


def test_rates_are_exact_ratios():
    nic = machine(
        host={"write_drain": "3Gbps"},
        nic={"store_rate": "7Gbps", "max_pps": 3_000_000},
        port={"rate": "10Gbps"},
        switch={"ports": [{"name": "vf1", "rate_limit": "1Gbps"}]},
    )
    assert Fraction(int(nic.pcie[0].params.drain_num), int(nic.pcie[0].params.drain_den)) == Fraction(
        8 * 10**15, 3 * 10**9
    )
    assert Fraction(int(nic.params.store_num), int(nic.params.store_den)) == Fraction(8 * 10**15, 7 * 10**9)
    assert Fraction(int(nic.port[0].mac.params.fs_per_byte_num), int(nic.port[0].mac.params.fs_per_byte_den)) == 800_000
    assert nic.params.pipeline_fs == 10**15 // 3_000_000
    assert Fraction(int(nic.function[2].params.shaper_num), int(nic.function[2].params.shaper_den)) == 8_000_000
    assert [int(nic.function[i].params.shaper_den) for i in (0, 1)] == [0, 0]


def test_what_is_not_asked_for_takes_no_time():
    nic = machine()
    assert (
        nic.params.store_den,
        nic.params.pipeline_fs,
        nic.pcie[0].params.drain_den,
        nic.pcie[0].params.propagation_fs,
    ) == (0, 0, 0, 0)
    assert (nic.params.writeback_timeout_fs, nic.guests.driver[1].moderation_fs) == (0, 0)


def test_batches_and_limits_are_carried_over():
    nic_keys = {
        "tx_ring": 40,
        "rx_ring": 50,
        "fetch_batch": 3,
        "rx_fetch_batch": 4,
        "rx_prefetch": 5,
        "descriptor_cache": 30,
    }
    driver = {"tx_doorbell_batch": 8, "refill_batch": 9, "rx_interrupt_batch": 10, "tx_interrupt_batch": 11}
    batches = {"tx_writeback_batch": 6, "rx_writeback_batch": 7}
    nic = machine(nic={**nic_keys, **batches, "writeback_timeout": "3us", "drop_enable": False}, driver=driver)
    assert {key: int(nic.params[key]) for key in nic_keys} == nic_keys
    assert all({key: int(nic.guests.driver[f][key]) for key in driver} == driver for f in range(3))
    assert (nic.params.writeback_timeout_fs, nic.params.drop_when_full) == (3 * 10**9, 0)
    for number in range(3):
        assert nic.rx_queue[number].params.drop_enable == 0
        sent, received = nic.tx_queue[number].held.params, nic.rx_queue[number].held.params
        assert (sent.queue, sent.ring_length, sent.batch) == (number, 40, 6)
        assert (received.queue, received.ring_length, received.batch) == (number, 50, 7)
        assert (sent.kind, sent.timer_kind) == (TX_WRITEBACK, TX_WRITEBACK_TIMER)
        assert (received.kind, received.timer_kind) == (RX_WRITEBACK, RX_WRITEBACK_TIMER)
    assert machine(workload={"on_full": "drop"}).params.drop_when_full == 1


def test_rx_descriptors_are_posted_at_the_start():
    """rx_ring - 1 of each ring, those of the PF too."""
    nic = machine(nic={"rx_ring": 50, "queues_per_vf": 2})
    assert [int(nic.rx_queue[i].known) for i in range(7)] == [49] * 6 + [0]
    assert nic.ledger.counts.rx_ring.level == 0  # none is in use
    assert [int(nic.rx_queue[i].params.function) for i in range(6)] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(("cores", "expected"), [(1, [0, 0, 0]), (2, [0, 1, 0]), (8, [0, 1, 2])])
def test_guests_run_on_cores_by_their_number(cores, expected):
    nic = machine(host={"cores": cores})
    assert [int(nic.rx_queue[i].params.core) for i in range(3)] == expected


@settings(max_examples=40)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_a_histogram_is_cumulated_to_all_of_32_bits(weights):
    bins = [[f"{10 * i}ns", weight] for i, weight in enumerate(weights)]
    host = machine(host={"jitter": {"kind": "histogram", "bins": bins}}).host[0]
    thresholds = [0, *host.params.jitter_threshold[: len(weights)].tolist()]
    assert thresholds[-1] == 2**32
    for i, weight in enumerate(weights):
        share = Fraction(thresholds[i + 1] - thresholds[i], 2**32)
        assert abs(share - Fraction(weight, sum(weights))) <= Fraction(1, 2**32)
        assert host.params.jitter_fs[i] == 10 * i * 10**6


def test_random_streams_differ_by_seed_and_number_and_never_stand_still():
    streams = {tuple(random_words(seed, stream).tolist()) for seed in range(20) for stream in range(20)}
    assert len(streams) == 400
    assert all(any(words) and all(0 <= word < 2**32 for word in words) for words in streams)
    assert random_words(3, 4).tolist() == random_words(3, 4).tolist()


@pytest.mark.parametrize(("server", "stream"), [(0, 0), (1, 2**20 + 1), (3, 2**20 + 3)])
def test_each_servers_host_has_a_stream_of_its_own(server, stream):
    """By the numbers of docs/datapath/host_memory.md, "The host's memory"."""
    config = config_of()
    nic = build_state(config, seed=5)[0]
    fill_state(nic, config, 5, server)
    first, *others = np.random.SeedSequence([5, stream]).generate_state(4).tolist()
    assert nic.host[0].rng.tolist() == [first | 1, *others]


def test_the_hosts_stream_follows_the_seed():
    jitter = {"jitter": {"kind": "uniform", "range": "10ns"}}
    first, second = (machine(seed, host=jitter).host[0].rng.tolist() for seed in (1, 2))
    assert first != second
    assert first == machine(1, host=jitter).host[0].rng.tolist()


@pytest.mark.parametrize("tags", [1, 32, 256])
def test_all_tags_are_free(tags):
    nic = machine(pcie={"tags": tags})
    assert sorted(nic.pcie[0].tags.free[:tags].tolist()) == list(range(tags))
    assert (nic.pcie[0].tags.n_free, nic.pcie[0].tags.params.n_tags) == (tags, tags)


def test_nothing_is_pending():
    nic = machine()
    assert set(nic.clock.next_at.tolist()) == {NEVER}
    assert nic.clock.rare_at == NEVER
    assert not any(
        (
            nic.clock.now_fs,
            nic.clock.has_started,
            nic.moves_due,
            nic.reads_due,
            nic.traffic.n_hungry,
            nic.clock.overflow,
        )
    )


def test_the_quantum_is_the_longest_frame_that_a_port_may_send():
    """So that deficit round robin serves everybody in each round."""
    ports = [{"name": "vf0", "max_frame": "3000B"}]
    assert machine(switch={"ports": ports}).scheduler.params.quantum_bytes == 2996

from fractions import Fraction

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.ceiling import Ceiling, lowest, short_name, taken
from hwmodel.analytic.ceilings import bus_words, link_ceilings, other_ceilings
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.transactions import transactions_of
from hwmodel.rules.pcie_link import link_rate_of
from tests.analytic_cases import demo

BYTE_NS = 0.5 * 1538 / 1534  # Gen2 x4


def ceilings(changes):
    config = demo(changes)
    demand = demand_of(config)
    transactions = [one for part in (demand.sought, *demand.beside) for one in transactions_of(config, part)]
    found = [*link_ceilings(transactions, link_rate_of(config.pcie)), *other_ceilings(config, demand, transactions)]
    return {(ceiling.resource, ceiling.what.split(",")[0]): ceiling for ceiling in found}


def mpps(changes, resource):
    rates = [one.frames_per_s for (name, _), one in ceilings(changes).items() if name == resource]
    return min(float(rate) / 1e6 for rate in rates if rate is not None)


def test_the_link():
    assert mpps({}, "pcie.up") == pytest.approx(1e3 / (1809 * BYTE_NS))
    assert mpps({}, "pcie.down") == pytest.approx(1e3 / (1719 * BYTE_NS))


def test_tags_are_held_for_the_round_trips_of_a_frame():
    # Three payload reads (two of 512 B, one of 492 B) and an eighth of two descriptor reads of 128 B.
    held_ns = 2 * (450 + 576 * BYTE_NS) + 450 + (24 + 276 + 256) * BYTE_NS + 2 / 8 * (450 + 172 * BYTE_NS)
    reads_first = {"pcie.arbitration": "reads_first"}  # else reads wait behind writes: tests/test_analytic_waiting.py
    assert mpps({**reads_first, "pcie.tags": 1}, "pcie.tags") == pytest.approx(1e3 / held_ns, rel=1e-6)
    (alone,) = (one for (name, _), one in ceilings({}).items() if name == "pcie.tags")
    assert float(alone.of_any_mix.frames_per_s) / 1e6 == pytest.approx(32 * 1e3 / held_ns, rel=1e-6)


def test_posted_header_credits():
    # Write TLPs up: 5 of 280 B, 1 of 260 B, and an eighth of two of 152 B and two of 28 B; 200 ns to return.
    loop_ns = (5 * 280 + 260 + (152 + 152 + 28 + 28) / 8) * BYTE_NS + 200 * (6 + 4 / 8)
    assert mpps({"pcie.credits.ph": 8}, "pcie.credits") == pytest.approx(8e3 / loop_ns, rel=1e-6)


def test_posted_data_credits_of_16_bytes():
    # 256 B are 16 credits, 236 B (the last, of 1514) 15, 128 B 8, 4 B 1.
    loop_ns = 5 * 16 * (280 * BYTE_NS + 200) + 15 * (260 * BYTE_NS + 200)
    loop_ns += 2 * (8 * (152 * BYTE_NS + 200) + 28 * BYTE_NS + 200) / 8
    assert mpps({"pcie.credits.pd": 64}, "pcie.credits") == pytest.approx(64e3 / loop_ns, rel=1e-6)


def test_read_request_credits():
    loop_ns = (3 + 2 / 8) * (24 * BYTE_NS + 200)
    assert mpps({"pcie.credits.nph": 1}, "pcie.credits") == pytest.approx(1e3 / loop_ns, rel=1e-6)


def test_completion_credits():
    loop_ns = 5 * (276 * BYTE_NS + 200) + 256 * BYTE_NS + 200 + 2 * (148 * BYTE_NS + 200) / 8
    assert mpps({"pcie.credits.cplh": 4}, "pcie.credits") == pytest.approx(4e3 / loop_ns, rel=1e-6)


def test_credits_of_memory_that_drains_slowly():
    changes = {"pcie.credits.ph": 64, "host.write_drain": "8Gbps"}
    # 1514 B of payload, two write-backs of 16 B a frame, two interrupts of 4 B in eight.
    assert mpps(changes, "pcie.credits") == pytest.approx(1e3 / (1514 + 32 + 1))
    assert ("pcie.credits", "host memory's drain") not in ceilings({"host.write_drain": "8Gbps"})


def test_the_wire_carries_frame_and_gap():
    assert mpps({"workload.pattern": "to_wire"}, "wire.tx") == pytest.approx(1e4 / (8 * 1538))
    assert mpps({"workload.wire_share": 0.25}, "wire.tx") == pytest.approx(4e4 / (8 * 1538))
    assert mpps({"switch.mode": "vn_tag"}, "wire.tx") == pytest.approx(1e4 / (8 * 1544))
    assert ("wire.tx", "port at 10 Gb/s") not in ceilings({})


def test_a_core_sends_and_receives():
    # Each of eight cores posts an eighth of the frames and takes an eighth of them, 20 ns each.
    assert mpps({}, "driver.tx") == pytest.approx(200)
    assert mpps({"workload.pattern": "incast"}, "driver.rx") == pytest.approx(50)
    # Two VMs to a core.
    assert mpps({"host.cores": 4}, "driver.tx") == pytest.approx(100)
    # The PF shares core 0 with vf7: a broadcast is received by both, and one in eight sent by vf7.
    assert mpps({"workload.pattern": "broadcast"}, "driver.rx") == pytest.approx(1e3 / (20 * (1 + 7 / 8 + 1 / 8)))


def test_outside_frames_take_their_part_first():
    external = {"workload.external": {"rate": "1.518Gbps", "to": ["vf0"]}}  # 125,000 frames/s
    assert mpps(external, "pcie.up") < mpps({}, "pcie.up")
    wire = ceilings(external)["wire.rx", "port at 10 Gb/s"]
    assert wire.frames_per_s is None
    assert wire.per_s == 125_000 * 1538
    # vf0 is guest 1: 125,000 * 20 ns of its core are gone.
    assert mpps(external, "driver.tx") == pytest.approx(200 * (1 - 0.0025))


def test_pipeline_store_and_bus():
    assert mpps({"nic.max_pps": 3_000_000}, "nic.pipeline") == 3
    assert mpps({"nic.store_rate": "8Gbps"}, "nic.pipeline") == pytest.approx(1e3 / (1514 + 32))
    # 1514 B are 24 words of 64 B.
    assert mpps({"switch.timing": "core"}, "switch.bus") == pytest.approx(156.25 / 24)
    assert bus_words(demo({"workload.frame_bytes": 64}), demand_of(demo({"workload.frame_bytes": 64})).sought) == 1


@pytest.mark.parametrize(
    ("changes", "n_rings"),
    [
        ({}, 8),
        (
            {"nic.strict": False, "nic.queues_per_vf": 4},
            8,
        ),  # each VM has one target, and all frames to one target come from one ring
        ({"nic.strict": False, "nic.queues_per_vf": 4, "workload.connections": 4}, 32),
        ({"nic.queues_per_vf": 2, "workload.pattern": "incast"}, 7),
        ({"nic.queues_per_vf": 2, "workload.pattern": "uniform"}, 16),
    ],
)
def test_the_time_that_the_adapter_takes_on_each_tx_ring(changes, n_rings):
    assert mpps({"nic.queue_time": "4us", **changes}, "nic.queue") == pytest.approx(n_rings / 4)


def test_rate_limits_bind_when_all_senders_have_one():
    some = {"switch.ports.vf0.rate_limit": "1Gbps"}
    assert not any(name == "rate_limit" for name, _ in ceilings(some))
    every = {f"switch.ports.vf{k}.rate_limit": "1Gbps" for k in range(8)}
    assert mpps(every, "rate_limit") == pytest.approx(8e3 / (8 * 1518))


def test_offered_load():
    found = limits(demo({"workload.load": "0.1Gbps"}))
    assert found.limited_by == "offered_load"
    assert found.mpps == pytest.approx(8e2 / (8 * 1518))
    assert not any(one.resource == "offered_load" for one in limits(demo()).ceilings)


def test_the_lowest_counts_and_the_first_at_a_tie():
    rows = [Ceiling(name, "", "B", Fraction(6), Fraction(n)) for name, n in (("a", 1), ("pcie.down", 3), ("c", 3))]
    assert lowest(rows).resource == "pcie.down"
    assert [short_name(row.resource) for row in rows] == ["a", "down", "c"]
    unused = Ceiling("d", "", "B", Fraction(1), Fraction(0))
    assert unused.frames_per_s is None
    assert lowest([unused, *rows]).resource == "pcie.down"


def test_nothing_is_left_where_too_much_is_taken():
    assert Ceiling("a", "", "B", Fraction(5), Fraction(1), Fraction(6)).frames_per_s == 0


def test_sums_of_transactions():
    config = demo()
    transactions = transactions_of(config, demand_of(config).sought)
    assert taken(transactions, lambda one: one.n_tlps("up")) == (Fraction(39, 4), 0)

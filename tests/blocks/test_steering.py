"""Which of a function's rings a hash names; hashes of flows, filters, and the pools of frames, as plain Python."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from hwmodel.compiled.far_tables import give, zeros
from hwmodel.forwarding import pools, steering
from hwmodel.forwarding.steering import ring_of
from hwmodel.simulation.fill.adapter_headers import fill_steering
from hwmodel.simulation.fill.switch_tables import port_numbers
from tests.blocks.idle_machine import VF0, VF1, config_of, machine
from tests.oracles.flow_queues import Seen, flow_hashes

VECTORS = Path(__file__).parents[1] / "vectors" / "rss_vectors.csv"
with VECTORS.open() as file:
    RSS_VECTORS = list(csv.DictReader(file))


@pytest.mark.parametrize(("n_queues", "function", "rss_hash", "ring"), [
    (1, VF1, 0, 2), (1, VF1, 2**31 - 1, 2), (2, VF0, 6, 2), (2, VF0, 7, 3), (3, VF1, 4, 7), (3, VF1, 5, 8),
])  # fmt: skip
def test_rings_of_a_function_stand_together_and_the_remainder_chooses(n_queues, function, rss_hash, ring):
    nic = machine(nic={"queues_per_vf": n_queues})
    assert ring_of(nic.function[function], rss_hash) == ring


def test_a_code_of_a_ring_is_no_hash_and_its_own_inverse():
    for ring in (0, 1, 1023):
        assert steering.ring_code(ring) < 0 and steering.ring_code(steering.ring_code(ring)) == ring


def fresh(**block):
    """Return an adapter's steering, filled from a configuration."""
    record = zeros(1, steering.STEERING)[0]
    config = config_of(nic={"steering": block})
    fill_steering(record, config.nic.steering, port_numbers(config.switch))
    return record


def set_flow(flow, source, destination, ports, protocol=6, vlan=0):
    """Enter a flow with addresses as bytes."""
    flow.version, flow.protocol, flow.vlan = (4 if len(source) == 4 else 6), protocol, vlan
    for name, address in (("source", source), ("destination", destination)):
        words = [int.from_bytes(address[at : at + 4], "big") for at in range(0, len(address), 4)]
        flow[name][:] = [0] * (4 - len(words)) + words
    flow.source_port, flow.destination_port = ports


@pytest.mark.parametrize("row", RSS_VECTORS, ids=lambda row: row["input_hex"][:16])
def test_published_hashes(row):
    record = fresh(rss={"key": row["key_hex"]})
    data, n = bytes.fromhex(row["input_hex"]), 4 if row["ip_version"] == "4" else 16
    ports = tuple(int(row[name]) for name in ("src_port", "dst_port")) if row["src_port"] else (0, 0)
    set_flow(record.flow, data[:n], data[n : 2 * n], ports, 6 if row["src_port"] else 0)
    assert steering.rss_hash_of(record, record.flow) == int(row["expected_hash"], 16)


def test_sixteen_hashes_are_published():
    assert len(RSS_VECTORS) == 16


def test_signatures_of_flows():
    chance = random.Random(5)
    record = fresh()
    for _ in range(200):
        n = chance.choice([4, 16])
        ends, ports = (chance.randbytes(n), chance.randbytes(n)), (chance.randrange(65536), chance.randrange(65536))
        name = chance.choice(["tcp", "udp", "sctp", "other"])
        if name == "other":
            ports = (0, 0)
        vlan, pool = chance.choice([0, 7, 4094]), chance.randrange(1, 129)
        set_flow(record.flow, *ends, ports, {"tcp": 6, "udp": 17, "sctp": 132, "other": 0}[name], vlan)
        seen = Seen(0x0800, vlan, 4 if n == 4 else 6, name, *ends, None if name == "other" else ports)
        bucket, signature = flow_hashes(seen, pool)
        assert steering.signature_of(record.flow, pool) == signature << 15 | bucket


def test_filters_are_written_until_there_is_no_room():
    record = fresh(flow_director={"mode": "signature"})
    record.capacity = 3
    give(record.slot, steering.SLOTS)
    give(record.signature, 3)
    assert [steering.add_signature(record, number, number % 2) for number in (5, 5 + steering.SLOTS, 9)] == [True] * 3
    assert not steering.add_signature(record, 11, 1)
    assert steering.add_signature(record, 9, 0)  # there already: another queue
    assert (record.counts.n_signatures, record.counts.n_without_room) == (3, 1)
    found = [record.signature[record.slot[steering.slot_of_signature(record, each)] - 1].queue for each in (5, 9)]
    assert found == [1, 0]


def test_a_flow_turned_is_that_of_the_other_direction():
    record = fresh()
    set_flow(record.flow, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), (1000, 80), vlan=5)
    steering.turned(record.flow)
    flow = record.flow
    assert (flow.source[3], flow.destination[3]) == (0x0A000002, 0x0A000001)
    assert (flow.source_port, flow.destination_port, flow.vlan) == (80, 1000, 0)


@pytest.mark.parametrize(("shift", "bit"), [(4, 0x563), (3, 0xAC6), (2, 0x58D), (0, 0x634)])
def test_bits_of_hash_tables(shift, bit):
    """The twelve bits of 0x5634, the last octet before the one before it, from bit 4, 3, 2 or 0 on."""
    nic = machine()
    tables = nic.port[0].switch.tables
    tables.hash_shift = shift
    assert pools.hash_bit(tables, 0x01005E003456) == bit

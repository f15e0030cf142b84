"""Access lists and guards that look behind the type against the second implementation, on drawn frames and rules."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.data import IP_PROTOS

from cocotb_tests.bench_switch import switch
from hwmodel.config.lookup import own_ips
from hwmodel.forwarding import octets, packet_rules
from hwmodel.forwarding.packet import ARP, HIDDEN_PROTOCOL, IPV4, IPV6, PACKET
from hwmodel.forwarding.parse import HEADER, read_behind
from hwmodel.forwarding.tables import ANY, PREFIX
from hwmodel.rules import packets
from hwmodel.simulation.fill.access_lists import address_words
from hwmodel.simulation.run.offered import read_packets
from hwmodel.wire.ethernet import flow_bytes
from tests.forwarding_bench import Bench
from tests.oracles.forwarding_oracle import ForwardingOracle
from tests.packet_cases import GUARD_WORDS, packet_switch, random_packet, random_packet_frame

N_SWITCHES, FRAMES_A_SWITCH = 240, 40


Plant = Callable[[Any], None]


def compare(rng: random.Random, n_frames: int, seen: Counter, plant: Plant = lambda _: None) -> None:
    config = packet_switch(rng)
    bench, oracle = Bench(config), ForwardingOracle(config)
    plant(bench.tables)
    for _ in range(n_frames):
        port, raw = random_packet_frame(rng)
        found, expected = bench.send(port, raw), oracle.forward(port, raw)
        assert found == expected, (config, port, raw.hex())
        seen[found.drop] += 1
        seen["passes with rules"] += found.drop is None and bool(config.acl)


def test_agrees_with_the_oracle_and_reaches_each_guard():
    rng, seen = random.Random(8021), Counter()
    for _ in range(N_SWITCHES):
        compare(rng, FRAMES_A_SWITCH, seen)
    for reason in ("ACL_DENY", *(f"{word.upper()}_GUARD" for word in GUARD_WORDS), None, "passes with rules"):
        assert seen[reason] >= 200, seen


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_agrees_with_the_oracle_on_what_hypothesis_draws(rng):
    compare(rng, 4, Counter())


def read(raw: bytes, ethertype: int) -> dict[str, Any]:
    """Read what bytes behind a type say, by the kernel."""
    header = np.zeros(1, HEADER).view(np.recarray)[0]
    header.ethertype = ethertype
    read_behind(np.frombuffer(bytes(14) + raw, np.uint8), 14 + len(raw), header)
    found = header.packet
    return {name: found[name].tolist() for name in PACKET.names if name != "is_short"}


def test_what_stands_for_captured_frames_says_the_same_as_they():
    rng = random.Random(5)
    drawn = [random_packet(rng) for _ in range(3000)]
    data, at = b"".join(payload for _, payload in drawn), np.cumsum([0, *(len(payload) for _, payload in drawn)])
    types = np.array([ethertype for ethertype, _ in drawn])
    made = read_packets(data, at[:-1], at[1:], types)
    distinct = set()
    for row, (ethertype, payload) in enumerate(drawn):
        kept_octets = made["octets"][row, : made["n_bytes"][row]].tobytes()
        said = read(payload, ethertype)
        again = read(kept_octets, ethertype)
        # Of a chain that is cut all is hidden, and nothing asks whether it is a fragment's.
        kept = again if again["protocol"] == HIDDEN_PROTOCOL else said
        assert again == said | {"fragment": kept["fragment"]}, (ethertype, payload.hex(), kept_octets.hex())
        assert not made["octets"][row, made["n_bytes"][row] :].any()
        distinct.add((ethertype, kept_octets))
    # Frames that rules and filters cannot tell apart have the same bytes.
    assert len({str((ethertype, read(kept, ethertype))) for ethertype, kept in distinct}) == len(distinct)


# ---- Faults that are planted are found ----


def of_rules(tables: Any) -> Any:
    return tables["packet_rule"][0][: int(tables[0].n_acl_entries)]


def longer_prefixes(tables: Any) -> None:
    n_bits = of_rules(tables)["source"]["n_bits"]
    n_bits[(n_bits >= 0) & (n_bits < 128)] += 1


def permits_end_all(tables: Any) -> None:
    tables["acl"]["following"] = tables[0].n_acl_entries


def nobody_is_spared(tables: Any) -> None:
    guards = tables["port"]["guards"]
    guards[guards != 0] |= 0b110


def any_kind(tables: Any) -> None:
    of_rules(tables)["kinds"] = 1 << ARP | 1 << IPV4 | 1 << IPV6


def without_last_own(tables: Any) -> None:
    n_ips = tables["port"]["n_ips"]
    n_ips[n_ips > 0] -= 1


def ranges_end_early(tables: Any) -> None:
    for name in ("source_port", "destination_port", "icmp_type"):
        span = of_rules(tables)[name]
        span["most"][span["most"] > span["least"]] -= 1


def any_target(tables: Any) -> None:
    of_rules(tables)["target"]["n_bits"] = ANY


def any_sender(tables: Any) -> None:
    of_rules(tables)["sender_mac"] = ANY


FAULTS = (
    longer_prefixes, permits_end_all, nobody_is_spared, any_kind, without_last_own, ranges_end_early, any_target,
    any_sender,
)  # fmt: skip


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant: Plant):
    rng = random.Random(77)
    with pytest.raises(AssertionError):
        for _ in range(150):
            compare(rng, 40, Counter(), plant)


# ---- What can be read by hand ----


def test_an_address_is_in_a_prefix_of_any_length():
    prefix = np.zeros(1, PREFIX).view(np.recarray)[0]
    whole = int(ip_address("fd00:1:2:3:4:5:6:7"))
    prefix.word[:] = [whole >> shift & 0xFFFF_FFFF for shift in (96, 64, 32, 0)]
    for n_bits in range(129):
        prefix.n_bits = n_bits
        for flipped in {0, max(n_bits - 1, 0), min(n_bits, 127), 127}:
            address = whole ^ 1 << (127 - flipped)
            words = np.array([address >> shift & 0xFFFF_FFFF for shift in (96, 64, 32, 0)], np.uint32)
            assert packet_rules.is_in.py_func(prefix, words) == (flipped >= n_bits), (n_bits, flipped)


def test_numbers_of_octets_are_read_as_they_are_written():
    out = np.zeros(9, np.uint8)
    assert octets.write_number.py_func(out, 1, 7, 0x01_0203_0405_0607) == 8
    assert out.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert octets.read_bytes.py_func(out, 1, 7) == 0x01_0203_0405_0607


def test_an_address_is_four_words_the_last_of_an_ipv4_address():
    assert address_words(int(ip_address("10.0.0.1"))) == [0, 0, 0, 0x0A000001]
    assert address_words(int(ip_address("fd00:1::2:3"))) == [0xFD000001, 0, 0, 0x00020003]


def test_a_stations_own_addresses_have_that_of_its_link_where_one_is_of_ipv6():
    station = switch("vf0", stations={"vf0": {"macs": (0x001B_44C2_03FE,)}}).ports[0]
    station.ips = (ip_network("10.0.0.1"),)
    assert own_ips(station) == (ip_network("10.0.0.1"),)
    station.ips = (ip_network("fd00::1"),)  # RFC 4291, appendix A: the bit for globally administered is turned
    assert own_ips(station) == (ip_network("fd00::1"), ip_network("fe80::21b:44ff:fec2:3fe"))


def test_numbers_are_those_of_iana_as_scapy_has_them():
    assert (packets.PROTOCOLS["icmpv6"], packets.PROTOCOLS["sctp"]) == (IP_PROTOS.ipv6_icmp, IP_PROTOS.sctp)
    assert (IP_PROTOS.hopopt, IP_PROTOS.ipv6_route, IP_PROTOS.ipv6_frag, IP_PROTOS.ah,
                                  IP_PROTOS.ipv6_opts) == packets.EXTENSIONS  # fmt: skip
    assert set(packets.HIDING_TYPES) == {0x8100, 0x88A8, 0x8926, 0x893F}


@pytest.mark.parametrize(("ends", "ethertype"), [(("10.0.0.1", "10.0.0.2"), 0x0800), (("fd00::1", "fd00::2"), 0x86DD)])
def test_a_made_up_flow_says_what_it_is_of(ends: tuple[str, str], ethertype: int):
    source, destination = map(ip_address, ends)
    said = read(flow_bytes(source, destination, 6, (32768, 5001)), ethertype)
    words = [list(struct.unpack(">4I", each.packed.rjust(16, b"\0"))) for each in (source, destination)]
    assert [said["source"], said["destination"]] == words
    assert (said["protocol"], said["source_port"], said["destination_port"]) == (6, 32768, 5001)

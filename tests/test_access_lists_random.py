"""Access lists and guards that look behind the type against the second implementation, on drawn frames and rules."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cocotb_tests.bench_switch import switch
from hwmodel.forwarding.packet import HIDDEN_PROTOCOL, PACKET
from hwmodel.forwarding.parse import HEADER, read_behind
from hwmodel.wire.packet_header import packets_of
from tests.forwarding_bench import Bench
from tests.oracles.forwarding_oracle import ForwardingOracle
from tests.packet_cases import GUARD_WORDS, random_entry, random_packet, random_packet_frame, random_station

N_SWITCHES, FRAMES_A_SWITCH = 400, 40


def drawn_switch(rng: random.Random) -> Any:
    entries = [random_entry(rng) for _ in range(rng.choice((0, 1, 3, 6)))]
    found = switch("pf", "vf0", "vf127", acl=tuple(entries))
    found.ports = tuple(random_station(rng, name) for name in ("pf", "vf0", "vf127"))
    return found


def compare(rng: random.Random, n_frames: int, seen: Counter) -> None:
    config = drawn_switch(rng)
    bench, oracle = Bench(config), ForwardingOracle(config)
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


def read(octets: bytes, ethertype: int) -> dict[str, Any]:
    """Read what bytes behind a type say, by the kernel."""
    header = np.zeros(1, HEADER).view(np.recarray)[0]
    header.ethertype = ethertype
    read_behind(np.frombuffer(bytes(14) + octets, np.uint8), 14 + len(octets), header)
    found = header.packet
    return {name: found[name].tolist() for name in PACKET.names if name != "is_short"}


def test_what_stands_for_captured_frames_says_the_same_as_they():
    rng = random.Random(5)
    drawn = [random_packet(rng) for _ in range(3000)]
    data, at = b"".join(payload for _, payload in drawn), np.cumsum([0, *(len(payload) for _, payload in drawn)])
    types = np.array([ethertype for ethertype, _ in drawn])
    packets = packets_of(data, at[:-1], at[1:], types)
    distinct = set()
    for row, (ethertype, payload) in enumerate(drawn):
        octets = packets.octets[row, : packets.n_bytes[row]].tobytes()
        said = read(payload, ethertype)
        again = read(octets, ethertype)
        # Of a chain that is cut all is hidden, and nothing asks whether it is a fragment's.
        kept = again if again["protocol"] == HIDDEN_PROTOCOL else said
        assert again == said | {"fragment": kept["fragment"]}, (ethertype, payload.hex(), octets.hex())
        assert not packets.octets[row, packets.n_bytes[row] :].any()
        distinct.add((ethertype, octets))
    # Frames that rules and filters cannot tell apart have the same bytes.
    assert len({str((ethertype, read(octets, ethertype))) for ethertype, octets in distinct}) == len(distinct)

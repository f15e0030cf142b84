"""Decisions in the machine: each header's is that of its frame, and changes with the tables, and only with them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from cocotb_tests.bench_switch import frame, switch
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import HEADER_ROOM, TEMPLATE_HEADER
from hwmodel.machine.first_decisions import decide_alone
from hwmodel.machine.server import fresh_state
from hwmodel.simulation.fill.adapter_headers import is_complete
from hwmodel.simulation.fill.switch_tables import build_tables, port_numbers
from hwmodel.wire.tags import LONGEST_HEADER_BYTES
from tests.forwarding_cases import random_frame, random_switch
from tests.oracles.forwarding_oracle import ForwardingOracle


def header_of(raw: bytes) -> bytes:
    """Return as much of a frame as may be its header."""
    return raw[:LONGEST_HEADER_BYTES]


def rewrite(state: Any, config: Any, vlan: int | None = None) -> None:
    """Write the tables of a switch, and say what of them has changed: all, or a VLAN."""
    record, headers = state[0].port[0].switch, state[0].headers
    state[0]["port"][0]["switch"]["tables"] = build_tables(config)[0]
    headers.generation += 1
    if vlan is None:
        record.others_changed = headers.generation
    else:
        record.vlan_changed[vlan] = headers.generation


def machine_with(config: Any, sent: list[tuple[str, bytes]]) -> Any:
    """Return an idle machine whose switch is configured, with the headers of frames, given as (port, bytes)."""
    state = fresh_state()
    rewrite(state, config)
    numbers = port_numbers(config)
    rows = np.zeros(len(sent), TEMPLATE_HEADER)
    for row, (port, raw) in zip(rows, sent, strict=True):
        header = header_of(raw)
        row["octets"][: len(header)] = np.frombuffer(header, np.uint8)
        row["n_bytes"], row["is_whole"], row["ingress"] = len(header), is_complete(header), numbers[port]
        row["sender"] = row["target"] = numbers[port]
    assert rows["octets"].shape[1] == HEADER_ROOM
    state[0]["headers"]["template_header"][: len(sent)] = rows
    return state


def decided(state: Any, n: int) -> list[tuple[str | None, set[int], list[bytes]]]:
    """Decide on n headers; return of each why it is dropped, the ports that it leaves by, and its copies' headers."""
    decide_alone(state, np.arange(n))
    nic, found = state[0], []
    for template in nic.traffic.template[:n]:
        first, n_copies = int(template.first_copy), int(template.n_copies)
        kinds = nic["traffic"]["copy_kind"][first : first + n_copies]
        headers = nic["headers"]["copy_header"][first : first + n_copies]
        octets = [bytes(each["octets"][: int(each["n_bytes"])]) for each in headers]
        reason = DropReason(int(template.reason)).name if template.reason else None
        found.append((reason, set(kinds["port"].tolist()), octets))
    return found


def test_each_header_gets_the_decision_of_its_frame() -> None:
    """Against the second implementation of the decision, 40 frames each of 25 switches."""
    rng = random.Random(5)
    seen = set()
    for _ in range(25):
        config = random_switch(rng)
        sent = [random_frame(rng, config)[:2] for _ in range(40)]
        sent = [(port, raw) for port, raw in sent if len(raw) >= 60 or len(raw) <= LONGEST_HEADER_BYTES]
        oracle, numbers = ForwardingOracle(config), port_numbers(config)
        for (port, raw), (reason, ports, _) in zip(sent, decided(machine_with(config, sent), len(sent)), strict=True):
            expected = oracle.forward(port, raw, False, False)
            if expected.drop == "OVERSIZE" or (expected.drop == "RUNT" and is_complete(header_of(raw))):
                continue  # of the frame's length, not of its header
            assert reason == expected.drop, (config, port, raw.hex())
            assert ports == {numbers[name] for name in expected.deliver}
            seen.add((reason, len(ports)))
    assert len(seen) > 8


def test_one_header_does_not_colour_the_next() -> None:
    one, other = ("vf0", frame("vf1", "vf0")), ("vf1", frame("vf2", "vf0"))  # the second is spoofed
    first = decided(machine_with(switch(), [one, other]), 2)
    assert first == decided(machine_with(switch(), [other, one]), 2)[::-1]
    assert [reason for reason, _, _ in first] == [None, "SPOOFED_MAC"]


def test_a_decision_that_comes_back_has_its_copies_again() -> None:
    """A VM goes to another VLAN and back: its frames lose their receiver, then have the copy that they had."""
    sent = [("vf0", frame("vf1", "vf0"))]
    here, elsewhere = switch(), switch(stations={"vf1": {"port_vlan": 7, "vlans": (7,), "untagged": (7,)}})
    state = machine_with(here, sent)
    ports = port_numbers(here)
    first = decided(state, 1)
    assert first[0][:2] == (None, {ports["vf1"]})
    n_kinds = int(state[0].headers.n_copy_kinds)
    for config, expected in ((elsewhere, {ports["uplink"]}), (here, {ports["vf1"]}), (elsewhere, {ports["uplink"]})):
        rewrite(state, config)
        assert decided(state, 1)[0][1] == expected
    assert int(state[0].headers.n_copy_kinds) == n_kinds + 1
    rewrite(state, here)
    assert decided(state, 1) == first


def test_a_vlan_that_changes_leaves_decisions_in_others_alone() -> None:
    """What is written is another VLAN's, or that of the frame: only then is the frame decided on anew."""
    sent = [("vf0", frame("vf1", "vf0"))]
    here, elsewhere = switch(), switch(stations={"vf1": {"port_vlan": 7, "vlans": (7,), "untagged": (7,)}})
    state = machine_with(here, sent)
    vlan = int(build_tables(here)[0].port[port_numbers(here)["vf0"]].port_vlan)
    before = decided(state, 1)
    rewrite(state, elsewhere, vlan=7)
    assert decided(state, 1) == before
    assert int(state[0].traffic.template[0].stamp) == int(state[0].headers.generation)
    rewrite(state, elsewhere, vlan=vlan)
    assert decided(state, 1) != before


def test_copies_on_their_way_keep_what_was_decided() -> None:
    state = machine_with(switch(), [("vf0", frame("vf1", "vf0"))])
    decided(state, 1)
    number = int(state[0].traffic.template[0].first_copy)
    kind = state[0].traffic.copy_kind[number].copy()
    rewrite(state, switch(stations={"vf1": {"enabled": False}}))
    decided(state, 1)
    assert int(state[0].traffic.template[0].first_copy) != number
    assert state[0].traffic.copy_kind[number] == kind

"""Decisions in advance: those of all templates at once are those of each frame by itself."""

from __future__ import annotations

import random

import numpy as np

from cocotb_tests.bench_switch import (
    frame,
    switch,
)
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.templates import decide_templates
from hwmodel.simulation.switch_tables import build_tables, port_list, port_numbers
from tests.forwarding_cases import random_frame, random_switch
from tests.oracles.forwarding_oracle import ForwardingOracle


def decisions_of(config, sent):
    """Decide frames, given as (port, bytes), and return the decisions."""
    numbers = port_numbers(config)
    frames = np.zeros((len(sent), max(60, *(len(raw) for _, raw in sent))), np.uint8)
    for i, (_, raw) in enumerate(sent):
        frames[i, : len(raw)] = np.frombuffer(raw, np.uint8)
    ports = np.array([numbers[port] for port, _ in sent], np.int64)
    lengths = np.array([len(raw) for _, raw in sent], np.int64)
    headers = np.zeros(len(sent), HEADER).view(np.recarray)
    decisions = np.zeros(len(sent), DECISION).view(np.recarray)
    decide_templates(build_tables(config), ports, frames, lengths, headers, decisions, decisions.copy())
    return decisions


def test_each_template_gets_the_decision_of_its_frame():
    """Against the second implementation of the decision, 40 frames each of 25 switches."""
    rng = random.Random(5)
    seen = set()
    for _ in range(25):
        config = random_switch(rng)
        sent = [random_frame(rng, config)[:2] for _ in range(40)]
        oracle = ForwardingOracle(config)
        names = {number: name for name, number in port_numbers(config).items()}
        for (port, raw), decision in zip(sent, decisions_of(config, sent), strict=True):
            expected = oracle.forward(port, raw, False, False)
            found = DropReason(int(decision.reason)).name if decision.reason else None
            assert found == expected.drop, (config, port, raw.hex())
            assert {names[number] for number in port_list(decision.egress)} == set(expected.deliver)
            seen.add((found, len(expected.deliver)))
    assert len(seen) > 10


def test_a_header_is_enough():
    """What is behind the type behind the last tag plays no part: zeros stand for the rest of the frame."""
    config = switch()
    raw = frame("vf1", "vf0", length=200)
    whole, headed = decisions_of(config, [("vf0", raw), ("vf0", raw[:14] + bytes(186))])
    assert whole.tobytes() == headed.tobytes()


def test_one_frame_does_not_colour_the_next():
    config = switch()
    one, other = ("vf0", frame("vf1", "vf0")), ("vf1", frame("vf2", "vf0"))  # the second is spoofed
    first = [bytes(each.tobytes()) for each in decisions_of(config, [one, other])]
    second = [bytes(each.tobytes()) for each in decisions_of(config, [other, one])]
    assert first == second[::-1]


def test_no_template_is_no_problem():
    decisions = np.zeros(0, DECISION).view(np.recarray)
    decide_templates(
        build_tables(switch()),
        np.zeros(0, np.int64),
        np.zeros((0, 60), np.uint8),
        np.zeros(0, np.int64),
        np.zeros(0, HEADER).view(np.recarray),
        decisions,
        decisions.copy(),
    )
    assert len(decisions) == 0

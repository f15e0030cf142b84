"""The switch's decisions as they are kept: which ports come next, when a header is decided on anew."""

from __future__ import annotations

import random

import numpy as np
import pytest

from hwmodel.forwarding.port_set import MAX_PORTS, PORT_SET, add
from hwmodel.machine.server import fresh_state
from hwmodel.machine.switch.decisions import next_port, refresh, template_of
from hwmodel.machine.switch.switch_state import FIRST_GENERATION


@pytest.mark.parametrize("seed", range(5))
def test_ports_of_a_set_come_in_their_order(seed):
    rng = random.Random(seed)
    chosen = sorted(rng.sample(range(MAX_PORTS), rng.choice((1, 3, 40, MAX_PORTS))))
    ports = np.zeros(1, PORT_SET)[0]
    for port in chosen:
        add(ports, port)
    found, port = [], next_port(ports, 0)
    while port < MAX_PORTS:
        found.append(port)
        port = next_port(ports, port + 1)
    assert found == chosen


def test_an_empty_set_has_none():
    assert next_port(np.zeros(1, PORT_SET)[0], 0) == MAX_PORTS


def test_what_no_change_concerns_gets_its_stamp_alone():
    """A template that was decided by generation 3, in VLAN 7; then VLAN 9 changes, then 7."""
    nic = fresh_state()[0]
    headers, switch, template = nic.headers, nic.port[0].switch, nic.traffic.template[0]
    headers.template_header[0].vlan, template.stamp, template.reason = 7, 3, 55
    switch.others_changed, headers.generation = FIRST_GENERATION, 4
    switch.vlan_changed[9] = 4
    assert template_of(nic, 0).reason == 55 and template.stamp == 4
    headers.generation = 5
    switch.vlan_changed[7] = 5
    refresh(nic, 0)
    assert template.stamp == 5 and template.reason != 55

"""Who sends a frame, by its source address."""

from __future__ import annotations

import numpy as np
import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    Address,
    c_tag,
    e_tag,
    frame,
    mac,
    s_tag,
    switch,
    vn_tag,
)
from hwmodel.workload.replay import HeaderTable

SHARED = 0x0200_0000_00AA
SWITCH = switch(
    stations={
        "vf0": {"macs": (mac("vf0"), SHARED), "vlans": (10,)},
        "vf1": {"macs": (mac("vf1"), SHARED), "vlans": (20, 30)},
        "vf2": {"macs": ()},
    },
    addresses=(Address(1, 0x0200_0000_00BB, ("vf2",)),),
)


def senders(*frames):
    """Name the sender of each frame, of which the first 26 B or less are at hand."""
    table = HeaderTable([(str, SWITCH)])
    prefix = np.zeros((len(frames), 26), np.uint8)
    for row, raw in zip(prefix, frames, strict=True):
        row[: len(raw[:26])] = np.frombuffer(raw[:26], np.uint8)
    ids = table.intern(prefix, np.array([min(26, len(raw)) for raw in frames], np.int64))
    return [table.templates[number].source for number in ids]


@pytest.mark.parametrize("tags", [(), (c_tag(5),), (s_tag(9), c_tag(7)), (vn_tag(3),), (e_tag(3), c_tag(1))])
def test_the_owner_of_the_source_address_sends(tags):
    sent = [frame("vf1", source, *tags) for source in ("vf0", "pf", OUTSIDE, BROADCAST, 0x0200_0000_00BB, "vf2")]
    assert senders(*sent) == ["vf0", "pf", "uplink", "uplink", "uplink", "uplink"]


def test_of_two_owners_the_member_of_the_tags_vlan_sends_else_the_first():
    found = senders(*(frame("pf", SHARED, *tags) for tags in ((c_tag(20),), (c_tag(10),), (), (c_tag(40),))))
    assert found == ["vf1", "vf0", "vf0", "vf0"]


@pytest.mark.parametrize("n_bytes", [0, 11, 12, 13])
def test_of_a_runt_the_address_counts_if_it_is_there(n_bytes):
    assert senders(frame("vf1", "vf0")[:n_bytes]) == ["vf0" if n_bytes >= 12 else "uplink"]


def test_the_port_numbers_of_senders_are_in_port_order():
    table = HeaderTable([(str, SWITCH)])
    table.intern(
        np.frombuffer(frame("pf", "vf1") + frame("pf", "pf"), np.uint8).reshape(2, 60)[:, :26], np.array([26, 26])
    )
    assert table.sources()[0] == ["pf", "vf1"]

"""Headers with which a bridge's mirrored copies begin, written here byte by byte."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.compiled.far_tables import zeros
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG
from hwmodel.forwarding.parse import parse_header
from hwmodel.machine.network.bridge_state import BRIDGE, IN_VLAN, TO_COLLECTOR, TO_PORT
from hwmodel.machine.network.mirrors import write_copy
from hwmodel.rules.remote_mirror import ENCAPSULATION_BYTES

ADDRESSES = bytes.fromhex("02ff0000000102ff00000002")
TYPE = bytes.fromhex("88b5")
HEAD = bytes(range(46)) + bytes.fromhex("1000000500000000")  # of version 1 and session 5


def test_the_longest_head_is_that_of_a_tagged_packet():
    assert len(HEAD) == ENCAPSULATION_BYTES == 12 + 4 + 2 + 20 + 8 + 8


def copy_of(kind, raw, *, vlan, priority, to_vlan=0):
    bridge = zeros(1, BRIDGE)[0]
    bridge.seen.n_bytes = len(raw)
    bridge.seen.octets[: len(raw)] = np.frombuffer(raw, np.uint8)
    parse_header(bridge.seen.octets, len(raw), NO_OUTER_TAG, bridge.inside.header)
    bridge.inside.vlan, bridge.inside.priority, bridge.inside.dei = vlan, priority, 0
    params = bridge.mirror[0].params
    params.kind, params.to_vlan, params.n_octets = kind, to_vlan, len(HEAD)
    params.octets[: len(HEAD)] = np.frombuffer(HEAD, np.uint8)
    n_bytes = write_copy(bridge, bridge.mirror[0], 7)
    return bytes(bridge.made[:n_bytes])


def tagged(vlan, priority):
    return bytes.fromhex("8100") + (priority << 13 | vlan).to_bytes(2, "big")


@given(vlan=st.integers(1, 4094), priority=st.integers(0, 7), to=st.integers(1, 4094), has_tag=st.booleans())
def test_copies_are_as_they_were_retagged_or_behind_a_head(vlan, priority, to, has_tag):
    priority = priority if has_tag else 0
    raw = ADDRESSES + (tagged(vlan, priority) if has_tag else b"") + TYPE
    own = {"vlan": vlan, "priority": priority}
    assert copy_of(TO_PORT, raw, **own) == raw
    assert copy_of(IN_VLAN, raw, **own, to_vlan=to) == ADDRESSES + tagged(to, priority) + TYPE
    word = 1 << 28 | vlan << 16 | priority << 13 | (3 if has_tag else 0) << 11 | 5
    assert copy_of(TO_COLLECTOR, raw, **own) == HEAD[:46] + word.to_bytes(4, "big") + (7).to_bytes(4, "big") + raw

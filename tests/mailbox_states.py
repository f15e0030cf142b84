"""States of a PF's driver that tests begin with, and messages drawn for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from hwmodel.functions.pf_driver_state import Adapter, PfState, Vf
from hwmodel.rules.mailbox_messages import MESSAGES

OWN = 0x02_00_00_00_00_02
OTHER = 0x02_00_00_00_00_77
GROUP = 0x01_00_5E_00_00_01  # its hash is 0x010
KNOWN = Adapter(known_groups=(GROUP,))


def state(adapter: Adapter = KNOWN, n_vfs: int = 3, **of_vf_0: Any) -> PfState:
    """Return a state of some VFs, of which the first has other values in some fields."""
    vfs = [Vf(mac=OWN + at) for at in range(n_vfs)]
    vfs[0] = replace(vfs[0], **of_vf_0)
    return PfState(adapter, tuple(vfs))


MACS = st.sampled_from([0, OWN, OWN + 1, OTHER, GROUP, 0xFFFF_FFFF_FFFF]) | st.integers(0, 2**48 - 1)
VLANS = st.sampled_from([0, 1, 2, 20, 4094, 4095]) | st.integers(0, 4095)
VFS = st.builds(
    Vf,
    mac=st.sampled_from([0, OWN, OTHER]),
    pf_set_mac=st.booleans(),
    trusted=st.booleans(),
    clear_to_send=st.sampled_from([True, True, True, False]),
    api=st.sampled_from([0, 2, 3, 4, 5]),
    vlans=st.frozensets(VLANS, max_size=4),
    pf_vlan=st.sampled_from([0, 0, 20]),
    pf_qos=st.sampled_from([0, 3]),
    filters=st.lists(MACS, max_size=3).map(tuple),
    spoof_check=st.booleans(),
    mac_anti_spoof=st.booleans(),
    xcast=st.integers(0, 3),
    query_rss=st.booleans(),
    link_enabled=st.booleans(),
)
ADAPTERS = st.builds(
    Adapter,
    device=st.sampled_from(["82576", "82599", "X540", "X550"]),
    addresses=st.sampled_from([8, 24, 128]),
    kept_for_pf=st.sampled_from([1, 4, 16]),
    vlans=st.sampled_from([3, 32, 64]),
    pf_promiscuous=st.booleans(),
    pf_max_frame_bytes=st.sampled_from([1518, 9018]),
    classes=st.sampled_from([0, 0, 0, 4]),
)
STATES = st.builds(PfState, ADAPTERS, st.lists(VFS, min_size=2, max_size=4).map(tuple))
FIRST_WORDS = st.builds(
    lambda number, extra, flags: number | extra << 16 | flags,
    st.sampled_from([form.number for form in MESSAGES.values()]) | st.integers(0, 0xFFFF),
    st.sampled_from([0, 1, 2, 3, 255]),
    st.sampled_from([0, 0, 0, 0x20000000, 0x40000000, 0x80000000]),
)
REST = st.lists(st.sampled_from([0, 1, 2, 3, 5, 20, 1518, 9018, 0x80000000]) | st.integers(0, 2**32 - 1), max_size=15)
MESSAGES_DRAWN = st.builds(lambda first, rest: (first, *rest), FIRST_WORDS, REST)

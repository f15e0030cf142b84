"""What the administrator has the PF's driver do with a VF, as `ip link set DEV vf N` does: pure functions of its state.

Linux drivers/net/ethernet/intel/ixgbe/ixgbe_sriov.c, ixgbe_ndo_set_vf_*. A call that sets a VF's link, or changes its
trust, clears its CLEAR_TO_SEND and pings it: the VF's driver has to reset before it is served again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hwmodel.config.device_bounds import tx_rates
from hwmodel.config.device_limits import MIN_RATE, bound_of_none
from hwmodel.config.mailbox import PfCall
from hwmodel.functions.mailbox import CLEAR_TO_SEND
from hwmodel.functions.pf_driver import Answer, is_station_mac
from hwmodel.functions.pf_driver_state import UNTAGGED, PfState, Vf, changes_between
from hwmodel.rules.mailbox_messages import MessageType
from hwmodel.units import format_rate_bps

KNOWS_RSS_QUERY = ("82599", "X540")  # whose VFs share the PF's table


def set_mac(state: PfState, vf: int, mac: int) -> Answer:
    """Set a VF's address, which then counts as set by the PF, or remove it with 0; the VF's driver is not told."""
    own = state.vfs[vf]
    if mac == 0:
        return _done(state, vf, replace(own, mac=0, pf_set_mac=False) if own.mac else own)
    if not is_station_mac(mac):
        return _refused(state, "not the address of a station")
    if own.mac == 0 and state.addresses_in_use() >= state.adapter.addresses:
        return _refused(state, f"all {state.adapter.addresses} receive addresses are in use")
    return _done(state, vf, replace(own, mac=mac, pf_set_mac=True))


def set_vlan(state: PfState, vf: int, vlan: int, qos: int = 0) -> Answer:
    """Put a VF into a port VLAN, to which its untagged frames then belong, with a priority; VLAN 0: take it out."""
    own = state.vfs[vf]
    vlans = (own.vlans - {own.pf_vlan}) | {UNTAGGED} if own.pf_vlan else own.vlans
    if not vlan:
        return _done(state, vf, replace(own, vlans=vlans | {UNTAGGED}, pf_vlan=0, pf_qos=qos))
    if not state.with_vf(vf, replace(own, vlans=vlans)).vlan_has_entry(vlan):
        return _refused(state, f"all {state.adapter.vlans} VLAN entries are in use")
    return _done(state, vf, replace(own, vlans=(vlans - {UNTAGGED}) | {vlan}, pf_vlan=vlan, pf_qos=qos))


def set_rate_limit(state: PfState, vf: int, rate_bps: int) -> Answer:
    """Limit what a VF may send, in whole Mb/s; 0: no limit."""
    bound = tx_rates(state.adapter.device, state.adapter.port_rate_bps)
    if bound.choices == ():
        return _refused(state, bound.source)
    if rate_bps and not bound.allows(rate_bps):
        return _refused(state, f"out of range; {bound.words(format_rate_bps)}")
    return _done(state, vf, replace(state.vfs[vf], rate_limit_bps=rate_bps))


def set_min_rate(state: PfState, vf: int, rate_bps: int) -> Answer:
    """Guarantee a VF a rate, which none of the drivers does; 0: none, as it is."""
    bound = bound_of_none(MIN_RATE, state.adapter.device)
    return _refused(state, bound.source) if rate_bps and bound is not None else _done(state, vf, state.vfs[vf])


def set_spoof_check(state: PfState, vf: int, is_on: bool) -> Answer:
    """Turn anti-spoofing of a VF on or off, for addresses and VLANs."""
    own = replace(state.vfs[vf], spoof_check=is_on, mac_anti_spoof=is_on, vlan_anti_spoof=is_on)
    return _done(state, vf, own)


def set_link(state: PfState, vf: int, link: str) -> Answer:
    """Set a VF's link to the port's (auto) or to down (disable); the driver accepts `enable` but does nothing."""
    if link == "enable":
        return Answer(state, None, why="the driver takes enable and does nothing")
    return _done(state, vf, replace(state.vfs[vf], link=link, link_enabled=link == "auto"), is_told=True)


def set_query_rss(state: PfState, vf: int, is_allowed: bool) -> Answer:
    """Let a VF read the RSS table and key, or not."""
    if state.adapter.device not in KNOWS_RSS_QUERY:
        return _refused(state, f"VFs of the {state.adapter.device} do not share the PF's RSS table")
    return _done(state, vf, replace(state.vfs[vf], query_rss=is_allowed))


def set_trust(state: PfState, vf: int, is_trusted: bool) -> Answer:
    """Trust a VF, or no longer; after a change the VF has to reset."""
    own = state.vfs[vf]
    if own.trusted == is_trusted:
        return Answer(state, None)
    return _done(state, vf, replace(own, trusted=is_trusted), is_told=True)


def set_promiscuous(state: PfState, is_promiscuous: bool) -> Answer:
    """Make the PF itself promiscuous, or no longer; only while it is may VFs be."""
    after = replace(state, adapter=replace(state.adapter, pf_promiscuous=is_promiscuous))
    return Answer(after, None, changes_between(state, after))


def administer(state: PfState, vf: int, call: PfCall) -> Answer:
    """Carry out what a call asks, one thing after the other; a refusal stops the rest, but undoes nothing.

    `vf`: ignored if the call is about the PF only.
    """
    after, why, reply = state, [], None
    for name, carry_out in _CALLS.items():
        value = getattr(call, name)
        if value is None:
            continue
        answer = carry_out(after, vf, value, call)
        after, reply = answer.state, answer.reply or reply
        if answer.why:
            why.append(answer.why)
        if answer.is_refused:
            return Answer(after, reply, changes_between(state, after), "; ".join(why), is_refused=True)
    return Answer(after, reply, changes_between(state, after), "; ".join(why))


# In the order in which `ip link` has them done; a VLAN comes with its priority, and one is about the PF itself.
_CALLS: Mapping[str, Callable[[PfState, int, Any, PfCall], Answer]] = {
    "mac": lambda state, vf, mac, _: set_mac(state, vf, mac),
    "vlan": lambda state, vf, vlan, call: set_vlan(state, vf, vlan, call.qos or 0),
    "rate_limit_bps": lambda state, vf, rate_bps, _: set_rate_limit(state, vf, rate_bps),
    "min_rate_bps": lambda state, vf, rate_bps, _: set_min_rate(state, vf, rate_bps),
    "spoof_check": lambda state, vf, is_on, _: set_spoof_check(state, vf, is_on),
    "link": lambda state, vf, link, _: set_link(state, vf, link),
    "query_rss": lambda state, vf, is_allowed, _: set_query_rss(state, vf, is_allowed),
    "trust": lambda state, vf, is_trusted, _: set_trust(state, vf, is_trusted),
    "promiscuous": lambda state, _vf, is_promiscuous, _: set_promiscuous(state, is_promiscuous),
}


def _done(state: PfState, vf: int, own: Vf, *, is_told: bool = False) -> Answer:
    if is_told:
        own = replace(own, clear_to_send=False)
    after = state if own == state.vfs[vf] else state.with_vf(vf, own)
    reply = (MessageType.PF_CONTROL | (CLEAR_TO_SEND if own.clear_to_send else 0),) if is_told else None
    return Answer(after, reply, changes_between(state, after))


def _refused(state: PfState, why: str) -> Answer:
    return Answer(state, None, why=why, is_refused=True)

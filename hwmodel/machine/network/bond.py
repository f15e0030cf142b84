"""A bond of the virtual switch's uplink: which of the adapter's ports are used, and by which of them a frame goes."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.records import I64, NEVER, ints, record
from hwmodel.forwarding.octets import read_bytes
from hwmodel.forwarding.parse import C_TAG_BYTES, TAG_OFFSET, TYPE_C_TAG
from hwmodel.forwarding.steering import read_flow
from hwmodel.machine.time.clock import ADAPTER_PORTS, BOND_TIMER
from hwmodel.machine.time.events import set_timer
from hwmodel.rules.ethernet import (
    FAST_PERIOD_FS,
    LACP_HEAD_BYTES,
    LACP_PORT_BYTES,
    LACP_TYPE,
    PERIODS_TO_TIMEOUT,
)
from hwmodel.rules.switch_modes import TYPE_BYTES

ACTIVE_BACKUP, SOURCE_MAC, L4_HASH = range(3)
NO_LEG = -1
SOURCE_AT, VID_MASK = 6, 0xFFF
LOG_CAP = 1024
WIRE_DIED, LEG_OUT, WIRE_LIVES, LEG_IN = range(4)  # what the log tells of a leg

# `n_legs`: 0 where there is no bond. `monitor_fs`: the interval at which carriers are polled, 0: changes are seen at
# once. `lacp_fs`: the interval of the partners' LACPDUs, 0 without LACP. `primary`: the preferred active leg, or
# `NO_LEG`.
BOND_PARAMS = record(*ints("n_legs", "mode", "primary", "monitor_fs", "down_delay_fs", "up_delay_fs", "lacp_fs"))
# `passed`: copies handed to the leg's MAC. `lost_out`, `lost_in`: copies to be sent, and frames coming in, that were
# lost on a dead wire.
LEG_COUNTS = record(*ints("passed", "lost_out", "lost_in"))
# `is_idle`: it is not to be used, as LACP has told. `dead_fs`, `bare_fs`: since when its wire is dead, and since when
# it has no carrier. `found_fs`: when the bond will notice that the leg should be used, or no longer; `NEVER` if there
# is nothing to notice.
LEG = record(
    *ints("is_in_use", "is_dead", "is_bare", "is_idle", "dead_fs", "bare_fs", "found_fs"), ("counts", LEG_COUNTS)
)
LEG_EVENT = record(*ints("at_fs", "leg", "what"), ("counts", LEG_COUNTS))
BOND_COUNTS = record(*ints("without_leg"))
BOND = record(
    ("params", BOND_PARAMS),
    *ints("n_in_use", "active"),
    ("counts", BOND_COUNTS),
    ("in_use", I64, (ADAPTER_PORTS,)),
    ("leg", LEG, (ADAPTER_PORTS,)),
    *ints("n_logged"),
    ("log", LEG_EVENT, (LOG_CAP,)),
)


@kernel
def should_be_used(bond, mac):
    """Tell whether a leg looks usable: its wire is up, or is dead with a carrier and without LACP to tell so.

    And nobody has said that it is not to be used.
    """
    params = mac.params
    return params.is_idle == 0 and (params.is_down == 0 or (params.is_silent != 0 and bond.params.lacp_fs == 0))


@kernel
def multiple_from(at_fs, period_fs):
    """Return the first multiple of a period at or after a time; that time itself where the period is 0."""
    if period_fs == 0:
        return at_fs
    return (at_fs + period_fs - 1) // period_fs * period_fs


@kernel
def found_out_fs(params, leg):
    """Return when the bond notices that a leg has failed: by its carrier, or by missing LACPDUs if that is sooner."""
    at_fs = NEVER
    if leg.is_bare:
        at_fs = multiple_from(leg.bare_fs + params.down_delay_fs, params.monitor_fs)
    if params.lacp_fs > 0:
        last_fs = multiple_from(leg.dead_fs, params.lacp_fs) - params.lacp_fs
        at_fs = min(at_fs, last_fs + PERIODS_TO_TIMEOUT * params.lacp_fs)
    return at_fs


@kernel
def found_back_fs(params, now_fs):
    """Return when the bond notices that a leg is usable again from now on."""
    at_fs = multiple_from(now_fs + params.up_delay_fs, params.monitor_fs)
    return multiple_from(at_fs, FAST_PERIOD_FS) if params.lacp_fs > 0 else at_fs


@kernel
def choose_legs(bond):
    """Note which legs are in use, and which of them is the active one."""
    bond.n_in_use = 0
    for number in range(bond.params.n_legs):
        if bond.leg[number].is_in_use:
            bond.in_use[bond.n_in_use] = number
            bond.n_in_use += 1
    if bond.n_in_use == 0:
        return
    if bond.params.primary != NO_LEG and bond.leg[bond.params.primary].is_in_use:
        bond.active = bond.params.primary
    elif bond.leg[bond.active].is_in_use == 0:
        bond.active = bond.in_use[0]


@kernel
def log_leg(bond, now_fs, number, what):
    """Log what happens to a leg; what there is no room for is only counted."""
    if bond.n_logged < LOG_CAP:
        entry = bond.log[bond.n_logged]
        entry.at_fs, entry.leg, entry.what, entry.counts = now_fs, number, what, bond.leg[number].counts
    bond.n_logged += 1


@out_of_line
def leg_changes(bond, clock, mac, number, now_fs):
    """Note that a leg's wire has died, lives again, or has lost its carrier; set when the bond will notice.

    What it is told (`is_idle`) it knows at once.
    """
    leg, params = bond.leg[number], mac.params
    is_bare = params.is_down != 0 and params.is_silent == 0
    if is_bare and leg.is_bare == 0:
        leg.bare_fs = now_fs
    if params.is_down != leg.is_dead:
        leg.is_dead = params.is_down
        leg.dead_fs = now_fs
        if clock.has_started:
            log_leg(bond, now_fs, number, WIRE_DIED if leg.is_dead else WIRE_LIVES)
    is_told = params.is_idle != leg.is_idle
    leg.is_bare, leg.is_idle = is_bare, params.is_idle
    leg.found_fs = NEVER
    is_wanted = should_be_used(bond, mac)
    if is_wanted == (leg.is_in_use != 0):
        return
    if clock.has_started == 0:
        leg.is_in_use = is_wanted
        bond.active = 0
        choose_legs(bond)
        return
    if is_told:
        leg.found_fs = now_fs
        leg_found(bond, number, now_fs)
        return
    leg.found_fs = found_back_fs(bond.params, now_fs) if is_wanted else found_out_fs(bond.params, leg)
    if leg.found_fs < NEVER:
        set_timer(clock, leg.found_fs, BOND_TIMER, number)


@out_of_line
def leg_found(bond, number, now_fs):
    """Begin to use a leg, or cease to, unless its state has changed again since the timer was set."""
    leg = bond.leg[number]
    if leg.found_fs != now_fs:
        return
    leg.found_fs = NEVER
    leg.is_in_use = 1 - leg.is_in_use
    log_leg(bond, now_fs, number, LEG_IN if leg.is_in_use else LEG_OUT)
    choose_legs(bond)


@kernel
def first_byte_lowest(word):
    """Return a word of four bytes with its bytes reversed."""
    return (word & 0xFF) << 24 | (word & 0xFF00) << 8 | word >> 8 & 0xFF00 | word >> 24


@kernel
def address_hash(header, at):
    """Return the hash of the address at a place of a header, and of its VLAN."""
    vid = read_bytes(header.octets, TAG_OFFSET + TYPE_BYTES, TYPE_BYTES) & VID_MASK if has_tag(header) else 0
    return vid ^ read_bytes(header.octets, at, 3) ^ read_bytes(header.octets, at + 3, 3)


@kernel
def has_tag(header):
    """Tell whether a header has a C-TAG."""
    return read_bytes(header.octets, TAG_OFFSET, TYPE_BYTES) == TYPE_C_TAG


@kernel
def connection_hash(header, flow):
    """Return the hash of a header's addresses and ports; of one that is not IP that of its MAC addresses and type."""
    octets, at = header.octets, TAG_OFFSET + (C_TAG_BYTES if has_tag(header) else 0)
    ethertype = read_bytes(octets, at, TYPE_BYTES)
    read_flow(octets, header.n_bytes, at + TYPE_BYTES, ethertype, 0, flow)
    if flow.version == 0:
        return read_bytes(octets, SOURCE_AT - 1, 1) ^ read_bytes(octets, TAG_OFFSET - 1, 1) ^ ethertype
    found = flow.source_port << 16 | flow.destination_port
    for i in range(4):
        found ^= flow.source[i] ^ flow.destination[i]
    found = first_byte_lowest(found)
    found ^= found >> 16
    return (found ^ found >> 8) >> 1


@kernel
def leg_of_lacpdu(header):
    """Return which leg a header of LACP is about, by the number of its sender's port; `NO_LEG` of others."""
    at = TAG_OFFSET + (C_TAG_BYTES if has_tag(header) else 0)
    if read_bytes(header.octets, at, TYPE_BYTES) != LACP_TYPE or header.n_bytes < at + TYPE_BYTES + LACP_HEAD_BYTES:
        return NO_LEG
    return read_bytes(header.octets, at + TYPE_BYTES + LACP_HEAD_BYTES - LACP_PORT_BYTES, LACP_PORT_BYTES) - 1


@out_of_line
def leg_of(bond, header, flow, is_coming):
    """Return by which leg a frame with a header goes, or comes; `NO_LEG` if none is in use.

    A LACPDU goes by the leg that it is about, in use or not. `flow`: a record to read the header's flow into.
    """
    lacp_leg = leg_of_lacpdu(header)
    if 0 <= lacp_leg < bond.params.n_legs:
        return lacp_leg
    if bond.n_in_use == 0:
        return NO_LEG
    if bond.params.mode == ACTIVE_BACKUP:
        return bond.active
    if bond.params.mode == SOURCE_MAC:
        found = address_hash(header, 0 if is_coming else SOURCE_AT)
    else:
        found = connection_hash(header, flow)
    return bond.in_use[found % bond.n_in_use]

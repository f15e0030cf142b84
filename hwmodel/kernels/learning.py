"""What a bridge learns: behind which logical port each address stands, for how long that holds."""

from __future__ import annotations

from . import kernel
from .adjacent_layout import NOBODY
from .layout import NEVER


@kernel
def has_aged(bridge, now_fs, address):
    """Tell whether an entry was not refreshed for too long."""
    return now_fs - address.seen_fs >= bridge.ageing_fs


@kernel
def forget(bridge, address):
    """Take an address out of the table."""
    address.logical_port = NOBODY
    bridge.n_known -= 1
    bridge.aged += 1


@kernel
def make_room(bridge, now_fs):
    """Take what has aged out of a full table; return True if that made room.

    The table is looked through only when something can have aged since it was last.
    """
    if now_fs < bridge.next_expiry_fs:
        return False
    next_fs = NEVER
    for number in range(bridge.n_addresses):
        address = bridge.address[number]
        if address.logical_port == NOBODY:
            continue
        if has_aged(bridge, now_fs, address):
            forget(bridge, address)
        else:
            next_fs = min(next_fs, address.seen_fs + bridge.ageing_fs)
    bridge.next_expiry_fs = next_fs
    return bridge.n_known < bridge.table_entries


@kernel
def learn(bridge, now_fs, number, logical_port):
    """Note that a source address sends from a logical port."""
    if number == NOBODY or bridge.learns == 0:
        return
    address = bridge.address[number]
    if address.logical_port != NOBODY and has_aged(bridge, now_fs, address):
        forget(bridge, address)
    if address.logical_port == NOBODY:
        if bridge.n_known >= bridge.table_entries and not make_room(bridge, now_fs):
            bridge.not_learned += 1
            return
        bridge.n_known += 1
        bridge.learned += 1
        bridge.next_expiry_fs = min(bridge.next_expiry_fs, now_fs + bridge.ageing_fs)
    elif address.logical_port != logical_port:
        bridge.moved += 1
    address.logical_port = logical_port
    address.seen_fs = now_fs


@kernel
def port_of(bridge, now_fs, number):
    """Return the logical port behind which an address stands, `NOBODY` if that is not known."""
    if number == NOBODY:
        return NOBODY
    address = bridge.address[number]
    if address.logical_port != NOBODY and bridge.learns and has_aged(bridge, now_fs, address):
        forget(bridge, address)
    return address.logical_port

"""What a bridge learns: behind which logical port each address stands, for how long that holds."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.network.bridge_state import NOBODY


@kernel
def has_aged(box, now_fs, address):
    """Tell whether an entry was not refreshed for too long."""
    return now_fs - address.seen_fs >= box.params.ageing_fs


@kernel
def forget(box, address):
    """Take an address out of its bridge's table."""
    address.logical_port = NOBODY
    box.n_known -= 1
    box.counts.aged += 1


@kernel
def make_room(bridge, now_fs, box_number):
    """Take what has aged out of a full table; return True if that made room.

    The table is scanned only if an entry can have aged since the last scan.
    """
    box = bridge.box[box_number]
    if now_fs < box.next_expiry_fs:
        return False
    age_out(bridge, now_fs, box_number)
    return box.n_known < box.params.table_entries


@kernel
def age_out(bridge, now_fs, box_number):
    """Take what has aged out of a table, and note when the next of it will."""
    box = bridge.box[box_number]
    next_fs = NEVER
    for number in range(bridge.n_addresses):
        address = bridge.address[number]
        if address.box != box_number or address.logical_port == NOBODY:
            continue
        if has_aged(box, now_fs, address):
            forget(box, address)
        else:
            next_fs = min(next_fs, address.seen_fs + box.params.ageing_fs)
    box.next_expiry_fs = next_fs


@kernel
def learn(bridge, now_fs, number, logical_port):
    """Note that a source address sends from a logical port."""
    if number == NOBODY:
        return
    address = bridge.address[number]
    box = bridge.box[address.box]
    if box.params.learns == 0:
        return
    if address.logical_port != NOBODY and has_aged(box, now_fs, address):
        forget(box, address)
    if address.logical_port == NOBODY:
        if box.n_known >= box.params.table_entries and not make_room(bridge, now_fs, address.box):
            box.counts.not_learned += 1
            return
        box.n_known += 1
        box.counts.learned += 1
        box.next_expiry_fs = min(box.next_expiry_fs, now_fs + box.params.ageing_fs)
    elif address.logical_port != logical_port:
        box.counts.moved += 1
    address.logical_port = logical_port
    address.seen_fs = now_fs


@kernel
def port_of(bridge, now_fs, number):
    """Return the logical port behind which an address stands, `NOBODY` if that is not known."""
    if number == NOBODY:
        return NOBODY
    address = bridge.address[number]
    box = bridge.box[address.box]
    if address.logical_port != NOBODY and box.params.learns and has_aged(box, now_fs, address):
        forget(box, address)
    return address.logical_port

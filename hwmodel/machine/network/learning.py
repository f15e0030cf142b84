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
def port_at(bridge, logical_port):
    """Return the port of a logical port."""
    return bridge.port[bridge.logical_port[logical_port].params.port]


@kernel
def forget(bridge, box, address):
    """Take an address out of its bridge's table."""
    port_at(bridge, address.logical_port).n_addresses -= 1
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
            forget(bridge, box, address)
        else:
            next_fs = min(next_fs, address.seen_fs + box.params.ageing_fs)
    box.next_expiry_fs = next_fs


@kernel
def may_have_more(bridge, now_fs, box_number, port):
    """Tell whether port security lets a port have an address more; what has aged does not count."""
    if port.params.most_addresses == 0 or port.n_addresses < port.params.most_addresses:
        return True
    if now_fs >= bridge.box[box_number].next_expiry_fs:
        age_out(bridge, now_fs, box_number)
    return port.n_addresses < port.params.most_addresses


@kernel
def learn(bridge, now_fs, number, logical_port):
    """Note that a source address sends from a logical port; tell whether port security lets its frames pass there."""
    if number == NOBODY:
        return True
    address = bridge.address[number]
    box = bridge.box[address.box]
    if box.params.learns == 0:
        return True
    if address.logical_port != NOBODY and has_aged(box, now_fs, address):
        forget(bridge, box, address)
    port, before = port_at(bridge, logical_port), address.logical_port
    stays = (
        before != NOBODY and bridge.logical_port[before].params.port == bridge.logical_port[logical_port].params.port
    )
    if not stays and not may_have_more(bridge, now_fs, address.box, port):
        return False
    if before == NOBODY:
        if box.n_known >= box.params.table_entries and not make_room(bridge, now_fs, address.box):
            box.counts.not_learned += 1
            return port.params.most_addresses == 0
        box.n_known += 1
        box.counts.learned += 1
        box.next_expiry_fs = min(box.next_expiry_fs, now_fs + box.params.ageing_fs)
    elif before != logical_port:
        box.counts.moved += 1
    if not stays:
        port.n_addresses += 1
        if before != NOBODY:
            port_at(bridge, before).n_addresses -= 1
    address.logical_port = logical_port
    address.seen_fs = now_fs
    return True


@kernel
def takes_in(bridge, now_fs, port, number, logical_port):
    """Learn a frame's source; tell whether the port's security lets the frame pass. It may shut the port."""
    if port.is_shut:
        return False
    is_let_in = learn(bridge, now_fs, number, logical_port)
    if not is_let_in:
        port.is_shut = port.params.shuts
    return is_let_in


@kernel
def port_of(bridge, now_fs, number):
    """Return the logical port behind which an address stands, `NOBODY` if that is not known."""
    if number == NOBODY:
        return NOBODY
    address = bridge.address[number]
    box = bridge.box[address.box]
    if address.logical_port != NOBODY and box.params.learns and has_aged(box, now_fs, address):
        forget(bridge, box, address)
    return address.logical_port

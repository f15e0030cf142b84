"""The Rx buffer under flow control: level of each class, high and low marks, a part of the buffer for each class.

Nothing of it is inlined into the datapath: without `nic.flow_control` nothing here runs.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.machine.adapter.room_turns import local_has_turn, note_moved
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.frames import COPY_CAP
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.network.control_frames import look_whether_due
from hwmodel.machine.network.pauses import ROOM_CAP, class_of_header, passes_mark
from hwmodel.machine.waiting_lists import append, pop, take_place


@out_of_line
def level_changes(nic, now_fs, number, n_bytes):
    """Add to a class's level; if that crosses a mark, let each port see whether a control frame is due."""
    pauses = nic.pauses
    own = pauses.of_class[number]
    change(own.level, now_fs, n_bytes)
    if not passes_mark(pauses.params, pauses, number, own.level.level):
        return
    if pauses.over >> number & 1:
        own.over_since_fs = now_fs
    else:
        own.over_fs += now_fs - own.over_since_fs
    for port in range(nic.params.n_ports):
        look_whether_due(nic, port, now_fs)


@kernel
def fits_part(nic, number, n_bytes):
    """Say whether a copy has room in the part of its class."""
    pauses = nic.pauses
    has_place = pauses.n_in_lists + nic.rx_fifo.tail - nic.rx_fifo.head < COPY_CAP
    return has_place and pauses.of_class[number].level.level + n_bytes <= pauses.params.part_bytes[number]


@out_of_line
def take_room(nic, now_fs, number, n_bytes):
    """Take room in the Rx buffer for a frame at the pipeline, if its class has it; return whether it has."""
    if not fits_part(nic, number, n_bytes):
        return False
    change(nic.counts.rx_buffer, now_fs, n_bytes)
    level_changes(nic, now_fs, number, n_bytes)
    return True


@out_of_line
def give_room(nic, now_fs, number, n_bytes):
    """Give back a frame's room as it leaves the pipeline."""
    change(nic.counts.rx_buffer, now_fs, -n_bytes)
    level_changes(nic, now_fs, number, -n_bytes)


@kernel
def store_in_part(nic, now_fs, copy, number):
    """Put a copy into the Rx buffer: into the list of its class, or where there is one class into the FIFO."""
    pauses = nic.pauses
    change(nic.counts.rx_buffer, now_fs, copy.n_bytes)
    if pauses.params.is_by_class:
        join_list(nic, now_fs, copy, number)
    else:
        fifo = nic.rx_fifo
        place = fifo.tail & fifo.mask
        fifo.ring[place] = copy
        fifo.ring[place].entered_fs = now_fs
        entered(nic.clock, fifo)
    level_changes(nic, now_fs, number, copy.n_bytes)


@kernel
def join_list(nic, now_fs, copy, number):
    """Put a copy behind those of its class in the Rx buffer."""
    pauses, waiting = nic.pauses, nic.pauses.waiting
    place = take_place(nic.clock, waiting)
    entry = waiting.place[place - 1]
    entry.waits = copy
    entry.waits.entered_fs = now_fs
    entry.waits.tx_class = number
    append(waiting, pauses.of_class[number].queue, place)
    pauses.n_in_lists += 1


@out_of_line
def receive_in_part(nic, now_fs, frame, copy):
    """Put a copy of a frame from the wire into the part of its class; return whether it fits."""
    number = class_of_header(nic, frame.template)
    if not fits_part(nic, number, copy.n_bytes):
        return False
    store_in_part(nic, now_fs, copy, number)
    return True


@kernel
def class_of_copy(nic, copy):
    """Return the class of a copy in the Rx buffer, or of a local one, as far as flow control tells classes apart."""
    return copy.tx_class if nic.pauses.params.is_by_class else 0


@kernel
def may_move(nic, number, n_bytes):
    """Say whether a local copy may move into the Rx buffer: it fits, has its turn, its class is not over its mark."""
    is_over = nic.pauses.over >> number & 1
    return is_over == 0 and fits_part(nic, number, n_bytes) and local_has_turn(nic, number, n_bytes)


@out_of_line
def move_into_part(nic, now_fs, copy):
    """Put a local copy into the Rx buffer, if it may move there; return whether it may."""
    number = class_of_copy(nic, copy)
    if not may_move(nic, number, copy.n_bytes):
        return False
    store_in_part(nic, now_fs, copy, number)
    note_moved(nic, number, copy.n_bytes)
    return True


@kernel
def held_local(nic):
    """Return the classes, as a mask, whose first local copy may not move into the Rx buffer."""
    packets, waiting = nic.arbiter.local, nic.arbiter.waiting
    held = 0
    for number in range(nic.arbiter.params.n_classes):
        head = packets.queue[number].head
        if head != 0 and not may_move(nic, number, waiting.place[head - 1].waits.n_bytes):
            held |= 1 << number
    return held


@kernel
def choose_copy(nic, now_fs, number, is_taken):
    """Move the first copy of a class into the Rx buffer's FIFO, which is empty; `is_taken`: it will not be dropped.

    The time for which a ring without descriptors blocked it is counted.
    """
    pauses, waiting, fifo = nic.pauses, nic.pauses.waiting, nic.rx_fifo
    own = pauses.of_class[number]
    entry = pop(waiting, own.queue)
    fifo.ring[fifo.tail & fifo.mask] = entry.waits
    entered(nic.clock, fifo)
    pauses.n_in_lists -= 1
    end_wait(nic, now_fs, number)
    if not is_taken:
        return
    pauses.pointer = number + 1
    rooms = pauses.rooms
    room = rooms.ring[rooms.tail & (ROOM_CAP - 1)]
    room.ring, room.of_class, room.is_given = entry.waits.queue, number, 0
    rooms.tail += 1
    if rooms.tail - rooms.head == ROOM_CAP:
        nic.clock.overflow = 1


@kernel
def begin_wait(nic, now_fs, number, ring, is_empty):
    """Note that the first copy of a class waits for descriptors; `is_empty`: its driver has not posted enough."""
    own = nic.pauses.of_class[number]
    if own.waits_fs < 0:
        own.waits_fs = now_fs
    if is_empty and own.waits_for < 0:
        own.waits_for, own.blocked_since_fs = ring, now_fs


@kernel
def end_wait(nic, now_fs, number):
    """Note that the first copy of a class waits no more; count how long its ring blocked it and those behind it."""
    pauses = nic.pauses
    own = pauses.of_class[number]
    nic.rx_head_waits_fs = own.waits_fs
    if own.waits_for >= 0:
        pauses.blocked_fs[own.waits_for * len(pauses.of_class) + number] += now_fs - own.blocked_since_fs
    own.waits_fs, own.waits_for = -1, -1


@out_of_line
def room_is_free(nic, now_fs, ring, n_bytes):
    """Note that the payload of a ring's next copy has left the Rx buffer; copies of one ring leave in order."""
    pauses = nic.pauses
    number = 0
    if pauses.params.is_by_class:
        rooms = pauses.rooms
        at = rooms.head
        while rooms.ring[at & (ROOM_CAP - 1)].ring != ring or rooms.ring[at & (ROOM_CAP - 1)].is_given:
            at += 1
        room = rooms.ring[at & (ROOM_CAP - 1)]
        room.is_given = 1
        number = int(room.of_class)
        while rooms.head != rooms.tail and rooms.ring[rooms.head & (ROOM_CAP - 1)].is_given:
            rooms.head += 1
    level_changes(nic, now_fs, number, -n_bytes)


@out_of_line
def copy_leaves(nic, now_fs, copy):
    """Note that a copy in the Rx buffer is dropped there."""
    level_changes(nic, now_fs, class_of_copy(nic, copy), -copy.n_bytes)


@out_of_line
def chosen_leaves(nic, now_fs, copy):
    """Note that a copy in the Rx buffer's FIFO is dropped as its function goes."""
    if nic.pauses.params.is_by_class:
        nic.pauses.rooms.tail -= 1
    copy_leaves(nic, now_fs, copy)

"""Room in buffers, and turns in what is full: an Rx buffer, of lines and copies; a virtual switch's receiver.

Who finds room that frees hangs on the phases of the lines, which may stay as they are for a whole run; a local copy,
which waits, would be there before any line. So a frame leaves room for each line that has lost a greater part of its
bytes, and lines and local copies leave room for each other while the other has had less of it. At a virtual switch who
has lost last is owed as much of the room that frees.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.records import I64, ints, record
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.frames import COPY_CAP
from hwmodel.machine.network.pauses import class_of_header
from hwmodel.machine.time.clock import ADAPTER_PORTS
from hwmodel.rules.transmit_credits import MOST_CLASSES

N_TURNS = MOST_CLASSES * ADAPTER_PORTS
MEMORY_BYTES = 1 << 20  # as much of a line is remembered, then half as much: some 1 ms at 10 Gb/s
# By class and port: what has come by the line and what of it was lost, in bytes, and the last frame that was. By class:
# the bytes of local copies that have moved in.
ROOM_TURNS = record(
    *((name, I64, (N_TURNS,)) for name in ("came_bytes", "lost_bytes", "last_bytes")),
    ("moved_bytes", I64, (MOST_CLASSES,)),
)
# At a receiver of a virtual switch: `n` places are owed to what comes from `source`; how many frames others have lost
# since then.
OWED = record(*ints("source", "n", "lost_by_others"))
MOST_LOST = 1000  # by others: then whoever is owed is taken to send no more


@inlined
def leave_tx_buffer(nic, now_fs, n_bytes, tx_class):
    """Free a frame's room in the Tx buffer."""
    change(nic.counts.tx_buffer, now_fs, -n_bytes)
    if nic.params.arbitrates:
        nic.arbiter.level_bytes[tx_class] -= n_bytes
    nic.reads_due = 1


@inlined
def release_tx_room(nic, now_fs, copy):
    """Free a frame's room in the Tx buffer when its last copy has left it."""
    if copy.tx_bytes == 0:
        return
    if copy.group >= 0:
        group = nic.groups.slot[copy.group]
        group.left_in_tx_buffer -= 1
        if group.left_in_tx_buffer > 0:
            return
    leave_tx_buffer(nic, now_fs, copy.tx_bytes, copy.tx_class)


@inlined
def fits_rx_buffer(nic, n_bytes):
    """Say whether a copy has room in the Rx buffer."""
    fifo = nic.rx_fifo
    return nic.counts.rx_buffer.level + n_bytes <= nic.params.in_line_bytes and fifo.tail - fifo.head < COPY_CAP


@kernel
def free_bytes(nic, of_class):
    """Return the room that is free in the Rx buffer, or in the part of a class."""
    if nic.params.has_flow_control:
        return nic.pauses.params.part_bytes[of_class] - nic.pauses.of_class[of_class].level.level
    return nic.params.rx_buffer_bytes - nic.counts.rx_buffer.level


@kernel
def is_empty(nic, of_class):
    """Say whether nothing is in the Rx buffer, or in the part of a class: no room will free any more."""
    if nic.params.has_flow_control:
        return nic.pauses.of_class[of_class].level.level == 0
    return nic.counts.rx_buffer.level == 0


@kernel
def class_of_frame(nic, frame):
    """Return the class of a frame from the wire as far as the Rx buffer tells classes apart."""
    return class_of_header(nic, frame.template) if nic.params.has_flow_control else 0


@kernel
def n_local(nic):
    """Return how many local copies wait for the Rx buffer."""
    if nic.params.has_virtual_switch:
        return 0
    return nic.loopback.tail - nic.loopback.head + nic.arbiter.local.n_waiting


@kernel
def waiting_bytes(nic, of_class):
    """Return the bytes of a class's first local copy that waits for room; 0 if none does, or for a mark alone."""
    fifo = nic.loopback
    if n_local(nic) == 0 or (nic.params.has_flow_control and nic.pauses.over >> of_class & 1):
        return 0
    if nic.params.splits_rx_buffer:
        head = nic.arbiter.local.queue[of_class].head
        return nic.arbiter.waiting.place[head - 1].waits.n_bytes if head != 0 else 0
    return fifo.ring[fifo.head & fifo.mask].n_bytes if fifo.head != fifo.tail else 0


@kernel
def has_turn(nic, frame, n_bytes):
    """Say whether a frame from the wire has room beside what others have a turn to bring.

    That is a frame of each line that has lost a greater part, and a local copy that waits, if these have had less room.
    """
    turns, of_class = nic.room_turns, class_of_frame(nic, frame)
    first = of_class * ADAPTER_PORTS
    own = first + frame.adapter_port
    came, lost = turns.came_bytes[own] + n_bytes, turns.lost_bytes[own]
    left = free_bytes(nic, of_class) - n_bytes
    for other in range(first, first + nic.params.n_ports):
        if other != own and turns.lost_bytes[other] * came > lost * turns.came_bytes[other]:
            left -= turns.last_bytes[other]
    if turns.moved_bytes[of_class] < turns.came_bytes[own] - lost:
        left -= waiting_bytes(nic, of_class)
    return left >= 0


@kernel
def local_has_turn(nic, of_class, n_bytes):
    """Say whether a local copy that fits has room beside a frame of each line that has lost some and had less room."""
    turns, first = nic.room_turns, of_class * ADAPTER_PORTS
    left = free_bytes(nic, of_class) - n_bytes
    for line in range(first, first + nic.params.n_ports):
        lost = turns.lost_bytes[line]
        if lost > 0 and turns.came_bytes[line] - lost < turns.moved_bytes[of_class]:
            left -= turns.last_bytes[line]
    return left >= 0 or is_empty(nic, of_class)


@kernel
def forget_some(turns, of_class, n_bytes):
    """Halve what is remembered of a class as one of its counts, `n_bytes`, has grown large."""
    if n_bytes <= MEMORY_BYTES:
        return
    for each in range(of_class * ADAPTER_PORTS, (of_class + 1) * ADAPTER_PORTS):
        turns.came_bytes[each] //= 2
        turns.lost_bytes[each] //= 2
    turns.moved_bytes[of_class] //= 2


@kernel
def note_moved(nic, of_class, n_bytes):
    """Note that a local copy has moved into the Rx buffer."""
    turns = nic.room_turns
    turns.moved_bytes[of_class] += n_bytes
    forget_some(turns, of_class, turns.moved_bytes[of_class])


@out_of_line
def takes_turn(nic, frame, n_bytes):
    """Say whether a frame from the wire has its turn in the Rx buffer; note that it has come, or is lost."""
    turns, of_class = nic.room_turns, class_of_frame(nic, frame)
    own = of_class * ADAPTER_PORTS + frame.adapter_port
    is_its_turn = has_turn(nic, frame, n_bytes)
    turns.came_bytes[own] += n_bytes
    if not is_its_turn:
        turns.lost_bytes[own] += n_bytes
        turns.last_bytes[own] = n_bytes
    forget_some(turns, of_class, turns.came_bytes[own])
    return is_its_turn


@out_of_line
def finds_room(owed, source, n, room, most, batch):
    """Say whether a frame that needs `n` of the `room` places at a receiver, of `most`, finds them beside what is owed.

    If not, and nothing is owed to another, its source, a number from 1 on, is owed them, up to a batch; but not twice
    one after the other.
    """
    is_own = owed.n > 0 and owed.source == source
    kept = owed.n if not is_own and owed.n + n <= most else 0
    if n + kept <= room:
        owed.n -= min(n, owed.n) if is_own else 0
        return True
    if is_own:
        owed.n = max(owed.n, min(owed.n + n, batch))
    elif owed.lost_by_others >= MOST_LOST or (owed.n == 0 and owed.source != source):
        owed.source, owed.n, owed.lost_by_others = source, n, 0
    elif owed.n > 0:
        owed.lost_by_others += 1
    return False

"""Turns of the lines of several ports in an Rx buffer that they share: what is too much is lost by all alike.

Who finds room that frees hangs on the phases of the lines, which may stay as they are for a whole run. So a frame
leaves room for each line that has lost a greater part of its bytes.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.records import I64, record
from hwmodel.machine.network.pauses import class_of_header
from hwmodel.machine.time.clock import ADAPTER_PORTS
from hwmodel.rules.transmit_credits import MOST_CLASSES

N_TURNS = MOST_CLASSES * ADAPTER_PORTS
MEMORY_BYTES = 1 << 20  # as much of a line is remembered, then half as much: some 1 ms at 10 Gb/s
# By class and port: what has come by the line and what of it was lost, in bytes, and the last frame that was.
ROOM_TURNS = record(("came_bytes", I64, (N_TURNS,)), ("lost_bytes", I64, (N_TURNS,)), ("last_bytes", I64, (N_TURNS,)))


@kernel
def free_bytes(nic, of_class):
    """Return the room that is free in the Rx buffer, or in the part of a class."""
    if nic.params.has_flow_control:
        return nic.pauses.params.part_bytes[of_class] - nic.pauses.of_class[of_class].level.level
    return nic.params.rx_buffer_bytes - nic.counts.rx_buffer.level


@kernel
def class_of_frame(nic, frame):
    """Return the class of a frame from the wire as far as the Rx buffer tells classes apart."""
    return class_of_header(nic, frame.template) if nic.params.has_flow_control else 0


@kernel
def has_turn(nic, frame, n_bytes):
    """Say whether a frame from the wire has room beside a frame of each line that has lost a greater part."""
    turns, first = nic.room_turns, class_of_frame(nic, frame) * ADAPTER_PORTS
    own = first + frame.adapter_port
    came, lost = turns.came_bytes[own] + n_bytes, turns.lost_bytes[own]
    left = free_bytes(nic, class_of_frame(nic, frame)) - n_bytes
    for other in range(first, first + nic.params.n_ports):
        if other != own and turns.lost_bytes[other] * came > lost * turns.came_bytes[other]:
            left -= turns.last_bytes[other]
    return left >= 0


@out_of_line
def takes_turn(nic, frame, n_bytes):
    """Say whether a frame from the wire has its turn in the Rx buffer; note that it has come, or is lost."""
    turns, first = nic.room_turns, class_of_frame(nic, frame) * ADAPTER_PORTS
    own = first + frame.adapter_port
    is_its_turn = has_turn(nic, frame, n_bytes)
    turns.came_bytes[own] += n_bytes
    if not is_its_turn:
        turns.lost_bytes[own] += n_bytes
        turns.last_bytes[own] = n_bytes
    if turns.came_bytes[own] > MEMORY_BYTES:
        for each in range(first, first + ADAPTER_PORTS):
            turns.came_bytes[each] //= 2
            turns.lost_bytes[each] //= 2
    return is_its_turn

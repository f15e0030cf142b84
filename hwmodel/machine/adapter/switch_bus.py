"""The bus of the switch core in the adapter (`switch.timing: core`): frames ask for it, and pass one after the other.

The rules are those of docs/switch_core.md, from a frame that is complete in the ingress FIFO to its last word in the
output queues; docs/datapath/switch.md says what plays the part of the FIFOs here.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.adapter.adapter_state import PASSING_CAP
from hwmodel.machine.time.clock import BUS, PASSED
from hwmodel.machine.time.events import set_next
from hwmodel.machine.waiting_lists import append, pop, take_place


@kernel
def words_of(bus, frame):
    """Return the cycles for which a frame holds the bus."""
    return max(1, (frame.n_bytes + bus.params.word_bytes - 1) // bus.params.word_bytes)


@kernel
def ask_for_bus(nic, now_fs, frame, port):
    """Let a frame wait for the bus at its port; say whether it may: the uplink's ingress FIFO is finite."""
    lane, bus = BUS + frame.adapter_port, nic.port[frame.adapter_port].bus
    waiting = bus.port[port]
    n_words = words_of(bus, frame)
    if port == UPLINK and waiting.n_words + n_words > bus.params.ingress_words:
        return False
    entry = wait_at_port(nic, waiting, frame)
    ready_cycle = (now_fs + bus.params.cycle_fs - 1) // bus.params.cycle_fs + bus.params.ready_cycles
    entry.ready_fs = ready_cycle * bus.params.cycle_fs
    waiting.n_words += n_words
    nic.waiting_frames.n_frames += 1
    # Frames ask in the order of time: a grant that is already scheduled is not later than this frame's.
    if nic.clock.next_at[lane] == NEVER:
        set_next(nic.clock, lane, max(bus.free_fs, entry.ready_fs))
    return True


@kernel
def wait_at_port(nic, waiting, frame):
    """Put a frame behind those that wait at a port of a bus; return it as it stands there."""
    frames = nic.waiting_frames
    place = take_place(nic.clock, frames)
    frames.place[place - 1].frame = frame
    append(frames, waiting, place)
    return frames.place[place - 1].frame


@kernel
def first_ready_fs(nic, waiting):
    """Return when the first frame at a port can be granted, NEVER where none waits."""
    return NEVER if waiting.head == 0 else nic.waiting_frames.place[waiting.head - 1].frame.ready_fs


@kernel
def next_grant_fs(nic, bus):
    """Return when the bus is granted next: it is free, and some port's first frame can be granted."""
    first_fs = NEVER
    for port in range(bus.params.n_ports):
        first_fs = min(first_fs, first_ready_fs(nic, bus.port[port]))
    return NEVER if first_fs == NEVER else max(first_fs, bus.free_fs)


@kernel
def can_be_granted(nic, bus, port, now_fs):
    """Tell whether a port's first frame can be granted at this edge."""
    return first_ready_fs(nic, bus.port[port]) <= now_fs


@kernel
def grant_bus(nic, number, now_fs):
    """Grant a bus to the first port from the pointer on whose frame can be granted."""
    bus = nic.port[number].bus
    port = bus.pointer
    while not can_be_granted(nic, bus, port, now_fs):
        port = port + 1 if port + 1 < bus.params.n_ports else 0
    bus.pointer = port + 1 if port + 1 < bus.params.n_ports else 0
    waiting = bus.port[port]
    frame = pop(nic.waiting_frames, waiting).frame
    n_words = words_of(bus, frame)
    waiting.n_words -= n_words
    nic.waiting_frames.n_frames -= 1
    place = bus.tail & (PASSING_CAP - 1)
    bus.passing[place] = frame
    passing = bus.passing[place]
    passing.ready_fs = now_fs + (bus.params.delay_cycles + n_words) * bus.params.cycle_fs
    if bus.head == bus.tail:
        set_next(nic.clock, PASSED + number, passing.ready_fs)
    bus.tail += 1
    bus.counts.busy_fs += n_words * bus.params.cycle_fs
    bus.free_fs = now_fs + n_words * bus.params.cycle_fs
    set_next(nic.clock, BUS + number, next_grant_fs(nic, bus))


@kernel
def take_passed(nic, number):
    """Take the frame whose last word a bus has written; return its place."""
    bus = nic.port[number].bus
    place = bus.head & (PASSING_CAP - 1)
    bus.head += 1
    is_last = bus.head == bus.tail
    set_next(nic.clock, PASSED + number, NEVER if is_last else bus.passing[bus.head & (PASSING_CAP - 1)].ready_fs)
    return place

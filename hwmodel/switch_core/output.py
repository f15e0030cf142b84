"""The output queues and readers of the switch core: which copies find room, and when their beats leave.

Each port runs by itself, up to the cycle in which its next copy is written: everything chosen until then is known. A
copy leaves a beat in each cycle in which its output is ready, so all its cycles follow from the rank of one.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.decide import output_queue
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.parse import C_TAG_BYTES
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.switch_core.pattern import cycle_at, rank_of
from hwmodel.switch_core.scheduler import choose_queue, delist, enlist, first_listed, next_change, schedule_at
from hwmodel.switch_core.state import BEAT_BYTES, NOBODY

QUEUE_FULL = DropReason.QUEUE_FULL.value


@kernel
def step_at(output, step):
    """Return the cycle of a step of the copy that an output sends."""
    sending = output.sending
    if step >= sending.paced_from:
        return cycle_at(output.ready, sending.step_rank + step - sending.paced_from)
    return sending.step_0 + step


@kernel
def steps_before(output, cycle):
    """Return how many steps of the copy that an output sends are made before a cycle; may exceed the copy's steps."""
    sending = output.sending
    if cycle <= sending.step_0:
        return 0
    if cycle <= sending.step_0 + sending.paced_from - 1:
        return cycle - sending.step_0
    return sending.paced_from + max(0, rank_of(output.ready, cycle) - sending.step_rank)


@kernel
def move_at(output, beat):
    """Return the cycle in which a beat of the copy that an output sends is moved to the register before the steps."""
    return output.sending.move_0 if beat == 0 else step_at(output, beat - 1)


@kernel
def word_read_at(core, output, word):
    """Return the cycle in which a word of the copy that an output sends is read."""
    return output.sending.word_0_read if word == 0 else move_at(output, word * core.word_beats - 1)


@kernel
def words_read_before(core, output, cycle):
    """Return how many words of the copy that an output sends are read before a cycle."""
    sending = output.sending
    if cycle <= sending.word_0_read:
        return 0
    n_moves = 1 + steps_before(output, cycle) if cycle > sending.move_0 else 0
    return min(sending.n_words, 1 + n_moves // core.word_beats)


@kernel
def send_copy(core, output, copy, choice):
    """Send a copy chosen in a cycle: set its cycles and the state that it leaves behind."""
    sending = output.sending
    pattern = output.ready
    copy.choice = choice
    if sending.n_words != 0:
        sending.before_queue = sending.queue
        sending.before_last_read = word_read_at(core, output, sending.n_words - 1)
    sending.queue = copy.queue
    sending.n_words = copy.n_words
    sending.word_0_read = max(choice + 1, sending.last_moved)
    sending.move_0 = max(sending.word_0_read + 1, sending.last_step)
    sending.step_0 = max(sending.move_0 + 1, sending.free_at)
    # With bytes taken off, step 0 puts out nothing and step 1 follows at once; else step 0 puts out the first beat.
    # Each step behind the one that puts out the first beat is made as the beat before is accepted.
    sending.paced_from = 2 if copy.added_bytes < 0 else 1
    sending.step_rank = rank_of(pattern, sending.step_0 + sending.paced_from)
    n_beats = (copy.frame_bytes + BEAT_BYTES - 1) // BEAT_BYTES
    n_sent_beats = (copy.frame_bytes + copy.added_bytes + BEAT_BYTES - 1) // BEAT_BYTES
    copy.first_beat = cycle_at(pattern, sending.step_rank)
    copy.last_beat = cycle_at(pattern, sending.step_rank + n_sent_beats - 1)
    sending.free_at = copy.last_beat
    sending.last_moved = move_at(output, n_beats - 1)
    sending.last_step = step_at(output, n_sent_beats - 1 if copy.added_bytes >= 0 else n_sent_beats)
    # The next one may be chosen once the last word alone is still to be read.
    output.look_at = word_read_at(core, output, max(0, copy.n_words - 2)) + 1


@kernel
def choose_until(core, output, port, copies, until):
    """Let a port's scheduler choose up to a cycle, that one included."""
    while output.waiting != 0 and output.look_at <= until:
        now = output.look_at
        settings = core.schedule[schedule_at(core, output, now)].port[port]
        may_send = output.waiting & ~settings.paused
        if may_send == 0:
            output.look_at = min(next_change(core, output), until + 1)
            continue
        at = first_listed(output, may_send)
        head = output.queue[output.listed[at]]
        chosen = choose_queue(core, output, settings, may_send, at, copies[head.first].frame_bytes)
        if chosen == NOBODY:
            output.look_at = now + 1
            continue
        queue = output.queue[chosen]
        copy = copies[queue.first]
        queue.first = copy.following
        queue.n_waiting -= 1
        if queue.n_waiting == 0:
            output.waiting &= ~(1 << chosen)
            delist(output, chosen)
        # Of the copy before, the last word alone may still be in its queue.
        output.queue[output.sending.queue].n_words -= output.sending.n_words
        send_copy(core, output, copy, now)


@kernel
def words_in_queue(core, output, queue, cycle):
    """Return the occupancy of a queue in a cycle; the port has made its choices up to that cycle, but not in it."""
    sending = output.sending
    n_words = output.queue[queue].n_words
    if sending.queue == queue:
        n_words -= words_read_before(core, output, cycle)
    if sending.before_queue == queue and cycle <= sending.before_last_read:
        n_words += 1
    return n_words


@kernel
def write_copy(core, output, port, copies, number, written):
    """Put a copy into its queue in a cycle; the port has made its choices up to that cycle, and in it."""
    copy = copies[number]
    queue = output.queue[copy.queue]
    copy.following = NOBODY
    copy.choice = copy.first_beat = copy.last_beat = NEVER
    if queue.n_waiting == 0:
        queue.first = number
        output.waiting |= 1 << copy.queue
        quantum = core.schedule[schedule_at(core, output, written)].port[port].quantum[copy.queue]
        enlist(output, copy.queue, quantum)
    else:
        copies[queue.last].following = number
    queue.last = number
    queue.n_waiting += 1
    queue.n_words += copy.n_words
    output.look_at = max(output.look_at, written + 1)


@kernel
def offer_copy(core, output, port, frame, copies, number):
    """Write a copy to its queue if there is room for all of it; say whether there is."""
    copy = copies[number]
    asked = frame.decided - 1
    choose_until(core, output, port, copies, asked - 1)
    if words_in_queue(core, output, copy.queue, asked) + copy.n_words > core.queue_words:
        return False
    choose_until(core, output, port, copies, frame.decided)
    write_copy(core, output, port, copies, number, frame.decided)
    return True


@kernel
def added_bytes(frame, port):
    """Return how much longer than the frame its copy for a port is."""
    added = -frame.n_tag_bytes
    if frame.tagged >> port & 1 != 0:
        added += C_TAG_BYTES
    if port == UPLINK:
        added += frame.outer_bytes
    return added


@kernel
def count_frame(core, frame):
    """Count a decided frame that has been offered to its queues; drop it if none had room."""
    if frame.ports != 0 and frame.ports == frame.full:
        frame.reason = QUEUE_FULL
    counters = core.counters[frame.port]
    counters.received += 1
    if frame.reason == QUEUE_FULL:
        counters.lost += 1
    elif frame.reason != 0:
        counters.drops[frame.reason] += 1


@kernel
def write_frame(core, frame, frame_number, copies, n_copies):
    """Offer a frame's copies to their queues; return the number of copies that have found room so far."""
    frame.full = 0
    for port in range(core.n_ports):
        if frame.ports >> port & 1 == 0:
            continue
        core.counters[port].copies += 1
        copy = copies[n_copies]
        copy.frame, copy.port = frame_number, port
        copy.queue = output_queue(frame.priority, core.n_priorities)
        copy.n_words, copy.frame_bytes = frame.n_words, frame.n_bytes
        copy.added_bytes = added_bytes(frame, port)
        if offer_copy(core, core.output[port], port, frame, copies, n_copies):
            n_copies += 1
        else:
            frame.full |= 1 << port
            core.counters[port].drops[QUEUE_FULL] += 1
    count_frame(core, frame)
    return n_copies


@entry
def send_copies(cores, frames, granted, copies):
    """Write each decided frame to its queues and send what found room; return how many copies did.

    `copies`, of CORE_COPY, with room for all that are made, gets those that found room, in the order of their frames'
    grants and then by port.
    """
    core = cores[0]
    n_copies = 0
    for i in range(len(granted)):
        n_copies = write_frame(core, frames[granted[i]], granted[i], copies, n_copies)
    for port in range(core.n_ports):
        choose_until(core, core.output[port], port, copies, NEVER)
    for i in range(n_copies):
        core.counters[copies[i].port].sent += 1 if copies[i].last_beat != NEVER else 0
    return n_copies

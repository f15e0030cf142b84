"""The PCIe link: queues by ordering class, credits, DLLPs, and one TLP at a time in each direction.

A transaction enters its queue whole and is cut into TLPs as it leaves, so a queue holds one entry for a payload of
many TLPs, and P and NP can still take turns TLP by TLP.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.histogram import set_stalled
from hwmodel.machine.pcie.link_state import BY_ARRIVAL, READS_FIRST, ROUND_ROBIN
from hwmodel.machine.pcie.links import number_of
from hwmodel.machine.time.clock import COMPLETION_READY, DOWN_DONE, LANE_CAP, UP_DONE, UP_READY
from hwmodel.machine.time.events import set_next
from hwmodel.machine.tlp_kinds import COMPLETION_CREDIT, NON_POSTED_CREDIT, POSTED_CREDIT, REGISTER_COMPLETION
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES


@kernel
def can_send(credit, data_bytes):
    """Say whether the receiver has room for a TLP with this much data; a limit of 0 is infinite."""
    if credit.params.headers_limit > 0 and credit.headers_used >= credit.params.headers_limit:
        return False
    units = (data_bytes + CREDIT_DATA_BYTES - 1) // CREDIT_DATA_BYTES
    return not (credit.params.data_limit > 0 and credit.data_used + units > credit.params.data_limit)


@kernel
def consume(credit, data_bytes):
    """Take the credits of a TLP."""
    credit.headers_used += 1
    credit.data_used += (data_bytes + CREDIT_DATA_BYTES - 1) // CREDIT_DATA_BYTES


@inlined
def write_chunk(pcie, entry):
    """Return the data bytes of a memory write's next TLP: up to the next multiple of MPS."""
    return min(entry.left_bytes, pcie.params.max_payload_bytes - (entry.address & (pcie.params.max_payload_bytes - 1)))


@inlined
def completion_chunk(pcie, entry):
    """Return the data bytes of a read's next completion."""
    boundary = pcie.params.completion_boundary_bytes
    if pcie.params.whole_completions:
        if entry.left_bytes <= pcie.params.max_payload_bytes:
            return entry.left_bytes
        return ((entry.address + pcie.params.max_payload_bytes) & ~(boundary - 1)) - entry.address
    return min(entry.left_bytes, boundary - (entry.address & (boundary - 1)))


@inlined
def on_link(pcie, address, data_bytes):
    """Return the bytes that data take on the link: the whole words that they touch, of 1 B in the published model."""
    in_word = pcie.params.word_mask
    return ((address & in_word) + data_bytes + in_word) & ~in_word


@inlined
def cut_next(queue, entry, data_bytes):
    """Cut the next TLP of the transaction at a queue's head, which leaves the queue with its last."""
    entry.data_bytes = data_bytes
    entry.left_bytes -= data_bytes
    entry.address += data_bytes
    is_last = entry.left_bytes <= 0
    entry.is_last = is_last
    queue.head += is_last


@inlined
def transmit(pcie, link, now_fs, queue, is_second, overhead_bytes, data_bytes):
    """Put the next TLP of a queue's head on the link, after the DLLPs that are due; return when it has left.

    `link.place` keeps pointing at the entry: it stays as it is until the TLP has left, even when the head moves on.
    """
    entry = queue.ring[queue.head & queue.mask]
    link.place = queue.head
    link.sends_second = is_second
    n_bytes = overhead_bytes + on_link(pcie, entry.address, data_bytes)
    cut_next(queue, entry, data_bytes)
    return occupy(pcie, link, now_fs, entry.kind, n_bytes)


@inlined
def occupy(pcie, link, now_fs, kind, n_bytes):
    """Keep a direction busy with a TLP and the DLLPs that are due before it; return when it has left."""
    busy_fs = pcie.params.duration_fs[n_bytes]
    if link.due_dllps > 0:
        busy_fs += link.due_dllps * pcie.params.dllp_fs
        link.counts.dllps += link.due_dllps
        link.due_dllps = 0
    link.counts.n_tlps[kind] += 1
    link.counts.n_bytes[kind] += n_bytes
    link.counts.busy_fs += busy_fs
    link.is_busy = 1
    link.busy_until_fs = now_fs + busy_fs
    return link.busy_until_fs


@inlined
def on_wire(link):
    """Return the transaction whose TLP is on the link."""
    if link.sends_second:
        return link.second.ring[link.place & link.second.mask]
    return link.first.ring[link.place & link.first.mask]


@kernel
def keep_slot(arrivals, entry):
    """Keep a TLP that is on its way; return its place."""
    slot = arrivals.tail & (LANE_CAP - 1)
    arrivals.tail += 1
    arrivals.ring[slot] = entry
    return slot


@inlined
def could_start(link):
    """Say whether a link is idle and has something queued."""
    return link.is_busy == 0 and (link.first.head != link.first.tail or link.second.head != link.second.tail)


@kernel
def is_ready(clock, lane, queue, now_fs):
    """Say whether a DMA engine has the head of a queue ready; if not, let the idle link look again when it has."""
    ready_fs = queue.ring[queue.head & queue.mask].ready_fs
    if ready_fs <= now_fs:
        return True
    if ready_fs < clock.next_at[lane] or clock.next_at[lane] <= now_fs:
        set_next(clock, lane, ready_fs)
    return False


@inlined
def start_up(nic, pcie, now_fs):
    """Choose and start the next TLP toward the host, if `could_start`; return True if it is the last of a payload.

    P and NP come from independent engines: `arbitration` says which goes when both can.
    """
    ledger = nic.ledger
    catch_up(nic.clock, pcie, now_fs + 1)
    link = pcie.up
    posted, reads = link.first, link.second
    p_waits = posted.head != posted.tail
    np_waits = reads.head != reads.tail
    if nic.params.has_engines:
        lane = UP_READY + number_of(pcie)
        p_waits = p_waits and is_ready(nic.clock, lane, posted, now_fs)
        np_waits = np_waits and is_ready(nic.clock, lane, reads, now_fs)
        if not (p_waits or np_waits):
            return False
    p_bytes = 0
    if p_waits:
        p_bytes = write_chunk(pcie, posted.ring[posted.head & posted.mask])
    if pcie.params.has_credits > 0:
        p_may_go = can_send(pcie.credits[POSTED_CREDIT], p_bytes)
        np_may_go = can_send(pcie.credits[NON_POSTED_CREDIT], 0)
        set_stalled(ledger.counts.stalls.posted_credits, now_fs, p_waits and not p_may_go)
        set_stalled(ledger.counts.stalls.non_posted_credits, now_fs, np_waits and not np_may_go)
        p_waits = p_waits and p_may_go
        np_waits = np_waits and np_may_go
        if not (p_waits or np_waits):
            return False
    send_read = np_waits
    if p_waits and np_waits:
        if pcie.params.arbitration == ROUND_ROBIN:
            send_read = link.sends_second == 0
        elif pcie.params.arbitration == BY_ARRIVAL:
            send_read = reads.ring[reads.head & reads.mask].at_fs < posted.ring[posted.head & posted.mask].at_fs
        else:
            send_read = pcie.params.arbitration == READS_FIRST
    link.chosen_tail = posted.tail
    if send_read:
        if pcie.params.has_credits > 0:
            consume(pcie.credits[NON_POSTED_CREDIT], 0)
        nic.clock.next_at[UP_DONE + number_of(pcie)] = transmit(
            pcie, link, now_fs, reads, 1, pcie.params.read_request_bytes, 0
        )
        return False
    if pcie.params.has_credits > 0:
        consume(pcie.credits[POSTED_CREDIT], p_bytes)
    entry = posted.ring[posted.head & posted.mask]
    header_bytes = pcie.params.completion_bytes if entry.kind == REGISTER_COMPLETION else pcie.params.request_bytes
    nic.clock.next_at[UP_DONE + number_of(pcie)] = transmit(pcie, link, now_fs, posted, 0, header_bytes, p_bytes)
    if entry.is_last == 1 and (entry.n > 0 or entry.room_bytes > 0):
        served_up(ledger, link, entry)
    return entry.room_bytes > 0 and entry.is_last == 1


@inlined
def served_up(ledger, link, entry):
    """Count what a frame's payload writes, or a write-back or interrupt for `entry.n` frames, took on the link.

    Transactions of a kind leave one after the other, so as one ends the kind's totals are those of whole transactions.
    """
    served = ledger.counts.served[entry.kind]
    served.n += max(entry.n, 1)
    served.up_bytes = link.counts.n_bytes[entry.kind]
    served.up_tlps = link.counts.n_tlps[entry.kind]


@inlined
def served_down(ledger, link, entry):
    """Count what a doorbell for `entry.n` frames or descriptors took on the link."""
    served = ledger.counts.served[entry.kind]
    served.n += entry.n
    served.down_bytes = link.counts.n_bytes[entry.kind]
    served.down_tlps = link.counts.n_tlps[entry.kind]


@inlined
def keep_for_read(pcie, link, entry):
    """Keep with a read's tag what its completions took on the link, bytes and TLPs.

    Where answers come in order, the total of all so far is kept, which is cheaper.
    """
    tag = pcie.tags.slot[entry.tag]
    kind = entry.kind
    if pcie.params.answers_in_order:
        tag.link_bytes = link.counts.n_bytes[kind]
        tag.link_tlps = link.counts.n_tlps[kind]
        return
    tag.link_bytes = link.counts.n_bytes[kind] - link.answered_bytes[kind]
    tag.link_tlps = link.counts.n_tlps[kind] - link.answered_tlps[kind]
    link.answered_bytes[kind] = link.counts.n_bytes[kind]
    link.answered_tlps[kind] = link.counts.n_tlps[kind]


@inlined
def send_completion(clock, pcie, now_fs):
    """Send the next completion TLP of the read at the head; set when the link is looked at next.

    Nothing can come between the completions of one read. Where receiving one has no effect but that Acks become due
    (`runs_on`), the link is looked at next when the last has come; `catch_up` accounts for those before it.
    """
    link = pcie.down
    entry = link.second.ring[link.second.head & link.second.mask]
    n_bytes = completion_chunk(pcie, entry)
    end_fs = transmit(pcie, link, now_fs, link.second, 1, pcie.params.completion_bytes, n_bytes)
    if entry.is_last:
        keep_for_read(pcie, link, entry)
    elif pcie.params.runs_on:
        link.boundary_fs = end_fs
        end_fs += rest_of_read_fs(pcie, entry.left_bytes)
    clock.next_at[DOWN_DONE + number_of(pcie)] = end_fs


@inlined
def rest_of_read_fs(pcie, left_bytes):
    """Return the time of a read's completions behind the first, without DLLPs between them."""
    chunk = 1 << pcie.params.completion_shift
    last_bytes = ((left_bytes - 1) & (chunk - 1)) + 1
    params = pcie.params
    n_whole, overhead = (left_bytes - last_bytes) >> params.completion_shift, params.completion_bytes
    return n_whole * params.duration_fs[overhead + chunk] + params.duration_fs[overhead + on_link(pcie, 0, last_bytes)]


@kernel
def expect_rest_of_read(clock, pcie):
    """Set anew when a running read ends: the link's rate has changed for the completions behind the one on it."""
    link = pcie.down
    if link.boundary_fs < NEVER:
        entry = link.second.ring[link.second.head & link.second.mask]
        clock.next_at[DOWN_DONE + number_of(pcie)] = link.boundary_fs + rest_of_read_fs(pcie, entry.left_bytes)


@kernel
def pass_boundary(clock, pcie):
    """Receive a completion and send the next of the same read right behind it, after DLLPs that have become due."""
    link = pcie.down
    received(pcie, link, pcie.up)
    entry = link.second.ring[link.second.head & link.second.mask]
    clock.next_at[DOWN_DONE + number_of(pcie)] += link.due_dllps * pcie.params.dllp_fs
    n_bytes = completion_chunk(pcie, entry)
    end_fs = transmit(pcie, link, link.boundary_fs, link.second, 1, pcie.params.completion_bytes, n_bytes)
    if entry.is_last:
        keep_for_read(pcie, link, entry)
        end_fs = NEVER
    link.boundary_fs = end_fs


@inlined
def catch_up(clock, pcie, until_fs):
    """Account for the completions of a running read that have been received before a time."""
    while pcie.down.boundary_fs < until_fs:
        pass_boundary(clock, pcie)


@inlined
def down_is_done(clock, pcie, now_fs):
    """Tell whether the TLP that was expected to end now does; DLLPs between a read's completions put its end off."""
    lane = DOWN_DONE + number_of(pcie)
    catch_up(clock, pcie, now_fs)
    if clock.next_at[lane] > now_fs:
        return False
    pcie.down.is_busy = 0
    clock.next_at[lane] = NEVER
    return True


@inlined
def start_down(nic, pcie, now_fs):
    """Choose and start the next TLP toward the NIC: by arrival, doorbells first at a tie.

    A read's completions stand in the queue from the read's receipt on, in the order in which the host has them ready;
    if the first is not ready yet, an idle link is woken then.
    """
    link = pcie.down
    clock = nic.clock
    number = number_of(pcie)
    posted, completions = link.first, link.second
    p_waits = posted.head != posted.tail
    clock.next_at[COMPLETION_READY + number] = NEVER
    if completions.head != completions.tail:
        entry = completions.ring[completions.head & completions.mask]
        if entry.at_fs > now_fs:
            if not p_waits:
                clock.next_at[COMPLETION_READY + number] = entry.at_fs
        elif not p_waits or entry.at_fs < posted.ring[posted.head & posted.mask].at_fs:
            credit = pcie.credits[COMPLETION_CREDIT]
            n_bytes = completion_chunk(pcie, entry)
            can_go = pcie.params.has_credits == 0 or can_send(credit, n_bytes)
            if pcie.params.has_credits > 0:
                set_stalled(nic.ledger.counts.stalls.completion_credits, now_fs, not can_go)
            if can_go:
                if pcie.params.has_credits > 0:
                    consume(credit, n_bytes)
                send_completion(clock, pcie, now_fs)
                return
    if p_waits:
        entry = posted.ring[posted.head & posted.mask]
        end_fs = transmit(pcie, link, now_fs, posted, 0, pcie.params.request_bytes, entry.left_bytes)
        clock.next_at[DOWN_DONE + number] = end_fs
        served_down(nic.ledger, link, entry)


@inlined
def received(pcie, link, opposite):
    """Count a received TLP; its Ack and UpdateFC become due in the opposite direction."""
    link.received += 1
    if link.received == pcie.params.dllp_period:
        link.received = 0
        opposite.due_dllps += 1

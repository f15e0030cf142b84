"""The loop: take the next event, let the block concerned handle it, start idle links when an instant is over."""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, inlined, kernel
from hwmodel.compiled.processor import with_offsets
from hwmodel.compiled.programs import by_address
from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.fetch import fetch_rx, fetch_tx, told
from hwmodel.machine.adapter.flow_control import room_is_free
from hwmodel.machine.adapter.flow_timers import flow_timer
from hwmodel.machine.adapter.interrupts import moderation_expired, unmasked
from hwmodel.machine.adapter.read_arbiter import has_to_wait, issue
from hwmodel.machine.adapter.receive import closing_expired, interrupted, payload_landed, rx_written_back
from hwmodel.machine.adapter.scheduler import descriptors_cached, pause_over, shaper_expired, take_inline
from hwmodel.machine.adapter.switch_bus import grant_bus
from hwmodel.machine.adapter.switching import (
    bus_passed,
    frame_in,
    line_done,
    move_local_copies,
    pipeline_done,
    wire_done,
)
from hwmodel.machine.adapter.writeback import descriptors_done, tx_written_back, writeback_expired
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.counts.journey_sums import fold
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT, IDLE, OVERFLOW
from hwmodel.machine.guest.cores import piece_done
from hwmodel.machine.guest.job_state import came, register_accessed
from hwmodel.machine.host.landing import credits_returned, down_has_landed, reaches_adapter, reaches_host, up_has_landed
from hwmodel.machine.host.memory import waits_for_memory
from hwmodel.machine.network.bond import leg_found
from hwmodel.machine.network.control_frames import begin_flow_control
from hwmodel.machine.pcie.bus_end import at_other_end
from hwmodel.machine.pcie.link import catch_up, could_start, on_wire, start_down, start_up
from hwmodel.machine.pcie.link_state import MAX_TAGS
from hwmodel.machine.pcie.links import link_at, number_of
from hwmodel.machine.pcie.reads import data_are_in, free_places, host_reads, release_tag, served_in_order, served_read
from hwmodel.machine.time.clock import (
    ADAPTER_LINKS,
    BOND_TIMER,
    BUS,
    COALESCING_TIMER,
    COMPLETION_READY,
    CORE_TIMER,
    CREDIT,
    DOWN_ARRIVAL,
    DOWN_DONE,
    IN_MEMORY,
    KICK,
    LINE,
    MODERATION_TIMER,
    PASSED,
    PIPELINE,
    QUEUE_TIMER,
    RX_WRITEBACK_TIMER,
    SHAPER_TIMER,
    SOURCE_TIMER,
    STORED,
    SWITCHING_TIMER,
    TIMERS,
    TX_WRITEBACK_TIMER,
    UP_ARRIVAL,
    UP_DONE,
    UP_READY,
    WIRE,
)
from hwmodel.machine.time.events import (
    first_elsewhere,
    first_of_links,
    link_lane,
    rare_lane,
    set_next,
    take_first,
    take_timer,
)
from hwmodel.machine.tlp_kinds import (
    CLASS_OF,
    COMPLETION_CREDIT,
    INTERRUPT_ENABLE,
    NON_POSTED_CREDIT,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    REGISTER_READ,
    REGISTER_WRITE,
    RX_DESCRIPTOR_READ,
    RX_DOORBELL,
    RX_WRITEBACK,
    TX_DESCRIPTOR_READ,
    TX_DOORBELL,
    TX_WRITEBACK,
)
from hwmodel.machine.traffic.sources import begin, feed_hungry, hunger, source_timer
from hwmodel.machine.virtual_switch.learned_addresses import hear_announced
from hwmodel.machine.virtual_switch.passing import kicked, notified, switching_done

NO_READ = -1
# What a caller asks of the program that runs a server: a whole run; its start; to go on; its commands for time 0.
WHOLE, BEGIN, ADVANCE, OBEY = range(4)


@inlined
def host_notices(nic, now_fs, sending):
    """Let the host notice a write-back or an interrupt."""
    kind = sending.kind
    if kind == PAYLOAD_WRITE:
        if sending.room_bytes > 0:
            payload_landed(nic, now_fs, sending.queue)
    elif kind == RX_WRITEBACK:
        rx_written_back(nic, now_fs, sending.queue, sending.n, sending.at_fs)
    elif kind == TX_WRITEBACK:
        if sending.n > 0:
            tx_written_back(nic, now_fs, sending.queue, sending.n)
    elif kind < REGISTER_READ:
        interrupted(nic, now_fs, kind, sending.queue, sending.n, sending.at_fs)
    elif sending.tag > 0:
        came(nic, sending.tag)


@inlined
def up_received(nic, pcie, now_fs, sending):
    """Let the host take a TLP in; return True if the write that it ends is in memory at once."""
    ready_fs = reaches_host(nic, pcie, now_fs, sending)
    if sending.is_last == 0:
        return False
    if CLASS_OF[sending.kind] == NON_POSTED_CREDIT:
        host_reads(nic, pcie, ready_fs, sending.tag)
        return False
    return pcie.params.has_memory == 0 or not waits_for_memory(nic, pcie.params.host, now_fs, sending, ready_fs)


@inlined
def read_complete(nic, now_fs, read):
    """Use what a read has brought, now that its last byte is stored."""
    pcie = link_at(nic, read // MAX_TAGS)
    number = read % MAX_TAGS
    tag = pcie.tags.slot[number]
    kind = tag.kind
    grant, ring_queue, n_descriptors = tag.frame, tag.queue, tag.n_descriptors
    free_places(nic, pcie, number)
    release_tag(nic, pcie, now_fs, number)
    if pcie.tags.n_free == 1 or nic.params.has_engines:
        issue(nic, now_fs)  # a read that has waited takes the tag, and its places, before those that this one leads to
    in_order = pcie.params.answers_in_order
    served = nic.ledger.counts.served[kind]
    served.n_reads += 1
    if kind == PAYLOAD_READ:
        frame = nic.grants.ring[grant & nic.grants.mask]
        frame.reads_left -= 1
        if in_order == 0:
            frame.n_reads += 1
            frame.link_bytes += tag.link_bytes
            frame.link_tlps += tag.link_tlps
        if frame.reads_left == 0:
            if in_order:
                served_in_order(served, pcie, 1 + frame.n_more, tag)
            else:
                served_read(served, pcie, 1 + frame.n_more, frame.n_reads, frame.link_bytes, frame.link_tlps)
            frame_in(nic, now_fs, grant)
    elif in_order:
        served_in_order(served, pcie, n_descriptors, tag)
    else:
        served_read(served, pcie, n_descriptors, 1, tag.link_bytes, tag.link_tlps)
    if kind == TX_DESCRIPTOR_READ:
        descriptors_cached(nic, now_fs, ring_queue, n_descriptors)
        fetch_tx(nic, now_fs, ring_queue)
    elif kind == RX_DESCRIPTOR_READ:
        queue = nic.rx_queue[ring_queue]
        queue.cached += n_descriptors
        queue.requested -= n_descriptors
        nic.moves_due = 1
    nic.reads_due = 1


@inlined
def read_at(pcie, tag_number):
    """Return the number of the read that has a tag of a link, counted through all links."""
    return number_of(pcie) * MAX_TAGS + int(tag_number)


@inlined
def down_received(nic, pcie, now_fs, sending):
    """Let the NIC take a TLP in; return the number of the read that it completes, or `NO_READ`."""
    reaches_adapter(nic.clock, pcie, now_fs, sending)
    kind = sending.kind
    if CLASS_OF[kind] == COMPLETION_CREDIT:
        if sending.is_last and data_are_in(nic, pcie, now_fs, sending.tag):
            return read_at(pcie, sending.tag)
    elif kind == TX_DOORBELL:
        told(nic, now_fs, sending.queue, sending.n)
        if nic.params.has_inline:
            take_inline(nic, now_fs, sending.queue, sending.n)
        fetch_tx(nic, now_fs, sending.queue)
        nic.reads_due = 1
    elif kind == RX_DOORBELL:
        nic.rx_queue[sending.queue].known += sending.n
        change(nic.ledger.counts.rx_ring, now_fs, -sending.n)
        fetch_rx(nic, sending.queue)
        nic.moves_due = 1
    elif kind == INTERRUPT_ENABLE:
        unmasked(nic, now_fs, sending.queue)
    elif kind in (REGISTER_READ, REGISTER_WRITE):
        register_accessed(nic, sending.tag)
    return NO_READ


@inlined
def up_done(nic, pcie, now_fs):
    """Finish a TLP that has left toward the host."""
    link = pcie.up
    sending = on_wire(link)
    if up_has_landed(nic.clock, pcie, now_fs) and up_received(nic, pcie, now_fs, sending):
        host_notices(nic, now_fs, sending)
    if link.sends_second == 0 and sending.is_last and sending.room_bytes > 0:
        change(nic.counts.rx_buffer, now_fs, -sending.room_bytes)
        if nic.params.has_flow_control:
            room_is_free(nic, now_fs, sending.queue, sending.room_bytes)
        nic.moves_due = 1


@kernel
def timer(nic, now_fs):
    """Handle an entry of the side heap."""
    kind, index = take_timer(nic.clock)
    if kind == CORE_TIMER:
        piece_done(nic, now_fs, index)
    elif kind == SWITCHING_TIMER:
        switching_done(nic, now_fs, index)
    elif kind == SOURCE_TIMER:
        source_timer(nic, now_fs, index)
    elif kind == RX_WRITEBACK_TIMER:
        writeback_expired(nic, now_fs, nic.rx_queue[index].held)
    elif kind == MODERATION_TIMER:
        moderation_expired(nic, now_fs, index)
    elif kind == TX_WRITEBACK_TIMER:
        writeback_expired(nic, now_fs, nic.tx_queue[index].held)
    elif kind == SHAPER_TIMER:
        shaper_expired(nic, now_fs, index)
    elif kind == QUEUE_TIMER:
        pause_over(nic, index)
    elif kind == COALESCING_TIMER:
        closing_expired(nic, now_fs, index)
    elif kind == BOND_TIMER:
        leg_found(nic.virtual_switch.bond, index, now_fs)
    else:
        flow_timer(nic, now_fs, kind, index)


@kernel
def handle_rare(nic, now_fs):
    """Handle the first event of the lanes that only some runs use; return the read that it completes, or `NO_READ`."""
    clock = nic.clock
    lane = rare_lane(clock)
    if lane < STORED:
        pcie = link_at(nic, lane - DOWN_ARRIVAL)
        return down_received(nic, pcie, now_fs, pcie.down_arrivals.ring[take_first(clock, lane)])
    if lane < PIPELINE:
        return read_at(link_at(nic, lane - STORED), take_first(clock, lane))
    if lane == PIPELINE:
        pipeline_done(nic, now_fs)
    elif lane < PASSED:
        grant_bus(nic, lane - BUS, now_fs)
    elif lane < LINE:
        bus_passed(nic, lane - PASSED, now_fs)
    elif lane < WIRE:
        line_done(nic, lane - LINE, now_fs)
    elif lane < UP_ARRIVAL:
        wire_done(nic, lane - WIRE, now_fs)
    elif lane < IN_MEMORY:
        pcie = link_at(nic, lane - UP_ARRIVAL)
        sending = pcie.up_arrivals.ring[take_first(clock, lane)]
        if up_received(nic, pcie, now_fs, sending):
            host_notices(nic, now_fs, sending)
    elif lane < UP_READY:
        host_notices(nic, now_fs, nic.host[lane - IN_MEMORY].memory_writes.ring[take_first(clock, lane)])
    elif lane < CREDIT:
        set_next(clock, lane, NEVER)  # it only lets the idle link look at its queues
    elif lane < KICK:
        credits_returned(clock, link_at(nic, lane - CREDIT), now_fs, take_first(clock, lane))
    elif lane == KICK:
        kicked(nic, now_fs, take_first(clock, lane))
    else:
        notified(nic, now_fs, take_first(clock, lane))
    return NO_READ


@inlined
def handle(nic, now_fs):
    """Handle one event of this instant: of the first lane that has one."""
    clock = nic.clock
    completed = NO_READ
    if clock.next_at[TIMERS] == now_fs:
        timer(nic, now_fs)
    else:
        lane = link_lane(clock, now_fs)
        if lane < COMPLETION_READY:
            pcie = link_at(nic, lane - DOWN_DONE)
            if down_has_landed(clock, pcie, now_fs):
                completed = down_received(nic, pcie, now_fs, on_wire(pcie.down))
        elif lane < UP_DONE:
            clock.next_at[lane] = NEVER  # it only lets the idle link look at its queue
        elif lane < DOWN_ARRIVAL:
            up_done(nic, link_at(nic, lane - UP_DONE), now_fs)
        else:
            completed = handle_rare(nic, now_fs)
    # The only call: it is long and is inlined.
    if completed != NO_READ:
        read_complete(nic, now_fs, completed)


@inlined
def start_links(nic, now_fs):
    """Let idle links choose their next TLP, now that all of this instant has happened; return True if one could."""
    has_started = False
    for number in range(ADAPTER_LINKS):
        pcie = link_at(nic, number)
        if could_start(pcie.up):
            has_started = True
            if start_up(nic, pcie, now_fs):
                nic.rx_writing = max(0, nic.rx_writing - 1)
                nic.rx_dma_busy = 0
                nic.moves_due = 1
        if pcie.params.by_tree:
            has_started |= at_other_end(nic, pcie, now_fs)
        elif could_start(pcie.down):
            has_started = True
            start_down(nic, pcie, now_fs)
    return has_started


@inlined
def settle(nic, now_fs):
    """Do what an event has made possible: copies move on, a descriptor is done, reads go, drivers post."""
    if nic.moves_due:
        nic.moves_due = 0
        move_local_copies(nic, now_fs)
    if nic.done_queue >= 0:
        descriptors_done(nic, now_fs, nic.done_queue, 1)
        nic.done_queue = -1
    if nic.reads_due:
        nic.reads_due = 0
        if not has_to_wait(nic):
            issue(nic, now_fs)
    if nic.traffic.n_hungry > 0:
        feed_hungry(nic, now_fs)


@kernel
def begin_all(nic):
    """Fetch the first Rx descriptors and let all sources begin."""
    for number in range(nic.params.n_queues + nic.virtual_switch.params.n_rings):
        fetch_rx(nic, number)
    for number in range(nic.params.n_sources):
        begin(nic, number)
    for number in range(nic.params.n_functions):
        hunger(nic, number)
    if nic.params.has_flow_control:
        begin_flow_control(nic)
    if nic.virtual_switch.learned.n_announced > 0:
        hear_announced(nic)
    nic.clock.has_started = 1
    nic.reads_due = 1


@kernel
def first_event_fs(nic):
    """Return when the next event is, between two calls: now, where something is still to be done of this instant."""
    if nic.moves_due or nic.reads_due or nic.traffic.n_hungry > 0:
        return nic.clock.now_fs
    return min(first_elsewhere(nic.clock), first_of_links(nic.clock))


@inlined
def advance(nic, until_fs, n_events):
    """Handle all events up to `until_fs`, at most `n_events`; return when the next one is."""
    now_fs = nic.clock.now_fs
    left = n_events
    while True:
        nic = with_offsets(nic)
        clock = nic.clock
        ledger = nic.ledger
        if nic.moves_due or nic.reads_due or nic.traffic.n_hungry > 0:
            settle(nic, now_fs)
        elsewhere_fs = first_elsewhere(clock)
        at_fs = min(elsewhere_fs, first_of_links(clock))
        if at_fs > now_fs:
            if start_links(nic, now_fs):
                if nic.moves_due:
                    continue
                # Starting TLPs schedules nothing else, unless a DMA engine has the next one ready later.
                if nic.params.has_engines:
                    elsewhere_fs = first_elsewhere(clock)
                at_fs = min(elsewhere_fs, first_of_links(clock))
            if at_fs > until_fs or left <= 0 or (ledger.is_stopping | ledger.overflow | clock.overflow) != 0:
                break
            now_fs = at_fs
        handle(nic, now_fs)
        left -= 1
    nic.clock.n_events += n_events - left
    nic.clock.now_fs = now_fs
    return at_fs


@kernel
def close_books(nic, at_fs, until_fs):
    """Bring sums that are updated late up to date; nothing happens from now up to `at_fs`."""
    has_passed_fs = until_fs if until_fs < at_fs < NEVER and nic.ledger.is_stopping == 0 else nic.clock.now_fs
    for number in range(ADAPTER_LINKS):
        catch_up(nic.clock, link_at(nic, number), has_passed_fs + 1)
    fold(nic.ledger)


@kernel
def end_run(nic, at_fs, until_fs):
    """Close the books of a call to `run`, behind which the next event is at `at_fs`; return why it stopped."""
    close_books(nic, at_fs, until_fs)
    if nic.clock.overflow or nic.ledger.overflow:
        return OVERFLOW
    if nic.ledger.is_stopping:
        return nic.ledger.is_stopping
    if at_fs >= NEVER:
        return IDLE
    if at_fs > until_fs:
        nic.clock.now_fs = until_fs
        return DONE
    return EVENTS_SPENT


@entry
def run(servers, number, until_fs, n_events, part):
    """Advance a server without commands to `until_fs`, at most `n_events` events; return why it stopped (`DONE`, ...).

    `servers` is a record array of SERVER, `number` the server's place there. `part` says what of that is asked for:
    `WHOLE`, where the first call starts the server at time 0; or, by a program that calls this one, the start alone
    (`BEGIN`) or to go on from there (`ADVANCE`), both of which return when the next event is.
    """
    nic = servers[number]
    last_fs = min(until_fs, NEVER - 1)  # events at NEVER are none
    if part != ADVANCE:
        nic.ledger.is_stopping = 0
        if nic.clock.has_started == 0:
            begin_all(nic)
    if part == BEGIN:
        return first_event_fs(nic)
    at_fs = advance(nic, last_fs, n_events)
    return at_fs if part == ADVANCE else end_run(nic, at_fs, last_fs)


ARGUMENTS = ("server[]", *["int64"] * 4)  # of a program that runs servers
run_server = by_address(run, *ARGUMENTS)

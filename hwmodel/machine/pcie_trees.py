"""PCIe switches between adapters and hosts: what comes by their ports waits, takes turns, and goes on.

They run between two turns of the servers, as bridges do. A TLP that begins on one of their links affects an adapter or
a host no sooner than at its end, or after its way through a switch; servers may run ahead by that much.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.records import NEVER
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.host.landing import credit_word, is_infinite
from hwmodel.machine.pcie.link import can_send, completion_chunk, consume, cut_next, keep_slot, on_link
from hwmodel.machine.pcie.link_state import TO_PEER
from hwmodel.machine.pcie.links import link_at, number_of
from hwmodel.machine.pcie.tree_credits import give_all_back, is_granted, next_back_down_fs, next_back_up_fs
from hwmodel.machine.pcie.tree_end import count_landed, head_fs, note_landing
from hwmodel.machine.pcie.tree_state import HOP_CAP, NO_ONE, POSTED, ROOT, SECOND, UNKNOWN
from hwmodel.machine.time.clock import COMPLETION_READY, CREDIT, LANE_CAP, UP_ARRIVAL
from hwmodel.machine.time.commands import next_command_fs, write_words
from hwmodel.machine.time.events import append, first_fs, insert
from hwmodel.machine.tlp_kinds import PAYLOAD_WRITE
from hwmodel.rules.pcie_link import DLLP_BYTES

NOTHING = -1


# ---- What comes by a port, and waits ----


@kernel
def leaves_fs(switch, begun_fs, ends_fs, out_fs):
    """Return when a TLP, which came from `begun_fs` to `ends_fs`, may leave a switch; it takes `out_fs` to go out."""
    if switch.params.cuts_through:
        return max(begun_fs, ends_fs - out_fs) + switch.params.latency_fs
    return ends_fs + switch.params.latency_fs


@kernel
def stand(trees, hops, ready_fs, n_bytes, data_bytes, server, slot, came_by):
    """Insert a TLP into a queue of a switch, by when it may leave, then by the port that brought it."""
    place = hops.tail
    while place > hops.head:
        before = hops.ring[(place - 1) & (HOP_CAP - 1)]
        if not is_before(ready_fs, came_by, before.at_fs, before.came_by):
            break
        hops.ring[place & (HOP_CAP - 1)] = before
        place -= 1
    hop = hops.ring[place & (HOP_CAP - 1)]
    hop.at_fs = ready_fs
    hop.n_bytes = n_bytes
    hop.data_bytes = data_bytes
    hop.server = server
    hop.slot = slot
    hop.came_by = came_by
    hops.tail += 1
    if hops.tail - hops.head >= HOP_CAP:
        trees.overflow = 1


@inlined
def is_before(ready_fs, came_by, other_fs, other_came_by):
    """Say whether a TLP goes before another in a queue that several ports bring TLPs to; those of one are in order."""
    return ready_fs < other_fs or (ready_fs == other_fs and came_by < other_came_by)


@kernel
def come_up(system, servers, port_number, way, begun_fs, ends_fs, n_bytes, data_bytes, server, slot):
    """Let a TLP come to a switch by a lower port: it goes on up, or a write for a peer below the switch down again."""
    trees = system.trees
    port = trees.port[port_number]
    switch = trees.switch[port.params.switch]
    to = link_at(servers[server], 0).tree.params
    if to.writes_to == TO_PEER and way == POSTED and switch.params.port_to[to.peer] != NO_ONE:
        entry = link_at(servers[server], 0).up_arrivals.ring[slot]
        kept = keep_for_peer(link_at(servers[to.peer], 0), entry, n_bytes, server)
        go_down(system, servers, switch, POSTED, begun_fs, ends_fs, n_bytes, data_bytes, to.peer, kept, port_number)
        return
    ready_fs = leaves_fs(switch, begun_fs, ends_fs, switch.params.duration_fs[n_bytes])
    stand(trees, port.waiting[way], ready_fs, n_bytes, data_bytes, server, slot, NO_ONE)
    trees.due_fs[port.params.switch] = UNKNOWN


@kernel
def keep_for_peer(pcie, entry, n_bytes, server):
    """Keep another adapter's write among the TLPs coming down to a peer; return its place. `queue`: whose it is."""
    slot = keep_slot(pcie.tree.slots, entry)
    pcie.tree.slots.ring[slot].left_bytes = n_bytes
    pcie.tree.slots.ring[slot].queue = server
    return slot


@kernel
def stand_at_root(system, servers, server, slot, at_fs):
    """Let a peer's write that has come to the root port wait there for the peer, to go on as the same TLP."""
    peer = link_at(servers[server], 0).tree.params.peer
    queue = link_at(servers[peer], 0).down.first
    entry = queue.ring[queue.tail & queue.mask]
    queue.ring[queue.tail & queue.mask] = link_at(servers[server], 0).up_arrivals.ring[slot]
    entry.at_fs = at_fs
    entry.left_bytes = entry.data_bytes
    entry.address -= entry.data_bytes
    entry.queue = server
    entered(servers[peer].clock, queue)
    comes_to(system, peer, at_fs)


@kernel
def take_from_adapters(system, servers):
    """Take what adapters have begun to send."""
    trees = system.trees
    for number in range(trees.n_switches):
        if trees.due_fs[number] != UNKNOWN:
            continue
        params = trees.switch[number].params
        for at in range(params.first_port, params.first_port + params.n_ports):
            server = trees.port[at].params.server
            if server == NO_ONE:
                continue
            end = link_at(servers[server], 0).tree
            flight_fs = end.params.flight_fs
            for place in range(end.sent_head, end.sent_tail):
                sent = end.sent[place & (LANE_CAP - 1)]
                begun_fs, ends_fs = sent.begun_fs + flight_fs, sent.ends_fs + flight_fs
                come_up(
                    system, servers, at, sent.is_read, begun_fs, ends_fs, sent.n_bytes, sent.data_bytes, server,
                    sent.slot,
                )  # fmt: skip
            end.sent_head = end.sent_tail


@kernel
def go_down(system, servers, switch, way, begun_fs, ends_fs, n_bytes, data_bytes, server, slot, came_by):
    """Let a TLP go to a switch's lower port towards its adapter; `came_by`: the lower port it came by, or above."""
    trees = system.trees
    port = trees.port[switch.params.port_to[server]]
    if port.params.below == NO_ONE:
        pcie = link_at(servers[server], 0)
        ready_fs = leaves_fs(switch, begun_fs, ends_fs, pcie.params.duration_fs[n_bytes])
        stand_at_link(servers[server].clock, pcie, way, ready_fs, slot, came_by)
        comes_to(system, server, ready_fs)
    else:
        below = trees.switch[port.params.below]
        ready_fs = leaves_fs(switch, begun_fs, ends_fs, below.params.duration_fs[n_bytes])
        stand(trees, below.down.waiting[way], ready_fs, n_bytes, data_bytes, server, slot, came_by)
        trees.due_fs[port.params.below] = UNKNOWN


@kernel
def stand_at_link(clock, pcie, way, ready_fs, slot, came_by):
    """Let a TLP stand at the switch for an adapter's own link, which is to look at it then if it is idle."""
    queue = pcie.tree.second if way == SECOND else pcie.tree.first
    place = queue.tail
    while place > queue.head:
        before = queue.ring[(place - 1) & queue.mask]
        is_write = before.kind == PAYLOAD_WRITE
        if not is_before(ready_fs, came_by, before.at_fs, before.tag if is_write else NO_ONE):
            break
        queue.ring[place & queue.mask] = before
        place -= 1
    entry = queue.ring[place & queue.mask]
    queue.ring[place & queue.mask] = pcie.tree.slots.ring[slot]
    entry.at_fs = ready_fs
    if entry.kind == PAYLOAD_WRITE:
        entry.tag = came_by
    entered(clock, queue)
    lane = COMPLETION_READY + number_of(pcie)
    if pcie.down.is_busy == 0:
        clock.next_at[lane] = min(clock.next_at[lane], ready_fs)


@kernel
def comes_to(system, server, at_fs):
    """Note that something happens at a server then."""
    component = system.server[server]
    component.next_fs = min(component.next_fs, at_fs)


# ---- Credits ----


@kernel
def return_write(system, servers, switch, came_by, at_fs, data_bytes):
    """Return a posted TLP's credits, as it leaves a switch downward, to the lower port it came by, or to above."""
    if came_by == NO_ONE:
        insert(switch.down.returned[POSTED], at_fs, data_bytes)
    else:
        return_to_port(system, servers, system.trees.port[came_by], POSTED, at_fs, data_bytes)


@kernel
def give_back_writes(system, servers, switch):
    """Return the credits of peers' writes that have left a switch by adapters' links."""
    params = switch.params
    for at in range(params.first_port, params.first_port + params.n_ports):
        server = system.trees.port[at].params.server
        if server == NO_ONE:
            continue
        end = link_at(servers[server], 0).tree
        for place in range(end.writes_head, end.writes_tail):
            gone = end.writes[place & (LANE_CAP - 1)]
            return_write(system, servers, switch, gone.came_by, gone.at_fs + params.return_fs, gone.data_bytes)
        end.writes_head = end.writes_tail


# ---- The link of a switch's upper port ----


@kernel
def put_on_link(switch, link, opposite, now_fs, n_bytes):
    """Put a TLP on a direction of a switch's link, behind the DLLPs that are due; return when it has left."""
    count_landed(switch, opposite.landings, opposite, link, now_fs)
    count_landed(switch, link.landings, link, opposite, now_fs)
    busy_fs = switch.params.duration_fs[n_bytes] + link.due_dllps * switch.params.dllp_fs
    link.counts.busy_fs += busy_fs
    link.counts.dllps += link.due_dllps
    link.counts.n_tlps += 1
    link.counts.n_bytes += n_bytes
    link.due_dllps = 0
    link.is_busy = 1
    link.busy_until_fs = now_fs + busy_fs
    note_landing(link.landings, link.busy_until_fs + switch.params.flight_fs)
    return link.busy_until_fs


@kernel
def head_of(hops):
    """Return the TLP at the head of a queue."""
    return hops.ring[hops.head & (HOP_CAP - 1)]


@kernel
def may_go(queues, link, now_fs):
    """Return which of two queues may send its head on a link now, or `NOTHING`; `queues.waiting`: P, and NP or CPL.

    Writes may pass a blocked read or completion; neither passes a write.
    """
    waiting = queues.waiting
    posted_fs, second_fs = first_fs(waiting[POSTED]), first_fs(waiting[SECOND])
    is_second = second_fs <= now_fs and second_fs < posted_fs
    if is_second and can_send(link.credits[SECOND], head_of(waiting[SECOND]).data_bytes):
        return SECOND
    if posted_fs <= now_fs and can_send(link.credits[POSTED], head_of(waiting[POSTED]).data_bytes):
        return POSTED
    return NOTHING


@kernel
def next_turn(trees, switch, now_fs):
    """Return which lower port sends up next, as twice its place plus the queue; or `NOTHING`."""
    params = switch.params
    if switch.left > 0:
        way = may_go(trees.port[params.first_port + switch.turn], switch.up, now_fs)
        if way != NOTHING:
            switch.left -= 1
            return 2 * switch.turn + way
    for step in range(1, params.n_ports + 1):
        place = (switch.turn + step) % params.n_ports
        port = trees.port[params.first_port + place]
        way = may_go(port, switch.up, now_fs)
        if way != NOTHING:
            switch.turn, switch.left = place, port.params.weight - 1
            return 2 * place + way
    return NOTHING


@kernel
def begin_up(system, servers, switch, now_fs):
    """Send the next TLP up, if one may go."""
    trees, params = system.trees, switch.params
    chosen = next_turn(trees, switch, now_fs)
    if chosen == NOTHING:
        return
    way = chosen % 2
    port = trees.port[params.first_port + chosen // 2]
    hop = head_of(port.waiting[way])
    port.waiting[way].head += 1
    port.n_tlps += 1
    port.n_bytes += hop.n_bytes
    consume(switch.up.credits[way], hop.data_bytes)
    ends_fs = put_on_link(switch, switch.up, switch.down, now_fs, hop.n_bytes)
    there_fs = ends_fs + params.flight_fs
    return_to_port(system, servers, port, way, ends_fs + params.return_fs, hop.data_bytes)
    if params.above == ROOT and way == POSTED and link_at(servers[hop.server], 0).tree.params.writes_to:
        stand_at_root(system, servers, hop.server, hop.slot, there_fs)
    elif params.above == ROOT:
        append(servers[hop.server].clock, UP_ARRIVAL, there_fs, hop.slot)
        comes_to(system, hop.server, there_fs)
    else:
        begun_fs = there_fs - params.duration_fs[hop.n_bytes]
        come_up(
            system, servers, params.port_above, way, begun_fs, there_fs, hop.n_bytes, hop.data_bytes, hop.server,
            hop.slot,
        )  # fmt: skip


@kernel
def return_to_port(system, servers, port, way, at_fs, data_bytes):
    """Let the credits of a lower port return to what is below it."""
    if port.params.below == NO_ONE:
        append(servers[port.params.server].clock, CREDIT, at_fs, credit_word(way, data_bytes))
        comes_to(system, port.params.server, at_fs)
    else:
        insert(system.trees.switch[port.params.below].up.returned[way], at_fs, data_bytes)
        system.trees.due_fs[port.params.below] = UNKNOWN


@kernel
def next_at_root(servers, switch, now_fs):
    """Return which adapter's queue at the root port sends next, as twice its place plus the queue; or `NOTHING`.

    The head that entered first, P before CPL, then by adapter; doorbells pass completions that lack credits.
    """
    posted_fs, completion_fs = np.int64(NEVER), np.int64(NEVER)
    posted_at, completion_at = NOTHING, NOTHING
    for at in range(switch.params.n_members):
        link = link_at(servers[switch.params.member[at]], 0).down
        of_posted, of_completion = head_fs(link.first), head_fs(link.second)
        if of_posted < posted_fs:
            posted_fs, posted_at = of_posted, at
        if of_completion < completion_fs:
            completion_fs, completion_at = of_completion, at
    if completion_fs <= now_fs and completion_fs < posted_fs:
        pcie = link_at(servers[switch.params.member[completion_at]], 0)
        entry = pcie.down.second.ring[pcie.down.second.head & pcie.down.second.mask]
        if can_send(switch.down.credits[SECOND], completion_chunk(pcie, entry)):
            return 2 * completion_at + SECOND
    if posted_fs <= now_fs:
        queue = link_at(servers[switch.params.member[posted_at]], 0).down.first
        if can_send(switch.down.credits[POSTED], queue.ring[queue.head & queue.mask].left_bytes):
            return 2 * posted_at + POSTED
    return NOTHING


@kernel
def cut_at_root(pcie, way):
    """Cut the next TLP of a transaction at the root port; return its slot, whose `left_bytes` are those on a link."""
    queue = pcie.down.second if way == SECOND else pcie.down.first
    entry = queue.ring[queue.head & queue.mask]
    data_bytes, overhead_bytes = entry.left_bytes, pcie.params.request_bytes
    if way == SECOND:
        data_bytes, overhead_bytes = completion_chunk(pcie, entry), pcie.params.completion_bytes
    n_bytes = overhead_bytes + on_link(pcie, entry.address, data_bytes)
    cut_next(queue, entry, data_bytes)
    slot = keep_slot(pcie.tree.slots, entry)
    pcie.tree.slots.ring[slot].left_bytes = n_bytes
    return slot


@kernel
def begin_down_at_root(system, servers, switch, now_fs):
    """Send the next TLP from a root port, if one may go."""
    chosen = next_at_root(servers, switch, now_fs)
    if chosen == NOTHING:
        return
    way, server = chosen % 2, switch.params.member[chosen // 2]
    pcie = link_at(servers[server], 0)
    slot = cut_at_root(pcie, way)
    kept = pcie.tree.slots.ring[slot]
    send_down(system, servers, switch, now_fs, way, kept.left_bytes, kept.data_bytes, server, slot)
    if kept.kind == PAYLOAD_WRITE and not is_infinite(pcie.tree.params.root[POSTED]):
        back_at_fs = switch.down.busy_until_fs + pcie.params.credit_return_fs
        insert(pcie.tree.from_root[POSTED], back_at_fs, kept.data_bytes)


@kernel
def begin_down(system, servers, switch, now_fs):
    """Send the next TLP down that stands at the switch above, if one may go."""
    way = may_go(switch.down, switch.down, now_fs)
    if way == NOTHING:
        return
    hop = head_of(switch.down.waiting[way])
    switch.down.waiting[way].head += 1
    send_down(system, servers, switch, now_fs, way, hop.n_bytes, hop.data_bytes, hop.server, hop.slot)
    above = system.trees.switch[switch.params.above]
    system.trees.due_fs[switch.params.above] = UNKNOWN
    back_at_fs = switch.down.busy_until_fs + above.params.return_fs
    if way == SECOND:
        insert(above.down.returned[SECOND], back_at_fs, hop.data_bytes)
    elif is_granted(above, POSTED):
        return_write(system, servers, above, hop.came_by, back_at_fs, hop.data_bytes)


@kernel
def send_down(system, servers, switch, now_fs, way, n_bytes, data_bytes, server, slot):
    """Put a TLP on a switch's link down, and let it come to the switch."""
    if is_granted(switch, way):
        consume(switch.down.credits[way], data_bytes)
    there_fs = put_on_link(switch, switch.down, switch.up, now_fs, n_bytes) + switch.params.flight_fs
    begun_fs = there_fs - switch.params.duration_fs[n_bytes]
    go_down(system, servers, switch, way, begun_fs, there_fs, n_bytes, data_bytes, server, slot, NO_ONE)


# ---- The link that hosts share ----


@kernel
def change_weights(trees, now_fs):
    """Let hosts have the weights that commands have given them up to now."""
    commands = trees.commands
    while next_command_fs(commands) <= now_fs:
        write_words(commands, commands.ring[commands.head], trees.quantum_bytes)
        commands.head += 1


@kernel
def head_bytes(trees, switch, is_down, now_fs):
    """Return the bytes of the TLP that a host would send next if the link were its own, 0 if there is none."""
    if is_down:
        way = may_go(switch.down, switch.down, now_fs)
        return np.int64(0) if way == NOTHING else head_of(switch.down.waiting[way]).n_bytes
    port = trees.port[switch.params.first_port]
    way = may_go(port, switch.up, now_fs)
    return np.int64(0) if way == NOTHING else head_of(port.waiting[way]).n_bytes


@kernel
def next_sharing(trees, is_down, now_fs):
    """Return the switch of the host that sends next on the shared link (deficit round robin), or `NOTHING`."""
    shared = trees.shared[is_down]
    at = 0
    while at < trees.n_sharing and head_bytes(trees, trees.switch[at], is_down, now_fs) == 0:
        at += 1
    if at == trees.n_sharing:
        return NOTHING
    while True:
        n_bytes = head_bytes(trees, trees.switch[shared.turn], is_down, now_fs)
        if 0 < n_bytes <= shared.balance[shared.turn]:
            shared.balance[shared.turn] -= n_bytes
            return shared.turn
        if n_bytes == 0:
            shared.balance[shared.turn] = min(shared.balance[shared.turn], 0)
        shared.turn = (shared.turn + 1) % trees.n_sharing
        if head_bytes(trees, trees.switch[shared.turn], is_down, now_fs) > 0:
            shared.balance[shared.turn] += trees.quantum_bytes[shared.turn]


@kernel
def share_link(system, servers, now_fs):
    """Let the link that hosts share send, each way, what is next, if it is idle."""
    trees = system.trees
    change_weights(trees, now_fs)
    is_busy_up, is_busy_down = False, False
    for number in range(trees.n_sharing):
        is_busy_up |= trees.switch[number].up.is_busy > 0
        is_busy_down |= trees.switch[number].down.is_busy > 0
    number = NOTHING if is_busy_up else next_sharing(trees, 0, now_fs)
    if number != NOTHING:
        trees.due_fs[number] = UNKNOWN
        n_before = trees.switch[number].up.counts.dllps
        begin_up(system, servers, trees.switch[number], now_fs)
        charge_dllps(trees.shared[0], number, trees.switch[number].up.counts.dllps - n_before)
    number = NOTHING if is_busy_down else next_sharing(trees, 1, now_fs)
    if number != NOTHING:
        trees.due_fs[number] = UNKNOWN
        n_before = trees.switch[number].down.counts.dllps
        begin_down(system, servers, trees.switch[number], now_fs)
        charge_dllps(trees.shared[1], number, trees.switch[number].down.counts.dllps - n_before)


@kernel
def charge_dllps(shared, number, n_pairs):
    """Charge a host for the DLLPs that went before its TLP: it has caused them; its balance may fall below 0."""
    shared.balance[number] -= n_pairs * 2 * DLLP_BYTES


# ---- In time ----


@kernel
def next_up_fs(trees, servers, switch, now_fs):
    """Return when a switch's link up has something to do next."""
    if switch.up.is_busy:
        return switch.up.busy_until_fs
    at_fs, params, waits = np.int64(NEVER), switch.params, False
    for at in range(params.first_port, params.first_port + params.n_ports):
        for way in range(2):
            ready_fs = first_fs(trees.port[at].waiting[way])
            if ready_fs > now_fs:
                at_fs = min(at_fs, ready_fs)
            else:
                waits = True
    return min(at_fs, next_back_up_fs(servers, switch)) if waits else at_fs


@kernel
def next_down_fs(trees, servers, switch, now_fs):
    """Return when a switch's link down has something to do next."""
    if switch.down.is_busy:
        return switch.down.busy_until_fs
    at_fs, params, waits = np.int64(NEVER), switch.params, False
    n_queues = params.n_members if params.above == ROOT else 1
    for at in range(n_queues):
        for way in range(2):
            if params.above != ROOT:
                ready_fs = first_fs(switch.down.waiting[way])
            else:
                link = link_at(servers[params.member[at]], 0).down
                ready_fs = head_fs(link.second) if way == SECOND else head_fs(link.first)
            if ready_fs > now_fs:
                at_fs = min(at_fs, ready_fs)
            else:
                waits = True
    return min(at_fs, next_back_down_fs(trees, servers, switch)) if waits else at_fs


@kernel
def look_at_switches(trees, server):
    """Note that an adapter or its host has run: it may have something for its switches, or credits.

    An adapter behind no switch has the first one looked at, which finds nothing.
    """
    if trees.n_switches > 0:
        trees.due_fs[trees.leaf[server]] = UNKNOWN
        trees.due_fs[trees.root[server]] = UNKNOWN


@kernel
def next_of_trees_fs(trees, servers):
    """Return when the next event of all switches is."""
    at_fs = np.int64(NEVER)
    for number in range(trees.n_switches):
        if trees.due_fs[number] == UNKNOWN:
            switch = trees.switch[number]
            up_fs = next_up_fs(trees, servers, switch, trees.now_fs)
            trees.due_fs[number] = min(up_fs, next_down_fs(trees, servers, switch, trees.now_fs))
        at_fs = min(at_fs, trees.due_fs[number])
    return at_fs


@kernel
def settle(trees, servers, number, now_fs):
    """Let a switch's links end what they send, and have the credits that are back."""
    switch = trees.switch[number]
    trees.due_fs[number] = UNKNOWN
    give_all_back(trees, servers, switch, now_fs)
    if switch.up.is_busy and switch.up.busy_until_fs <= now_fs:
        switch.up.is_busy = 0
    if switch.down.is_busy and switch.down.busy_until_fs <= now_fs:
        switch.down.is_busy = 0


@kernel
def step_sharing(system, servers, now_fs):
    """Let all happen that happens at one instant on the link that hosts share, if anything does."""
    trees, is_due = system.trees, False
    for number in range(trees.n_sharing):
        if trees.due_fs[number] <= now_fs:
            settle(trees, servers, number, now_fs)
            is_due = True
    if is_due:
        share_link(system, servers, now_fs)


@kernel
def step_trees(system, servers, now_fs):
    """Let all happen that happens at one instant, then idle links choose."""
    trees = system.trees
    trees.now_fs = now_fs
    step_sharing(system, servers, now_fs)
    for number in range(trees.n_sharing, trees.n_switches):
        if trees.due_fs[number] > now_fs:
            continue
        settle(trees, servers, number, now_fs)
        switch = trees.switch[number]
        if switch.up.is_busy == 0:
            begin_up(system, servers, switch, now_fs)
        if switch.down.is_busy == 0:
            if switch.params.above == ROOT:
                begin_down_at_root(system, servers, switch, now_fs)
            else:
                begin_down(system, servers, switch, now_fs)


@out_of_line
def run_trees(system, servers, until_fs):
    """Let all switches run up to a time that all servers have come to."""
    trees = system.trees
    take_from_adapters(system, servers)
    for number in range(trees.n_switches):
        if trees.due_fs[number] == UNKNOWN and is_granted(trees.switch[number], POSTED):
            give_back_writes(system, servers, trees.switch[number])
    at_fs = next_of_trees_fs(trees, servers)
    while at_fs <= until_fs:
        step_trees(system, servers, at_fs)
        at_fs = next_of_trees_fs(trees, servers)
    trees.next_fs = at_fs

"""PCIe switches between adapters and their hosts, written from docs/datapath/pcie_link.md.

Its sections "PCIe trees" and "Several hosts at one adapter".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import simpy

from ..simpy_nic.cutting import Tlp, Uncut, write_bytes
from ..simpy_nic.link import DLLP_PAIR_BYTES, Credits, Direction, Lane, Transaction, nothing
from ..simpy_nic.parameters import NicParameters
from ..simpy_nic.timing import BEHIND_THE_EVENT, AtHost, AtLink, FifoServer, Phase, fs_of_bytes, later, place

ROOT = "root"
_CHOICE = place(Phase.CHOICE)
_LEFT = place(Phase.LINK)
_LANDS = place(Phase.LINK, AtLink.DOWN_LANDS)


@dataclass(frozen=True)
class PcieSwitchParameters:
    """A PCIe switch, with the link of its upper port; `behind`: root, or another switch."""

    name: str
    behind: str
    fs_per_byte: tuple[int, int]
    dllp_period_tlps: int
    propagation_fs: int
    latency_fs: int
    cuts_through: bool
    weight: int
    ph: int
    pd: int
    nph: int
    cplh: int
    cpld: int
    return_fs: int
    quantum_bytes: int | None = None
    """Its link is one with that of all others that have a quantum, who take turns there."""
    grants_doorbells: bool = False
    """Doorbells take credits on its link, `ph` and `pd`."""


@dataclass(frozen=True)
class SlotParameters:
    """Where an adapter stands: behind a switch, and how many TLPs it has in a turn there."""

    behind: str
    weight: int


@dataclass(frozen=True)
class PcieTreeParameters:
    """One host's switches, and the slots of those adapters that are behind one, by the adapter's name in the system."""

    switches: Sequence[PcieSwitchParameters]
    slots: Mapping[str, SlotParameters]


Left = Callable[["Hop"], None]


@dataclass(slots=True, eq=False)
class Hop:
    """A TLP on its way: whose, and from when it may leave where it stands."""

    adapter: Below
    is_posted: bool
    transaction: Transaction
    tlp: Tlp
    is_last: bool
    ready_fs: int = 0
    left: Left | None = None
    """Told when its last byte has left by the next link, of what goes down."""
    source: Below | None = None
    """The adapter that writes to a peer."""
    came_by: int = -1
    """The lower port that brought it to the switch that turns it, by its place; -1 of what comes from above."""

    @property
    def n_bytes(self) -> int:
        """Return its bytes on a link."""
        return self.transaction.header_bytes + self.tlp.data_bytes


@dataclass(slots=True)
class Stand:
    """The two queues of a port; `left`: told of each TLP when its last byte has left by the next link."""

    left: Left
    weight: int = 1
    posted: deque[Hop] = field(default_factory=deque)
    other: deque[Hop] = field(default_factory=deque)

    def put(self, hop: Hop) -> None:
        """Let a TLP stand there."""
        (self.posted if hop.is_posted else self.other).append(hop)

    def put_in_time(self, hop: Hop) -> None:
        """Let a TLP that goes down stand there: by when it may leave, then by the port that brought it."""
        queue = self.posted if hop.is_posted else self.other
        at = len(queue)
        while at and (queue[at - 1].ready_fs, queue[at - 1].came_by) > (hop.ready_fs, hop.came_by):
            at -= 1
        queue.insert(at, hop)

    def next(self, now_fs: int, may_go: Callable[[Hop], bool]) -> Hop | None:
        """Return the head that may leave first; one that is not posted lets posted ones by where it lacks credits."""
        ready = [queue[0] for queue in (self.posted, self.other) if queue and queue[0].ready_fs <= now_fs]
        for hop in sorted(ready, key=lambda each: each.ready_fs):
            if may_go(hop):
                return hop
            if hop.is_posted:
                return None
        return None

    def take(self, hop: Hop) -> None:
        """Let a head go."""
        assert (self.posted if hop.is_posted else self.other).popleft() is hop


class LinkWay:
    """One direction of the link above a switch: idle or busy, with its DLLPs."""

    def __init__(self, env: simpy.Environment, settings: PcieSwitchParameters, choose: Callable[[], None]) -> None:
        """Begin idle; `choose` is called at the end of an instant at which it may have something to send."""
        self._env, self._settings, self._choose = env, settings, choose
        self.opposite = self
        self.shared: SharedWay | None = None
        self.is_busy = self._is_due = False
        self._received, self.pairs_due = 0, 0
        self.bytes_sent = 0

    def look(self) -> None:
        """Choose at the end of this instant."""
        if self.shared is not None:
            self.shared.look()
        elif not self._is_due:
            self._is_due = True
            later(self._env, 0, BEHIND_THE_EVENT, self._at_the_end)

    def look_at(self, at_fs: int) -> None:
        """Choose at the end of a later instant."""
        later(self._env, at_fs - self._env.now, _LEFT, self.look)

    def _at_the_end(self) -> None:
        later(self._env, 0, _CHOICE, self._look)

    def _look(self) -> None:
        self._is_due = False
        if not self.is_busy:
            self._choose()

    def send(self, hop: Hop, left: Left) -> tuple[int, int]:
        """Send a TLP behind the DLLPs that are due; return when its first and its last byte come to the other end."""
        settings = self._settings
        pairs, self.pairs_due = self.pairs_due, 0
        own_fs = fs_of_bytes(hop.n_bytes, settings.fs_per_byte)
        busy_fs = own_fs + pairs * fs_of_bytes(DLLP_PAIR_BYTES, settings.fs_per_byte)
        self.is_busy = True
        self.bytes_sent += hop.n_bytes
        later(self._env, busy_fs, _LEFT, self._has_left, hop, left)
        later(self._env, busy_fs + settings.propagation_fs, place(Phase.LINK, AtLink.DOWN_LANDS), self._lands)
        there_fs = self._env.now + busy_fs + settings.propagation_fs
        return there_fs - own_fs, there_fs

    def _has_left(self, hop: Hop, left: Left) -> None:
        self.is_busy = False
        left(hop)
        self.look()

    def _lands(self) -> None:
        self._received += 1
        if self._settings.dllp_period_tlps and self._received % self._settings.dllp_period_tlps == 0:
            self.opposite.pairs_due += 1


@dataclass(slots=True)
class Sharer:
    """A host's way on the link that hosts share: what it would send next, and how it sends it."""

    way: LinkWay
    head: Callable[[], Hop | None]
    sends: Callable[[], None]
    quantum_bytes: int
    balance_bytes: int = 0


class SharedWay:
    """One direction of the link that hosts share: one TLP at a time, by deficit round robin."""

    def __init__(self, env: simpy.Environment) -> None:
        """Begin with nobody."""
        self._env = env
        self.sharers: list[Sharer] = []
        self._turn, self._is_due = -1, False

    def joins(self, sharer: Sharer) -> None:
        """Let a host share the link."""
        self.sharers.append(sharer)
        sharer.way.shared = self

    def look(self) -> None:
        """Choose at the end of this instant."""
        if not self._is_due:
            self._is_due = True
            later(self._env, 0, BEHIND_THE_EVENT, lambda: later(self._env, 0, _CHOICE, self._choose))

    def _choose(self) -> None:
        self._is_due = False
        if any(each.way.is_busy for each in self.sharers):
            return
        heads = [each.head() for each in self.sharers]
        if not any(heads):
            return
        at = self._turn % len(heads)
        while (hop := heads[at]) is None or hop.n_bytes > self.sharers[at].balance_bytes:
            if hop is None:
                self.sharers[at].balance_bytes = min(self.sharers[at].balance_bytes, 0)
            at = (at + 1) % len(heads)
            if heads[at] is not None:
                self.sharers[at].balance_bytes += self.sharers[at].quantum_bytes
        self.sharers[at].balance_bytes -= hop.n_bytes + DLLP_PAIR_BYTES * self.sharers[at].way.pairs_due
        self._turn = at
        self.sharers[at].sends()


class Below:
    """An adapter in a slot of a switch: its own link's two directions."""

    def __init__(
        self, env: simpy.Environment, switch: PcieSwitch, nic: NicParameters, link: tuple[Direction, Direction],
        weight: int,
    ) -> None:  # fmt: skip
        """Take the adapter's link to the switch."""
        self._env, self._switch, self._nic = env, switch, nic
        self._up, self._down = link
        if switch.settings.quantum_bytes is not None:  # within the adapter nothing flies
            self._nic, self._up._flight_fs = replace(nic, propagation_fs=0), 0
        own = switch.settings
        self._writes = Credits(env, own.ph, own.pd, own.return_fs)
        self._reads = Credits(env, own.nph, 0, own.return_fs)
        drain = self._up._posted.credit.drain
        for lane, credit in ((self._up._posted, self._writes), (self._up._other, self._reads)):
            lane.credit = credit
            credit.returned = self._up._wake
        self.stand = Stand(self._goes_on_up, weight)
        switch.lower.append(self.stand)
        self._up.beyond = self._begins_up
        self._waits = Stand(lambda _hop: None)
        self.of_peers: dict[Transaction, Below] = {}
        self._is_busy = self._is_due = False
        self._down._other.credit.returned = self._look
        self._drains = drain is not None
        self.way: tuple[PcieSwitch, ...] = ()
        self.peer: Below | None = None
        self.by_root = False
        self.came: dict[Below, int] = {}
        """Whom all its writes are for, if not the host, and whether over the root; data that others have written."""

    def joins_root(self, root: RootLink) -> None:
        """Stand behind a root port, with its credits for what comes up, and its link for what goes down."""
        writes, reads = root.writes, root.reads
        if self._drains:
            rate = self._nic.write_drain_fs_per_byte
            assert rate is not None
            shared, writes = writes, Credits(self._env, 0, 0, 0)
            writes.infinite = shared.infinite
            writes.drain = FifoServer(
                self._env, lambda n_bytes: fs_of_bytes(n_bytes, rate), lambda _: place(Phase.HOST, AtHost.CREDITS),
                done=shared.tlp_drained,
            )  # fmt: skip
        self._up._posted.far_credit, self._up._other.far_credit = writes, reads
        self._down.woken = root.way.look

    # Up.

    def _begins_up(self, lane: Lane, transaction: Transaction, tlp: Tlp, is_last: bool, busy_fs: int) -> None:
        hop = Hop(self, lane is self._up._posted, transaction, tlp, is_last)
        there_fs = self._env.now + busy_fs + self._nic.propagation_fs
        begins_fs = there_fs - fs_of_bytes(hop.n_bytes, self._nic.link_fs_per_byte)
        self._switch.comes_up(self.stand, hop, begins_fs, there_fs)

    def _goes_on_up(self, hop: Hop) -> None:
        (self._writes if hop.is_posted else self._reads).tlp_drained(hop.tlp.taken_bytes, 0)

    def comes_to_root(self, hop: Hop, there_fs: int) -> None:
        """Let the host take a TLP, or a write stand in the root port for a peer."""
        if hop.is_posted and self.peer is not None:
            later(self._env, there_fs - self._env.now, _LANDS, self.peer.stands_at_root, hop, self._nic)
            return
        lane = self._up._posted if hop.is_posted else self._up._other
        arguments = lane, hop.transaction, hop.tlp, hop.is_last
        later(self._env, there_fs - self._env.now, place(Phase.HOST, AtHost.UP_LANDS), self._up.is_taken, *arguments)

    # Down.

    def stands_at_root(self, hop: Hop, nic: NicParameters) -> None:
        """Let a peer's write stand in the root port, to be cut as it was."""
        data = Uncut(hop.tlp.address, hop.tlp.taken_bytes, nic, write_bytes)
        transaction = Transaction(hop.transaction.header_bytes, data, nothing, entered_fs=self._env.now)
        self.of_peers[transaction] = hop.adapter
        self._down._posted.queue.append(transaction)
        assert self._down.woken is not None
        self._down.woken()

    def heads(self, now_fs: int) -> list[tuple[int, bool, Lane]]:
        """Return what stands at the root port: when it entered, whether it is no posted one, its queue."""
        found = []
        for lane in (self._down._posted, self._down._other):
            if lane.queue:
                assert lane.queue[0].entered_fs <= now_fs
                found.append((lane.queue[0].entered_fs, lane is self._down._other, lane))
        return found

    def cut(self, lane: Lane) -> Hop:
        """Cut the next TLP of a head."""
        transaction = lane.queue[0]
        tlp = transaction.tlps.take()
        is_last = not transaction.tlps
        if is_last:
            lane.queue.popleft()
        source = self.of_peers.pop(transaction, None)
        return Hop(self, lane is self._down._posted, transaction, tlp, is_last, source=source)

    def out_fs(self, n_bytes: int) -> int:
        """Return how long a TLP takes on the adapter's link."""
        return fs_of_bytes(n_bytes, self._nic.link_fs_per_byte)

    def stands_below(self, hop: Hop, left: Left) -> None:
        """Let a TLP stand at the switch for the adapter; `left` is told when it has left."""
        hop.left = left
        self._waits.put_in_time(hop)
        later(self._env, hop.ready_fs - self._env.now, _LEFT, self._look)

    def _look(self) -> None:
        if not self._is_due:
            self._is_due = True
            later(self._env, 0, BEHIND_THE_EVENT, lambda: later(self._env, 0, _CHOICE, self._send))

    def _send(self) -> None:
        self._is_due = False
        if self._is_busy:
            return
        credit = self._down._other.credit

        def may_go(hop: Hop) -> bool:
            return hop.is_posted or credit.infinite or credit.cover(hop.tlp.taken_bytes)

        hop = self._waits.next(self._env.now, may_go)
        if hop is None:
            return
        self._waits.take(hop)
        if not hop.is_posted:
            credit.take(hop.tlp.taken_bytes)
        self._is_busy = True
        busy_fs = self._down._begin_transmission(hop.transaction, hop.tlp.data_bytes)
        later(self._env, busy_fs, self._down.left_at, self._has_left, hop)

    def _has_left(self, hop: Hop) -> None:
        self._is_busy = False
        assert hop.left is not None
        hop.left(hop)
        lane = self._down._posted if hop.is_posted else self._down._other
        arguments = lane, hop.transaction, hop.tlp, hop.is_last and hop.source is None
        later(self._env, self._nic.propagation_fs, self._down.lands_at, self._down._receive, *arguments)
        if hop.source is not None:
            later(self._env, self._nic.propagation_fs, self._down.lands_at, self._is_written, hop.source, hop.tlp)
        self._look()

    def _is_written(self, source: Below, tlp: Tlp) -> None:
        self.came[source] = self.came.get(source, 0) + tlp.taken_bytes


class RootLink:
    """What a root port does with the link below it."""

    def __init__(
        self, env: simpy.Environment, switch: PcieSwitch, adapters: Sequence[Below], nic: NicParameters
    ) -> None:
        """Grant the credits of the root port, and send down what stands there."""
        self._env, self._switch, self._adapters = env, switch, adapters
        self.writes = Credits(env, nic.posted_header_credits, nic.posted_data_credits, nic.credit_return_fs)
        self.reads = Credits(env, nic.read_header_credits, 0, nic.credit_return_fs)
        switch.granted_above(self.writes, self.reads, lambda hop, _begins, there: hop.adapter.comes_to_root(hop, there))
        self.way = switch.way_down
        switch.choose_down = self._choose
        for adapter in adapters:
            adapter.joins_root(self)

    def _choose(self) -> None:
        now_fs = self._env.now
        heads = [(*head[:2], at, head[2]) for at, each in enumerate(self._adapters) for head in each.heads(now_fs)]
        heads.sort(key=lambda head: head[:3])
        completions = [head for head in heads if head[1]]
        for head in heads:
            is_completion, at, lane = head[1:]
            if is_completion and head is not completions[0]:
                continue
            if is_completion and not self._switch.completions.cover(lane.queue[0].tlps.first.taken_bytes):
                continue
            if not is_completion and not self._switch.posted_down.cover(lane.queue[0].tlps.first.taken_bytes):
                return
            self._switch.sends_down(self._adapters[at].cut(lane), self._has_left)
            return

    def _has_left(self, hop: Hop) -> None:
        if hop.source is not None and not self.writes.infinite:
            self.writes.tlp_drained(hop.tlp.taken_bytes, 0)


class PcieSwitch:
    """A switch with the link of its upper port."""

    def __init__(self, env: simpy.Environment, settings: PcieSwitchParameters) -> None:
        """Begin with nothing in it."""
        self.settings = settings
        self._env = env
        self.lower: list[Stand] = []
        self.above: PcieSwitch | None = None
        self.way_up = LinkWay(env, settings, self._choose_up)
        self.way_down = LinkWay(env, settings, self._looks_down)
        self.way_up.opposite, self.way_down.opposite = self.way_down, self.way_up
        self.completions = Credits(env, settings.cplh, settings.cpld, settings.return_fs)
        self.completions.returned = self.way_down.look
        self.posted_down = Credits(env, 0, 0, settings.return_fs)
        """Doorbells need none, but where hosts share an adapter."""
        if settings.grants_doorbells:
            self.grants_posted()
        self.choose_down: Callable[[], None] = self._choose_down
        self._stands_above = Stand(lambda _hop: None)
        self._turn, self._left_in_turn = -1, 0
        self._sharers: tuple[Sharer, ...] = ()

    def grants_posted(self) -> None:
        """Grant credits for what is posted down: doorbells, or writes of peers."""
        self.posted_down = Credits(self._env, self.settings.ph, self.settings.pd, self.settings.return_fs)
        self.posted_down.returned = self.way_down.look

    def granted_above(self, writes: Credits, reads: Credits, goes_on: Callable[[Hop, int, int], None]) -> None:
        """Say what the port above grants, and what it does with what comes."""
        self._writes, self._reads, self._goes_on_up = writes, reads, goes_on
        for credit in (writes, reads):
            credit.returned = self.way_up.look

    def joins(self, above: PcieSwitch) -> None:
        """Stand behind another switch."""
        writes = Credits(self._env, above.settings.ph, above.settings.pd, above.settings.return_fs)
        reads = Credits(self._env, above.settings.nph, 0, above.settings.return_fs)

        def left(hop: Hop) -> None:
            (writes if hop.is_posted else reads).tlp_drained(hop.tlp.taken_bytes, 0)

        stand = Stand(left, self.settings.weight)
        above.lower.append(stand)
        self.granted_above(writes, reads, partial(above.comes_up, stand))

    def _ready_fs(self, begins_fs: int, there_fs: int, out_fs: int) -> int:
        if self.settings.cuts_through:
            return max(begins_fs, there_fs - out_fs) + self.settings.latency_fs
        return there_fs + self.settings.latency_fs

    def comes_up(self, stand: Stand, hop: Hop, begins_fs: int, there_fs: int) -> None:
        """Let a TLP come by a lower port from one time to another; a write for a peer below goes down again."""
        peer = hop.adapter.peer
        if hop.is_posted and peer is not None and not hop.adapter.by_root and self in peer.way:
            source, hop.source, hop.adapter, hop.came_by = hop.adapter, hop.adapter, peer, self.lower.index(stand)
            self._goes_down(hop, begins_fs, there_fs, lambda gone: stand.left(_as_from(gone, source)))
            return
        hop.ready_fs = self._ready_fs(begins_fs, there_fs, fs_of_bytes(hop.n_bytes, self.settings.fs_per_byte))
        stand.put(hop)
        self.way_up.look_at(hop.ready_fs)

    def _may_go_up(self, hop: Hop) -> bool:
        credit = self._writes if hop.is_posted else self._reads
        return credit.infinite or credit.cover(hop.tlp.taken_bytes if hop.is_posted else 0)

    def _choose_up(self) -> None:
        n = len(self.lower)
        order = [(self._turn + step) % n for step in range(n + 1)]
        if self._turn < 0:
            order = list(range(n))
        elif not self._left_in_turn:
            order = order[1:]
        for at in order:
            hop = self.lower[at].next(self._env.now, self._may_go_up)
            if hop is None:
                continue
            goes_on = at == self._turn and self._left_in_turn > 0 and at == order[0]
            self._left_in_turn = self._left_in_turn - 1 if goes_on else self.lower[at].weight - 1
            self._turn = at
            self.lower[at].take(hop)
            (self._writes if hop.is_posted else self._reads).take(hop.tlp.taken_bytes if hop.is_posted else 0)
            self._goes_on_up(hop, *self.way_up.send(hop, self.lower[at].left))
            return

    def sends_down(self, hop: Hop, left: Left) -> None:
        """Send a TLP to this switch by its upper port, and on to the port for its adapter."""
        (self.posted_down if hop.is_posted else self.completions).take(hop.tlp.taken_bytes)
        begins_fs, there_fs = self.way_down.send(hop, left)

        def left_here(passed: Hop) -> None:
            credit = self.posted_down if passed.is_posted else self.completions
            if not credit.infinite:
                credit.tlp_drained(passed.tlp.taken_bytes, 0)

        hop.came_by = -1
        self._goes_down(hop, begins_fs, there_fs, left_here)

    def _goes_down(self, hop: Hop, begins_fs: int, there_fs: int, left_here: Left) -> None:
        """Let a TLP stand at the port that leads to its adapter; `left_here`: told when it has left this switch."""
        below = next((each for each in hop.adapter.way if each.above is self), None)
        if below is None:
            hop.ready_fs = self._ready_fs(begins_fs, there_fs, hop.adapter.out_fs(hop.n_bytes))
            hop.adapter.stands_below(hop, left_here)
        else:
            out_fs = fs_of_bytes(hop.n_bytes, below.settings.fs_per_byte)
            hop.ready_fs = self._ready_fs(begins_fs, there_fs, out_fs)
            hop.left = left_here
            below._stands_above.put_in_time(hop)
            below.way_down.look_at(hop.ready_fs)

    def _looks_down(self) -> None:
        self.choose_down()  # of a root port, where it leads to one

    def _head_down(self) -> Hop | None:
        def may_go(hop: Hop) -> bool:
            if hop.is_posted:
                return self.posted_down.cover(hop.tlp.taken_bytes)
            return self.completions.cover(hop.tlp.taken_bytes)

        return self._stands_above.next(self._env.now, may_go)

    def _choose_down(self) -> None:
        hop = self._head_down()
        if hop is not None:
            self._stands_above.take(hop)
            assert hop.left is not None
            self.sends_down(hop, hop.left)

    def shares(self, up: SharedWay, down: SharedWay) -> None:
        """Share the link of the upper port with other hosts' switches."""
        quantum = self.settings.quantum_bytes
        assert quantum is not None
        (stand,) = self.lower
        own = (
            Sharer(self.way_up, lambda: stand.next(self._env.now, self._may_go_up), self._choose_up, quantum),
            Sharer(self.way_down, self._head_down, self._choose_down, quantum),
        )
        for way, sharer in zip((up, down), own, strict=True):
            way.joins(sharer)
        self._sharers = own

    def weighs(self, quantum_bytes: int) -> None:
        """Let the balances of the host grow by so much from its next turns on."""
        for sharer in self._sharers:
            sharer.quantum_bytes = quantum_bytes


def _as_from(hop: Hop, source: Below) -> Hop:
    """Return a TLP as the port knows it that brought it: as its source's."""
    return Hop(source, hop.is_posted, hop.transaction, hop.tlp, hop.is_last)


def plant_tree(
    env: simpy.Environment,
    parameters: PcieTreeParameters,
    adapters: Mapping[str, tuple[NicParameters, tuple[Direction, Direction]]],
) -> tuple[dict[str, PcieSwitch], dict[str, Below]]:
    """Put switches between adapters, by name in the order of the configuration, and their host; return both."""
    switches = {one.name: PcieSwitch(env, one) for one in parameters.switches}
    below: dict[str, Below] = {}
    for name, (nic, link) in adapters.items():
        slot = parameters.slots.get(name)
        if slot is not None and slot.behind != ROOT:
            below[name] = Below(env, switches[slot.behind], nic, link, slot.weight)
            way = [switches[slot.behind]]
            while way[-1].settings.behind != ROOT:
                way.append(switches[way[-1].settings.behind])
            below[name].way = tuple(way)
    for one in switches.values():
        if one.settings.behind != ROOT:
            one.above = switches[one.settings.behind]
            one.joins(one.above)
    up, down = SharedWay(env), SharedWay(env)
    for one in switches.values():
        if one.settings.quantum_bytes is not None:
            one.shares(up, down)
        if one.settings.behind == ROOT:
            own = [each for each in below.values() if each.way[-1] is one]
            RootLink(env, one, own, own[0]._nic)
    return switches, below

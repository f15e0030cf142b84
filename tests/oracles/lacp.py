"""A second implementation of LACP, from docs/lacp.md: deadlines that are looked at, machine by machine.

Two ends, each with all legs; a frame takes a given time from either end. `run` returns what each end sent, and used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

S = 10**15  # fs
ACTIVITY, TIMEOUT, AGGREGATION, SYNC, COLLECTING, DISTRIBUTING, DEFAULTED, EXPIRED = (1 << bit for bit in range(8))
NEVER = 1 << 62


@dataclass
class Settings:
    """What a file says of an end; `wait` in fs."""

    fast: bool
    active: bool
    wait: int
    who: tuple[int, ...]  # system priority, system, key, port priority


@dataclass
class Port:
    """The variables of 802.1AX for a leg; a deadline is a time and a place among those of that time."""

    enabled: bool = False
    actor_sync: bool = False
    used: bool = False
    defaulted: bool = True
    expired: bool = True
    selected: bool = False
    waiting: bool = False
    partner: tuple[int, ...] = (0, 0, 0, 0, 0)
    partner_state: int = 0
    partner_sync: bool = False
    ntt: bool = False
    period: int = 0
    deadlines: dict[str, tuple[int, int]] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)


class End:
    """An end of all legs."""

    def __init__(self, name: str, settings: Settings, n_legs: int, transmit: Callable[..., None]) -> None:
        self.name, self.s, self.ports, self.transmit = name, settings, [Port() for _ in range(n_legs)], transmit
        self.n_set = 0
        self.used: list[tuple[int, tuple[int, ...]]] = []

    def carrier(self, now: int, number: int, is_up: bool) -> None:
        port = self.ports[number]
        port.enabled, port.partner_sync = is_up, False
        port.deadlines.pop("current_while", None)
        if is_up:  # PORT_DISABLED to EXPIRED
            port.expired = True
            port.partner_state |= TIMEOUT
            self.set(port, "current_while", now + 3 * S)
        self.machines(now, number)

    def set(self, port: Port, what: str, at: int) -> None:
        self.n_set += 1
        port.deadlines[what] = (at, self.n_set)

    def next(self) -> tuple[int, int, int, str]:
        """Return the first deadline: its time, its place, the leg, what it is."""
        found = [(at, place, number, what) for number, port in enumerate(self.ports)
                 for what, (at, place) in port.deadlines.items()]  # fmt: skip
        return min(found, default=(NEVER, 0, 0, ""))

    def state(self, port: Port) -> int:
        return (
            ACTIVITY * self.s.active | TIMEOUT * self.s.fast | AGGREGATION | SYNC * port.actor_sync
            | (COLLECTING | DISTRIBUTING) * port.used | DEFAULTED * port.defaulted | EXPIRED * port.expired
        )  # fmt: skip

    def runs_out(self, now: int, number: int, what: str) -> None:
        port = self.ports[number]
        del port.deadlines[what]
        if what == "current_while" and not port.expired:  # CURRENT to EXPIRED
            port.expired, port.partner_sync = True, False
            port.partner_state |= TIMEOUT
            self.set(port, "current_while", now + 3 * S)
        elif what == "current_while":  # EXPIRED to DEFAULTED
            port.partner, port.partner_state, port.partner_sync = (0,) * 5, 0, False
            port.defaulted, port.expired, port.selected = True, False, False
        elif what == "periodic":
            port.ntt, port.period = True, 0
        elif what == "wait_while" and port.waiting:
            port.waiting, port.actor_sync, port.ntt = False, True, True
        self.machines(now, number)

    def receives(self, now: int, number: int, said: tuple[int, ...], said_state: int, known: tuple[int, ...],
                 known_state: int) -> None:  # fmt: skip
        port, me = self.ports[number], (*self.s.who, number + 1)
        if not port.enabled:
            return
        compared = ACTIVITY | TIMEOUT | AGGREGATION | SYNC
        if known != me or (known_state ^ self.state(port)) & compared:
            port.ntt = True
        if said != port.partner or (said_state ^ port.partner_state) & AGGREGATION:
            port.selected = False
            self.mux(now, port)
        port.partner, port.partner_state = said, said_state
        port.partner_sync = bool(said_state & SYNC) and known == me and bool(known_state & AGGREGATION)
        port.defaulted = port.expired = False
        self.set(port, "current_while", now + (3 if self.s.fast else 90) * S)
        port.selected = all(one.partner[:3] == said[:3] for one in self.ports if one.selected and one is not port)
        self.machines(now, number)

    def machines(self, now: int, number: int) -> None:
        port = self.ports[number]
        self.mux(now, port)
        self.periodic(now, port)
        if port.ntt and port.period:
            recent = [at for at in port.sent if at > now - S]
            if len(recent) < 3:
                port.ntt = False
                port.sent = [*recent, now]
                port.deadlines.pop("room", None)
                self.transmit(now, self.name, number, (*self.s.who, number + 1), self.state(port), port.partner,
                              port.partner_state)  # fmt: skip
            elif "room" not in port.deadlines:
                self.set(port, "room", recent[-3] + S)

    def mux(self, now: int, port: Port) -> None:
        if port.used and not (port.selected and port.partner_sync):
            port.used, port.ntt = False, True
            self.tell(now)
        if port.actor_sync and not port.selected:
            port.actor_sync, port.ntt = False, True
        if port.waiting and not port.selected:
            port.waiting = False
        if port.selected and not port.actor_sync and not port.waiting:
            port.waiting = True
            self.set(port, "wait_while", now + self.s.wait)
        if port.actor_sync and port.partner_sync and port.selected and not port.used:
            port.used = port.ntt = True
            self.tell(now)

    def periodic(self, now: int, port: Port) -> None:
        none = not port.enabled or (not self.s.active and not port.partner_state & ACTIVITY)
        period = 0 if none else S if port.partner_state & TIMEOUT else 30 * S
        port.ntt &= not none
        if period == port.period:
            return
        port.ntt |= (port.period, period) == (30 * S, S)
        port.period = period
        port.deadlines.pop("periodic", None)
        if period:
            self.set(port, "periodic", now + period)

    def tell(self, now: int) -> None:
        self.used.append((now, tuple(number for number, port in enumerate(self.ports) if port.used)))


def run(
    settings: Mapping[str, Settings], n_legs: int, delays: Mapping[str, int], is_dead: Callable[[int, int], bool],
    carriers: Sequence[tuple[int, str, int, bool]], until: int,
) -> tuple[list[tuple[int, ...]], dict[str, list[tuple[int, tuple[int, ...]]]]]:  # fmt: skip
    """Return all frames (time, end, leg, state, known state) and the legs that each end used, as that changed.

    `carriers`: when which end knows that which leg has a carrier, or has none, in order of time. `delays`: of a frame
    from each end; `is_dead(leg, time)`: what begins then on a leg does not come.
    """
    frames: list[tuple[int, ...]] = []
    coming: list[tuple[int, int, str, tuple[int, ...]]] = []
    names = list(settings)

    def transmit(now: int, name: str, number: int, me: tuple[int, ...], state: int, known: tuple[int, ...],
                 known_state: int) -> None:  # fmt: skip
        frames.append((now, names.index(name), number, state, known_state))
        if not is_dead(number, now):
            other = names[1 - names.index(name)]
            coming.append((now + delays[name], len(frames), other, (number, *me, state, *known, known_state)))

    ends = {name: End(name, own, n_legs, transmit) for name, own in settings.items()}
    carriers = list(carriers)
    while True:
        while carriers and carriers[0][0] <= min([one[0] for one in coming] + [end.next()[0] for end in ends.values()]):
            now, name, number, is_up = carriers.pop(0)
            if now > until:
                break
            ends[name].carrier(now, number, is_up)
        coming.sort()
        arrival = coming[0][0] if coming else NEVER
        due = [(*end.next(), name) for name, end in ends.items()]
        at, _, number, what, name = min(due, key=lambda one: (one[0], names.index(one[-1]), one[1]))
        now = min(arrival, at)
        if now > until:
            return frames, {name: end.used for name, end in ends.items()}
        if arrival <= at:
            _, _, name, values = coming.pop(0)
            ends[name].receives(now, values[0], values[1:6], values[6], values[7:12], values[12])
        else:
            ends[name].runs_out(now, number, what)

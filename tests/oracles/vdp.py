"""A second implementation of docs/vdp.md in SimPy: a station and a bridge at the ends of a wire, from the page alone.

Processes wait where the product has timers with numbers: one sends what each end has to say, one follows each VM at
either end. When each frame of an end comes to the other is given: what the wire and the adapter do is not its matter.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import simpy

U = 10 * 10**9  # fs
PRE, RESERVE, ASSOCIATE, DE_ASSOCIATE = 1, 2, 3, 4
Process = Generator[simpy.Event, Any, None]


@dataclass
class Ends:
    """Say how an end is set up; `rules`: of a bridge, (vlan, type, code, keep, hard)."""

    rte: int
    rwd: int
    rka: int
    retries: int
    processing_fs: int
    silent_fs: int = 1 << 62
    relays: bool = False
    decides_fs: int = 0
    most: int = 1000
    rules: tuple[tuple[int | None, int | None, int, bool, bool], ...] = ()
    vlans: frozenset[int] = frozenset({1})


@dataclass
class Vm:
    """Say what a VM is, and what is asked for it when: (time, mode)."""

    name: str
    vlan: int
    type_id: int
    orders: list[tuple[int, int]]


@dataclass
class Found:
    """Hold what is found: frames as (when, end, what), and VLANs as (when, all that the port has).

    `has_ties`: an end has had something to say of two VMs at one instant, whose order is that of its timers.
    """

    frames: list[tuple[int, str, tuple[Any, ...]]] = field(default_factory=list)
    vlans: list[tuple[int, frozenset[int]]] = field(default_factory=list)
    has_ties: bool = False


class Side:
    """One end of the wire: what both have."""

    def __init__(self, env: simpy.Environment, name: str, own: Ends, comes_fs: list[int], found: Found) -> None:
        self.env, self.name, self.own, self.comes_fs, self.found = env, name, own, iter(comes_fs), found
        self.peer: Side
        self.known = env.event()
        self.of_peer: tuple[Any, ...] | None = None
        self.outbox, self.put_fs = simpy.Store(env), -1
        self.acknowledged: set[int] = set()
        self.last: int | None = None
        self.said = self.advert()
        env.process(self.sender())
        env.process(self.introduce())

    @property
    def is_silent(self) -> bool:
        return self.env.now >= self.own.silent_fs

    def larger(self, name: str) -> int:
        mine: int = getattr(self.own, name)
        return mine if self.of_peer is None else max(mine, dict(self.of_peer[1])[name])

    def wait_fs(self, exponent: str) -> int:
        return 3 * U * ((1 + 2 * self.larger("retries")) * 2 ** self.larger("rte") + 2 ** self.larger(exponent)) // 2

    def advert(self) -> tuple[Any, ...]:
        values = tuple((name, self.larger(name)) for name in ("retries", "rte", "rwd", "rka"))
        others = {} if self.of_peer is None else dict(self.of_peer[1])
        taken = tuple(getattr(self.own, name) <= others.get(name, 0) for name in ("rwd", "rka"))
        return self.status(), values, taken

    def status(self) -> tuple[int, int]:
        raise NotImplementedError

    def introduce(self) -> Process:
        yield self.env.timeout(0)
        self.say("lldp", self.said)

    def say(self, kind: str, *what: Any) -> None:
        if not self.is_silent:
            self.found.frames.append((self.env.now + 1, self.name, (kind, *what)))
            self.env.process(self.carry(kind, what))

    def carry(self, kind: str, what: tuple[Any, ...]) -> Process:
        yield self.env.timeout(max(0, next(self.comes_fs, 1 << 62) - self.env.now))
        if not self.peer.is_silent:
            self.peer.hear(kind, *what)

    def hear(self, kind: str, *what: Any) -> None:
        if kind == "lldp":
            (self.of_peer,) = what
            if self.advert() != self.said:
                self.said = self.advert()
                self.say("lldp", self.said)
            if not self.known.triggered:
                self.known.succeed()
        elif kind == "ack":
            self.acknowledged.add(what[0])
        else:
            number, payload = what
            self.say("ack", number)
            if number != self.last:
                self.last = number
                self.env.process(self.look(payload))

    def look(self, payload: tuple[Any, ...]) -> Process:
        yield self.env.timeout(self.own.processing_fs)
        self.take(*payload)

    def take(self, vm: Vm, mode: int, status: int) -> None:
        raise NotImplementedError

    def put(self, vm: Vm, mode: int, status: int) -> None:
        self.found.has_ties |= self.env.now == self.put_fs
        self.put_fs = self.env.now
        self.outbox.put((vm, mode, status))

    def sender(self) -> Process:
        number = 1
        while True:
            payload = yield self.outbox.get()
            self.acknowledged.clear()
            for _ in range(1 + self.larger("retries")):
                self.say("request", number, payload)
                yield self.env.timeout(U * 2 ** self.larger("rte"))
                if number in self.acknowledged:
                    break
            number += 1

    def within(self, mail: simpy.Store, until_fs: int | None) -> Generator[simpy.Event, Any, Any]:
        """Wait for mail up to a time; return None where none has come."""
        get = mail.get()
        if until_fs is None:
            return (yield get)
        got = yield get | self.env.timeout(until_fs - self.env.now)
        if get in got:
            return got[get]
        get.cancel()
        return None


class Station(Side):
    """The server's end."""

    def __init__(self, *args: Any, vms: list[Vm]) -> None:
        super().__init__(*args)
        self.mail = {vm.name: simpy.Store(self.env) for vm in vms}
        for vm in vms:
            self.env.process(self.follow(vm))
            self.env.process(self.order(vm))

    def status(self) -> tuple[int, int]:
        bridge = 0 if self.of_peer is None else self.of_peer[0][0]
        seen = 3 if self.of_peer is None else bridge & 1
        return bridge, 4 * self.own.relays + seen

    def order(self, vm: Vm) -> Process:
        for at_fs, mode in sorted(vm.orders):
            yield self.env.timeout(at_fs - self.env.now)
            self.mail[vm.name].put(("order", mode, 0))

    def take(self, vm: Vm, mode: int, status: int) -> None:
        if status & 0x40 or mode == DE_ASSOCIATE:
            self.mail[vm.name].put(("answer", mode, status))

    def follow(self, vm: Vm) -> Process:
        yield self.known
        has, asked, until_fs, orders = None, None, None, []
        while True:
            while orders and asked is None:
                mode = orders.pop(0)
                if mode != DE_ASSOCIATE or has is not None:
                    asked = mode
                    until_fs = self.ask(vm, mode)
            came = yield from self.within(self.mail[vm.name], until_fs)
            if came is None:
                if asked is not None:  # no answer
                    has = asked = until_fs = None
                else:
                    asked, until_fs = has, self.ask(vm, has)
                continue
            kind, mode, status = came
            if kind == "order":
                orders.append(mode)
                continue
            was_alive, asked, until_fs = asked == has, None, None
            is_kept = status & 0x20 and mode == ASSOCIATE
            if not status & 0x40 or (status & 0xF and not is_kept) or (mode == DE_ASSOCIATE and not status & 0xF):
                has = None
            elif status & 0xF and was_alive:
                asked, until_fs = DE_ASSOCIATE, self.ask(vm, DE_ASSOCIATE)
            else:
                has, until_fs = mode, self.env.now + U * 2 ** self.larger("rka")

    def ask(self, vm: Vm, mode: int) -> int:
        self.put(vm, mode, 0)
        return self.env.now + self.wait_fs("rwd")


class Bridge(Side):
    """The bridge's end."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.mail: dict[str, simpy.Store] = {}
        self.is_busy: dict[str, bool] = {}
        self.has: dict[str, tuple[int, int]] = {}
        self.told = self.own.vlans

    def status(self) -> tuple[int, int]:
        station = 0 if self.of_peer is None else self.of_peer[0][1]
        return 2 * self.own.relays + bool(self.own.relays and station & 4), station

    def take(self, vm: Vm, mode: int, status: int) -> None:
        if vm.name not in self.mail:
            if mode == DE_ASSOCIATE:
                self.put(vm, mode, 0x40)
                return
            self.mail[vm.name] = simpy.Store(self.env)
            self.env.process(self.follow(vm))
        if not self.is_busy.get(vm.name):
            self.is_busy[vm.name] = bool(self.own.decides_fs) and mode != DE_ASSOCIATE
            self.mail[vm.name].put(mode)

    def hold(self, vm: Vm, mode: int | None) -> None:
        self.has.pop(vm.name, None)
        if mode is not None:
            self.has[vm.name] = mode, vm.vlan
        now = self.own.vlans | {vlan for each, vlan in self.has.values() if each == ASSOCIATE}
        if now != self.told and not self.is_silent:
            self.told = now
            self.found.vlans.append((self.env.now + 1, now))

    def follow(self, vm: Vm) -> Process:
        until_fs = None
        while True:
            mode = yield from self.within(self.mail[vm.name], until_fs)
            if mode is None:
                break
            if mode == DE_ASSOCIATE:
                self.hold(vm, None)
                self.put(vm, mode, 0x40)
            else:
                most_fs = U * 2 ** self.larger("rwd")
                if self.own.decides_fs:
                    yield self.env.timeout(min(self.own.decides_fs, most_fs))
                self.is_busy[vm.name] = False
                if self.own.decides_fs > most_fs:
                    break
                rule = self.rule(vm, mode)
                if rule is None:
                    self.hold(vm, mode)
                    self.put(vm, mode, 0x40)
                elif rule[3]:
                    self.put(vm, mode, 0x60 | rule[2])
                else:
                    self.hold(vm, None)
                    self.put(vm, DE_ASSOCIATE, 0x40 | 0x10 * rule[4] | rule[2])
                    del self.mail[vm.name]
                    return
            until_fs = self.env.now + self.wait_fs("rka")
        self.hold(vm, None)
        self.put(vm, DE_ASSOCIATE, 0)
        del self.mail[vm.name]

    def rule(self, vm: Vm, mode: int) -> tuple[Any, ...] | None:
        for rule in self.own.rules:
            if rule[0] in (None, vm.vlan) and rule[1] in (None, vm.type_id):
                return rule
        others = sum(each in (RESERVE, ASSOCIATE) for name, (each, _) in self.has.items() if name != vm.name)
        return (None, None, 2, False, False) if mode != PRE and others >= self.own.most else None


def play(station: Ends, bridge: Ends, vms: list[Vm], comes_fs: Mapping[str, list[int]], until_fs: int) -> Found:
    """Return what both say up to a time; `comes_fs`: when the frames of each come to the other, in order."""
    env, found = simpy.Environment(), Found()
    below = Station(env, "station", station, comes_fs["station"], found, vms=vms)
    above = Bridge(env, "bridge", bridge, comes_fs["bridge"], found)
    below.peer, above.peer = above, below
    env.run(until=until_fs)
    found.frames.sort(key=lambda one: one[:2])
    return found

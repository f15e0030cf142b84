"""Validate `scenario`: what happens in a run, event by event, each at a time or once a condition is true."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import attrgetter
from typing import Annotated, Any, TypeVar

from pydantic import SerializerFunctionWrapHandler, model_serializer

from hwmodel.rules.function_names import MOST_VFS, is_pf

from .condition import Condition
from .kinds import Block, Duration, Truth, Whole, key, suggest
from .mailbox import MailboxMessage, PfCall, misfits
from .names import Name, ServerName, is_port_name
from .pcie_tree import DEDICATED, MULTI_ROOT
from .run import LONGEST_RUN
from .servers import ChangesKind

MOST_DOORBELLS = 50_000  # of one flood
NOT_KNOWN_FS = 1 << 62  # time of an event whose condition is still to come true: after any run's end
# Blocks with keys that may change in operation.
BLOCKS = ("pcie", "nic", "switch", "port", "servers", "multi_root", "bridge", "bridges", "profiles")


class EventChanges(ChangesKind):
    """Keys with values, held as dotted keys; of one written in both ways the later counts, as in overrides."""

    def parse(self, value: object) -> dict[str, Any]:
        """Return the single keys with their values."""
        return dict(leaves(super().parse(value)))


class Flood(Block):
    """Doorbells that a driver writes for nothing, one after the other."""

    sender: Annotated[str, Name(with_servers=True)] = key(..., "The function whose they are: a.vf0.", alias="from")
    every_fs: Annotated[int, Duration("1ns", "1ms")] = key(..., "Time from one to the next.", alias="every")
    length_fs: Annotated[int, Duration("1ns", "1s")] = key(
        ..., f"For how long; at most {MOST_DOORBELLS:,} doorbells.", alias="for"
    )

    @property
    def n_doorbells(self) -> int:
        """Return how many are written, the first at the event's time."""
        return -(-self.length_fs // self.every_fs)


class BusMaster(Block):
    """A write of Bus Master Enable in a function's Command register."""

    function: Annotated[str, Name(with_servers=True)] = key(
        ..., "Whose it is: vf1, pf, with servers a.vf1.", alias="of"
    )
    is_on: Annotated[bool, Truth()] = key(..., "What is written; false: the function's DMA stops.", alias="on")


# How an event stands to a multi-root switch's control plane: it waits until somebody has that, it takes the host away
# that it names, or it gives the control plane to that.
NEEDS, TAKES, GIVES = "needs", "takes", "gives"
# Places among events of one instant.
_OF_VF_TAKES, _OF_VF_GIVES, _VFS_OFF, _VFS_ON, _OF_PF, _OF_HOST = range(1, 7)

Misfits = Iterable[tuple[str, str]]
"""What is wrong with an event: the key within its own that says so, empty for the whole, and why."""


@dataclass(frozen=True)
class Named:
    """Hold the names that events may use. `hosts`: those that share an adapter, None where there is no such adapter.

    `adapters`, `ports`: none of an only adapter without a name; `limits`: what an adapter's device lacks for a call.
    """

    functions: Sequence[str]
    vfs: Sequence[str]
    hosts: Sequence[str] | None
    adapters: Sequence[str]
    ports: Sequence[str]
    limits: Callable[[PfCall], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class EventKind:
    """Hold what differs between kinds of events for a configuration; functions take the value of the event's key.

    `sets`: it changes keys itself; `asks`: it asks a PF's driver, which changes what it grants. `is_at_once`: these
    changes hold from its own instant on. `function`, `server`: which it names. `control`: how it stands to the control
    plane, empty: not at all. `moves`: functions come or go by it. `breadth`: its place among events of one instant.
    `wrong`: what is wrong with its value. `n_requests`: of messages and doorbells. `times`: how often it is to happen,
    if it says so; `length_fs`: from the first time to the last.
    """

    sets: bool = False
    asks: bool = False
    is_at_once: bool = False
    function: Callable[[Any], str | None] = lambda _: None
    server: Callable[[Any], str | None] = lambda _: None
    control: str = ""
    moves: bool = False
    breadth: Callable[[Any], int] = lambda _: 0
    wrong: Callable[[Any, Named], Misfits] = lambda *_: ()
    n_requests: Callable[[Any], int] = lambda _: 0
    times: Callable[[Any], int | None] = lambda _: None
    length_fs: Callable[[Any], int] = lambda _: 0


def _breadth_of(name: str, of_vf: int = _OF_VF_TAKES) -> int:
    """Return the place of an event about a function."""
    return _OF_PF if is_pf(name) else of_vf


def _unknown(key: str, name: str, known: Sequence[str]) -> Misfits:
    return () if name in known else [(key, f"there is no {name}{suggest(name, known)}")]


def _of_host(control: str, *more: str) -> EventKind:
    """Return the row of a kind about a host; `more`: who else may be named."""
    return EventKind(control=control, breadth=lambda _: _OF_HOST, wrong=partial(_wrong_host, more))


def _wrong_host(more: Sequence[str], name: str, named: Named) -> Misfits:
    if named.hosts is None:
        yield "", "only hosts that share an adapter (multi_root) are reset, fail or take over as hosts"
    elif name not in (known := [*named.hosts, *more]):
        yield "", f"there is no host {name}{suggest(name, known) or '; there are ' + ', '.join(named.hosts)}"


def _wrong_flood(flood: Flood, named: Named) -> Misfits:
    yield from _unknown("from", flood.sender, named.functions)
    if flood.n_doorbells > MOST_DOORBELLS:
        yield "for", f"{flood.n_doorbells:,} doorbells are more than {MOST_DOORBELLS:,}"


def _wrong_message(said: MailboxMessage, named: Named) -> Misfits:
    return [*misfits(said)] or _unknown("from", said.sender, named.vfs)


def _wrong_call(call: PfCall, named: Named) -> Misfits:
    found = [*misfits(call)]
    if call.vf is not None and not found:
        found += _unknown("vf", call.vf, named.vfs)
    if call.server not in (None, *named.adapters, *named.ports):
        others = "; there are " + ", ".join(named.adapters) if named.adapters else "; the only one has no name"
        found.append(("server", f"no adapter is called {call.server}{others}"))
    return found or ([] if call.vf is None else named.limits(call))


# What events there are: a row for each kind, which is the key that says what happens.
EVENT_KINDS: dict[str, EventKind] = {
    "set": EventKind(sets=True, is_at_once=True),
    "mailbox": EventKind(
        asks=True, function=attrgetter("sender"), wrong=_wrong_message, n_requests=attrgetter("n_times"),
        times=attrgetter("times"), length_fs=attrgetter("length_fs"),
    ),
    "pf": EventKind(
        asks=True, is_at_once=True, function=attrgetter("vf"), server=attrgetter("server"), wrong=_wrong_call
    ),
    "reset": EventKind(moves=True, function=str, breadth=_breadth_of),
    "enable_vfs": EventKind(moves=True, control=NEEDS, breadth=lambda n_vfs: _VFS_ON if n_vfs else _VFS_OFF),
    "unplug": EventKind(moves=True, function=str, control=NEEDS, breadth=_breadth_of),
    "plug": EventKind(moves=True, function=str, control=NEEDS, breadth=partial(_breadth_of, of_vf=_OF_VF_GIVES)),
    "bus_master": EventKind(
        moves=True, function=attrgetter("function"),
        breadth=lambda written: _breadth_of(written.function, _OF_VF_GIVES if written.is_on else _OF_VF_TAKES),
    ),
    "reset_host": _of_host(TAKES),
    "fail": _of_host(TAKES, DEDICATED),
    "take_over": _of_host(GIVES, DEDICATED),
    "flood": EventKind(
        function=attrgetter("sender"), wrong=_wrong_flood,
        n_requests=lambda flood: min(flood.n_doorbells, MOST_DOORBELLS),  # one with more is told by itself
    ),
}  # fmt: skip
_ByKind = TypeVar("_ByKind", bound=Mapping[str, Any])


def of_each_kind(reader: str, found: _ByKind, among: Callable[[EventKind], bool] = lambda _: True) -> _ByKind:
    """Return what a reader of events has for each kind, or for those `among` them.

    Raises LookupError, as the reader is imported, for a kind that it lacks, and for one that is none.
    """
    kinds = {kind for kind, row in EVENT_KINDS.items() if among(row)}
    for has, names in (("lacks", kinds - found.keys()), ("has, beside those that there are,", found.keys() - kinds)):
        if names:
            raise LookupError(f"{reader} {has} the kind of events {', '.join(sorted(names))}")
    return found


class Event(Block):
    """Something that happens in a run.

    Keys get other values, a VF asks the PF's driver, or the administrator does, or a function goes or comes.
    """

    time_fs: Annotated[int, Duration("0ns", LONGEST_RUN)] | None = key(
        None, "When, counted from the run's first instant, warm-up included.", alias="at"
    )
    when: Condition | None = key(
        None,
        "In place of `at`: what it waits for, like {vm: vf1, delivered: 1000} or {of: vf1, figure: "
        "drops.NO_DESCRIPTOR, above: 100, within: 1ms}; it happens 1 fs behind the instant in which that comes true "
        "(docs/scenario.md).",
    )
    changes: Annotated[dict[str, Any], EventChanges(BLOCKS)] = key(
        {}, "Keys with the values that they have from then on, like {switch.ports.vf3.rate_limit: 1Gbps}.", alias="set"
    )
    mailbox: MailboxMessage | None = key(
        None,
        "In place of `set`: a VF's message to the PF's driver, like {from: vf2, message: set_vlan, vlan: 20}; what is "
        "granted changes the VF's station (docs/mailbox.md).",
    )
    pf: PfCall | None = key(
        None,
        "In place of `set`: what the administrator has the PF's driver do with a VF, like {vf: vf2, trust: true} "
        "(docs/mailbox.md).",
    )

    reset: Annotated[str, Name(with_servers=True)] | None = key(
        None,
        "In place of `set`: the function that is reset (FLR), like vf5; its driver starts it again. The PF takes its "
        "VFs with it (docs/functions.md).",
    )
    enable_vfs: Annotated[int, Whole(0, MOST_VFS)] | None = key(
        None, "In place of `set`: NumVFs, written with VF Enable: the first VFs come up; 0 takes all away."
    )
    of: Annotated[str, ServerName("a server", with_wires=True)] | None = key(
        None, "With `enable_vfs`, of several servers or ports: whose VFs, like a, p1, a.p1."
    )
    unplug: Annotated[str, Name(with_servers=True)] | None = key(
        None, "In place of `set`: the VF that is taken from its VM."
    )
    plug: Annotated[str, Name(with_servers=True)] | None = key(
        None, "In place of `set`: the VF, unplugged before, that its VM gets again; it comes up as after a reset."
    )

    bus_master: BusMaster | None = key(
        None,
        "In place of `set`: Bus Master Enable of a function, like {of: vf1, on: false}: its reads, writes and MSI-X "
        "stop; with on: true its driver, which sets it, starts its rings again (docs/functions.md).",
    )

    reset_host: Annotated[str, ServerName("a host")] | None = key(
        None,
        "In place of `set`: the host that is reset, of those that share an adapter (`multi_root`): all its functions "
        "go, and come again (docs/multi_root.md).",
    )
    fail: Annotated[str, ServerName("a host", DEDICATED)] | None = key(
        None, "In place of `set`: the host that fails for good, or `dedicated`, the switch's own processor."
    )
    take_over: Annotated[str, ServerName("a host", DEDICATED)] | None = key(
        None, "In place of `set`: who has the control plane of the multi-root switch from then on."
    )
    flood: Flood | None = key(
        None,
        "In place of `set`: doorbells of a function that tell of nothing: {from: a.vf0, every: 50ns, for: 1ms}; they "
        "take the links, and nobody's core.",
    )

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Return the keys that say what happens; a good event has one."""
        written = self.model_fields_set
        return tuple(kind for kind, name in _FIELDS.items() if name in written and getattr(self, name) is not None)

    @property
    def kind(self) -> str:
        """Return what happens."""
        return self.kinds[0]

    @property
    def row(self) -> EventKind:
        """Return what its kind is."""
        return EVENT_KINDS[self.kind]

    @property
    def value(self) -> Any:
        """Return what the key says that says what happens."""
        return getattr(self, _FIELDS[self.kind])

    @property
    def at_fs(self) -> int:
        """Return when it happens; `NOT_KNOWN_FS` while that is not known."""
        return NOT_KNOWN_FS if self.time_fs is None else self.time_fs

    @property
    def function(self) -> str | None:
        """Return the function that it names, None where it names none."""
        return self.row.function(self.value)

    def server_by(self, place_of: Callable[[str], str]) -> str:
        """Return the server that it names, or that of its function; empty for the only one."""
        return self.of or self.row.server(self.value) or place_of(self.function or "").rpartition(".")[0]

    @property
    def place(self) -> tuple[str | None, str | None]:
        """Return the server and the Ethernet port that it names beside functions: a, p1, a.p1."""
        name = self.of or self.row.server(self.value) or ""
        server, _, port = name.rpartition(".")
        return (server or None, port) if is_port_name(port) else (name or None, None)

    @property
    def host(self) -> str | None:
        """Return the host that an event about one names, None for the multi-root switch's own processor."""
        return None if self.value == DEDICATED else str(self.value)

    @property
    def breadth(self) -> int:
        """Return its place among events of one instant: the narrow before the wide, what takes before what gives.

        Messages, doorbells and keys; one VF's; VF Enable, off before on; a PF; a host. So a VF is reset, then its PF
        takes it away, in whatever order a file has the two.
        """
        return self.row.breadth(self.value)

    def happens_at(self, time_fs: int) -> Event:
        """Return the event with a time, once it is known when its condition came true."""
        return self.model_copy(update={"time_fs": time_fs})

    @property
    def is_set(self) -> bool:
        """Tell whether the event sets keys directly, without asking a driver."""
        return self.row.sets

    @property
    def is_of_one_adapter(self) -> bool:
        """Tell whether at its own instant it concerns nothing beside the adapter whose function it names."""
        return not (self.row.sets or self.row.asks or self.is_of_host)

    @property
    def is_of_host(self) -> bool:
        """Tell whether it is about a host, of those that share an adapter."""
        return self.row.control in (TAKES, GIVES)

    @property
    def needs_control(self) -> bool:
        """Tell whether it needs a multi-root switch's control plane, as it changes hosts' shares or functions."""
        return self.row.control == NEEDS or any(key.startswith(MULTI_ROOT) for key in self.changes)

    @property
    def n_requests(self) -> int:
        """Return how many messages are sent, or doorbells written, by it."""
        return sum(EVENT_KINDS[kind].n_requests(getattr(self, _FIELDS[kind])) for kind in self.kinds)

    @property
    def end_fs(self) -> int:
        """Return the time of its last occurrence, since a message may be sent repeatedly."""
        return self.at_fs + self.row.length_fs(self.value)

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = handler(self)
        when = ("at", "time_fs") if self.when is None else ("when",)
        said = (name for kind in self.kinds for name in (kind, _FIELDS[kind]))
        shown = {*when, *said, "" if self.of is None else "of"}
        return {name: value for name, value in written.items() if name in shown}


# The field of `Event` that has what each kind says.
_FIELDS = of_each_kind(
    "keys of Event",
    {field.alias or name: name for name, field in Event.model_fields.items() if name not in ("time_fs", "when", "of")},
)


def in_order(events: Sequence[Event]) -> list[int]:
    """Return the events' indices in the order of time, of one instant by `breadth`, and then as they are written."""
    return sorted(range(len(events)), key=lambda at: (events[at].at_fs, events[at].breadth))


def places_of(events: Sequence[Event]) -> dict[int, int]:
    """Return the events' places in the order of time (`in_order`) by their indices, in that order."""
    return {at: place for place, at in enumerate(in_order(events))}


def leaves(changes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the single keys of nested changes, dotted, with their values."""
    for name, value in changes.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and value:  # an empty one is a value: it takes the entries away
            yield from leaves(value, path)
        else:
            yield path, value

"""Validate `scenario`: what happens in a run, event by event, each at a time or once a condition is true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from hwmodel.rules.function_names import MOST_VFS, PF

from .kinds import Block, Duration, SparseBlock, Truth, Whole, Word, key
from .mailbox import MailboxMessage, PfCall
from .names import Name, ServerName
from .pcie_tree import DEDICATED, MULTI_ROOT
from .servers import ChangesKind

# Kinds of events about functions that go and come.
OF_FUNCTIONS = ("reset", "enable_vfs", "unplug", "plug", "bus_master")
OF_HOSTS = ("reset_host", "fail", "take_over")  # and of those about hosts that share an adapter
UNASKED = (*OF_FUNCTIONS, *OF_HOSTS, "flood")  # kinds that neither change keys nor ask a driver
KINDS = ("set", "mailbox", "pf", *UNASKED)  # of events
MOST_DOORBELLS = 50_000  # of one flood
CONDITIONS = ("delivered", "dropped", "tx_ring", "rx_ring", "up")
MOST_COUNTED = 10**12
NOT_KNOWN_FS = 1 << 62  # time of an event whose condition is still to come true: after any run's end
Empty = Literal["empty"]
# Blocks with keys that may change in operation.
BLOCKS = ("pcie", "nic", "switch", "port", "servers", "multi_root", "bridge", "bridges")


class _EventChanges(ChangesKind):
    """Keys with values, held as dotted keys; of one written in both ways the later counts, as in overrides."""

    def parse(self, value: object) -> dict[str, Any]:
        """Return the single keys with their values."""
        return dict(leaves(super().parse(value)))


class Condition(SparseBlock):
    """What an event waits for: something that is true of a VM for the first time."""

    vm: Annotated[str, Name(with_servers=True)] = key(..., "Whose: vf1, with servers a.vf1.")
    delivered: Annotated[int, Whole(1, MOST_COUNTED)] | None = key(
        None, "So many copies of frames have been delivered to it."
    )
    dropped: Annotated[int, Whole(1, MOST_COUNTED)] | None = key(
        None, "So many copies have been dropped of it or for it, as `series` counts them."
    )
    tx_ring: Annotated[Empty, Word(Empty)] | None = key(
        None, "empty: all descriptors of its Tx rings have been given back to its driver."
    )
    rx_ring: Annotated[Empty, Word(Empty)] | None = key(
        None, "empty: no descriptor of its Rx rings is left that the adapter could take."
    )
    up: Annotated[bool, Truth()] | None = key(None, "true: its function is there, false: it is not.")
    from_fs: Annotated[int, Duration("0ns", "1000s")] | None = key(
        None, "From when on it is looked at, and counts begin, warm-up included; 0ns.", alias="from"
    )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the keys that say what is waited for; a good condition has one."""
        return tuple(name for name in CONDITIONS if getattr(self, name) is not None)

    @property
    def kind(self) -> str:
        """Return what is waited for."""
        return self.kinds[0]

    @property
    def target(self) -> int:
        """Return the value that makes it true: a count; for `up` 1 or 0; for an empty ring 0."""
        value = getattr(self, self.kind)
        return 0 if value == "empty" else int(value)

    @property
    def begins_fs(self) -> int:
        """Return from when on the condition is watched."""
        return self.from_fs or 0


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


class Event(Block):
    """Something that happens in a run.

    Keys get other values, a VF asks the PF's driver, or the administrator does, or a function goes or comes.
    """

    time_fs: Annotated[int, Duration("0ns", "1000s")] | None = key(
        None, "When, counted from the run's first instant, warm-up included.", alias="at"
    )
    when: Condition | None = key(
        None,
        "In place of `at`: what it waits for, like {vm: vf1, delivered: 1000}; it happens 1 fs behind the instant in "
        "which that comes true (docs/scenario.md).",
    )
    changes: Annotated[dict[str, Any], _EventChanges(BLOCKS)] = key(
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
        return tuple(kind for kind in KINDS if self._says(kind))

    @property
    def kind(self) -> str:
        """Return what happens."""
        return self.kinds[0]

    def _says(self, kind: str) -> bool:
        return "changes" in self.model_fields_set if kind == "set" else getattr(self, kind) is not None

    @property
    def at_fs(self) -> int:
        """Return when it happens; `NOT_KNOWN_FS` while that is not known."""
        return NOT_KNOWN_FS if self.time_fs is None else self.time_fs

    @property
    def function(self) -> str | None:
        """Return the function that goes or comes by it, if it is about one."""
        return self.reset or self.unplug or self.plug or (self.bus_master.function if self.bus_master else None)

    @property
    def breadth(self) -> int:
        """Return its place among events of one instant: the narrow before the wide, what takes before what gives.

        Messages, doorbells and keys; one VF's; VF Enable, off before on; a PF; a host. So a VF is reset, then its PF
        takes it away, in whatever order a file has the two.
        """
        if self.enable_vfs is not None:
            return 4 if self.enable_vfs else 3
        if self.kind in OF_HOSTS:
            return 6
        if self.function is None:
            return 0
        if self.function.rpartition(".")[2].startswith(PF):
            return 5
        return 2 if self.plug or (self.bus_master is not None and self.bus_master.is_on) else 1

    def happens_at(self, time_fs: int) -> Event:
        """Return the event with a time, once it is known when its condition came true."""
        return self.model_copy(update={"time_fs": time_fs})

    @property
    def is_set(self) -> bool:
        """Tell whether the event sets keys directly, without asking a driver."""
        return self.kinds == ("set",)

    @property
    def needs_control(self) -> bool:
        """Tell whether it needs a multi-root switch's control plane, as it changes hosts' shares or functions."""
        return self.kind in ("enable_vfs", "plug", "unplug") or any(key.startswith(MULTI_ROOT) for key in self.changes)

    @property
    def asks(self) -> bool:
        """Tell whether a PF's driver is asked for something."""
        return self.mailbox is not None or self.pf is not None

    @property
    def end_fs(self) -> int:
        """Return the time of its last occurrence, since a message may be sent repeatedly."""
        return self.at_fs + (0 if self.mailbox is None else self.mailbox.length_fs)

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = handler(self)
        when = ("at", "time_fs") if self.when is None else ("when",)
        shown = {*when, *self.kinds, "changes" if "set" in self.kinds else "", "" if self.of is None else "of"}
        return {name: value for name, value in written.items() if name in shown}


def in_order(events: Sequence[Event]) -> list[int]:
    """Return the events' indices in the order of time, of one instant by `breadth`, and then as they are written."""
    return sorted(range(len(events)), key=lambda at: (events[at].at_fs, events[at].breadth))


def leaves(changes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the single keys of nested changes, dotted, with their values."""
    for name, value in changes.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and value:  # an empty one is a value: it takes the entries away
            yield from leaves(value, path)
        else:
            yield path, value

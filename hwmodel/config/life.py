"""When functions are there in a run: resets, VF Enable, interfaces plugged and unplugged, and how long each takes.

A VF that comes up waits until its reset is over, its driver has asked the PF for all that it needs, and has set its
rings up. The PF that comes up asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from hwmodel.errors import InputError
from hwmodel.rules.function_names import PF, is_pf, pf_name
from hwmodel.units import FS_PER_MS, FS_PER_NS, FS_PER_US, format_time_fs

from .kinds import suggest
from .message_time import DriverWork, RegisterTimes, bring_up
from .model import Config
from .names import port_place
from .scenario import NOT_KNOWN_FS, Event, Flood, in_order, of_each_kind
from .switch import Port
from .system import Server, servers_of
from .vms import vms_of

# PCI Express Base Specification: a Function Level Reset is over within 100 ms, and so is what follows VF Enable; Linux
# waits as long before it asks a VF for anything.
RESET_FS = 100 * FS_PER_MS
RING_REGISTERS = 8  # Linux ixgbevf: base (2), length, head, tail, write-back address or SRRCTL, thresholds, control
RING_ENABLE_FS = 1000 * FS_PER_US  # Linux ixgbevf: usleep_range(1000, 2000) until a ring says that it is enabled
MOST_SHOWN = 6  # names in a hint


class Parts(NamedTuple):
    """Hold how long a function takes to come up, part by part."""

    reset_fs: int
    messages_fs: int
    rings_fs: int

    @property
    def whole_fs(self) -> int:
        """Return the sum of the parts."""
        return sum(self)


@dataclass(frozen=True)
class Life:
    """One time that a function goes or comes: by which event, when, and how long it takes to come up.

    `event`: its index among the scenario's events in the order of time. `off_fs`: when it goes, None if it was off
    before. `parts`: None if it does not come up. `up_fs`: None if it does not, or if another event comes first.
    """

    vm: str
    event: int
    at_fs: int
    off_fs: int | None
    parts: Parts | None = None
    up_fs: int | None = None


class Flooding(NamedTuple):
    """A flood of doorbells from a time on, until the last is written or its function goes."""

    flood: Flood
    at_fs: int
    goes_fs: int

    @property
    def over_fs(self) -> int:
        """Return when it is over."""
        return min(self.goes_fs, self.at_fs + self.flood.n_doorbells * self.flood.every_fs)

    def n_written(self, by_fs: int) -> int:
        """Return how many doorbells are written before a time."""
        return min(self.flood.n_doorbells, -(-(min(self.goes_fs, by_fs) - self.at_fs) // self.flood.every_fs))


@dataclass
class Course:
    """Hold what becomes of functions in a run: lives, and what drivers do for them.

    `floods`: of doorbells, by their events' indices in the order of time.
    """

    lives: list[Life] = field(default_factory=list)
    work: list[DriverWork] = field(default_factory=list)
    floods: dict[int, Flooding] = field(default_factory=dict)

    def times_fs(self) -> list[int]:
        """Return the instants at which functions go or come up, in order."""
        found = {time for life in self.lives for time in (life.off_fs, life.up_fs) if time is not None}
        return sorted(found)

    def goes_fs(self, name: str, from_fs: int) -> int:
        """Return when a function that is there at an instant goes, NOT_KNOWN_FS where it stays."""
        goings = (life.off_fs for life in self.lives if life.vm == name and life.off_fs is not None)
        return min((off_fs for off_fs in goings if off_fs >= from_fs), default=NOT_KNOWN_FS)

    def off_at(self, at_fs: int) -> frozenset[str]:
        """Return which functions are off from an instant until the next instant of `times_fs`."""
        off: set[str] = set()
        changes = [(life.off_fs, 0, life.vm) for life in self.lives if life.off_fs is not None]
        changes += [(life.up_fs, 1, life.vm) for life in self.lives if life.up_fs is not None]
        for time, is_up, vm in sorted(changes):
            if time <= at_fs:
                (off.discard if is_up else off.add)(vm)
        return frozenset(off)


def course_of(config: Config) -> Course:
    """Return what a scenario does to the functions of a configuration.

    An event whose time is not known yet does nothing. Raises InputError, a line for each event whose function does not
    exist, or is not in the state that the event needs.
    """
    course, problems = Course(), []
    order = in_order(config.scenario)
    names = [f"scenario.{at}.{'.'.join(config.scenario[at].kinds)}" for at in order]
    adapters = [_Adapter(server, course, names) for server in servers_of(config)]
    for place, at in enumerate(order):
        event = config.scenario[at]
        try:
            adapter = _whose(adapters, event)
            if adapter is not None and event.at_fs < NOT_KNOWN_FS:
                _DOES[event.kind](adapter, place, event)
        except InputError as error:
            problems += [f"scenario.{at}.{event.kind}: {line}" for line in error.lines]
    if problems:
        raise InputError(problems)
    for place, (flood, at_fs, _) in course.floods.items():
        flooding = course.floods[place] = Flooding(flood, at_fs, course.goes_fs(flood.sender, at_fs))
        times_fs = range(at_fs, flooding.over_fs, flood.every_fs)
        course.work += [DriverWork(time_fs, flood.sender, 0, 0, 1) for time_fs in times_fs]
    return course


def pf_of(station: Port) -> str:
    """Return the name of the PF at a station's Ethernet port, to which a VF belongs."""
    return pf_name(port_place(station.port))


def _whose(adapters: list[_Adapter], event: Event) -> _Adapter | None:
    """Return the adapter that an event is about, None where it is about none; of `of` also check the Ethernet port."""
    if event.function is not None:
        return _owner(adapters, event.function)
    if event.is_of_host:
        return None if event.host is None else _adapter(adapters, event.host)
    if not event.row.moves:
        return None
    server, port = event.place
    adapter = _adapter(adapters, server)
    ports = adapter.server.config.port.names
    if port is not None and port not in ports:
        raise InputError(f"there is no port {port}; {adapter.server.name or 'the adapter'} has {', '.join(ports)}")
    return adapter


def _adapter(adapters: list[_Adapter], name: str | None) -> _Adapter:
    if name is None:
        if len(adapters) == 1:
            return adapters[0]
        raise InputError(f"of which server? the key `of` says it, like of: {adapters[0].server.name}")
    for one in adapters:
        if one.server.name == name:
            return one
    names = [one.server.name for one in adapters if one.server.name]
    raise InputError(f"no adapter is called {name!r}{_hint(name, names) if names else '; the only one has no name'}")


def _owner(adapters: list[_Adapter], name: str) -> _Adapter:
    for one in adapters:
        if name in one.functions:
            return one
    names = [each for one in adapters for each in one.functions]
    raise InputError(f"no function is called {name!r}{_hint(name, names)}")


def _hint(name: str, known: list[str]) -> str:
    shown = ", ".join(known[:MOST_SHOWN]) + (", ..." if len(known) > MOST_SHOWN else "")
    return suggest(name, known) or f"; there are {shown}"


class _Adapter:
    """Follow the functions of one adapter through the events; record in the course which go and come, and when.

    `events`: how each is named to who wrote it, in the order of time.
    """

    def __init__(self, server: Server, course: Course, events: Sequence[str]) -> None:
        self.server, self._course, self._events = server, course, events
        ports = server.config.switch.ports
        self._vms = vms_of([server])
        self.functions = list(self._vms)
        pfs = {port.name for port in ports if is_pf(port.name)}  # one, where VMs have pools of its queues
        own = ((name, pf_of(vm.port)) for name, vm in self._vms.items())
        self._pf_of = {name: server.station(pf if pf in pfs else PF) for name, pf in own}
        self.vfs = [name for name in self.functions if not is_pf(name)]
        self.n_enabled = {pf: len(self._vfs_of(pf)) for pf in self._pfs}
        self.unplugged: set[str] = set()
        self.silenced: set[str] = set()  # those whose Bus Master Enable an event has cleared
        self.last: dict[str, int] = {}  # index of each function's latest life in the course

    def reset(self, place: int, event: Event) -> None:
        """Reset a function; `place`: the event's index in the order of time, here and below."""
        name = event.value
        is_silenced = name in self.silenced  # its registers are there all the same
        if not is_silenced:
            self.require_there(event.at_fs, name)
        if name not in self.vfs:
            self._takes_vfs_away(place, event.at_fs, name)
        self._comes(place, event.at_fs, [name], None if is_silenced else event.at_fs)

    def unplug(self, place: int, event: Event) -> None:
        """Take a VF from its VM."""
        name = event.value
        self.require_there(event.at_fs, name)
        if name not in self.vfs:
            raise InputError(f"{name} belongs to the host; a VF can be unplugged")
        self.unplugged.add(name)
        self._goes(place, event.at_fs, name)

    def plug(self, place: int, event: Event) -> None:
        """Give a VF to its VM again."""
        name, at_fs = event.value, event.at_fs
        if name not in self.unplugged:
            raise InputError(f"{name} is not unplugged at {format_time_fs(at_fs)}; only then it can be plugged in")
        self.unplugged.discard(name)
        self._comes(place, at_fs, [name], None)

    def masters(self, place: int, event: Event) -> None:
        """Write Bus Master Enable: without it a function does no DMA; whoever sets it again starts its rings."""
        name, at_fs = event.value.function, event.at_fs
        if not event.value.is_on:
            self.require_there(at_fs, name)
            self.silenced.add(name)
            self._goes(place, at_fs, name)
            return
        if name not in self.silenced:
            time = format_time_fs(at_fs)
            raise InputError(f"Bus Master Enable of {name} is not clear at {time}; on: false of bus_master comes first")
        self.silenced.discard(name)
        self._starts_rings(place, at_fs, name, None, 0, 0)

    def flood(self, place: int, event: Event) -> None:
        """Let a function write doorbells."""
        self.require_there(event.at_fs, event.value.sender)
        self._course.floods[place] = Flooding(event.value, event.at_fs, NOT_KNOWN_FS)

    @property
    def _pfs(self) -> list[str]:
        return [name for name in self.functions if is_pf(name)]

    def _vfs_of(self, pf: str) -> list[str]:
        return [name for name in self.vfs if self._pf_of[name] == pf]

    def enable(self, place: int, event: Event) -> None:
        """Write NumVFs and VF Enable of a port's PF; of all PFs, so that the first VFs of all come up, without one."""
        at_fs, n_vfs, (_, port) = event.at_fs, event.value, event.place
        pfs = self._pfs if port is None else [self.server.station(pf_name(port_place(port)))]
        of_these = [name for name in self.vfs if self._pf_of[name] in pfs]
        if n_vfs > len(of_these):
            total = f"{len(of_these)}{f' at {port}' if port else ''} (nic.vfs)"
            raise InputError(f"NumVFs {n_vfs} is above the {total} that this adapter is configured with")
        n_enabled = sum(self.n_enabled[pf] for pf in pfs)
        if n_vfs and n_enabled:
            raise InputError(f"{n_enabled} VFs are enabled at {format_time_fs(at_fs)}; enable_vfs: 0 comes first")
        for pf in pfs:
            if n_vfs == 0:
                self._takes_vfs_away(place, at_fs, pf)
                continue
            own = [name for name in of_these[:n_vfs] if self._pf_of[name] == pf]
            if own:
                self.require_there(at_fs, pf)
                self.n_enabled[pf] = len(own)
                self._comes(place, at_fs, own, None)

    def host_goes(self, place: int, event: Event, *, comes_again: bool) -> None:
        """Take the host away with all its functions; if it comes again, its PFs come up and then enable all VFs."""
        at_fs = event.at_fs
        self.require_there(at_fs, self.server.station(PF))
        self.unplugged.clear()
        self.silenced.clear()
        if not comes_again:
            self.n_enabled = dict.fromkeys(self._pfs, 0)
            for name in (*self._pfs, *self.vfs):
                self._goes(place, at_fs, name)
            return
        for name in self.vfs:
            self._leaves(at_fs, name)
        for pf in self._pfs:
            self.n_enabled[pf] = len(self._vfs_of(pf))
            self._comes(place, at_fs, [pf], at_fs)
            pf_parts = self._course.lives[self.last[pf]].parts
            assert pf_parts is not None
            self._comes(place, at_fs, self._vfs_of(pf), at_fs, pf_parts.whole_fs)

    def _takes_vfs_away(self, event: int, at_fs: int, pf: str) -> None:
        vfs = self._vfs_of(pf)
        for name in vfs[: self.n_enabled[pf]]:
            self._goes(event, at_fs, name)
        self.n_enabled[pf] = 0
        self.unplugged -= set(vfs)
        self.silenced -= set(vfs)

    def _goes(self, event: int, at_fs: int, name: str) -> None:
        """Take a function away, whether it is there or on its way up."""
        self._lives(Life(name, event, at_fs, at_fs if self._leaves(at_fs, name) else None))

    def _lives(self, life: Life) -> None:
        self.last[life.vm] = len(self._course.lives)
        self._course.lives.append(life)

    def _leaves(self, at_fs: int, name: str) -> bool:
        """Tell whether a function is there; if it is still coming up, cancel that."""
        is_there, place = self._is_there(at_fs, name), self.last.get(name)
        if place is not None and not is_there:
            self._course.lives[place] = replace(self._course.lives[place], up_fs=None)
        return is_there

    def _comes(self, event: int, at_fs: int, names: list[str], off_fs: int | None, after_fs: int = 0) -> None:
        """Bring a PF, or VFs of one, up, which ask it at once; their resets begin `after_fs` after the event."""
        reset_fs = after_fs + RESET_FS
        vfs = [name for name in names if name in self.vfs]
        pf = self._pf_of[names[0]] if names else self.server.station(PF)
        messages_fs, exchanges = bring_up([self._times(name) for name in vfs], self._times(pf))
        for each in exchanges:
            sender = vfs[each.vf]
            self._course.work.append(each.asking(at_fs + reset_fs, sender))
            self._course.work.append(each.serving(at_fs + reset_fs, pf, sender))
        for number, name in enumerate(names):
            self.silenced.discard(name)  # a driver that starts sets it
            self._starts_rings(event, at_fs, name, off_fs, reset_fs, messages_fs[number] if vfs else 0)

    def _starts_rings(
        self, event: int, at_fs: int, name: str, off_fs: int | None, reset_fs: int, messages_fs: int
    ) -> None:
        """Let a function's driver set up its rings behind its reset and messages, with which it is up."""
        parts = Parts(reset_fs, messages_fs, self._rings_fs(self._times(name)))
        rings_fs = at_fs + parts.reset_fs + parts.messages_fs
        self._course.work.append(DriverWork(rings_fs, name, 0, self._n_rings, self._n_rings * RING_REGISTERS))
        self._lives(Life(name, event, at_fs, off_fs, parts, at_fs + parts.whole_fs))

    def _times(self, name: str) -> RegisterTimes:
        return RegisterTimes.of(self.server.config, self._vms[name].port.name)

    def _rings_fs(self, times: RegisterTimes) -> int:
        """Return how long a driver takes to set the Tx and Rx rings of its function up."""
        return self._n_rings * (RING_REGISTERS * times.write_fs + RING_ENABLE_FS + times.read_fs)

    @property
    def _n_rings(self) -> int:
        """Return how many rings a function has, Tx and Rx."""
        return 2 * self.server.config.nic.queues_per_vf

    def _is_there(self, at_fs: int, name: str) -> bool:
        place = self.last.get(name)
        if place is None:
            return True
        up_fs = self._course.lives[place].up_fs
        return up_fs is not None and up_fs <= at_fs

    def require_there(self, at_fs: int, name: str) -> None:
        """Raise InputError where a function is off then."""
        if not self._is_there(at_fs, name):
            life = self._course.lives[self.last[name]]
            taken, up_fs = f", as {self._events[life.event]} takes it at {format_time_fs(life.at_fs)}", life.up_fs
            # Rounded for the reader: the time of absence down, the time of return up.
            until = "" if up_fs is None else f"; it comes up at {format_time_fs(-(-up_fs // FS_PER_US) * FS_PER_US)}"
            raise InputError(f"{name} is not there at {format_time_fs(at_fs // FS_PER_NS * FS_PER_NS)}{taken}{until}")


# What each kind of event does to the functions of an adapter; its index in the order of time comes second.
_DOES: Mapping[str, Callable[[_Adapter, int, Event], None]] = of_each_kind(
    f"what it does to functions, {__name__}",
    {
        "set": lambda *_: None,
        "mailbox": lambda adapter, _, event: adapter.require_there(event.at_fs, event.value.sender),
        "pf": lambda *_: None,
        "reset": _Adapter.reset,
        "enable_vfs": _Adapter.enable,
        "unplug": _Adapter.unplug,
        "plug": _Adapter.plug,
        "bus_master": _Adapter.masters,
        "reset_host": partial(_Adapter.host_goes, comes_again=True),
        "fail": partial(_Adapter.host_goes, comes_again=False),
        "take_over": lambda adapter, _, event: adapter.require_there(event.at_fs, adapter.server.station(PF)),
        "flood": _Adapter.flood,
    },
)

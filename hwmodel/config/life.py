"""When functions are there in a run: resets, VF Enable, interfaces plugged and unplugged, and how long each takes.

A VF that comes up waits until its reset is over, its driver has asked the PF for all that it needs, and has set its
rings up. The PF that comes up asks nobody. How long drivers take is not known here: a run has them start, and says when
they have (`agents/drivers.py`); before a run, times are those of an idle link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush
from itertools import count, groupby
from typing import NamedTuple, Protocol

from hwmodel.errors import InputError
from hwmodel.rules.function_names import PF, is_pf, pf_name
from hwmodel.units import FS_PER_MS, FS_PER_NS, FS_PER_US, format_time_fs

from .control_plane import ControlPlane
from .kinds import suggest
from .message_time import RegisterTimes, bring_up
from .model import Config
from .names import port_place
from .scenario import NOT_KNOWN_FS, Event, Flood, in_order, of_each_kind
from .switch import Port
from .system import Server, servers_of
from .vms import Vm, vms_of

# PCI Express Base Specification: a Function Level Reset is over within 100 ms, and so is what follows VF Enable; Linux
# waits as long before it asks a VF for anything.
RESET_FS = 100 * FS_PER_MS
DOWN_FS = 10 * FS_PER_MS  # Linux ixgbevf_down: usleep_range(10000, 20000), as a driver resets its VF of its own accord
RING_REGISTERS = 8  # Linux ixgbevf: base (2), length, head, tail, write-back address or SRRCTL, thresholds, control
RING_ENABLE_FS = 1000 * FS_PER_US  # Linux ixgbevf: usleep_range(1000, 2000) until a ring says that it is enabled
MOST_SHOWN = 6  # names in a hint


class Parts(NamedTuple):
    """Hold how long a function takes to come up, part by part; None: not known yet."""

    reset_fs: int | None = None
    messages_fs: int | None = None
    rings_fs: int | None = None


@dataclass(frozen=True)
class Life:
    """One time that a function goes or comes: by which event, when, and how long it takes to come up.

    `event`: its index in the scenario. `off_fs`: when it goes, None if it was off before. `parts`: None if it does not
    come up. `up_fs`: None as long as it is not up; it never is if another event comes first.
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


class Start(NamedTuple):
    """Say what a driver is to do to start a function: from when on, and for how long a reset is to wait for first.

    `life`: the number of the life that it begins. `since_fs`: the time of the event. `pf`: whose driver a VF asks, all
    names as results have them; empty: nobody. `is_own`: the driver has reset it, and asks for what it had.
    """

    life: int
    name: str
    pf: str
    since_fs: int
    begins_fs: int
    reset_fs: int
    is_own: bool = False


class Starter(Protocol):
    """Start the drivers of functions, and tell the course when they have (`Course.is_up`)."""

    def start(self, starts: Sequence[Start]) -> None:
        """Start drivers, all at once."""

    def goes(self, name: str) -> None:
        """Have the driver of a function stop that goes."""

    def again(self, at_fs: int, event: int, place: int = 0) -> None:
        """Carry out an event that has had to wait, at an instant or so many fs behind it, with what else is then."""

    def expected_fs(self, life: int) -> int | None:
        """Return when a function will be up, as far as that is known."""


class Course:
    """Hold what becomes of functions in a run, and of the control plane of a multi-root switch, event by event.

    `lives`: in the order in which they began. `floods`: of doorbells, by their events. `off`: which functions are off
    now. `control`: who has the control plane.
    """

    def __init__(self, config: Config, starter: Starter) -> None:
        self.lives: list[Life] = []
        self.floods: dict[int, Flooding] = {}
        self.off: set[str] = set()
        self.control = ControlPlane(config)
        self.starter = starter
        self._adapters = [_Adapter(server, self) for server in servers_of(config)]
        self._events = config.scenario
        self._hosts = {at for at, event in enumerate(config.scenario) if event.kinds and event.is_of_host}  # to come
        self._behind: dict[int, Callable[[int], None]] = {}  # what follows as a life has begun, by its number

    def name_of(self, event: int) -> str:
        """Return what an event is called to who wrote it."""
        return f"scenario.{event}.{self._events[event].kind}"

    def happens(self, at: int, event: Event, at_fs: int) -> bool:
        """Carry out what an event does to functions; return whether it has to wait for the control plane.

        Raises InputError if its function does not exist, or is not in the state that it needs.
        """
        try:
            adapter = _whose(self._adapters, event)
            if at_fs >= NOT_KNOWN_FS:
                return False
            if event.needs_control and self._waits(at, at_fs):
                return True
            if adapter is not None:
                _DOES[event.kind](adapter, at, at_fs, event)
        except InputError as error:
            raise InputError([f"{self.name_of(at)}: {line}" for line in error.lines]) from None
        if event.is_of_host:
            self._hosts.remove(at)
            self.control.hears(event, at_fs)
            self._release(at_fs)
        return False

    def _waits(self, at: int, at_fs: int) -> bool:
        """Tell whether a change that is asked for waits for the control plane, which somebody may lose just then."""
        if any(self._events[one].at_fs == at_fs for one in self._hosts):
            self.starter.again(at_fs, at)
            return True
        return self.control.waits(at, at_fs)

    def is_up(self, life: int, parts: Parts, up_fs: int) -> bool:
        """Note that a driver has started its function; return whether it is up: not if it has gone again meanwhile."""
        one = self.lives[life]
        adapter = _owner(self._adapters, one.vm)
        if adapter.last[one.vm] != life:
            return False
        self.lives[life] = replace(one, parts=parts, up_fs=up_fs)
        self.off.discard(one.vm)
        if life in self._behind:
            self._behind.pop(life)(up_fs)
        if one.vm == adapter.server.station(PF) and self.control.is_back(adapter.server.name, up_fs):
            self._release(up_fs)
        return True

    def progress(self, life: int, parts: Parts) -> None:
        """Note how long parts have taken of what a driver does to start a function."""
        self.lives[life] = replace(self.lives[life], parts=parts)

    def resets_itself(self, name: str, event: int, at_fs: int) -> None:
        """Have a VF's driver reset it, as an event has led to; nothing where it has gone."""
        if self.is_there(name):
            _owner(self._adapters, name).resets_itself(event, at_fs, name)

    def is_there(self, name: str) -> bool:
        """Tell whether a function is there now."""
        return name not in self.off

    def begins(self, life: Life) -> int:
        """Enter a life, whose function is off from then on and its floods over; return its number."""
        self.lives.append(life)
        self.off.add(life.vm)
        self.starter.goes(life.vm)
        for at, one in self.floods.items():
            if one.flood.sender == life.vm and one.goes_fs == NOT_KNOWN_FS:
                self.floods[at] = one._replace(goes_fs=life.at_fs)
        return len(self.lives) - 1

    def then(self, life: int, act: Callable[[int], None]) -> None:
        """Have something done as the function of a life is up."""
        self._behind[life] = act

    def _release(self, at_fs: int) -> None:
        for place, event in enumerate(self.control.released(at_fs)):  # one behind the other, 1 fs apart
            self.starter.again(at_fs, event, place)


def course_of(config: Config) -> Course:
    """Return what a scenario does to the functions of a configuration, drivers having an idle link.

    An event whose time is not known yet does nothing. Raises InputError, a line for each event whose function does not
    exist, or is not in the state that the event needs.
    """
    idle = _IdleLink(config)
    problems: list[str] = []
    for at_fs, events in groupby(in_order(config.scenario), lambda at: config.scenario[at].at_fs):
        idle.go_to(at_fs, problems)
        for at in events:
            idle.carry_out(at, at_fs, problems)
    idle.go_to(NOT_KNOWN_FS, problems)
    if problems:
        raise InputError(problems)
    return idle.course


class _IdleLink:
    """Start drivers on links and cores that have nothing else to do (`Starter`), and go through a scenario so."""

    def __init__(self, config: Config) -> None:
        self._events = config.scenario
        self._to_come: list[tuple[int, int, Callable[[list[str]], object]]] = []
        self._expected: dict[int, int] = {}
        self._numbers = count()
        self._vms = vms_of(servers_of(config))
        self.course = Course(config, self)

    def carry_out(self, at: int, at_fs: int, problems: list[str]) -> None:
        """Carry an event out, and note what is wrong with it."""
        try:
            self.course.happens(at, self._events[at], at_fs)
        except InputError as error:
            problems += error.lines

    def go_to(self, until_fs: int, problems: list[str]) -> None:
        """Let all come that does up to a time."""
        while self._to_come and self._to_come[0][0] <= until_fs:
            heappop(self._to_come)[2](problems)

    def start(self, starts: Sequence[Start]) -> None:
        """Work out when drivers have started that begin together."""
        vfs = [one for one in starts if one.pf and one.reset_fs]
        times = [self._times(one.name) for one in vfs]
        messages_fs = dict(zip(vfs, bring_up(times, self._times(vfs[0].pf))[0], strict=True)) if vfs else {}
        for one in starts:
            reset_fs = one.begins_fs - one.since_fs + one.reset_fs if one.reset_fs else 0
            parts = Parts(reset_fs, messages_fs.get(one, 0), self._rings_fs(one.name))
            up_fs = one.since_fs + reset_fs + messages_fs.get(one, 0) + self._rings_fs(one.name)
            self._expected[one.life] = up_fs
            self._later(up_fs, partial(self._is_up, one.life, parts, up_fs))

    def goes(self, name: str) -> None:
        """Do nothing: a life that is over does not come up."""

    def again(self, at_fs: int, event: int, place: int = 0) -> None:
        """Carry an event out later."""
        self._later(at_fs + place, partial(self.carry_out, event, at_fs + place))

    def expected_fs(self, life: int) -> int | None:
        """Return when a function will be up."""
        return self._expected.get(life)

    def _later(self, at_fs: int, act: Callable[[list[str]], object]) -> None:
        heappush(self._to_come, (at_fs, next(self._numbers), act))

    def _is_up(self, life: int, parts: Parts, up_fs: int, _: list[str]) -> None:
        self.course.is_up(life, parts, up_fs)

    def _times(self, name: str) -> RegisterTimes:
        return RegisterTimes.of(self._vms[name].server.config, self._vms[name].port.name)

    def _rings_fs(self, name: str) -> int:
        """Return how long a driver takes to set the Tx and Rx rings of its function up."""
        times, n_rings = self._times(name), n_rings_of(self._vms[name].server.config)
        return n_rings * (RING_REGISTERS * times.write_fs + RING_ENABLE_FS + times.read_fs)


def n_rings_of(config: Config) -> int:
    """Return how many rings a function of an adapter has, Tx and Rx."""
    return 2 * config.nic.queues_per_vf


def pf_of(station: Port) -> str:
    """Return the name of the PF at a station's Ethernet port, to which a VF belongs."""
    return pf_name(port_place(station.port))


def pf_beside(vm: Vm) -> str:
    """Return the PF that a VM's VF asks, as results name it: that of its Ethernet port, or the only one."""
    own = pf_of(vm.port)
    names = [port.name for port in vm.server.config.switch.ports]
    return vm.server.station(own if own in names else PF)


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
    """Follow the functions of one adapter through the events; record in the course which go and come.

    Of an event: `at`, its index in the scenario, and when it takes place.
    """

    def __init__(self, server: Server, course: Course) -> None:
        self.server, self._course = server, course
        vms = vms_of([server])
        self.functions = list(vms)
        self._pf_of = {name: pf_beside(vm) for name, vm in vms.items()}
        self.vfs = [name for name in self.functions if not is_pf(name)]
        self.n_enabled = {pf: len(self._vfs_of(pf)) for pf in self._pfs}
        self.unplugged: set[str] = set()
        self.silenced: set[str] = set()  # those whose Bus Master Enable an event has cleared
        self.last: dict[str, int] = {}  # index of each function's latest life in the course

    def reset(self, at: int, at_fs: int, event: Event) -> None:
        """Reset a function, which may still be coming up."""
        name = event.value
        if name not in self.silenced and not self._comes_up(name):  # of which the registers are there
            self.require_there(at_fs, name)
        if name not in self.vfs:
            self._takes_vfs_away(at, at_fs, name)
        self._course.starter.start(self._begins(at, at_fs, [name]))

    def resets_itself(self, at: int, at_fs: int, name: str) -> None:
        """Have a VF begin anew that its driver resets."""
        (start,) = self._begins(at, at_fs, [name])
        self._course.starter.start([start._replace(reset_fs=DOWN_FS, is_own=True)])

    def unplug(self, at: int, at_fs: int, event: Event) -> None:
        """Take a VF from its VM."""
        name = event.value
        self.require_there(at_fs, name)
        if name not in self.vfs:
            raise InputError(f"{name} belongs to the host; a VF can be unplugged")
        self.unplugged.add(name)
        self._goes(at, at_fs, name)

    def plug(self, at: int, at_fs: int, event: Event) -> None:
        """Give a VF to its VM again."""
        name = event.value
        if name not in self.unplugged:
            raise InputError(f"{name} is not unplugged at {format_time_fs(at_fs)}; only then it can be plugged in")
        self.unplugged.discard(name)
        self._course.starter.start(self._begins(at, at_fs, [name]))

    def masters(self, at: int, at_fs: int, event: Event) -> None:
        """Write Bus Master Enable: without it a function does no DMA; whoever sets it again starts its rings."""
        name = event.value.function
        if not event.value.is_on:
            self.require_there(at_fs, name)
            self.silenced.add(name)
            self._goes(at, at_fs, name)
            return
        if name not in self.silenced:
            time = format_time_fs(at_fs)
            raise InputError(f"Bus Master Enable of {name} is not clear at {time}; on: false of bus_master comes first")
        self.silenced.discard(name)
        life = self._lives(Life(name, at, at_fs, None, Parts(0, 0)))
        self._course.starter.start([Start(life, name, "", at_fs, at_fs, reset_fs=0)])

    def flood(self, at: int, at_fs: int, event: Event) -> None:
        """Let a function write doorbells."""
        self.require_there(at_fs, event.value.sender)
        self._course.floods[at] = Flooding(event.value, at_fs, NOT_KNOWN_FS)

    @property
    def _pfs(self) -> list[str]:
        return [name for name in self.functions if is_pf(name)]

    def _vfs_of(self, pf: str) -> list[str]:
        return [name for name in self.vfs if self._pf_of[name] == pf]

    def enable(self, at: int, at_fs: int, event: Event) -> None:
        """Write NumVFs and VF Enable of a port's PF; of all PFs, so that the first VFs of all come up, without one."""
        n_vfs, (_, port) = event.value, event.place
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
                self._takes_vfs_away(at, at_fs, pf)
                continue
            own = [name for name in of_these[:n_vfs] if self._pf_of[name] == pf]
            if own:
                self.require_there(at_fs, pf)
                self.n_enabled[pf] = len(own)
                self._course.starter.start(self._begins(at, at_fs, own))

    def host_goes(self, at: int, at_fs: int, event: Event, *, comes_again: bool) -> None:
        """Take the host away with all its functions; if it comes again, its PFs come up and then enable all VFs."""
        self.require_there(at_fs, self.server.station(PF))
        self.unplugged.clear()
        self.silenced.clear()
        if not comes_again:
            self.n_enabled = dict.fromkeys(self._pfs, 0)
            for name in (*self._pfs, *self.vfs):
                self._goes(at, at_fs, name)
            return
        for pf in self._pfs:
            own = self._vfs_of(pf)
            self.n_enabled[pf] = len(own)
            of_pf = self._begins(at, at_fs, [pf])
            self._course.then(of_pf[0].life, partial(self._enabled_again, self._begins(at, at_fs, own)))
            self._course.starter.start(of_pf)

    def _enabled_again(self, starts: Sequence[Start], at_fs: int) -> None:
        """Have VFs come up whose PF is, as far as they have not gone meanwhile."""
        left = [one for one in starts if self.last[one.name] == one.life]
        self._course.starter.start([one._replace(begins_fs=at_fs) for one in left])

    def _takes_vfs_away(self, at: int, at_fs: int, pf: str) -> None:
        vfs = self._vfs_of(pf)
        for name in vfs[: self.n_enabled[pf]]:
            self._goes(at, at_fs, name)
        self.n_enabled[pf] = 0
        self.unplugged -= set(vfs)
        self.silenced -= set(vfs)

    def _goes(self, at: int, at_fs: int, name: str) -> None:
        """Take a function away, whether it is there or on its way up."""
        self._lives(Life(name, at, at_fs, at_fs if self._course.is_there(name) else None))

    def _lives(self, life: Life) -> int:
        number = self.last[life.vm] = self._course.begins(life)
        return number

    def _begins(self, at: int, at_fs: int, names: Sequence[str]) -> list[Start]:
        """Let lives of a PF, or of VFs of one, begin, and return how they are to start."""
        starts = []
        for name in names:
            self.silenced.discard(name)  # a driver that starts sets it
            off_fs = at_fs if self._course.is_there(name) else None
            life = self._lives(Life(name, at, at_fs, off_fs, Parts()))
            pf = self._pf_of[name] if name in self.vfs else ""
            starts.append(Start(life, name, pf, at_fs, at_fs, RESET_FS))
        return starts

    def _comes_up(self, name: str) -> bool:
        """Tell whether a function is off and on its way up."""
        return name in self.last and self._course.lives[self.last[name]].parts is not None

    def require_there(self, at_fs: int, name: str) -> None:
        """Raise InputError where a function is off then."""
        if self._course.is_there(name):
            return
        last = self.last[name]
        life, up_fs = self._course.lives[last], self._course.starter.expected_fs(last)
        # Rounded for the reader: times of absence down, the time of return up.
        now, since = (format_time_fs(time_fs // FS_PER_NS * FS_PER_NS) for time_fs in (at_fs, life.at_fs))
        until = "" if up_fs is None else f"; it comes up at {format_time_fs(-(-up_fs // FS_PER_US) * FS_PER_US)}"
        raise InputError(
            f"{name} is not there at {now}, as {self._course.name_of(life.event)} takes it at {since}{until}"
        )


# What each kind of event does to the functions of an adapter: its index in the scenario, its time, and itself.
_DOES: Mapping[str, Callable[[_Adapter, int, int, Event], None]] = of_each_kind(
    f"what it does to functions, {__name__}",
    {
        "set": lambda *_: None,
        "mailbox": lambda adapter, _, at_fs, event: adapter.require_there(at_fs, event.value.sender),
        "pf": lambda *_: None,
        "reset": _Adapter.reset,
        "enable_vfs": _Adapter.enable,
        "unplug": _Adapter.unplug,
        "plug": _Adapter.plug,
        "bus_master": _Adapter.masters,
        "reset_host": partial(_Adapter.host_goes, comes_again=True),
        "fail": partial(_Adapter.host_goes, comes_again=False),
        "take_over": lambda adapter, _, at_fs, event: adapter.require_there(at_fs, adapter.server.station(PF)),
        "flood": _Adapter.flood,
    },
)

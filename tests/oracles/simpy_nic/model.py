"""The whole model: the parts put together, and the loads that drive them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, cycle
from typing import Any

import simpy

from .agents import Commanding, run_with_agents
from .chances import Chances
from .commands import Current, check_changes, check_parameters, run_with_commands, split_at_start
from .conditions import Waiters, Waiting, run_with_waiters
from .core import Core
from .driver import Driver
from .engines import Engines
from .frames import WIRE, Frame, as_destinations
from .jobs import Jobs
from .learned import LearningTables
from .link import Credits, Direction
from .lives import Lives
from .memory import HostMemory
from .parameters import BytesOf, Load, MirroredTo, NicParameters, Stop, nobody
from .posts import Post
from .reads import Host, ReadArbiter
from .receiving import Receiver
from .results import Meter, Outcome
from .sending import Sender
from .sources import Drawn, Traffic
from .switching import Switch
from .tables import Tables, tables_by_port
from .timing import LAST_PORT, AtHost, AtLink, Delay, FifoServer, Phase, fs_of_bytes, later, place
from .translation import Iommu
from .uplink import AtAdapter, Uplink, as_uplink, to_other_side
from .virtual_switch import PF, VirtualSwitch

NewMeter = Callable[[simpy.Environment, Stop, tuple[Direction, Direction]], Meter]


class Model:
    """The adapter, its host and its guests."""

    def __init__(
        self,
        parameters: NicParameters,
        stop: Stop,
        mirrored_to: MirroredTo = nobody,
        bytes_of: BytesOf | None = None,
        env: simpy.Environment | None = None,
        new_meter: NewMeter = Meter,
    ) -> None:
        """Build everything, in `env` if it shares one; nothing has begun."""
        self.env = env = simpy.Environment() if env is None else env
        self._current = current = self._at_adapter = Current(parameters)
        self._has_uplink = parameters.virtual_switch is not None and parameters.virtual_switch.n_uplink_rings > 0
        seen = as_uplink(parameters) if self._has_uplink else parameters
        if self._has_uplink:
            self._at_adapter = Current(seen)
        self.link = up, down = link_of(env, current)
        self._lives = up.lives = down.lives = Lives()
        self.meter = new_meter(env, stop, (up, down))
        self.iommu = Iommu(env, parameters)
        chances = Chances(seen)
        memory = HostMemory(env, parameters, chances)
        up.iommu, up.memory = self.iommu, memory
        if parameters.dma_read and parameters.dma_write:
            up.engines = Engines(env, parameters.dma_read, parameters.dma_write, parameters.dma_path)
        self.meter.iotlb = lambda: self.iommu.hits_and_misses
        self.arbiter = ReadArbiter(env, current, up, Host(env, down, current, self.iommu, memory))
        at_adapter, meter = self._at_adapter, AtAdapter(self.meter) if self._has_uplink else self.meter
        self.receiver = Receiver(env, at_adapter, meter, up, self.arbiter)
        self.switch = Switch(env, at_adapter, meter, self.receiver)
        self.sender = self.switch.sender = Sender(
            env, at_adapter, up, self.arbiter, self.switch.frames_in, self.receiver.cache
        )
        self._tables: list[Tables] = []
        if parameters.switch is not None:
            rules = parameters.virtual_switch and parameters.virtual_switch.learning
            tables = partial(LearningTables, rules=rules) if rules else Tables
            self._tables = [tables(env, switch, parameters.ports_off) for switch in _switches_of(parameters)]
            self.switch.decide = lambda frame: self._tables_at(frame).decide(frame)
        self._uplink: Uplink | None = None
        self.passes: VirtualSwitch | None = None
        self.drivers = self._drivers_of(parameters, chances)
        own = {port: driver.beside_frames for port, driver in self.drivers.items()}
        self.jobs = Jobs(env, current, self.link, memory, own)
        self._indices = count()
        self._mirrored_to = mirrored_to
        self._bytes_of = bytes_of

    def _drivers_of(self, parameters: NicParameters, chances: Chances) -> dict[int, Driver]:
        """Build the guests, and with them the host's virtual switch if there is one."""
        starts_fs = parameters.core_starts_fs or [0] * parameters.cores
        cores = [Core(self.env, start_fs, parameters.stalls) for start_fs in starts_fs]
        passes, link, sender, receiver = self._passed_by(cores, chances)
        if passes is not None and self._tables:
            passes.leaves = self._tables[0].leaves
            passes.learn = getattr(self._tables[0], "learn", passes.learn)
            passes.is_shut = getattr(self._tables[0], "is_shut", passes.is_shut)
        drivers = {}
        for guest, port in enumerate(parameters.ports):
            own = [
                cores[parameters.queue_cores.get((port, queue), guest % len(cores))]
                for queue in range(parameters.queues_per_vf)
            ]
            of_port = parameters.of_port(port)
            driver = Driver(self.env, of_port, chances, self.meter, link, own, sender, receiver, port)
            if passes is not None:
                driver.use_slots_by(passes.slots_freed)
                driver.pieces_of = passes.pieces_of
            else:
                driver.cannot_leave = partial(self._cannot_leave, port)
            drivers[port] = driver
        return drivers

    def _passed_by(self, cores: list[Core], chances: Chances) -> tuple[VirtualSwitch | None, Any, Any, Any]:
        """Return what drivers have to do with: the host's virtual switch, if there is one; link, sender, receiver."""
        if self._current.virtual_switch is None:
            return None, self.link, self.sender, self.receiver
        self.passes = passes = VirtualSwitch(self.env, self._current, self.meter, cores, self.switch.decide)
        if self._has_uplink:
            at_adapter, parts = self._at_adapter, (self.link, self.sender, self.receiver, passes)
            passes.uplink = self._uplink = Uplink(self.env, at_adapter, chances, self.meter, cores, *parts)
            self.switch.decide = partial(to_other_side, at_adapter.first_port)
        return passes, (passes.notices, passes.kicks), passes.sender, passes.receiver

    def _tables_at(self, frame: Frame) -> Tables:
        """Return what decides on a frame: the tables of its Ethernet port, or those that all have."""
        return self._tables[0 if len(self._tables) == 1 else self.switch.port_of(frame)]

    def from_wire(self, frame: Frame) -> None:
        """Let a frame come from outside, by the leg of a bond where there is one."""
        if self._uplink is not None:
            frame.came_by = self._uplink.leg_from_outside(frame)
        self.switch.from_wire(frame)

    def _cannot_leave(self, port: int, raw: bytes | None) -> bool:
        """Tell whether a function's frame is for a dead wire alone, by the tables of now."""
        number = self._current.at_ethernet_port.get(port, 0)
        return number in self._current.dead_ports and self._tables[number].is_for_wire_alone(port, raw or b"")

    def command(self, parameters: NicParameters) -> None:
        """Let other parameters hold from now on; functions that are off then go before others come."""
        before, after = self._current.ports_off, parameters.ports_off
        wires_change = self._current.dead_ports != parameters.dead_ports
        refilled = self._current.never_refill ^ parameters.never_refill
        self._current.replace(parameters)
        if self._uplink is not None:
            self._at_adapter.replace(as_uplink(parameters))
            self._uplink.wires_change()
        self.arbiter.look(place(Phase.COMMANDED, LAST_PORT))  # behind all that the instant's commands lead to
        for port in sorted(refilled):
            self.drivers[port].refills_from_now(port not in parameters.never_refill)
        if PF in refilled and self._uplink is not None:
            self._uplink.refills_from_now(PF not in parameters.never_refill)
        for port in sorted(after - before):
            self._goes(port)
        for port in sorted(before - after):
            self.drivers[port].comes()
        if self._tables:
            for tables, switch in zip(self._tables, _switches_of(parameters), strict=True):
                tables.change(switch, after)
        self.sender.limits_changed()
        if self.passes is not None:
            self.passes.limits_changed()
        self.switch.planes_changed()
        self.switch.limits_changed()
        later(self.env, 0, place(Phase.COMMANDED), self.receiver.drops_changed)
        if wires_change or before - after:  # behind all commands of the instant
            later(self.env, 0, place(Phase.COMMANDED), self._look_at_sources)
        if wires_change:
            later(self.env, 0, place(Phase.COMMANDED), self.switch.look_at_wires)
        for job in parameters.driver_jobs:
            self.jobs.begin(job)

    def _goes(self, port: int) -> None:
        """Take a function away, in the order of docs/datapath/commands.md; what follows comes behind all commands."""
        life = self._lives.end(port)
        self.drivers[port].goes()
        self.sender.forget(port)
        self.receiver.forget(port)
        self.arbiter.forget(life)
        for direction in self.link:
            direction.forget(life)
        self.switch.forget(port)
        self.jobs.drop(port)
        later(self.env, 0, place(Phase.COMMANDED), self._go_on)

    def _look_at_sources(self) -> None:
        for _, driver in sorted(self.drivers.items()):
            driver.look()

    def _go_on(self) -> None:
        self.arbiter.go_on()
        self.receiver.go_on()

    @property
    def ports_off(self) -> frozenset[int]:
        """The ports whose functions are off."""
        return self._current.ports_off

    def saturate(self, load: Load) -> None:
        """Start the saturating sources, in port order."""
        for port in sorted(load.saturating):
            self.drivers[port].saturate(self._endless(port, load.saturating[port]))

    def _endless(self, port: int, frames: Sequence[tuple[int | tuple[int, ...], int]]) -> Iterator[Frame]:
        for destination, frame_bytes in cycle(frames):
            yield self._new_frame(next(self._indices), port, destination, frame_bytes)

    def replay(self, load: Load) -> Generator[simpy.Event, None, None]:
        """Offer the recorded frames at their times, those of one instant by port."""
        in_order = sorted(enumerate(load.arrivals), key=lambda item: (item[1].at_fs, item[1].source))
        for index, (at_fs, source, destination, frame_bytes, rss_hash, came_by, raw) in in_order:
            if at_fs > self.env.now:
                yield Delay(self.env, at_fs - self.env.now, place(Phase.DRIVER))
            frame = self._new_frame(index, source, destination, frame_bytes, rss_hash, raw)
            frame.came_by = came_by
            if source == WIRE:
                self.from_wire(frame)
            else:
                self.drivers[source].offer(Post([frame], frame.data_bytes), load.on_full)

    def made_frame(self, source: int, drawn: Drawn) -> Frame:
        """Make a frame of what is drawn of it."""
        index = next(self._indices)
        return self._new_frame(index, source, drawn.destinations, drawn.frame_bytes, drawn.rss_hash, drawn.raw)

    def give(self, port: int, raw: bytes) -> int:
        """Give a driver a frame of an agent, to be posted behind all commands of the instant; return its index."""
        frame = self._new_frame(next(self._indices), port, (), len(raw) + 4, raw=raw)
        self.give_frame(port, frame)
        return frame.index

    def give_frame(self, port: int, frame: Frame) -> None:
        """Give a driver a frame of an agent."""
        self.drivers[port].given.append((Post([frame], frame.data_bytes), None))
        later(self.env, 0, place(Phase.COMMANDED), self.drivers[port].look)

    def made_post(self, source: int, drawn: Drawn) -> Post:
        """Make what a driver posts of what is drawn of it: a frame, or a send."""
        header_bytes, mss_bytes = self._current.header_bytes, self._current.mss_bytes
        if not mss_bytes:
            frame = self.made_frame(source, drawn)
            return Post([frame], frame.data_bytes)
        data_bytes = drawn.frame_bytes - 4
        rules = self._current.virtual_switch
        if rules is not None:
            segment = self.made_frame(source, drawn)
            if rules.cuts:
                segment.n_pieces = max(1, -(-(data_bytes - header_bytes) // mss_bytes))
            return Post([segment], data_bytes, mss_bytes, header_bytes, drawn.header)
        left, frames = data_bytes - header_bytes, []
        while left > 0:
            frame_bytes = header_bytes + min(left, mss_bytes) + 4
            frames.append(self.made_frame(source, drawn._replace(frame_bytes=frame_bytes)))
            left -= mss_bytes
        frames[-1].ends_send = True
        return Post(frames, data_bytes, mss_bytes, header_bytes, drawn.header)

    def _new_frame(
        self,
        index: int,
        source: int,
        destination: int | tuple[int, ...],
        frame_bytes: int,
        rss_hash: int = 0,
        raw: bytes | None = None,
    ) -> Frame:
        destinations = as_destinations(destination)
        mirrored_to = as_destinations(self._mirrored_to(source, destinations))
        if self._bytes_of is not None and raw is None:
            raw = self._bytes_of(source, destinations, frame_bytes)
        frame = Frame(index, source, destinations, mirrored_to, frame_bytes, raw=raw, rss_hash=rss_hash)
        self.meter.frame_offered(frame)
        return frame

    def left_over(self) -> tuple[int, int, int]:
        """Return the bytes in the Tx and the Rx buffer and the free tags."""
        return self.sender.buffered_bytes, self.receiver.buffered_bytes, self.arbiter.free_tags


def _switches_of(parameters: NicParameters) -> Sequence[Any]:
    """Return the tables of the switch at each Ethernet port."""
    return parameters.switches or tables_by_port(parameters, parameters.switch)


def link_of(env: simpy.Environment, parameters: NicParameters) -> tuple[Direction, Direction]:
    """Return the directions up and down."""

    def credit(headers: int, data: int) -> Credits:
        return Credits(env, headers, data, parameters.credit_return_fs)

    writes = credit(parameters.posted_header_credits, parameters.posted_data_credits)
    reads = credit(parameters.read_header_credits, 0)
    completions = credit(parameters.completion_header_credits, parameters.completion_data_credits)
    drain_rate = parameters.write_drain_fs_per_byte
    if drain_rate is not None:
        writes.drain = FifoServer(
            env,
            service_fs=lambda n_bytes: fs_of_bytes(n_bytes, drain_rate),
            place_of=lambda _: place(Phase.HOST, AtHost.CREDITS),
            done=writes.tlp_drained,
        )
    up = Direction(env, parameters, parameters.arbitration, writes, reads)
    down = Direction(env, parameters, "arrival", credit(0, 0), completions)
    up.opposite, down.opposite = down, up
    down.left_at, down.lands_at = place(Phase.LINK, AtLink.DOWN), place(Phase.LINK, AtLink.DOWN_LANDS)
    return up, down


def simulate(
    parameters: NicParameters,
    load: Load,
    stop: Stop,
    changes: Sequence[tuple[int, NicParameters]] = (),
    waiting: Sequence[Waiting] = (),
    agents: Callable[[Model], Commanding] | None = None,
) -> Outcome:
    """Run the model and return what was measured; from the time of each of `changes` on its parameters hold.

    Indices of recorded frames are their places in `load.arrivals`; those of all others count the posts. In place of
    `changes` commands may be `waiting` for conditions, or be those of `agents`, made of the model. Raises ValueError
    for a load that has no end without a stop, a port that is both saturating and recorded, or a change of what cannot
    change in mid-run.
    """
    if (load.saturating or load.sources) and stop.end_fs is None and stop.frames is None:
        raise ValueError("a saturating load needs a stop")
    if any(arrival[1] in load.saturating for arrival in load.arrivals):
        raise ValueError("a port is either saturating or recorded")
    check_changes(parameters, [(0, parameters), *changes], check_parameters)
    parameters, commands = split_at_start(parameters, changes)
    model = Model(parameters, stop, load.mirrored_to, load.bytes_of)
    model.receiver.start()
    model.saturate(load)
    model.env.process(model.replay(load))
    finished = model.meter.finished
    given: list[tuple[int, Callable[[], None]]] = [(at_fs, partial(model.command, to)) for at_fs, to in commands]
    if load.sources:
        traffic = Traffic(
            model.env,
            load.sources,
            model.drivers,
            model.from_wire,
            (model.made_frame, model.made_post),
            load.on_full,
        )
        traffic.turn()
        model.env.process(traffic.arrivals())
        given = sorted([*((at_fs, traffic.turn) for at_fs in traffic.change_times_fs), *given], key=lambda one: one[0])
    if agents is not None:
        run_with_agents(model.env, agents(model), finished)
    elif waiting:
        run_with_waiters(model.env, Waiters(model, waiting), finished)
    else:
        run_with_commands(model.env, given, finished)
    if stop.end_fs is None and stop.frames is None:
        model.meter.close()
    outcome = model.meter.outcome(model.left_over)
    passed = None if model.passes is None else model.passes.flows
    flow_control = model.switch.flow_figures((outcome.start_fs, outcome.end_fs))
    return replace(outcome, told=tuple(sorted(model.jobs.told)), passed=passed, flow_control=flow_control)

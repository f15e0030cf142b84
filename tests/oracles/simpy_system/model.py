"""The whole system: servers, the bridges between them, the stations outside, and the loads that drive them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, count, cycle

import simpy

from ..simpy_nic import NicParameters, Outcome, Stop
from ..simpy_nic.agents import Commanding, run_with_agents
from ..simpy_nic.commands import check_changes, run_with_commands, split_at_start
from ..simpy_nic.flow_control import ControlFrame
from ..simpy_nic.frames import WIRE, Copy, Frame
from ..simpy_nic.model import Model
from ..simpy_nic.posts import Post
from ..simpy_nic.tables import port_number, station_name
from ..simpy_nic.timing import AtSwitch, Delay, FifoServer, Phase, later, place
from ..simpy_nic.uplink import Carried
from ..simpy_nic.wires import MIN_DATA_BYTES, wire_fs
from .bridge import Passing
from .bus import Bus, BusParameters
from .commands import check_setup
from .ledger import Ledger, ServerMeter
from .parameters import OUTSIDE, BridgeParameters, Server, Setup, SystemArrival, SystemLoad, wires_of
from .pcie_tree import PcieTreeParameters, plant_tree
from .ports import ListedSwitch
from .relay import FCS_BYTES
from .results import SystemOutcome
from .tree import Tree


class Attached:
    """A server on its ports of bridges; `first`: the number of the port at the first of its wires."""

    def __init__(self, system: System, first: int, server: Server) -> None:
        """Put the server together and join its wires to bridges."""
        env = system.env
        self._system = system
        self.server = server
        self._first = first
        self._roots = [system.bridge.root_of(first + wire.number) for wire in server.wires]
        self.came_bytes = [0] * len(server.wires)
        """By wire, as on the line; what a dead one brings has not come."""
        self.model = Model(
            self._nic(server),
            system.stop,
            env=env,
            new_meter=partial(
                ServerMeter,
                ledger=system.ledger,
                where=server.place,
                station_of=lambda port: server.station(station_name(port, server.nic.vfs)),
            ),
        )
        self.model.switch.sending_begins = self._begins
        self._ports = [system.bridge.ports[first + wire.number] for wire in server.wires]
        for number, port in enumerate(self._ports):
            port.arrives = partial(self._arrives, number)
            port.arrives_at = place(Phase.SWITCH, AtSwitch.LINE_BRINGS, number)
            port.control_goes = partial(self._control_goes, number)
        self.model.switch.control_begins = self._control_begins

    def _begins(self, copy: Copy) -> None:
        number = self._first + self.model.switch.port_of(copy.frame)
        if isinstance(copy.frame, Carried):  # for a virtual switch, whose copy goes on
            copy = copy.frame.copy
        self._system.bridge.sending_begins(number, copy)

    def _control_begins(self, number: int, control: ControlFrame, duration_fs: int) -> None:
        port = self._ports[number]
        port.control_comes(control, duration_fs + port.propagation_fs)

    def _control_goes(self, number: int, control: ControlFrame, after_fs: int) -> None:
        """Let a control frame come by a wire, so much later than now, if that is not dead then."""
        later(self._system.env, after_fs, self._ports[number].arrives_at, self._control_comes, number, control)

    def _control_comes(self, number: int, control: ControlFrame) -> None:
        if not self.model.switch.is_dead(number):
            self.model.switch.control_comes(control, 0, number)

    def _nic(self, server: Server) -> NicParameters:
        """Return a server's parameters, with its tables and the lists that bridges set up in them."""
        switches = [ListedSwitch(wire, root) for wire, root in zip(server.wires, self._roots, strict=True)]
        return replace(server.nic, switch=server.switch, switches=switches)

    def command(self, server: Server) -> None:
        """Let the server have other parameters from now on."""
        self.model.command(self._nic(server))

    def new_frame(self, station: str, raw: bytes) -> Frame:
        """Let a station begin with a frame."""
        port, index = port_number(station, self.server.nic.vfs), next(self._system.indices)
        frame = Frame(index, port, (), (), len(raw) + FCS_BYTES, raw=raw, sender=self.server.station(station))
        self.model.meter.frame_offered(frame)
        self._system.ledger.offered += 1
        return frame

    def new_frames(self, station: str, frames: Iterator[bytes]) -> Iterator[Frame]:
        """Let a station begin with one frame after the other."""
        for raw in frames:
            yield self.new_frame(station, raw)

    def _arrives(self, number: int, copy: Passing) -> None:
        frame = arrived(copy, self._system.env.now)
        frame.came_by = number
        self.model.meter.frame_offered(frame)
        frame.offered_fs = copy.origin.frame.offered_fs
        if self.model.switch.is_dead(number):
            self.model.meter.frame_dropped(frame, "LINK_DOWN")
            return
        self.came_bytes[number] += max(frame.data_bytes, MIN_DATA_BYTES) + FCS_BYTES
        self.model.switch.frame_in(frame)


class Outside:
    """The stations outside: they send at the port's rate, one frame after the other, and take what comes."""

    def __init__(self, system: System) -> None:
        """Join the port behind those to servers."""
        self._system = system
        port = system.bridge.ports[system.bridge.outside]
        port.arrives = self._arrives
        self._number = 0
        self._endless: Iterator[bytes] | None = None
        self._line = FifoServer(
            system.env,
            lambda copy: wire_fs(copy.data_bytes, port.rate_bps),
            lambda _: place(Phase.SWITCH, AtSwitch.WIRE_HAS_SENT),
            self._sent,
            partial(system.bridge.sending_begins, port.number),
        )

    def offer(self, raw: bytes) -> None:
        """Send one frame, behind those that wait."""
        frame = Frame(next(self._system.indices), WIRE, (), (), len(raw) + FCS_BYTES, raw=raw, sender=OUTSIDE)
        frame.offered_fs = self._system.env.now
        frame.number, self._number = self._number, self._number + 1
        self._system.ledger.offered += 1
        self._line.put(Copy(frame, WIRE, raw=raw))

    def saturate(self, frames: Iterator[bytes]) -> None:
        """Send one frame after the other from now on."""
        self._endless = frames
        self.offer(next(frames))

    def _sent(self, copy: Copy, _waited_fs: int) -> None:
        copy.frame.offered_fs = copy.frame.began_fs = self._system.env.now
        if self._endless is not None:
            self.offer(next(self._endless))

    def _arrives(self, copy: Passing) -> None:
        self._system.ledger.came_outside(arrived(copy, self._system.env.now), OUTSIDE)


def arrived(copy: Passing, now_fs: int) -> Frame:
    """Return what has come over the bridge as a frame from the wire, which remembers its way."""
    origin = copy.origin.frame
    return Frame(
        index=origin.index,
        source=WIRE,
        destinations=(),
        mirrored_to=(),
        frame_bytes=len(copy.raw) + FCS_BYTES,
        offered_fs=origin.offered_fs,
        number=origin.number,
        began_fs=origin.began_fs,
        doorbell_fs=origin.doorbell_fs,
        raw=copy.raw,
        sender=origin.sender,
        decision_part="rx_switch",
        ends_fs=origin.ends_fs | copy.origin.ends_fs | {"bridge": now_fs},
    )


class System:
    """Everything in one environment."""

    def __init__(
        self,
        servers: Sequence[Server],
        bridges: Sequence[BridgeParameters],
        stop: Stop,
        trees: Sequence[PcieTreeParameters] = (),
        buses: Sequence[BusParameters] = (),
    ) -> None:
        """Build everything; nothing has begun."""
        self.env = simpy.Environment()
        self.stop = stop
        self.indices = count()
        self.ledger = Ledger(self.env, stop)
        self.bridge = Tree(self.env, bridges, servers, self.ledger)
        self._check_rates(servers)
        firsts = accumulate((len(server.wires) for server in servers), initial=0)
        self.attached = [Attached(self, first, server) for first, server in zip(firsts, servers, strict=False)]
        self.outside = Outside(self)
        links = {each.server.name: (each.server.nic, each.model.link) for each in self.attached}
        self.pcie_switches = [plant_tree(self.env, tree, links)[0] for tree in trees]
        self.buses = [Bus(self.env, bus, [links[name] for name in bus.adapters]) for bus in buses]
        self._of_station = {
            each.server.station(station_name(port, each.server.nic.vfs)): (
                each,
                station_name(port, each.server.nic.vfs),
            )
            for each in self.attached
            for port in each.server.nic.ports
        }

    def _check_rates(self, servers: Sequence[Server]) -> None:
        for wire, port in zip(wires_of(servers), self.bridge.ports.values(), strict=False):
            assert wire.server.nic.port_rate_bps == port.rate_bps, "both ends of a wire have one rate"

    def command(self, setup: Setup) -> None:
        """Let servers and bridges have other parameters from now on."""
        self.bridge.command(setup.bridges, setup.servers)
        self._check_rates(setup.servers)
        for attached, server in zip(self.attached, setup.servers, strict=True):
            attached.command(server)
        for switches in self.pcie_switches:
            for name, quantum_bytes in setup.quanta_bytes.items():
                switches[name].weighs(quantum_bytes)

    def give(self, sender: str, raw: bytes) -> int:
        """Give a station's driver a frame of an agent; return its index."""
        attached, station = self._of_station[sender]
        frame = attached.new_frame(station, raw)
        attached.model.give_frame(port_number(station, attached.server.nic.vfs), frame)
        return frame.index

    def start(self, load: SystemLoad) -> None:
        """Start what runs by itself, and the sources: by server, then by port, those outside last."""
        for each in self.attached:
            each.model.receiver.start()
        for sender in sorted(load.saturating, key=self._order):
            frames = cycle(load.saturating[sender])
            if sender == OUTSIDE:
                self.outside.saturate(frames)
            else:
                attached, station = self._of_station[sender]
                attached.model.drivers[port_number(station, attached.server.nic.vfs)].saturate(
                    attached.new_frames(station, frames)
                )
        self.env.process(self._replay(load))

    def _order(self, sender: str) -> tuple[int, int]:
        if sender == OUTSIDE:
            return len(self.attached), 0
        attached, station = self._of_station[sender]
        return self.attached.index(attached), port_number(station, attached.server.nic.vfs)

    def _replay(self, load: SystemLoad) -> Generator[simpy.Event, None, None]:
        def moment(arrival: SystemArrival) -> tuple[int, tuple[int, int]]:
            return arrival.at_fs, self._order(arrival.sender)

        for at_fs, sender, raw in sorted(load.arrivals, key=moment):
            if at_fs > self.env.now:
                yield Delay(self.env, at_fs - self.env.now, place(Phase.DRIVER))
            if sender == OUTSIDE:
                self.outside.offer(raw)
            else:
                attached, station = self._of_station[sender]
                driver = attached.model.drivers[port_number(station, attached.server.nic.vfs)]
                frame = attached.new_frame(station, raw)
                driver.offer(Post([frame], frame.data_bytes), load.on_full)

    def outcome(self) -> SystemOutcome:
        """Return what was measured."""
        ledger = self.ledger
        # A frame that waits for a slot is not offered yet.
        n_waiting = sum(driver.n_waiting for each in self.attached for driver in each.model.drivers.values())
        return SystemOutcome(
            start_fs=ledger.start_fs,
            end_fs=ledger.end_fs,
            offered_frames=ledger.offered - n_waiting,
            replicated_frames=ledger.replicated,
            delivered_frames=ledger.delivered,
            dropped_frames=ledger.dropped,
            in_flight_frames=ledger.in_flight - n_waiting,
            drops=dict(ledger.drops),
            deliveries=ledger.deliveries,
            delivered_raw=ledger.delivered_raw,
            journeys=ledger.journeys,
            servers={each.server.place: self._server_outcome(each) for each in self.attached},
            came_bytes={
                wire.port_name: each.came_bytes[wire.number] for each in self.attached for wire in each.server.wires
            },
            bridges=self.bridge.outcomes(),
            pcie_switch_bytes={
                name: (one.way_up.bytes_sent, one.way_down.bytes_sent)
                for switches in self.pcie_switches
                for name, one in switches.items()
            },
            buses=[(bus.busy_clocks, bus.retries) for bus in self.buses],
            told=tuple(sorted(told for each in self.attached for told in each.model.jobs.told)),
        )

    def _server_outcome(self, attached: Attached) -> Outcome:
        return attached.model.meter.outcome(attached.model.left_over)


def simulate_system(
    servers: Sequence[Server],
    bridges: BridgeParameters | Sequence[BridgeParameters],
    load: SystemLoad,
    stop: Stop | None = None,
    changes: Sequence[tuple[int, Setup]] = (),
    trees: Sequence[PcieTreeParameters] = (),
    buses: Sequence[BusParameters] = (),
    agents: Callable[[System], Commanding] | None = None,
) -> SystemOutcome:
    """Run servers on a bridge, or on several that wires join, and return what was measured.

    The window is from `stop.start_fs` to `stop.end_fs`, or to the end of all there is to do. From the time of each of
    `changes` on all is as it says; in their place commands may be those of `agents`, made of the system. Raises
    ValueError for a load that has no end without a stop, or a change of what cannot change in mid-run.
    """
    stop = stop or Stop()
    if load.saturating and stop.end_fs is None:
        raise ValueError("a saturating load needs a stop")
    first = Setup(servers, [bridges] if isinstance(bridges, BridgeParameters) else bridges)
    check_changes(first, changes, check_setup)
    first, commands = split_at_start(first, changes)
    system = System(first.servers, first.bridges, stop, trees, buses)
    system.start(load)
    finished = system.ledger.finished
    if agents is not None:
        run_with_agents(system.env, agents(system), finished)
    else:
        run_with_commands(system.env, [(at_fs, partial(system.command, to)) for at_fs, to in commands], finished)
    if stop.end_fs is None:
        system.ledger.close()
        for each in system.attached:
            each.model.meter.close()
    return system.outcome()

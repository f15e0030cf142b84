"""One configuration of servers on a bridge through both implementations of docs/bridge.md: engine and SimPy model."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from hwmodel.config import Config, bridges_of, config_from_mapping, servers_of
from hwmodel.config.names import UPLINK
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.journey_state import PART_FIELDS, STAMPS
from hwmodel.machine.counts.journeys import FROM_WIRE
from hwmodel.results import BridgeResult, Result
from hwmodel.simulation import Run
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.offered import with_workloads
from hwmodel.workload.traffic import RECORDED, FrameTemplate, Records, Source, Workload
from tests.beside_simpy import BASE, Commands, check_same_run, parameters_of, random_state
from tests.bridges_for_simpy import bridge_of
from tests.buses_for_simpy import buses_for_oracle, buses_in
from tests.jobs_for_simpy import beside_frames, change_of, function_number
from tests.journey_runs import Told, note_told
from tests.oracles.simpy_nic import PARTS, Stop
from tests.oracles.simpy_nic.sources import Source as MadeUp
from tests.oracles.simpy_system import (
    OUTSIDE,
    SYSTEM_PARTS,
    BridgeOutcome,
    Server,
    Setup,
    SystemArrival,
    SystemLoad,
    SystemOutcome,
    simulate_system,
)
from tests.pcie_trees_for_simpy import quanta_of, switches_in, trees_of
from tests.simpy_sources import sources_of

# ---- What both measure of a run, in one form ----

Delivery = tuple[int, str, str, int]
Journeys = Mapping[tuple[str, int, str], list[tuple[int, int, tuple[int, ...], int]]]
"""By (sender, number among its frames, receiver): offered, posted, the parts after the post, taken, all in fs.

One for each copy: a bridge may bring back what the adapter has handed over itself.
"""


class SystemRun(Run):
    """A run that keeps the deliveries and finished journeys of each server, and of those outside."""

    def __init__(self, config: Config, workload: Workload, changes: Sequence[Change] = ()) -> None:
        super().__init__(config, workload, lambda _share, _text: None, changes=changes)
        self.logs: dict[str, list[np.ndarray]] = defaultdict(list)
        self.told: list[Told] = []
        note_told(self.machine, self.told)
        for ledger in self.machine.ledgers():
            ledger.log.enabled = ledger.journey_log.enabled = 1

    @property
    def places(self) -> list[str]:
        """Return the names before a station's, of each ledger in turn."""
        return [*(server.prefix for server in self.machine.servers), OUTSIDE]

    def call(self, until_fs: int, n_events: int) -> int:
        status = super().call(until_fs, n_events)
        for place, ledger in zip(self.places, self.machine.ledgers(), strict=True):
            for name in ("log", "journey_log"):
                log = ledger[name]
                self.logs[place + name].append(log["entry"][: int(log.n)].copy())
                log.n = 0
        return status

    def entries(self, place: str, name: str) -> np.ndarray:
        """Return all that a ledger has logged."""
        return np.concatenate(self.logs[place + name])

    def receiver(self, at: int, copy_kind: int) -> str:
        """Return the station that a kind of copy is for, logged in a ledger."""
        if at == len(self.machine.servers):
            return OUTSIDE
        server = self.machine.servers[at]
        names = {number: name for name, number in server.book.port_numbers.items()}
        return str(names[int(server.nic["traffic"]["copy_kind"]["port"][copy_kind])])

    def sender(self, template: int) -> str:
        """Return who sends the frames of a header."""
        name = self.workload.templates[template].source
        return OUTSIDE if name == UPLINK else name


@dataclass(frozen=True)
class Figures:
    """What both measure of a run; times in fs, bytes with FCS."""

    totals: dict[str, int]
    deliveries: list[tuple[int, str, str, int]]
    """(when, from whom, who, how long) in order."""
    headers: dict[tuple[str, str, str], int]
    """How often each header has come, in hexadecimal digits, from whom to whom."""
    latency_sums: dict[tuple[str, str], tuple[int, int]]
    journeys: Journeys
    part_sums: dict[str, int]
    drops: dict[tuple[str, str], int]
    bridge: dict[str, int]
    ports: dict[str, dict[str, float]]
    links: dict[str, dict[str, int]]
    pcie_switches: dict[str, tuple[int, int]]
    """Bytes of TLPs on the link above each, up and down."""
    buses: list[tuple[int, int]]
    told: list[Told]


# What the log of journeys has one stamp for, the wait for room in the Rx buffer ending it.
WAY_IN = ("bridge", "rx_switch", "rx_room")


def engine_figures(run: SystemRun, result: Result) -> Figures:
    deliveries, headers, journeys = _logged(run)
    totals = result.totals
    flows = {
        (sender if sender != UPLINK else OUTSIDE, to if to != UPLINK else OUTSIDE): flow["latency"]
        for (sender, to), flow in zip(run.book.flows, run.end.flows, strict=True)
    }
    return Figures(
        totals={
            "offered": totals.offered_frames,
            "replicated": totals.replicated_frames,
            "delivered": totals.delivered_frames,
            "dropped": totals.dropped_frames,
            "in flight": totals.in_flight_frames,
        },
        deliveries=sorted(deliveries),
        headers=dict(headers),
        latency_sums={name: (int(each["n"]), int(each["sum_fs"])) for name, each in flows.items() if each["n"]},
        journeys={name: sorted(ways) for name, ways in journeys.items()},
        part_sums={name: int(run.end.parts_fs[name]) for name in PART_FIELDS[1:]},
        drops=_drops(run),
        bridge=_of_bridges(run, result.bridges),
        ports=_of_ports(run, result.bridges),
        links=_of_links(run),
        pcie_switches=switches_in(run.machine),
        buses=buses_in(run.machine),
        told=sorted(run.told),
    )


def _logged(run: SystemRun) -> tuple[list[Delivery], Counter[tuple[str, str, str]], dict[Any, Any]]:
    deliveries, journeys = [], defaultdict(list)
    headers: Counter[tuple[str, str, str]] = Counter()
    books = run.machine.books()
    for at, place in enumerate(run.places):
        for entry in run.entries(place, "log"):
            ends = run.sender(int(entry["template"])), run.receiver(at, int(entry["copy_kind"]))
            deliveries.append((int(entry["at_fs"]), *ends, int(entry["n_bytes"]) + 4))
            headers[*ends, books[at].headers[int(entry["copy_kind"])].hex()] += 1
        for entry in run.entries(place, "journey_log"):
            offered_fs, *way_fs = (int(entry[name]) for name in STAMPS)
            name = (run.sender(int(entry["template"])), int(entry["number"]), run.receiver(at, int(entry["copy_kind"])))
            assert (name[0] == OUTSIDE) == (entry["tx_queue"] == FROM_WIRE)
            parts_fs = tuple(end_fs - begin_fs for begin_fs, end_fs in pairwise(way_fs))
            journeys[name].append((offered_fs, way_fs[0], parts_fs, way_fs[-1]))
    return deliveries, headers, journeys


def _drops(run: SystemRun) -> dict[tuple[str, str], int]:
    drops: dict[tuple[str, str], int] = {}
    assert run.machine.system is not None
    record = run.machine.system.bridges[0]
    for name, counts in [
        *((server.name or "adapter", server.nic["ledger"]["counts"]["drops"]) for server in run.machine.servers),
        *((port.resource, record["port"]["counts"]["drops"][port.number]) for port in run.machine.system.ports),
    ]:
        drops.update({(name, DropReason(int(i)).name): int(counts[i]) for i in np.flatnonzero(counts)})
    return drops


def _of_bridges(run: SystemRun, bridges: Sequence[BridgeResult]) -> dict[str, int]:
    assert run.machine.system is not None
    boxes = run.machine.system.bridges[0].box
    if len(bridges) == 1:
        return _of_bridge(bridges[0], boxes[0])
    found = ((bridge.name, _of_bridge(bridge, box)) for bridge, box in zip(bridges, boxes, strict=False))
    return {f"{name} {what}": n for name, counts in found for what, n in counts.items()}


def _of_bridge(bridge: BridgeResult, box: Any) -> dict[str, int]:
    return {
        "forwarded": bridge.forwarded_frames,
        "replicated": bridge.replicated_frames,
        "flooded": bridge.flooded_frames,
        "dropped": bridge.dropped_frames,
        "known": bridge.addresses_known,
        "learned": bridge.learned,
        "moved": bridge.moved,
        "aged": bridge.aged,
        "not learned": bridge.not_learned,
        "most in all queues": int(box.counts.waiting.highest),
    }


def _of_ports(run: SystemRun, bridges: Sequence[BridgeResult]) -> dict[str, dict[str, float]]:
    assert run.machine.system is not None
    first, last = (end.bridge.ports for end in run.ends)
    told = {(bridge.name, port.name): port for bridge in bridges for port in bridge.ports}
    return {
        port.name if len(bridges) == 1 else f"{bridge}.{port.name}": {
            "frames in": port.in_frames,
            "frames out": port.out_frames,
            "bytes in": int(last["rx_bytes"][i] - first["rx_bytes"][i]),
            "bytes out": int(last["tx_bytes"][i] - first["tx_bytes"][i]),
            "busy": round(port.out_utilization, 12),
            "mean queue": round(port.queue_mean_bytes, 6),
            "largest queue": port.queue_max_bytes,
        }
        for i, (bridge, port) in enumerate(
            (each.owner.name, told[each.owner.name, each.name]) for each in run.machine.system.ports
        )
    }


def _of_links(run: SystemRun) -> dict[str, dict[str, int]]:
    assert run.machine.system is not None
    found = {
        server.name: {
            "copies delivered": int(server.nic.ledger.counts.copies_delivered),
            "from wire": int(server.nic.ledger.counts.from_wire),
        }
        for server in run.machine.servers
    }
    for port in (one for one in run.machine.system.ports if one.server is not None):
        counts = run.machine.servers[port.server].nic.port[port.adapter_port].mac.counts
        found[f"wire {port.name}"] = {"out": int(counts.tx_bytes), "in": int(counts.rx_bytes)}
    return found


def oracle_figures(outcome: SystemOutcome) -> Figures:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for each in outcome.deliveries:
        n, sum_fs = sums.get((each.sender, each.receiver), (0, 0))
        sums[each.sender, each.receiver] = n + 1, sum_fs + each.latency_fs
    return Figures(
        totals={
            "offered": outcome.offered_frames,
            "replicated": outcome.replicated_frames,
            "delivered": outcome.delivered_frames,
            "dropped": outcome.dropped_frames,
            "in flight": outcome.in_flight_frames,
        },
        deliveries=sorted((each.at_fs, each.sender, each.receiver, each.frame_bytes) for each in outcome.deliveries),
        headers=dict(
            # All behind the header is zero, and a header is not at its end.
            Counter(
                (each.sender, each.receiver, raw.rstrip(b"\0").hex())
                for each, raw in zip(outcome.deliveries, outcome.delivered_raw, strict=True)
            )
        ),
        latency_sums=sums,
        journeys={name: sorted(ways) for name, ways in _ways(outcome).items()},
        part_sums={name: sum(each.parts_fs[i] for each in outcome.journeys) for i, name in enumerate(SYSTEM_PARTS)},
        drops=dict(outcome.drops),
        bridge=_of_the_models_bridges(outcome),
        ports=_of_the_models_ports(outcome),
        links=_of_the_models_links(outcome),
        pcie_switches=dict(outcome.pcie_switch_bytes),
        buses=list(outcome.buses),
        told=[tuple(one) for one in outcome.told],
    )


def _ways(outcome: SystemOutcome) -> dict[Any, Any]:
    at, end = SYSTEM_PARTS.index(WAY_IN[0]), SYSTEM_PARTS.index(WAY_IN[-1]) + 1
    journeys = defaultdict(list)
    for each in outcome.journeys:
        parts_fs = (*each.parts_fs[:at], sum(each.parts_fs[at:end]), *each.parts_fs[end:])
        journeys[each[:3]].append((each.offered_fs, each.posted_fs, parts_fs, each.taken_fs))
    assert len(PARTS) == len(SYSTEM_PARTS) - 2
    return journeys


def _of_the_models_bridges(outcome: SystemOutcome) -> dict[str, int]:
    found = {name: _of_the_models_bridge(outcome, name, bridge) for name, bridge in outcome.bridges.items()}
    if len(found) == 1:
        return next(iter(found.values()))
    return {f"{name} {what}": n for name, counts in found.items() for what, n in counts.items()}


def _of_the_models_bridge(outcome: SystemOutcome, name: str, bridge: BridgeOutcome) -> dict[str, int]:
    return {
        "forwarded": bridge.forwarded,
        "replicated": bridge.replicated,
        "flooded": bridge.flooded,
        "dropped": sum(n for (place, _), n in outcome.drops.items() if place.startswith(f"{name}.")),
        "known": bridge.known,
        "learned": bridge.learned,
        "moved": bridge.moved,
        "aged": bridge.aged,
        "not learned": bridge.not_learned,
        "most in all queues": bridge.buffer_highest_bytes,
    }


def _of_the_models_ports(outcome: SystemOutcome) -> dict[str, dict[str, float]]:
    length_fs = outcome.end_fs - outcome.start_fs
    return {
        name if len(outcome.bridges) == 1 else f"{of}.{name}": {
            "frames in": port.frames_in,
            "frames out": port.frames_out,
            "bytes in": bridge.window[name].bytes_in,
            "bytes out": bridge.window[name].bytes_out,
            "busy": round(bridge.window[name].busy_fs / length_fs, 12),
            "mean queue": round(bridge.window[name].queue_area / length_fs, 6),
            "largest queue": bridge.queue_highest_bytes[name],
        }
        for of, bridge in outcome.bridges.items()
        for name, port in bridge.ports.items()
    }


def _of_the_models_links(outcome: SystemOutcome) -> dict[str, dict[str, int]]:
    ports = {name: port for bridge in outcome.bridges.values() for name, port in bridge.ports.items()}
    wires = {name: [wire for wire in outcome.came_bytes if is_of(wire, name)] for name in outcome.servers}
    found = {
        "" if name == "adapter" else name: {
            "copies delivered": each.counts.copies_delivered,
            "from wire": sum(ports[wire].frames_out for wire in wires[name]),
        }
        for name, each in outcome.servers.items()
    }
    return found | {
        f"wire {wire}": {"out": ports[wire].bytes_in, "in": n_bytes} for wire, n_bytes in outcome.came_bytes.items()
    }


def is_of(wire: str, server: str) -> bool:
    """Tell whether a wire, by the name of its port at a bridge, is a server's."""
    return wire == server or wire.rpartition(".")[0] == ("" if server == "adapter" else server)


# ---- Frames, and the run of both ----

NS_FS, US_FS = 10**6, 10**9
BROADCAST, MULTICAST, UNKNOWN = "broadcast", "multicast", "unknown"
MACS = {BROADCAST: (1 << 48) - 1, MULTICAST: 0x01005E010203, UNKNOWN: 0x02AA_0000_0007, OUTSIDE: 0x02FF_0000_0001}
GROUPS = (BROADCAST, MULTICAST)
DRAINED_FS = 300 * US_FS  # behind the last frame, in which all that was sent comes to its end
LATER_FS = 10**15  # a frame that nobody sees: until then the engine's clock goes on

# Nothing waits for a batch, so all that was sent is seen. Times that are no whole ns keep instants apart.
ONE_BY_ONE = {
    "nic.fetch_batch": 1, "nic.tx_writeback_batch": 1, "nic.rx_writeback_batch": 1, "driver.tx_doorbell_batch": 1,
    "driver.refill_batch": 1, "driver.rx_interrupt_batch": 1, "driver.tx_interrupt_batch": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """A frame that a station sends: its header, and its length with FCS."""

    at_fs: int
    sender: str
    to: str
    header: bytes
    frame_bytes: int

    @property
    def raw(self) -> bytes:
        """Return its bytes without FCS."""
        return self.header.ljust(self.frame_bytes - 4, b"\0")


class Stations:
    """The addresses of a configuration's stations."""

    def __init__(self, config: Config) -> None:
        self.macs = dict(MACS)
        for server in servers_of(config):
            self.macs |= {server.station(port.name): port.macs[0] for port in server.config.switch.ports}

    def frame(
        self, at_fs: int, sender: str, to: str, frame_bytes: int, tag: str = "", source: str | None = None
    ) -> Frame:
        """Return a frame; `tag` is a C-TAG in hexadecimal digits, `source` whose address it bears if not its own."""
        ends = self.macs[to].to_bytes(6, "big") + self.macs[source or sender].to_bytes(6, "big")
        return Frame(at_fs, sender, to, ends + bytes.fromhex(tag) + b"\x88\xb5", frame_bytes)


def drawn(
    stations: Stations,
    n: int,
    mean_ns: float,
    senders: Sequence[str],
    receivers: Sequence[str],
    sizes: Sequence[int] = (64, 64, 570, 1518),
    tags: Sequence[str] = ("",),
    seed: int = 1,
) -> list[Frame]:
    """Draw frames at times in femtoseconds; what is listed more often is drawn more often."""
    rng = random.Random(seed)
    at_fs, frames = 0, []
    for _ in range(n):
        sender = rng.choice(senders)
        to = rng.choice([each for each in receivers if each != sender])
        frames.append(stations.frame(at_fs, sender, to, rng.choice(sizes), rng.choice(tags)))
        at_fs += int(rng.expovariate(1 / mean_ns) * NS_FS) + 1
    return frames


def config_with(*changes: Mapping[str, Any]) -> Config:
    """Return a configuration of `beside_simpy.BASE` with changes."""
    merged: dict[str, Any] = {"bridge": {}, **ONE_BY_ONE}
    for each in changes:
        merged |= each
    return config_from_mapping(BASE, merged)


def workload_of(frames: Sequence[Frame], straggler: Frame) -> Workload:
    """Return frames as the engine takes them, and one that comes when all is over."""
    played = [*frames, straggler]
    names = sorted({frame.sender for frame in played})
    numbers: dict[tuple[str, str, bytes], int] = {}
    template = [numbers.setdefault((each.sender, each.to, each.header), len(numbers)) for each in played]
    counts = Counter(frame.sender for frame in played)

    def port(name: str) -> str:
        return UPLINK if name == OUTSIDE else name

    return Workload(
        [FrameTemplate(port(sender), port(to), header) for sender, to, header in numbers],
        [Source(port(name), RECORDED, n_records=counts[name]) for name in names],
        Records(
            at_fs=np.array([each.at_fs for each in played], np.int64),
            source=np.array([names.index(each.sender) for each in played], np.int32),
            template=np.array(template, np.int32),
            frame_bytes=np.array([each.frame_bytes for each in played], np.int32),
            index=np.arange(len(played), dtype=np.int32),
            rss_hash=np.zeros(len(played), np.uint32),
        ),
    )


@dataclass(frozen=True)
class Both:
    """One load through both."""

    run: SystemRun
    result: Result
    engine: Figures
    oracle: Figures

    def differences(self) -> dict[str, Any]:
        """Return what is not the same in both, by the name of the figure: one example each."""
        found = {}
        for name in Figures.__dataclass_fields__:
            ours, theirs = getattr(self.engine, name), getattr(self.oracle, name)
            if ours == theirs:
                continue
            if isinstance(ours, dict):
                keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
                found[name] = len(keys), keys[0], ours.get(keys[0]), theirs.get(keys[0])
            else:
                found[name] = next((pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]), "longer")
        return found


def run_both(config: Config, frames: Sequence[Frame], start_fs: int = 0, commands: Commands = ()) -> Both:
    """Run frames through both until all is over; the window begins at `start_fs`.

    `commands`: at how many fs which keys have which values, all others keeping theirs; which functions are off.
    """
    straggler = Stations(config).frame(LATER_FS, OUTSIDE, UNKNOWN, 64)
    end_fs = frames[-1].at_fs + DRAINED_FS
    changes, current = [], config
    for at_fs, more, *off in commands:
        current = current.with_overrides(more)
        changes.append(change_of(at_fs, with_window(current, start_fs, end_fs), *off))
    config = with_window(config, start_fs, end_fs)
    check_same_run(config, changes)
    return compared(config, workload_of(frames, straggler), frames, changes)


def run_loads(config: Config, commands: Commands, end_fs: int) -> Both:
    """Run a configuration with its own load through both, which commands may change, and end it at `end_fs`.

    Frames of a burst may still come then. Sources have times throughout, so the SimPy model is given the frames that
    its own sources make.
    """
    changes, current = [], config
    for at_fs, more, *off in commands:
        current = current.with_overrides(more)
        changes.append(change_of(at_fs, with_window(current, 0, end_fs + DRAINED_FS), *off))
    config = with_window(config, 0, end_fs + DRAINED_FS)
    workload, with_loads = with_workloads(config, changes)
    frames = made_up(config, workload, with_loads, end_fs + DRAINED_FS)
    return compared(config, workload, frames, with_loads)


def made_up(config: Config, workload: Workload, changes: Sequence[Change], end_fs: int) -> list[Frame]:
    """Return the frames that come up to a time."""
    names = list(dict.fromkeys(name for each in workload.templates for name in (each.source, each.target)))
    found = []
    for parameters in sources_of(config, workload, changes, {name: at for at, name in enumerate(names)}):
        source = MadeUp(parameters)
        sender = OUTSIDE if names[parameters.port] == UPLINK else names[parameters.port]
        while source.next_fs < end_fs:
            at_fs, drawn_frame = int(source.next_fs), source.take()
            to = names[drawn_frame.destinations[0]]
            found.append(Frame(at_fs, sender, to, drawn_frame.header, drawn_frame.frame_bytes))
    return sorted(found, key=lambda frame: frame.at_fs)


def with_window(config: Config, start_fs: int, end_fs: int) -> Config:
    """Return a configuration that is measured from one time to another, or some ps more."""
    times = {"run.warmup": f"{start_fs // NS_FS}ns", "run.duration": f"{(end_fs - start_fs) // NS_FS + 1}ns"}
    return config_from_mapping(config.resolved(), times)


def compared(config: Config, workload: Workload, frames: Sequence[Frame], changes: Sequence[Change] = ()) -> Both:
    """Run a workload through the engine, and the frames of it that the run takes through the SimPy model."""
    run = SystemRun(config, workload, changes)
    for _ in run.pieces():
        pass
    result = run.result()
    assert run.start is not None and run.end is not None
    outcome = oracle_outcome(config, frames, Stop(run.start.now_fs, run.end.now_fs), changes)
    return Both(run, result, engine_figures(run, result), oracle_figures(outcome))


def servers_for_oracle(change: Change) -> list[Server]:
    """Return the servers that a machine has from a change on, some of whose functions may be off."""
    found = []
    for number, each in enumerate(servers_of(change.config)):
        names = [port.name for port in each.config.switch.ports if each.station(port.name) in change.off]
        parameters = replace(
            parameters_of(each.config),
            random_state=random_state(each.config.run.seed, number),
            off=frozenset(map(function_number, names)),
            **beside_frames(change, each.prefix),
        )
        found.append(Server(each.name, parameters, each.config.switch))
    return found


def oracle_outcome(config: Any, frames: Iterable[Frame], stop: Stop, changes: Sequence[Change] = ()) -> SystemOutcome:
    """Run frames through the SimPy model; from the time of each of `changes` on its configuration holds."""
    arrivals = [SystemArrival(each.at_fs, each.sender, each.raw) for each in frames]
    load = SystemLoad(arrivals=arrivals, on_full=config.workload.on_full)
    commands = [(change.at_fs, setup_of(change)) for change in changes]
    first = setup_of(Change(0, config))[:2]
    return simulate_system(*first, load, stop, commands, trees_of(config), buses_for_oracle(config))


def setup_of(change: Change) -> Setup:
    """Return the servers and bridges that a machine has from a change on."""
    bridges = [bridge_of(change.config, each) for each in bridges_of(change.config)]
    return Setup(servers_for_oracle(change), bridges, quanta_of(change.config))

"""One configuration of servers on a bridge through both implementations of docs/bridge.md: engine and SimPy model."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwmodel.config import Config, JoinedPort, NamedBridge, bridges_of, config_from_mapping, servers_of
from hwmodel.results import Result
from hwmodel.workload.traffic import RECORDED, UPLINK, FrameTemplate, Records, Source, Workload
from tests.engine_and_oracle import BASE, check_same_run, parameters_of
from tests.oracles.service_level_oracle import Level
from tests.oracles.simpy_nic import Stop
from tests.oracles.simpy_system import (
    OUTSIDE,
    BridgeParameters,
    BridgePort,
    ExtenderParameters,
    Server,
    Setup,
    SystemArrival,
    SystemLoad,
    SystemOutcome,
    simulate_system,
)
from tests.system_figures import Figures, SystemRun, engine_figures, oracle_figures

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
    """Return a configuration of `engine_and_oracle.BASE` with changes."""
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


def run_both(config: Config, frames: Sequence[Frame], start_fs: int = 0) -> Both:
    """Run frames through both until all is over; the window begins at `start_fs`."""
    straggler = Stations(config).frame(LATER_FS, OUTSIDE, UNKNOWN, 64)
    end_fs = frames[-1].at_fs + DRAINED_FS
    return compared(with_window(config, start_fs, end_fs), workload_of(frames, straggler), frames)


def with_window(config: Config, start_fs: int, end_fs: int) -> Config:
    """Return a configuration that is measured from one time to another, or some ps more."""
    times = {"run.warmup": f"{start_fs // NS_FS}ns", "run.duration": f"{(end_fs - start_fs) // NS_FS + 1}ns"}
    return config_from_mapping(config.resolved(), times)


def compared(config: Config, workload: Workload, frames: Sequence[Frame]) -> Both:
    """Run a workload through the engine, and the frames of it that the run takes through the SimPy model."""
    run = SystemRun(config, workload)
    for _ in run.pieces():
        pass
    result = run.result()
    assert run.start is not None and run.end is not None
    outcome = oracle_outcome(config, frames, Stop(run.start.now_fs, run.end.now_fs))
    return Both(run, result, engine_figures(run, result), oracle_figures(outcome))


def servers_for_oracle(config: Config) -> list[Server]:
    """Return the servers that a configuration has."""
    return [Server(each.name, parameters_of(each.config), each.config.switch) for each in servers_of(config)]


def bridge_of(named: NamedBridge) -> BridgeParameters:
    """Translate the block `bridge`, or an entry of `bridges`."""
    block = named.settings
    return BridgeParameters(
        name=named.name,
        kind=block.kind,
        ports={
            name: BridgePort(
                rate_bps=port.rate_bps,
                hairpin=port.hairpin,
                native_vlan=port.native_vlan,
                vlans=None if port.vlans == "all" else frozenset(port.vlans),
                behind=port.behind,
                s_channels={
                    s_vid: Level(level.weight, level.rate_bps, level.burst_bytes, level.buffer_bytes)
                    for s_vid, level in port.s_channels.items()
                },
                translate=port.translate,
                to=port.to if isinstance(port, JoinedPort) else None,
                propagation_fs=port.propagation_fs if isinstance(port, JoinedPort) else None,
            )
            for name, port in block.ports.items()
        },
        extenders={name: ExtenderParameters(**dict(one)) for name, one in block.extenders.items()},
        latency_fs=block.latency_fs,
        forwarding=block.forwarding,
        buffer_bytes=block.buffer_bytes,
        sharing=block.sharing,
        propagation_fs=block.propagation_fs,
        table=block.table,
        ageing_fs=block.ageing_fs,
        announce=block.announce,
        policy=block.policy,
    )


def oracle_outcome(
    config: Any, frames: Iterable[Frame], stop: Stop, changes: Sequence[tuple[int, Config]] = ()
) -> SystemOutcome:
    """Run frames through the SimPy model; from the time of each of `changes` on its configuration holds."""
    check_same_run(config, changes)
    arrivals = [SystemArrival(each.at_fs, each.sender, each.raw) for each in frames]
    load = SystemLoad(arrivals=arrivals, on_full=config.workload.on_full)
    commands = [(at_fs, setup_of(changed)) for at_fs, changed in changes]
    return simulate_system(*setup_of(config), load, stop, commands)


def setup_of(config: Config) -> Setup:
    """Return the servers and bridges that a configuration has."""
    return Setup(servers_for_oracle(config), [bridge_of(each) for each in bridges_of(config)])

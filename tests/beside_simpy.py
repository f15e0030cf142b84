"""One load through both implementations of docs/datapath.md, the engine and the SimPy model in `oracles/simpy_nic`.

Here are loads, the run of both, and what must be the same; `drawn_machines` has machines for it, `planted_*` faults.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from hwmodel.config import Config, config_from_mapping
from hwmodel.config.switch import Mirror
from hwmodel.results import PcieDirection, Result
from hwmodel.simulation import Run
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.offered import read_packets, with_workloads
from hwmodel.wire.pcap import PcapWriter
from hwmodel.workload import build_workload
from tests.classes_beside_simpy import limit_of, planes_of
from tests.clocks_beside_simpy import stalls_of, with_clocks
from tests.flow_control_for_simpy import adapter_flow_control
from tests.jobs_for_simpy import beside_frames, change_of, function_number
from tests.journey_runs import JourneyRun, Journeys, Told, finished_journeys
from tests.oracles.simpy_nic import (
    Arrival,
    DmaEngine,
    DmaPath,
    LastLevelCache,
    Load,
    Model,
    NicParameters,
    Outcome,
    SourceParameters,
    Stop,
    TranslationCache,
    Waiting,
)
from tests.oracles.simpy_nic import simulate as run_oracle
from tests.passing_beside_simpy import counted_by_engine, counted_by_oracle, guarantee_window_fs, passing_rules
from tests.sends_beside_simpy import sends_of
from tests.simpy_sources import sources_of

OfFunctions = Callable[[Config, frozenset[str]], NicParameters]
"""Parameters of a configuration with functions that are off."""
Waiters = Callable[[OfFunctions], Sequence[Waiting]]
WithAgents = Callable[[OfFunctions, Model], Any]

NS_FS = 10**6
WIRE, PF, VF0, VF1, VF2, VF3 = range(6)
GROUP = -1  # a destination: broadcast
VLAN = 1  # of all frames
LOOP_FRAMES = 8_000
VFS = ("vf0", "vf1", "vf2", "vf3")
GUESTS = (VF0, VF1, VF2, VF3)
EVERYONE, WIRE_TOO = (PF, *GUESTS), (WIRE, *GUESTS)
OUTSIDE = {name: WIRE for name in ("uplink", *(f"p{at}.uplink" for at in range(4)))}
NUMBERS = {**OUTSIDE, "broadcast": GROUP, "pf": PF, **{name: VF0 + at for at, name in enumerate(VFS)}}
GROUP_OF = (WIRE, *EVERYONE)  # the ports that a broadcast is for
IMIX = (64, 64, 570, 1518)

LANE_BPS = {1: Fraction(2 * 10**9), 2: Fraction(4 * 10**9)}
LANE_BPS |= {number: Fraction(gtps * 10**9 * 128, 130) for number, gtps in ((3, 8), (4, 16), (5, 32))}
SKP = {1: Fraction(4, 1538), 2: Fraction(4, 1538), 3: Fraction(1, 371), 4: Fraction(1, 371), 5: Fraction(1, 371)}

# Frames arrive at whole nanoseconds; a driver's time that is none keeps a post from ending as the next frame comes.
BASE: Mapping[str, Mapping[str, Any]] = {
    "pcie": {"generation": 2, "lanes": 4, "max_payload": "256B", "max_read_request": "512B", "tags": 32,
             "read_completion_boundary": "64B", "dllp_model": "tlp4", "credits": {"return": "200ns"}},
    "host": {"read_latency": "450ns", "buffer_bytes": "16KiB"},
    "nic": {"preset": None, "vfs": 4, "tx_ring": 64, "rx_ring": 64, "fetch_batch": 8, "rx_fetch_batch": 8,
            "rx_prefetch": 8, "tx_writeback_batch": 8, "rx_writeback_batch": 8, "writeback_timeout": "20us",
            "tx_buffer": "32KiB", "rx_buffer": "32KiB", "max_pps": None},
    "driver": {"preset": None, "tx_doorbell_batch": 8, "refill_batch": 8, "rx_interrupt_batch": 8,
               "tx_interrupt_batch": 8, "frame_time": "19.987ns"},
    "port": {"rate": "10Gbps"},
}  # fmt: skip


Recorded = Sequence[tuple[int, int, int, int]]
"""Frames: at which ns, from which port, to which port (or GROUP), how many bytes with FCS."""
Loops = Mapping[int, Sequence[tuple[int, int]]]
"""By port the (destination, bytes) that it sends in turn for ever, its ring kept full."""
Sources = Sequence[SourceParameters]
"""Frames that sources make up, as the configuration says."""
Commands = Sequence[tuple[Any, ...]]
"""At how many fs which keys have which values, all others keeping theirs; then, if any, which VMs' functions are off,
and which jobs drivers, and agents on their cores, begin with (`Job`)."""


def fs_per_byte(bps: Fraction | int) -> tuple[int, int]:
    ratio = Fraction(8 * 10**15) / bps
    return ratio.numerator, ratio.denominator


def parameters_of(config: Config) -> NicParameters:
    """Translate a configuration; the link's rate is worked out here."""
    pcie, host, nic, driver = config.pcie, config.host, config.nic, config.driver
    assert pcie.dllp_model in ("none", "tlp4", "tlp1")
    ecrc = 4 * pcie.ecrc
    usable = LANE_BPS[pcie.generation] * pcie.lanes * (1 - SKP[pcie.generation])
    # Many names are the same in both; the others follow.
    same = {field.name for field in fields(NicParameters)}
    settings = {
        name: value for block in (pcie, host, nic, driver) for name, value in dict(block).items() if name in same
    }
    settings["arbitration"] = pcie.arbitration  # that of the adapter's classes has the same name
    settings["flow_control"] = adapter_flow_control(config)
    settings["virtual_switch"] = passing_rules(config)
    own_drivers = {
        1 if name == "pf" else int(name[2:]) + VF0: {
            key: value for key, value in dict(own).items() if key in same and value != getattr(driver, key)
        }
        for name, own in driver.vms.items()
    }
    return NicParameters(
        **settings,
        tx_host_threshold=nic.txdctl.hthresh if nic.txdctl else 0,
        tx_reports_last=bool(nic.txdctl and not nic.txdctl.wthresh and nic.txdctl.rs > 1),
        own_drivers={port: own for port, own in own_drivers.items() if own},
        link_fs_per_byte=fs_per_byte(usable),
        request_header_bytes={64: 24, 32: 20}[pcie.address_bits] + ecrc,
        completion_header_bytes=20 + ecrc,
        dllp_period_tlps={"none": 0, "tlp4": 4, "tlp1": 1}[pcie.dllp_model],
        posted_header_credits=pcie.credits.ph,
        posted_data_credits=pcie.credits.pd,
        read_header_credits=pcie.credits.nph,
        completion_header_credits=pcie.credits.cplh,
        completion_data_credits=pcie.credits.cpld,
        credit_return_fs=pcie.credits.return_fs,
        completion_cut=host.completion_bytes,
        write_drain_fs_per_byte=fs_per_byte(host.write_drain_bps) if host.write_drain_bps else None,
        store_fs_per_byte=fs_per_byte(nic.store_rate_bps) if nic.store_rate_bps else None,
        **engines_of(config),
        jitter_range_fs=host.jitter.range_fs if host.jitter.kind == "uniform" else None,
        jitter_bins=[tuple(each) for each in host.jitter.bins or ()] if host.jitter.kind == "histogram" else (),
        random_state=random_state(config.run.seed),
        port_rate_bps=config.port.rate_bps,
        **sends_of(config),
        **stations_of(config),
        ethernet_ports=config.port.count,
        further_pfs=len(config.switch.ports) - 1 - nic.vfs,
        at_ethernet_port={port.number: int(port.port[1:]) for port in config.switch.ports if port.port},
        down_ports=ports_of(config.port.down),
        silent_ports=ports_of(config.bond.silent if config.bond else ()),
        bus_cycle_fs=10**15 // config.switch.clock_hz if config.switch.timing == "core" else None,
        bus_bits=config.switch.bus_bits,
        scheduler=config.switch.scheduler,
        translation_cache=TranslationCache(**dict(host.iotlb)) if host.iotlb else None,
        stalls=stalls_of(host.stall),
        last_level_cache=LastLevelCache(**dict(host.cache)) if host.cache else None,
        max_frame_bytes=max(port.max_frame_bytes for port in config.switch.ports),
    )


def ports_of(names: Sequence[str]) -> frozenset[int]:
    return frozenset(int(name[1:]) for name in names)


def stations_of(config: Config) -> dict[str, Any]:
    """Return what each station may send, by port, and the cores of its queues."""
    ports = config.switch.ports
    return {
        "weights": {port.number: port.weight for port in ports if port.weight != 1},
        "rate_limits": {port.number: limit_of(config, port.rate_limit_bps) for port in ports if port.rate_limit_bps},
        "receive_limits": {
            port.number: (port.receive_limit_bps, port.receive_burst_bytes) for port in ports if port.receive_limit_bps
        },
        "planes": planes_of(config),
        "guarantees": {port.number: fs_per_byte(port.min_rate_bps) for port in ports if port.min_rate_bps},
        "guarantee_window_fs": guarantee_window_fs(config),
        "own_drop_enable": {
            (port.number, queue): port.drop_enable[queue % len(port.drop_enable)]
            for port in ports
            if port.drop_enable
            for queue in range(64)  # so many an uplink may have, whose driver is the PF's
        },
        "never_refill": frozenset(port.number for port in ports if not config.driver_of(port.name).refill),
        "queue_cores": {
            (port.number, queue): port.cores[queue % (config.nic.vectors_per_function or 16) % len(port.cores)]
            for port in ports
            if port.cores
            for queue in range(config.nic.queues_per_vf)
        },
    }


def engines_of(config: Config) -> dict[str, Any]:
    """Return the parameters of the DMA engines."""
    dma = config.nic.dma
    if dma is None:
        return {}
    same = {field.name for field in fields(DmaEngine)}
    found: dict[str, Any] = {}
    for name, engine in (("dma_read", dma.read), ("dma_write", dma.write)):
        settings = {key: value for key, value in dict(engine).items() if key in same}
        found[name] = DmaEngine(**settings, fs_per_byte=fs_per_byte(engine.rate_bps) if engine.rate_bps else None)
    if dma.shared_rate_bps:
        found["dma_path"] = DmaPath(fs_per_byte(dma.shared_rate_bps), dma.shared_time_fs, dma.shared_bytes)
    return found


def random_state(seed: int, adapter: int = 0) -> tuple[int, int, int, int]:
    """Return the words with which a host's stream begins (docs/datapath/host_memory.md, "The host's memory")."""
    stream = 2**20 + adapter if adapter else 0
    first, *others = (int(word) for word in np.random.SeedSequence([seed, stream]).generate_state(4))
    return (first | 1, *others)


def mac(port: int, other: int) -> bytes:
    return bytes([2, 0xFF, 0, 0, 0, other]) if port == WIRE else bytes([2, 0, 0, 0, 0, port])


@cache
def header(source: int, destination: int) -> bytes:
    to = b"\xff" * 6 if destination == GROUP else mac(destination, 2)
    return (to + mac(source, 1) + b"\x88\xb5").ljust(60, b"\0")


def write_capture(path: Path, frames: Recorded) -> None:
    times, sources, destinations, sizes = zip(*frames, strict=True)
    with PcapWriter(path) as writer:
        writer.write_block(times, [*map(header, sources, destinations)], [n_bytes - 4 for n_bytes in sizes])


@dataclass(frozen=True)
class Figures:
    """What both measure. Rates, latencies and bytes are of the window, drops and counts of the run."""

    gbps: float
    vm_frames: int
    wire_frames: int
    latency_ns: float | None
    from_doorbell_ns: float | None
    wire_wait_ns: float | None
    up_busy: float
    down_busy: float
    iotlb_hits: int
    iotlb_misses: int
    up_bytes: dict[str, int]
    down_bytes: dict[str, int]
    drops: dict[str, int]
    mirrored_drops: dict[str, int]
    delivered_frames: int
    copies_delivered: int
    mirrored_made: int
    mirrored: int
    passed: dict[str, int]
    told: Sequence[Told] = ()
    """Of jobs, in order."""


class Both(NamedTuple):
    """One load through both: the engine's result, the figures of both, each finished journey of both."""

    result: Result
    engine: Figures
    oracle: Figures
    engine_journeys: Journeys
    oracle_journeys: Journeys
    config: Config
    load: Recorded | Loops | Sources


def poisson(
    n: int,
    mean_ns: float,
    sizes: Sequence[int] = IMIX,
    senders: Sequence[int] = GUESTS,
    receivers: Sequence[int] = GUESTS,
) -> Recorded:
    """Record n frames, the first at 0; sizes, senders and receivers are drawn, more often where listed more often."""
    rng = random.Random(1)
    at_ns, frames = 0.0, []
    for _ in range(n):
        source = rng.choice(senders)
        others = [port for port in receivers if port != source]
        frames.append((int(at_ns), source, rng.choice(others), rng.choice(sizes)))
        at_ns += rng.expovariate(1 / mean_ns)
    return frames


def pairs(*sizes: int) -> Loops:
    return {port: [((port ^ 1), n_bytes) for n_bytes in sizes] for port in GUESTS}


def window_of(load: Recorded | Loops) -> dict[str, str]:
    """Leave the beginning out and end while frames still come."""
    if isinstance(load, Mapping):
        return {"run.warmup": "200us", "run.duration": "300us"}
    return {"run.warmup": "100us", "run.duration": f"{load[-1][0] - 100_000}ns"}


def run_both(
    folder: Path,
    changes: Mapping[str, Any],
    load: Recorded | Loops | None,
    group: Sequence[int] = (),
    commands: Commands | None = None,
) -> Both:
    """Run one load through both, over the same window; return what both found.

    No load: the one that `changes` say, and commands may change. `group` lists the ports that get a broadcast.
    `changes` sets `run.warmup` and `run.duration`. With `commands` the SimPy model's switch decides by tables too.
    """
    if load is None:
        return run_made_up(changes, commands or ())
    changes = with_capture(folder, changes, load)
    config = config_from_mapping(BASE, changes)
    workload = build_workload(config, read_packets=read_packets)
    workload.records.rss_hash[:] = workload.records.at_fs // NS_FS  # frames that are not IP have 0
    commanded = commanded_configs(changes, commands or ())
    run = JourneyRun(config, workload, commanded)
    run.go_through()
    result = run.result()
    if isinstance(load, Mapping):
        assert all(sum(f.offered for f in result.flows if f.from_ == name) < LOOP_FRAMES * 0.99 for name in VFS)
    oracle, oracle_journeys = run_the_oracle(config, load, result, group, None if commands is None else commanded)
    return Both(result, engine_figures(run, result), oracle, finished_journeys(run), oracle_journeys, config, load)


def with_capture(folder: Path, changes: Mapping[str, Any], load: Recorded | Loops) -> dict[str, Any]:
    """Write a load to a capture; return the changes with those that make the engine play it."""
    path = folder / "load.pcap"
    changes = {**changes, "workload.pcap": str(path)}
    if isinstance(load, Mapping):
        # The engine plays each port's frames of a capture back to back: more than it can send in the window.
        frames = [(0, port, *frame) for port, loop in load.items() for frame in [*loop] * (LOOP_FRAMES // len(loop))]
        changes["workload.pcap_time"] = "asap"
    else:
        frames = load
        assert frames[0][0] == 0, "the engine counts a capture's time from its first frame"
    write_capture(path, frames)
    return changes


def run_made_up(changes: Mapping[str, Any], commands: Commands = ()) -> Both:
    """Run a configuration with its own load through both."""
    config = config_from_mapping(BASE, changes)
    workload, commanded = with_workloads(config, commanded_configs(changes, commands))
    run = JourneyRun(config, workload, commanded)
    run.go_through()
    result, load = run.result(), sources_of(config, workload, commanded, NUMBERS)
    oracle, oracle_journeys = run_the_oracle(config, load, result, (), commanded)
    return Both(result, engine_figures(run, result), oracle, finished_journeys(run), oracle_journeys, config, load)


def commanded_configs(changes: Mapping[str, Any], commands: Commands) -> list[Change]:
    """Return what each command leads to."""
    found, current = [], dict(changes)
    for at_fs, more, *off in commands:
        current |= more
        found.append(change_of(at_fs, config_from_mapping(BASE, current), *off))
    return found


def run_the_oracle(
    config: Config,
    load: Recorded | Loops,
    result: Result,
    group: Sequence[int] = (),
    changes: Sequence[Change] | None = None,
    waiting: Waiters | None = None,
    agents: WithAgents | None = None,
) -> tuple[Figures, Journeys]:
    """Run the oracle over the engine's window; return its figures and finished journeys."""
    start_fs, end_fs = (round(at_ns * NS_FS) for at_ns in (result.window.start_ns, result.window.end_ns))
    outcome = oracle_outcome(config, load, group, Stop(start_fs, end_fs, keep_journeys=True), changes, waiting, agents)
    journeys = {each[:4]: each[3:] for each in outcome.journeys}
    assert len(journeys) == len(outcome.journeys), "a copy has two journeys"
    return oracle_figures(outcome), journeys


def engine_figures(run: Run, result: Result) -> Figures:
    assert run.start is not None and run.end is not None
    # By the bytes: a window may be too short for a rate, and both have the same one.
    n_bytes = run.end.count("delivered_bytes") - run.start.count("delivered_bytes")
    gbps = n_bytes * 8 / result.window.duration_ns
    assert result.totals.gbps is None or result.totals.gbps == pytest.approx(gbps)
    # An idle link sends SKPs too; the oracle counts the time of TLPs and of their Acks alone.
    idle_share = SKP[run.config.pcie.generation]

    def tlp_share(utilization: float) -> float:
        return (utilization - float(idle_share)) / (1 - float(idle_share))

    def carried(direction: PcieDirection) -> dict[str, int]:
        return {name: n for name, n in asdict(direction.bytes).items() if n and name != "skp"}

    return Figures(
        gbps=gbps,
        vm_frames=result.window.vm_frames,
        wire_frames=result.window.wire_frames,
        latency_ns=result.latency_ns.mean,
        from_doorbell_ns=result.latency_from_doorbell_ns.mean,
        wire_wait_ns=result.wire.wait_ns.mean,
        up_busy=tlp_share(result.pcie.up.utilization),
        down_busy=tlp_share(result.pcie.down.utilization),
        iotlb_hits=result.iotlb.hits,
        iotlb_misses=result.iotlb.misses,
        up_bytes=carried(result.pcie.up),
        down_bytes=carried(result.pcie.down),
        drops=dict(result.drops),
        mirrored_drops=dict(result.mirrored_drops),
        delivered_frames=result.totals.delivered_frames,
        copies_delivered=result.totals.copies_delivered,
        mirrored_made=result.totals.mirrored_made,
        mirrored=result.totals.mirrored,
        passed=counted_by_engine(run.state[0]),
        told=sorted(getattr(run, "told", ())),
    )


def mirrored_to(mirrors: Sequence[Mirror], source: int, destinations: tuple[int, ...]) -> tuple[int, ...]:
    """Return the ports of a frame's mirrored copies; all frames of these loads are accepted in one VLAN."""
    numbers = {"uplink": WIRE, "pf": PF, **{name: VF0 + i for i, name in enumerate(VFS)}}
    found: list[int] = []
    for mirror in mirrors:
        to = numbers[mirror.to]
        if mirror.source is None:
            matches = mirror.vlan == VLAN
        else:
            watched = numbers[mirror.source]
            matches = source == watched if mirror.direction == "ingress" else watched in destinations
        if matches and to not in destinations and to not in found:
            found.append(to)
    return tuple(found)


def oracle_outcome(
    config: Config,
    load: Recorded | Loops | Sources,
    group: Sequence[int],
    stop: Stop,
    changes: Sequence[Change] | None = None,
    waiting: Waiters | None = None,
    agents: WithAgents | None = None,
) -> Outcome:
    """Run the oracle; with `changes`, from whose times on their configurations hold, its switch decides by tables.

    `waiting`, `agents`: what is commanded in their place, with parameters of configurations and functions that are off.
    """
    if not isinstance(load, Mapping) and (not load or isinstance(load[0], SourceParameters)):
        sources = Load(sources=load, on_full=config.workload.on_full)
        return run_with_tables(config, sources, stop, changes or (), parameters_of)
    uplink = config.switch.uplink.vlans
    reachable = {PF, *range(VF0, VF0 + len(VFS)), *([WIRE] if uplink == "all" or VLAN in uplink else [])}

    def receivers(source: int, to: int) -> tuple[int, ...]:
        wanted = [to] if to != GROUP else [port for port in group if port != source]
        return tuple(port for port in wanted if port in reachable)

    saturating, recorded = (load, ()) if isinstance(load, Mapping) else ({}, load)
    oracle_load = Load(
        saturating={port: [(receivers(port, to), n) for to, n in loop] for port, loop in saturating.items()},
        arrivals=[Arrival(at_ns * NS_FS, port, receivers(port, to), n, at_ns) for at_ns, port, to, n in recorded],
        on_full=config.workload.on_full,
        mirrored_to=partial(mirrored_to, config.switch.mirrors),
    )
    sent = [each for loop in saturating.values() for each in loop] or [frame[2:] for frame in recorded]
    to = {port for to, _ in sent for port in ([to] if to != GROUP else group)} & {*reachable} - {WIRE}
    longest = max(n_bytes for _, n_bytes in sent)

    def parameters(each: Config) -> NicParameters:
        return with_clocks(parameters_of(each), each, to, longest)

    if changes is None:
        return run_oracle(parameters(config), oracle_load, stop)
    check_same_run(config, changes)
    by_tables = Load(
        saturating=saturating,
        arrivals=[Arrival(at * NS_FS, port, to, n, at, ethernet_port(config, to)) for at, port, to, n in recorded],
        on_full=config.workload.on_full,
        bytes_of=lambda source, to, n_bytes: header(source, to[0]).ljust(n_bytes - 4, b"\0"),
    )
    return run_with_tables(config, by_tables, stop, changes, parameters, waiting, agents)


def ethernet_port(config: Config, target: int) -> int:
    """Return the Ethernet port by which a frame for a station comes from outside; for all it comes by the first."""
    return next((int(port.port[1:]) for port in config.switch.ports if port.number == target and port.port), 0)


def run_with_tables(
    config: Config,
    load: Load,
    stop: Stop,
    changes: Sequence[Change],
    parameters: Callable[[Config], NicParameters],
    waiting: Waiters | None = None,
    agents: WithAgents | None = None,
) -> Outcome:
    """Run the oracle with a switch that decides by tables, and with commands; it has what changes of the load."""

    def with_tables(each: Config, off: frozenset[str], **beside: Any) -> NicParameters:
        functions = frozenset(map(function_number, off))
        return replace(parameters(each), switch=each.switch, off=functions, **beside)

    commands = [(change.at_fs, with_tables(change.config, change.off, **beside_frames(change))) for change in changes]
    first = with_tables(config, frozenset())
    beside = None if agents is None else partial(agents, with_tables)
    return run_oracle(first, load, stop, commands, waiting(with_tables) if waiting else (), beside)


def check_same_run(config: Config, changes: Sequence[Change]) -> None:
    """Raise ValueError if a change is of something that the SimPy model is not told as parameters."""
    for _, changed, *_ in changes:
        for name in ("workload", "run"):
            if getattr(changed, name) != getattr(config, name):
                raise ValueError(f"{name} cannot change in mid-run")


def oracle_figures(outcome: Outcome) -> Figures:
    def ns(value_fs: float | None) -> float | None:
        return None if value_fs is None else value_fs / NS_FS

    return Figures(
        gbps=outcome.gbps,
        vm_frames=outcome.delivered_frames,
        wire_frames=outcome.wire_frames,
        latency_ns=ns(outcome.mean_latency_fs),
        from_doorbell_ns=ns(outcome.mean_latency_from_doorbell_fs),
        wire_wait_ns=ns(outcome.wire_wait_mean_fs),
        up_busy=outcome.up.busy,
        down_busy=outcome.down.busy,
        iotlb_hits=outcome.iotlb_hits,
        iotlb_misses=outcome.iotlb_misses,
        up_bytes={str(name): n for name, n in outcome.up.window_bytes.items() if n},
        down_bytes={str(name): n for name, n in outcome.down.window_bytes.items() if n},
        drops=outcome.drops,
        mirrored_drops=outcome.mirrored_drops,
        delivered_frames=outcome.counts.delivered_frames,
        copies_delivered=outcome.counts.copies_delivered,
        mirrored_made=outcome.counts.mirrored_made,
        mirrored=outcome.counts.mirrored_delivered,
        passed=counted_by_oracle(outcome.passed),
        told=[tuple(one) for one in outcome.told],
    )


def check_same_journeys(both: Both, at_least: int = 800) -> None:
    """Check that both have the same journeys: each part of each copy's way, to the femtosecond."""
    engine, oracle = both.engine_journeys, both.oracle_journeys
    different = {name: (way, oracle.get(name)) for name, way in engine.items() if way != oracle.get(name)}
    assert not different, next(iter(different.items()))
    assert engine.keys() == oracle.keys()
    assert len(engine) > at_least


def check_same_course(both: Both, at_least: int = 800, wire_too: bool = True) -> None:
    """Check that both have the same journeys and measure the same.

    A frame belongs to the window by the start of its transmission here, by its end there. Frames from the wire have no
    doorbell; the engine counts them from their reception. `wire_too`: some may come from the wire.
    """
    check_same_journeys(both, at_least)
    engine, oracle = asdict(both.engine), asdict(both.oracle)
    assert engine.pop("told") == oracle.pop("told")
    for name in ("wire_wait_ns", "from_doorbell_ns")[: 1 + wire_too]:
        del engine[name], oracle[name]
    for figure, found in engine.items():
        expected = oracle[figure]  # of no frames None
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-9)), figure


# ---- Machines by their seeds and names ----


def run_machine(folder: Path, changes: Mapping[str, Any], load: Recorded | Loops) -> Both:
    """Run a load over a window of its own, or else up to shortly before its last frame."""
    if not isinstance(load, Mapping):
        changes = {**changes, "run.warmup": "20us", "run.duration": f"{load[-1][0] - 20_000}ns"}
    return run_both(folder, changes, load)


def check_that_oracle_differs(both: Both) -> None:
    """Run the SimPy model alone once more, in which a fault is planted: its journeys must be others now.

    Most faults show early: what is over after a part of the run has to be over just so in the whole of it.
    """
    early_fs = round(both.result.window.end_ns * NS_FS / 4)
    outcome = oracle_outcome(both.config, both.load, (), Stop(0, early_fs, keep_journeys=True))
    if any(both.engine_journeys.get(each[:4]) != each[3:] for each in outcome.journeys):
        return
    _, journeys = run_the_oracle(both.config, both.load, both.result)
    with pytest.raises(AssertionError):
        check_same_journeys(both._replace(oracle_journeys=journeys), at_least=0)

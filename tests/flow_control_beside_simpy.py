"""Recorded frames with priorities through both implementations of docs/datapath.md, the engine and the SimPy model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hwmodel.config import Config, config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation.run.offered import read_packets
from hwmodel.wire.pcap import PcapWriter
from hwmodel.workload import build_workload
from tests.beside_simpy import (
    BASE,
    GROUP,
    NS_FS,
    WIRE,
    Both,
    Figures,
    engine_figures,
    ethernet_port,
    mac,
    oracle_figures,
    parameters_of,
    run_with_tables,
)
from tests.journey_runs import JourneyRun, Journeys, finished_journeys
from tests.oracles.simpy_nic import Arrival, Load, Stop
from tests.oracles.simpy_nic.flow_figures import ClassFigures, FlowFigures, PortFigures

C_TAG, S_TAG = 0x8100, 0x88A8


class Tagged(NamedTuple):
    """A frame at a ns, from a port to a port (or GROUP), with its bytes and FCS; tags are (type, priority)."""

    at_ns: int
    source: int
    to: int
    frame_bytes: int
    tags: Sequence[tuple[int, int]] = ()

    @property
    def raw(self) -> bytes:
        """Return the frame without FCS; its tags have no VLAN."""
        to = b"\xff" * 6 if self.to == GROUP else mac(self.to, 2)
        tags = b"".join(kind.to_bytes(2, "big") + (priority << 13).to_bytes(2, "big") for kind, priority in self.tags)
        return (to + mac(self.source, 1) + tags + b"\x88\xb5").ljust(self.frame_bytes - 4, b"\0")


class Finished(NamedTuple):
    """A run of the engine."""

    run: JourneyRun

    def result(self) -> Result:
        """Return what it found."""
        return self.run.result()

    def journeys(self) -> Journeys:
        """Return its finished journeys."""
        return finished_journeys(self.run)


def run_engine(folder: Path, changes: Mapping[str, Any], frames: Sequence[Tagged]) -> Finished:
    """Run recorded frames through the engine over the window that `changes` say."""
    path = folder / "load.pcap"
    with PcapWriter(path) as writer:
        times, raws = [each.at_ns for each in frames], [each.raw for each in frames]
        writer.write_block(times, [raw[:60] for raw in raws], [len(raw) for raw in raws])
    config = config_from_mapping(BASE, {**changes, "workload.pcap": str(path)})
    workload = build_workload(config, read_packets=read_packets)
    workload.records.rss_hash[:] = workload.records.at_fs // NS_FS  # frames that are not IP have 0
    run = JourneyRun(config, workload)
    run.go_through()
    return Finished(run)


def run_oracle(
    config: Config, frames: Sequence[Tagged], result: Result
) -> tuple[Figures, Journeys, FlowFigures | None]:
    """Run them through the SimPy model, over the engine's window."""
    start_fs, end_fs = (round(at_ns * NS_FS) for at_ns in (result.window.start_ns, result.window.end_ns))
    load = Load(
        arrivals=[
            Arrival(each.at_ns * NS_FS, each.source, each.to, each.frame_bytes, each.at_ns,
                    ethernet_port(config, each.to) if each.source == WIRE else 0, each.raw)
            for each in frames
        ],
        on_full=config.workload.on_full,
    )  # fmt: skip
    outcome = run_with_tables(config, load, Stop(start_fs, end_fs, keep_journeys=True), (), parameters_of)
    journeys = {each[:4]: each[3:] for each in outcome.journeys}
    assert len(journeys) == len(outcome.journeys), "a copy has two journeys"
    return oracle_figures(outcome), journeys, outcome.flow_control


class FlowBoth(NamedTuple):
    """One load through both, and what flow control did in both."""

    both: Both
    engine: FlowFigures
    oracle: FlowFigures | None


def run_tagged(folder: Path, changes: Mapping[str, Any], frames: Sequence[Tagged]) -> FlowBoth:
    """Run recorded frames through both."""
    finished = run_engine(folder, changes, frames)
    result, config = finished.result(), finished.run.config
    oracle, oracle_journeys, flow = run_oracle(config, frames, result)
    figures = engine_figures(finished.run, result), oracle, finished.journeys(), oracle_journeys
    return FlowBoth(Both(result, *figures, config, frames), engine_flow(result), flow)  # type: ignore[arg-type]


def engine_flow(result: Result) -> FlowFigures:
    """Return what the engine says of flow control, as the SimPy model does."""
    use = result.flow_control
    assert use is not None
    of_ports: dict[str, list[PortFigures]] = {}
    for each in use.ports:
        times = (round(each.stopped_ns * NS_FS), round(each.partner_stopped_ns * NS_FS))
        of_ports.setdefault(each.port, []).append(PortFigures(each.stops_sent, *times))
    return FlowFigures(
        use.control_frames_sent,
        [
            ClassFigures(each.level_mean_bytes, each.level_max_bytes, round(each.over_ns * NS_FS))
            for each in use.classes
        ],
        [*of_ports.values()],
    )


def check_same_flow(found: FlowBoth) -> None:
    """Check that both say the same of flow control."""
    assert found.oracle is not None
    engine, oracle = (
        each._replace(classes=[one._replace(mean_bytes=0) for one in each.classes])
        for each in (found.engine, found.oracle)
    )
    assert engine == oracle
    means = [[one.mean_bytes for one in each.classes] for each in (found.engine, found.oracle)]
    assert means[0] == pytest.approx(means[1], rel=1e-9)

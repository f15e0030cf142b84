"""One frame alone in an idle machine, walked from event to event over both directions of the link.

The first frame of its rings, after the Rx descriptors that all rings fetch at the start have come. Written from
docs/datapath.md, apart from the kernels. A random read latency enters by its mean, and where more than 20,000 fetches
begin the run, those of the rings that the frame meets stand for all. Left out: other frames, and what
comes behind this one's being taken (refills, freed slots).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import lcm
from typing import TYPE_CHECKING

from hwmodel.analytic.crossing import crossing_of
from hwmodel.analytic.lone_frame import Way
from hwmodel.analytic.walk_clock import Phase
from hwmodel.analytic.walk_machine import Machine
from hwmodel.results.latency_parts import ALL_PARTS, PARTS
from hwmodel.rules import switch_core_cycles

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.config import Config


def walk(
    system: System, way: Way, read_latency_fs: Callable[[Config], int], after_edge_fs: int = 0
) -> dict[str, int | None]:
    """Return where the time of a frame goes, by the names of `PARTS`, in fs; None for a part that is never over.

    Of several copies it is the first. `read_latency_fs`: of a server. `after_edge_fs`: how long after a clock edge that
    the switch cores of both adapters have in common the frame is posted, or received from the wire, or sent outside.
    """
    configs = {part: system.config(part) for part in (way.part, way.to_part) if part < system.outside}
    machines = {part: Machine(config, way, read_latency_fs(config)) for part, config in configs.items()}
    for machine in machines.values():
        machine.clock.at(0, Phase.TIMER, machine.start)
        machine.clock.run()
    edge_fs = lcm(*(switch_core_cycles.cycle_fs(config.switch.clock_hz) for config in configs.values()))
    quiet_fs = max(machine.clock.now_fs for machine in machines.values())
    begin_fs = -(-quiet_fs // edge_fs) * edge_fs + after_edge_fs
    ends_fs = _run_through(system, way, machines, begin_fs)
    parts: dict[str, int | None] = {}
    names = PARTS if way.back_bytes is None else ALL_PARTS
    for part in names:
        end_fs = ends_fs.get(part)
        if end_fs is None:
            return parts | dict.fromkeys(names[len(parts) :])
        parts[part] = max(0, end_fs - begin_fs)
        begin_fs = max(begin_fs, end_fs)
    return parts


def _run_through(system: System, way: Way, machines: Mapping[int, Machine], begin_fs: int) -> dict[str, int]:
    """Let the frame go its way; return when each part of it ended."""
    sender, receiver = machines.get(way.part), machines.get(way.to_part)
    ends_fs: dict[str, int] = {}
    if way.sender is not None or way.back_bytes is None:
        assert sender is not None
        sender.clock.at(begin_fs, Phase.TIMER, sender.post if way.sender is not None else sender.enter_switch)
        if way.back_bytes is None:
            sender.clock.run()
            return sender.ends_fs
        # What the frame leaves behind in its adapter, such as a write-back by timer, may follow its return.
        sender.clock.run(until=lambda: "wire" in sender.ends_fs)
        ends_fs |= sender.ends_fs
    else:
        ends_fs |= dict.fromkeys(ALL_PARTS[: ALL_PARTS.index("bridge")], begin_fs)
    crossing = crossing_of(system, way)
    come_fs = ends_fs["wire"] - crossing.sent_fs + crossing.whole_fs
    if receiver is None:
        return ends_fs | dict.fromkeys(ALL_PARTS[ALL_PARTS.index("bridge") :], come_fs)
    receiver.clock.at(come_fs, Phase.ADAPTER, receiver.come_from_bridge)
    receiver.clock.run()
    return ends_fs | {name: end_fs for name, end_fs in receiver.ends_fs.items() if name not in ends_fs}

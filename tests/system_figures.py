"""What engine and SimPy model of docs/bridge.md each measure of a run, in one form."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from hwmodel.config import Config
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.journey_state import PART_FIELDS, STAMPS
from hwmodel.machine.counts.journeys import FROM_WIRE
from hwmodel.results import BridgeResult, Result
from hwmodel.simulation import Run
from hwmodel.workload.traffic import UPLINK, Workload
from tests.oracles.simpy_nic import PARTS
from tests.oracles.simpy_system import OUTSIDE, SYSTEM_PARTS, BridgeOutcome, SystemOutcome

Delivery = tuple[int, str, str, int]
Journeys = Mapping[tuple[str, int, str], list[tuple[int, int, tuple[int, ...], int]]]
"""By (sender, number among its frames, receiver): offered, posted, the parts after the post, taken, all in fs.

One for each copy: a bridge may bring back what the adapter has handed over itself.
"""


class SystemRun(Run):
    """A run that keeps the deliveries and finished journeys of each server, and of those outside."""

    def __init__(self, config: Config, workload: Workload) -> None:
        super().__init__(config, workload, lambda _share, _text: None)
        self.logs: dict[str, list[np.ndarray]] = defaultdict(list)
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


# What the log of journeys has one stamp for, the wait for room in the Rx buffer ending it.
WAY_IN = ("bridge", "rx_switch", "rx_room")


def engine_figures(run: SystemRun, result: Result) -> Figures:
    deliveries, headers, journeys = _logged(run)
    totals = result.totals
    flows = {
        (sender if sender != UPLINK else OUTSIDE, to if to != UPLINK else OUTSIDE): flow["latency"]
        for (sender, to), flow in zip(run.book.flows, run.nic["ledger"]["flow"][: len(run.book.flows)], strict=True)
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
        part_sums={name: int(run.nic.ledger.counts.part_sums[name]) for name in PART_FIELDS[1:]},
        drops=_drops(run),
        bridge=_of_bridges(run, result.bridges),
        ports=_of_ports(run, result.bridges),
        links=_of_links(run),
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
    told = {(bridge.name, port.name): port for bridge in bridges for port in bridge.ports}
    return {
        port.name if len(bridges) == 1 else f"{bridge}.{port.name}": {
            "frames in": port.in_frames,
            "frames out": port.out_frames,
            "bytes in": int(run.ends[1].bridge.in_bytes[i] - run.ends[0].bridge.in_bytes[i]),
            "bytes out": int(run.ends[1].bridge.out_bytes[i] - run.ends[0].bridge.out_bytes[i]),
            "busy": round(port.out_utilization, 12),
            "mean queue": round(port.queue_mean_bytes, 6),
            "largest queue": port.queue_max_bytes,
        }
        for i, (bridge, port) in enumerate(
            (each.owner.name, told[each.owner.name, each.name]) for each in run.machine.system.ports
        )
    }


def _of_links(run: SystemRun) -> dict[str, dict[str, int]]:
    return {
        server.name: {
            "wire bytes out": int(server.nic.mac.counts.tx_bytes),
            "wire bytes in": int(server.nic.mac.counts.rx_bytes),
            "copies delivered": int(server.nic.ledger.counts.copies_delivered),
            "from wire": int(server.nic.ledger.counts.from_wire),
        }
        for server in run.machine.servers
    }


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
    return {
        "" if name == "adapter" else name: {
            "wire bytes out": ports[name].bytes_in,
            "wire bytes in": ports[name].bytes_out,
            "copies delivered": each.counts.copies_delivered,
            "from wire": ports[name].frames_out,
        }
        for name, each in outcome.servers.items()
    }

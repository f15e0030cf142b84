"""The links of PCIe switches: each TLP on each link, and the numbers of TLPs queued for each link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hwmodel.config import PcieSwitch
from hwmodel.machine.pcie.tree_state import HOP_CAP, ROOT
from hwmodel.machine.time.clock import LANE_CAP
from hwmodel.machine.tlp_kinds import COMPLETIONS, OF_KIND, READS
from hwmodel.rules.pcie_link import DLLP_BYTES
from hwmodel.simulation.run.trace.link_tlps import DLLPS, StartedTlp, read_frames
from hwmodel.simulation.run.trace.server_side import ServerRecording
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track, shown

WAYS = {"up": "up: toward the host", "down": "down: toward the adapters"}
CLASSES = {"up": ("P", "NP"), "down": ("doorbells", "CPL")}


class Hop(NamedTuple):
    """Identify a TLP that has begun on a link: its adapter, and the slot in which that keeps it."""

    server: int
    slot: int


@dataclass
class _Direction:
    """Hold how far a direction of a switch's link has been shown; `heads`: heads of the queues that it serves."""

    record: Any
    track: Track
    sums: tuple[int, int, int, int]
    heads: list[int]


class SwitchLinks:
    """Show the links of PCIe switches; at most one TLP begins on a link direction in an instant."""

    def __init__(
        self, trees: Any, switches: Sequence[PcieSwitch], servers: Sequence[ServerRecording], timeline: Timeline
    ) -> None:
        self._trees, self._switches, self._servers, self._timeline = trees, switches, servers, timeline
        self._names = [each.prefix.rstrip(".") for each in servers]
        self._directions = {(one.number, way): self._direction(one, way) for one in switches for way in WAYS}
        self._begun = {each.track: each.sums for each in self._directions.values()}
        self.n_tlps = 0
        for each in self._directions.values():
            timeline.place(each.track)

    def look(self, now_fs: int) -> None:
        """Record TLPs begun on the links in this instant, and queue depths; call it after the adapters' recordings."""
        for (number, way), direction in self._directions.items():
            after = _sums(direction.record)
            if after[1] > direction.sums[1]:
                hop = self._served(number, way, direction)
                self._show(number, way, direction, after, hop)
                direction.sums = after
            self._look_at_queues(number, way, now_fs)

    def link_bytes(self) -> dict[str, int]:
        """Return the bytes of TLPs in each direction of each link since the recording began."""
        return {
            f"{self._switches[number].name}.{way}": each.sums[2] - self._begun[each.track][2]
            for (number, way), each in self._directions.items()
        }

    def _direction(self, one: PcieSwitch, way: str) -> _Direction:
        record = self._trees.switch[one.number][way]
        track = Track(f"PCIe switch {one.name}", WAYS[way])
        heads = [self._head(one.number, way, at) for at in range(self._n_queues(one.number, way))]
        return _Direction(record, track, _sums(record), heads)

    def _n_queues(self, number: int, way: str) -> int:
        params = self._trees.switch[number].params
        if way == "up":
            return 2 * int(params.n_ports)
        return int(params.n_members) if params.above == ROOT else 2

    def _queue(self, number: int, way: str, at: int) -> Any:
        """Return a queue that a direction serves: of a lower port (up), or from the switch above (down)."""
        switch = self._trees.switch[number]
        if way == "down":
            return switch["down"]["waiting"][at]
        return self._trees.port[int(switch.params.first_port) + at // 2]["waiting"][at % 2]

    def _head(self, number: int, way: str, at: int) -> int:
        """Return how many TLPs a queue has passed to the link; down from a root port, those cut for the adapter."""
        params = self._trees.switch[number].params
        if way == "down" and params.above == ROOT:
            return int(self._servers[int(params.member[at])].nic["pcie"][0]["tree"]["slots"]["tail"])
        return int(self._queue(number, way, at)["head"])

    def _served(self, number: int, way: str, direction: _Direction) -> Hop:
        """Return the TLP that left one of the queues in this instant."""
        heads = [self._head(number, way, at) for at in range(len(direction.heads))]
        (at,) = (at for at, head in enumerate(heads) if head != direction.heads[at])
        direction.heads = heads
        params = self._trees.switch[number].params
        if way == "down" and params.above == ROOT:
            return Hop(int(params.member[at]), (heads[at] - 1) & (LANE_CAP - 1))
        hop = self._queue(number, way, at)["ring"][(heads[at] - 1) & (HOP_CAP - 1)]
        return Hop(int(hop["server"]), int(hop["slot"]))

    def _show(self, number: int, way: str, direction: _Direction, after: tuple[int, int, int, int], hop: Hop) -> None:
        params, server = self._trees.switch[number].params, self._servers[hop.server]
        end_fs, (busy_fs, _, n_bytes, dllps) = int(direction.record["busy_until_fs"]), _less(after, direction.sums)
        start_fs = end_fs - busy_fs
        begun_fs = start_fs + dllps * int(params.dllp_fs)
        if dllps:
            self._timeline.add(Slice(direction.track, DLLPS, start_fs, begun_fs, {"bytes": 2 * DLLP_BYTES * dllps}))
        pcie = server.nic["pcie"][0]
        kept = pcie["up_arrivals"] if way == "up" else pcie["tree"]["slots"]
        entry = kept["ring"][hop.slot]
        known = server.tlps.on_their_way.get(hop.slot) if way == "up" else None
        words, details = self._details(server, entry, known)
        details = {"bytes": n_bytes, "adapter": self._names[hop.server]} | details
        self._timeline.add(Slice(direction.track, words, begun_fs, end_fs, details))
        self.n_tlps += 1
        if params.above == ROOT:
            self._tell(server, way, entry, known, end_fs + int(params.flight_fs))

    def _details(self, server: ServerRecording, entry: Any, known: StartedTlp | None) -> tuple[str, dict[str, Any]]:
        """Return a TLP's name and details: as shown on the adapter's link if known, else from its entry."""
        if known is not None:
            return known.shown.name, {name: value for name, value in known.shown.details.items() if name != "bytes"}
        names, kind, queue = server.view.names, int(entry["kind"]), int(entry["queue"])
        details: dict[str, Any] = {"function": names.owner(queue), "queue": names.number_in_function(queue)}
        if kind in (*COMPLETIONS, *READS):
            tag = int(entry["tag"])
            details |= {"tag": tag} | shown(read_frames(names, server.nic["pcie"][0]["tags"]["slot"][tag]))
        return OF_KIND[kind].words, details

    def _tell(self, server: ServerRecording, way: str, entry: Any, known: StartedTlp | None, there_fs: int) -> None:
        """Pass to a server's recording when the host receives its adapter's TLP, or when a completion was ready."""
        if way == "down":
            if int(entry["kind"]) in COMPLETIONS:
                server.reads.answered(int(entry["tag"]), int(entry["at_fs"]))
        elif known is not None:
            server.comes_to_host(replace(known, arrives_fs=there_fs))

    def _look_at_queues(self, number: int, way: str, now_fs: int) -> None:
        params = self._trees.switch[number].params
        if way == "down" and params.above == ROOT:
            return  # TLPs wait in the root port, and are shown with each adapter's link
        for at in range(self._n_queues(number, way)):
            queue = self._queue(number, way, at)
            name = f"{self._port_name(number, at // 2)} {CLASSES[way][at % 2]}" if way == "up" else CLASSES[way][at]
            track = Track(f"PCIe switch {self._switches[number].name}", f"{way}, {name}: on their way to the link")
            self._timeline.count(track, "TLPs", now_fs, int(queue["tail"]) - int(queue["head"]))

    def _port_name(self, number: int, place: int) -> str:
        kind, other, _ = self._switches[number].below[place]
        return self._names[other] if kind == "adapter" else self._switches[other].name


def _sums(direction: Any) -> tuple[int, int, int, int]:
    counts = direction["counts"]
    return tuple(int(counts[name]) for name in ("busy_fs", "n_tlps", "n_bytes", "dllps"))  # type: ignore[return-value]


def _less(after: tuple[int, ...], before: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a - b for a, b in zip(after, before, strict=True))

"""The TLPs on the link: when each began, what it was, and whose frames it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hwmodel.compiled.records import NEVER
from hwmodel.machine.pcie.link_state import BEHIND_TREE, ON_BUS
from hwmodel.machine.pcie.tree_state import HOP_CAP
from hwmodel.machine.time.clock import IN_MEMORY, LANE_CAP, UP_ARRIVAL, UP_DONE
from hwmodel.machine.tlp_kinds import (
    COMPLETIONS,
    INTERRUPT_ENABLE,
    OF_KIND,
    PAYLOAD_COMPLETION,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    POSTED_CREDIT,
    READS,
    REGISTER_ACCESSES,
    RX_DOORBELL,
    RX_INTERRUPT,
    RX_WRITEBACK,
    TX_DESCRIPTOR_COMPLETION,
    TX_DESCRIPTOR_READ,
    TX_DOORBELL,
    TX_INTERRUPT,
    TX_WRITEBACK,
)
from hwmodel.rules.pcie_link import DLLP_BYTES
from hwmodel.simulation.run.trace.frame_parts import FrameNames, real
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track, shown

DIRECTIONS = {"up": Track("PCIe link", "up: NIC to host"), "down": Track("PCIe link", "down: host to NIC")}
DLLPS = "Ack, UpdateFC"
INTERRUPTS = (RX_INTERRUPT, TX_INTERRUPT)


@dataclass(frozen=True)
class StartedTlp:
    """Hold a TLP that has just started; `tag` is None except for reads and completions, `arrives_fs`: when received.

    Behind PCIe switches `arrives_fs` and `ready_fs` are not known yet, and NEVER.
    """

    kind: int
    tag: int | None
    ready_fs: int
    arrives_fs: int
    shown: Slice


class LinkTlps:
    """Recognise the TLPs that start in each instant, at most one in each direction.

    `trees`: the record of PCIe switches. `tracks`: of both directions; on a bus the same for both. `on_their_way`: TLPs
    handed to a switch, by their slot in `up_arrivals`.
    """

    def __init__(
        self,
        nic: Any,
        names: FrameNames,
        timeline: Timeline,
        trees: Any = None,
        tracks: Mapping[str, Track] = DIRECTIONS,
    ) -> None:
        self._nic, self._trees, self._tracks = nic, trees, tracks
        self._by_tree = int(nic.pcie[0].params.by_tree) == BEHIND_TREE
        self.on_their_way: dict[int, StartedTlp] = {}
        self._names = names
        self._timeline = timeline
        self._links = {direction: nic.pcie[0][direction] for direction in DIRECTIONS}
        self._slots = nic["pcie"][0]["tags"]["slot"]
        self._masks = (nic["guests"]["driver"]["mask_interrupts"] > 0).tolist()  # of each function's driver
        self._before = {direction: _sums(link) for direction, link in self._links.items()}
        self._propagation_fs = 0 if is_on_bus(nic) else int(nic.pcie[0].params.propagation_fs)
        self._next = self._first_numbers()
        self._has_begun: set[tuple[int, str]] = set()
        self._last_completion: dict[str, Slice] = {}
        self.n_tlps = 0
        for track in tracks.values():
            timeline.place(track)

    def look(self) -> Iterator[StartedTlp]:
        """Add the TLPs that have started in this instant to the time line, and yield them."""
        for direction, link in self._links.items():
            after, before = _sums(link), self._before[direction]
            self._before[direction] = after
            if after[0] > before[0]:
                yield self._started(direction, link, before, after)
            beside_fs, n_bytes = after[3] - before[3], after[4] - before[4]
            if beside_fs:  # some at once, each of them shorter
                now_fs = int(self._nic.clock.now_fs)
                track = self._tracks[direction]
                own, end_fs = Track(track.group, f"{track.name}, beside its queues"), now_fs + beside_fs
                self._timeline.add_overlapping(Slice(own, "register access", now_fs, end_fs, {"bytes": n_bytes}))

    def finish(self) -> None:
        """Lead each frame's arrow through the last of its payload's completions."""
        for frame, one in self._last_completion.items():
            one.frames.append(frame)

    def _started(self, direction: str, link: Any, before: tuple[int, ...], after: tuple[int, ...]) -> StartedTlp:
        entry = self._begun(direction, link)
        end_fs = int(link["busy_until_fs"])
        dllp_fs = (after[2] - before[2]) * int(self._nic.pcie[0].params.dllp_fs)
        start_fs = end_fs - (after[0] - before[0])
        track = self._tracks[direction]
        if dllp_fs:
            self._timeline.add(
                Slice(track, DLLPS, start_fs, start_fs + dllp_fs, {"bytes": 2 * DLLP_BYTES * (after[2] - before[2])})
            )
        kind, queue, is_last = int(entry["kind"]), int(entry["queue"]), bool(entry["is_last"])
        details: dict[str, Any] = {"bytes": after[1] - before[1], "function": self._names.owner(queue)}
        details["queue"] = self._names.number_in_function(queue)
        tag = int(entry["tag"]) if kind in (*COMPLETIONS, *READS) else None
        if tag is not None:
            details["tag"] = tag
        frames = self._frames(kind, queue, entry, tag)
        one = Slice(track, OF_KIND[kind].words, start_fs + dllp_fs, end_fs, details | shown(frames))
        one.details |= {"descriptors": int(entry["n"])} if kind == RX_DOORBELL else {}
        self._lead_arrows(kind, queue, is_last, real(frames), one)
        self._timeline.add(one)
        self.n_tlps += 1
        if not self._by_tree:
            return StartedTlp(kind, tag, int(entry["at_fs"]), end_fs + self._propagation_fs, one)
        tlp = StartedTlp(kind, tag, NEVER, NEVER, one)
        if direction == "up":
            self.on_their_way[(int(self._nic["pcie"][0]["up_arrivals"]["tail"]) - 1) & (LANE_CAP - 1)] = tlp
        return tlp

    def _begun(self, direction: str, link: Any) -> Any:
        """Return the transaction whose TLP has begun on the link."""
        if self._by_tree and direction == "down":  # it came from a switch
            kept = self._nic["pcie"][0]["down_arrivals"]
            return kept["ring"][(int(kept["tail"]) - 1) & (LANE_CAP - 1)]
        return begun_on(link)

    def _frames(self, kind: int, queue: int, entry: Any, tag: int | None) -> list[str]:
        """Return the ids of the frames that a TLP is for; none for Rx descriptors."""
        names = self._names
        if tag is not None:
            return read_frames(names, self._slots[tag])
        if kind in (RX_DOORBELL, INTERRUPT_ENABLE, *REGISTER_ACCESSES):
            return []
        if kind in INTERRUPTS and self._masked(queue):
            # A single interrupt for both rings, for the frames that no poll has seen; the next one is raised only after
            # the host has received this one.
            n, told = int(entry["n"]), int(self._nic["rx_queue"][queue]["told"])
            return list(names.received(queue, told - n, n))
        first = self._next[kind, queue]
        # If a write-back is cut where the ring wraps, only its second transaction has the number of frames.
        n = 1 if kind == PAYLOAD_WRITE else int(entry["n"]) or self._counted_behind(kind, queue)
        ends = entry["room_bytes"] > 0 if kind == PAYLOAD_WRITE else entry["n"] > 0
        if ends and entry["is_last"]:
            self._next[kind, queue] += n
        if kind in (TX_DOORBELL, TX_WRITEBACK, TX_INTERRUPT):
            return [names.posted(queue, number) for number in range(first, first + n)]
        return list(names.received(queue, first, n))

    def _lead_arrows(self, kind: int, queue: int, is_last: bool, frames: list[str], one: Slice) -> None:
        """Lead the frames' arrows through a TLP; of payloads, through first read, last completion and first write."""
        if kind in (PAYLOAD_READ, PAYLOAD_WRITE):
            first = [frame for frame in frames if (kind, frame) not in self._has_begun]
            self._has_begun.update((kind, frame) for frame in first)
            one.frames += first
        elif kind == PAYLOAD_COMPLETION:
            self._last_completion.update(dict.fromkeys(frames, one))
        elif is_last and kind in (
            TX_DOORBELL, TX_DESCRIPTOR_COMPLETION, RX_WRITEBACK, RX_INTERRUPT,
            *(INTERRUPTS if kind in INTERRUPTS and self._masked(queue) else ()),
        ):  # fmt: skip
            one.frames += frames

    def _masked(self, queue: int) -> bool:
        """Tell whether the driver of a ring masks its interrupts while it polls."""
        return bool(self._masks[int(self._nic["rx_queue"][queue]["params"]["function"])])

    def _counted_behind(self, kind: int, queue: int) -> int:
        """Return the number of frames in the ring's next queued transaction of a kind."""
        for entry in self._waiting("up"):
            if entry["kind"] == kind and entry["queue"] == queue and entry["n"] > 0:
                return int(entry["n"])
        return 0

    def _waiting(self, direction: str) -> Iterator[Any]:
        """Yield the posted transactions that wait in a direction, including the one in transmission."""
        end = self._nic["pcie"][0]["tree"]
        queues = [self._links[direction]["first"], *([end["first"]] if self._by_tree and direction == "down" else [])]
        for queue in queues:
            for place in range(int(queue["head"]), int(queue["tail"])):
                yield queue["ring"][place & int(queue["mask"])]
        if len(queues) > 1:
            for slot in waiting_in_switches(self._trees, self._names.number, "down"):
                yield end["slots"]["ring"][slot]

    def _first_numbers(self) -> dict[tuple[int, int], int]:
        """Return, by kind and ring, the number of the first frame of the next TLP of this kind."""
        nic = self._nic
        waiting: Counter[tuple[int, int]] = Counter()
        for direction in DIRECTIONS:
            for entry in self._waiting(direction):
                is_payload = entry["kind"] == PAYLOAD_WRITE
                n = int(entry["room_bytes"] > 0) if is_payload else int(entry["n"])
                waiting[int(entry["kind"]), int(entry["queue"])] += n
        unread = _unread(nic)
        flying = _flying_tx_interrupts(nic, on_wire=not self._by_tree)
        if self._by_tree:
            for slot in waiting_in_switches(self._trees, self._names.number, "up"):
                _count_interrupt(flying, nic.pcie[0].up_arrivals.ring[slot])
        found: dict[tuple[int, int], int] = {}
        for number in range(self._names.n_rings):
            tx, rx = nic["tx_queue"][number], nic["rx_queue"][number]
            made = {
                TX_DOORBELL: tx["rung"],
                TX_WRITEBACK: tx["picked"] - unread[number] - tx["held"]["n_frames"],
                PAYLOAD_WRITE: rx["started"],
                RX_WRITEBACK: rx["started"] - rx["held"]["n_frames"],
                RX_INTERRUPT: rx["told"],
            }
            found |= {(kind, number): int(count) - waiting[kind, number] for kind, count in made.items()}
            found[TX_INTERRUPT, number] = int(tx["freed"]) + flying[number]
        return found


def is_on_bus(nic: Any) -> bool:
    """Tell whether an adapter is on a PCI bus instead of a PCIe link."""
    return int(nic.pcie[0].params.by_tree) == ON_BUS


def link_groups(nic: Any) -> tuple[str, str]:
    """Return the track groups for transactions waiting at an adapter's link or bus, and for its reads."""
    return ("Bus", "Bus reads") if is_on_bus(nic) else ("PCIe link", "PCIe reads")


def begun_on(link: Any) -> Any:
    """Return the transaction of the last TLP begun on an adapter's own link, or on its bus."""
    queue = link["second"] if link["sends_second"] else link["first"]
    return queue["ring"][int(link["place"]) & int(queue["mask"])]


def waiting_in_switches(trees: Any, server: int, way: str) -> Iterator[int]:
    """Yield the slots in which an adapter keeps its posted TLPs that wait in switches, in one direction."""
    switches = [trees.switch[number] for number in range(int(trees.n_switches))]
    if way == "up":
        n_ports = sum(int(one.params.n_ports) for one in switches)
        queues = [trees.port[at]["waiting"][POSTED_CREDIT] for at in range(n_ports)]
    else:
        queues = [one["down"]["waiting"][POSTED_CREDIT] for one in switches]
    for queue in queues:
        for at in range(int(queue["head"]), int(queue["tail"])):
            hop = queue["ring"][at & (HOP_CAP - 1)]
            if hop["server"] == server:
                yield int(hop["slot"])


def read_frames(names: FrameNames, tag: Any) -> list[str]:
    """Return the ids of the frames whose payload or descriptors a read fetches."""
    if tag["kind"] == PAYLOAD_READ:
        return [names.granted(int(tag["frame"]))]
    if tag["kind"] == TX_DESCRIPTOR_READ:
        return list(names.fetched(int(tag["queue"]), int(tag["address"]), int(tag["n_descriptors"])))
    return []


def _sums(link: Any) -> tuple[int, int, int, int, int]:
    """Return busy time, bytes and DLLPs of a link's queues, and time and bytes of what has crossed it beside them."""
    counts = link["counts"]
    beside_fs, n_bytes = int(counts["beside_fs"]), int(counts["beside_bytes"])
    of_queues = int(counts["busy_fs"]) - beside_fs, int(counts["n_bytes"].sum()) - n_bytes
    return *of_queues, int(counts["dllps"]), beside_fs, n_bytes


def _unread(nic: Any) -> Counter[int]:
    """Count, for each Tx ring, the frames that are picked but whose payload is not complete."""
    found: Counter[int] = Counter()
    for place in range(int(nic.grants.head), int(nic.grants.tail)):
        grant = nic["grants"]["ring"][place & int(nic["grants"]["mask"])]
        found[int(grant["queue"])] += int(grant["reads_left"] > 0)
    return found


def _flying_tx_interrupts(nic: Any, *, on_wire: bool) -> Counter[int]:
    """Count the frames whose Tx interrupt is on its way to the host and not yet in its memory, by ring.

    `on_wire`: include the interrupt in transmission on the link; behind a PCIe switch it is in the switch's queue
    already.
    """
    found: Counter[int] = Counter()
    if on_wire and nic["clock"]["next_at"][UP_DONE] < NEVER and not nic.pcie[0].up.sends_second:
        _count_interrupt(found, begun_on(nic.pcie[0].up))
    for lane, ring in ((UP_ARRIVAL, nic.pcie[0].up_arrivals.ring), (IN_MEMORY, nic.host[0].memory_writes.ring)):
        pending = nic["clock"]["lane"][lane]
        for place in range(int(pending["head"]), int(pending["tail"])):
            _count_interrupt(found, ring[int(pending["ring"][place & (LANE_CAP - 1)]["word"])])
    return found


def _count_interrupt(found: Counter[int], entry: Any) -> None:
    if entry["kind"] == TX_INTERRUPT:
        found[int(entry["queue"])] += int(entry["n"])

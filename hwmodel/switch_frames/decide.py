"""Blocks of frames through the kernels: the port of each frame, its decision, the bytes of its copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config.kinds import suggest
from hwmodel.config.names import uplink_of
from hwmodel.config.switch import Switch
from hwmodel.errors import InputError
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.frame_batch import ALL_DECIDED, ARRIVAL, COPY, copy_batch, decide_batch
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.port_set import MAX_PORTS, UPLINK
from hwmodel.simulation.fill.switch_tables import build_buckets, build_tables, port_numbers
from hwmodel.simulation.run.kernel_cache import SWITCH_ENTRIES, have_kernels
from hwmodel.wire.frame_scan import scan_headers
from hwmodel.wire.pcap import PcapBlock, frame_name
from hwmodel.wire.tags import LONGEST_HEADER_BYTES
from hwmodel.workload.replay import HeaderTable

AUTO = "auto"  # the port that owns a frame's source address; the uplink for addresses of nobody
# Two tags: the most that a copy can have beyond its frame.
MOST_ADDED_BYTES = 12

Records = np.recarray[Any, Any]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DecidedBlock:
    """Hold a block's decisions and copies: `arrivals`, `headers` and `decisions` of shape (n,), `copies` (n_copies,).

    The records are those of the kernels (`ARRIVAL`, `HEADER`, `DECISION`, `COPY`); `out` holds the copies' bytes.
    `ethernet_port` (n,): of the adapter's ports the one whose switch decided. `came_by` (n,), `left_by` (n_copies,):
    the port of each frame and copy, by its place in `FrameSwitch.names`. `n_back_in_time` counts frames whose timestamp
    is earlier than one before it.
    """

    first_frame: int
    at_ns: I64
    ethernet_port: I64
    came_by: I64
    left_by: I64
    arrivals: Records
    headers: Records
    decisions: Records
    copies: Records
    out: bytes
    n_back_in_time: int

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.arrivals)


class FrameSwitch:
    """Hold a switch's tables, and its policers as the frames so far have left them.

    `in_port` is the name of a port, or AUTO. `ethernet_ports`: the names of the adapter's Ethernet ports, each of which
    has a switch of its own, an empty text where there is one. `names`: of all ports, uplinks first. Raises InputError
    where there is no such port.
    """

    def __init__(self, switch: Switch, in_port: str = AUTO, ethernet_ports: Sequence[str] = ("",)) -> None:
        switches = [switch.at_port(name) if name else switch for name in ethernet_ports]
        ports = [(at, number, uplink_of(ethernet_ports[at]) if number == UPLINK else name)
                 for at, own in enumerate(switches) for name, number in port_numbers(own).items()]  # fmt: skip
        ports.sort(key=lambda port: (port[1], port[0]))
        self.names = [name for *_, name in ports]
        if in_port != AUTO and in_port not in self.names:
            raise InputError(_no_such_port(in_port, self.names))
        self._ethernet_port, self._number = (np.array([port[part] for port in ports], np.int64) for part in (0, 1))
        self._place = np.zeros((len(switches), MAX_PORTS), np.int64)
        self._place[self._ethernet_port, self._number] = np.arange(len(ports))
        buckets = [build_buckets(own) for own in switches]
        firsts = [sum(map(len, buckets[:at])) for at in range(len(buckets))]
        of_each = zip(switches, firsts, strict=True)
        self._tables = np.concatenate([build_tables(own, first_policer=first) for own, first in of_each])
        self._buckets = np.concatenate(buckets)
        self._asked_ns = np.zeros(len(self._buckets), np.int64)
        self._now_ns = 0
        self._in_port = in_port
        self._senders = HeaderTable([(str, switch)], ethernet_ports)

    @property
    def has_policers(self) -> bool:
        """Tell whether an entry of the access list asks a policer."""
        return len(self._buckets) > 0

    def name_at(self, ethernet_port: int, number: int) -> str:
        """Return the name of a port by its number in the switch of an Ethernet port."""
        place: int = self._place[ethernet_port, number]
        return self.names[place]

    def decide(self, block: PcapBlock) -> DecidedBlock:
        """Decide on the frames of a block, which follows those of earlier calls, and make their copies.

        Raises InputError for a frame that its capture cut within its header. The policers' clock is the latest
        timestamp so far: it stands still where timestamps go back.
        """
        have_kernels(SWITCH_ENTRIES)
        now_ns = np.maximum.accumulate(np.maximum(block.at_ns, self._now_ns))
        self._now_ns = int(now_ns[-1]) if len(block) else self._now_ns
        came_by = self._came_by(block)
        ethernet_port = self._ethernet_port[came_by]
        arrivals = _records(len(block), ARRIVAL)
        arrivals["port"] = self._number[came_by]
        arrivals["first_byte"] = block.start
        arrivals["captured_bytes"] = block.captured_bytes
        arrivals["original_bytes"] = block.original_bytes
        arrivals["at_ns"] = now_ns
        data = np.frombuffer(block.data, np.uint8)
        headers, decisions = _records(len(block), HEADER), _records(len(block), DECISION)
        cut = self._decide(ethernet_port, arrivals, data, headers, decisions)
        if cut != ALL_DECIDED:
            raise InputError(_cut_within_header(block, cut))
        copies, out = _copies(arrivals, data, headers, decisions)
        left_by = self._place[ethernet_port[copies["arrival"]], copies["port"]]
        n_back = int(np.count_nonzero(block.at_ns < now_ns))
        return DecidedBlock(
            block.first_frame, block.at_ns, ethernet_port, came_by, left_by, arrivals, headers, decisions, copies, out,
            n_back,
        )  # fmt: skip

    def _decide(
        self, ethernet_port: I64, arrivals: Records, data: npt.NDArray[np.uint8], headers: Records, decisions: Records
    ) -> int:
        """Let the switch of each Ethernet port decide on its frames; return the first that is cut, else ALL_DECIDED."""
        if len(self._tables) == 1:  # as below, without a copy of all records
            return int(decide_batch(self._tables, self._buckets, self._asked_ns, arrivals, data, headers, decisions))
        cuts = []
        for at in np.unique(ethernet_port).tolist():
            own = np.flatnonzero(ethernet_port == at)
            of_own = headers[own], decisions[own]
            cut = decide_batch(self._tables[at : at + 1], self._buckets, self._asked_ns, arrivals[own], data, *of_own)
            headers[own], decisions[own] = of_own
            cuts += [int(own[cut])] if cut != ALL_DECIDED else []
        return min(cuts, default=ALL_DECIDED)

    def _came_by(self, block: PcapBlock) -> I64:
        """Give the port at which each frame comes in, by its place among `names`."""
        if self._in_port != AUTO:
            return np.full(len(block), self.names.index(self._in_port))
        prefix = block.prefix(LONGEST_HEADER_BYTES)
        scan = scan_headers(prefix, block.captured_bytes)
        templates = self._senders.intern(prefix, np.minimum(scan.n_bytes, block.captured_bytes))
        places = [self.names.index(template.source) for template in self._senders.templates]
        return np.array(places, np.int64)[templates]


def _records(n: int, dtype: np.dtype[Any]) -> Records:
    return np.zeros(n, dtype).view(np.recarray)


def _copies(
    arrivals: Records, data: npt.NDArray[np.uint8], headers: Records, decisions: Records
) -> tuple[Records, bytes]:
    n_copies = decisions["n_copies"] + decisions["n_mirrored"]
    room = int(np.sum(n_copies * (arrivals["captured_bytes"] + MOST_ADDED_BYTES)))
    copies, out = _records(int(n_copies.sum()), COPY), np.zeros(room, np.uint8)
    n_bytes = copy_batch(arrivals, data, headers, decisions, copies, out)
    return copies, out[:n_bytes].tobytes()


def _cut_within_header(block: PcapBlock, index: int) -> str:
    captured, original = block.captured_bytes[index], block.original_bytes[index]
    return (
        f"{frame_name(block.first_frame + index)} holds {captured} of {original} bytes, "
        "which ends within its header (capture with a longer snapshot length)"
    )


def _no_such_port(name: str, names: list[str]) -> str:
    stations = [each for each in names if each.startswith("vf")]
    shown = [each for each in names if each not in stations]
    shown += [f"{stations[0]} to {stations[-1]}"] if len(stations) > 1 else stations
    known = f"{', '.join(shown)} and {AUTO}{suggest(name, [*names, AUTO])}"
    return f"--in-port {name or repr(name)}: there is no such port; known are {known}"

"""Blocks of frames through the kernels: the port of each frame, its decision, the bytes of its copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.config.kinds import suggest
from hwmodel.errors import InputError
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.frame_batch import ALL_DECIDED, ARRIVAL, COPY, copy_batch, decide_batch
from hwmodel.forwarding.parse import HEADER
from hwmodel.simulation.kernel_cache import SWITCH_ENTRIES, have_kernels
from hwmodel.simulation.switch_tables import build_buckets, build_tables, port_numbers
from hwmodel.wire.frame_scan import scan_headers
from hwmodel.wire.pcap import PcapBlock
from hwmodel.wire.tags import LONGEST_HEADER_BYTES
from hwmodel.workload.replay import HeaderTable

if TYPE_CHECKING:
    from hwmodel.config.switch import Switch

AUTO = "auto"  # the port that owns a frame's source address; the uplink for addresses of nobody
# Two tags: the most that a copy can have beyond its frame.
MOST_ADDED_BYTES = 12

Records = np.recarray[Any, Any]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DecidedBlock:
    """Hold a block's decisions and copies: `arrivals`, `headers` and `decisions` of shape (n,), `copies` (n_copies,).

    The records are those of the kernels (`ARRIVAL`, `HEADER`, `DECISION`, `COPY`); `out` holds the copies' bytes.
    `n_back_in_time` counts frames whose timestamp is earlier than one before it.
    """

    first_frame: int
    at_ns: I64
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

    `in_port` is the name of a port, or AUTO. Raises InputError where there is no such port.
    """

    def __init__(self, switch: Switch, in_port: str = AUTO) -> None:
        self.number_of = port_numbers(switch)
        self.name_of = {number: name for name, number in self.number_of.items()}
        if in_port != AUTO and in_port not in self.number_of:
            raise InputError(_no_such_port(in_port, list(self.number_of)))
        self.tables = build_tables(switch)
        self.buckets = build_buckets(switch)
        self._asked_ns = np.zeros(len(self.buckets), np.int64)
        self._now_ns = 0
        self._in_port = in_port
        self._senders = HeaderTable({"": switch})

    def decide(self, block: PcapBlock) -> DecidedBlock:
        """Decide on the frames of a block, which follows those of earlier calls, and make their copies.

        Raises InputError for a frame that its capture cut within its header. The policers' clock is the latest
        timestamp so far: it stands still where timestamps go back.
        """
        have_kernels(SWITCH_ENTRIES)
        now_ns = np.maximum.accumulate(np.maximum(block.at_ns, self._now_ns))
        self._now_ns = int(now_ns[-1]) if len(block) else self._now_ns
        arrivals = _records(len(block), ARRIVAL)
        arrivals["port"] = self._ports(block)
        arrivals["first_byte"] = block.start
        arrivals["captured_bytes"] = block.captured_bytes
        arrivals["original_bytes"] = block.original_bytes
        arrivals["at_ns"] = now_ns
        data = np.frombuffer(block.data, np.uint8)
        headers, decisions = _records(len(block), HEADER), _records(len(block), DECISION)
        cut = decide_batch(self.tables, self.buckets, self._asked_ns, arrivals, data, headers, decisions)
        if cut != ALL_DECIDED:
            raise InputError(_cut_within_header(block, cut))
        copies, out = _copies(arrivals, data, headers, decisions)
        n_back = int(np.count_nonzero(block.at_ns < now_ns))
        return DecidedBlock(block.first_frame, block.at_ns, arrivals, headers, decisions, copies, out, n_back)

    def _ports(self, block: PcapBlock) -> I64 | int:
        """Give the number of the port at which each frame comes in."""
        if self._in_port != AUTO:
            return self.number_of[self._in_port]
        prefix = block.prefix(LONGEST_HEADER_BYTES)
        scan = scan_headers(prefix, block.captured_bytes)
        templates = self._senders.intern(prefix, np.minimum(scan.n_bytes, block.captured_bytes))
        numbers = [self.number_of[template.source] for template in self._senders.templates]
        return np.array(numbers, np.int64)[templates]


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
    number = block.first_frame + index
    return (
        f"frame {number} (No. {number + 1} in Wireshark) holds {captured} of {original} bytes, "
        "which ends within its header (capture with a longer snapshot length)"
    )


def _no_such_port(name: str, names: list[str]) -> str:
    stations = [each for each in names if each.startswith("vf")]
    shown = [each for each in names if each not in stations]
    shown += [f"{stations[0]} to {stations[-1]}"] if len(stations) > 1 else stations
    return (
        f"in-port {name}: there is no such port; known are {', '.join(shown)} and {AUTO}{suggest(name, [*names, AUTO])}"
    )

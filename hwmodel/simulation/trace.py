"""A time line of the link: its TLPs, as the JSON that trace viewers (Perfetto, chrome://tracing) open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwmodel.kernels import layout
from hwmodel.units import FS_PER_US

if TYPE_CHECKING:
    from hwmodel.config import Config

NAMES = {
    layout.PAYLOAD_WRITE: "payload write",
    layout.RX_WRITEBACK: "Rx write-back",
    layout.RX_INTERRUPT: "Rx interrupt",
    layout.TX_WRITEBACK: "Tx write-back",
    layout.TX_INTERRUPT: "Tx interrupt",
    layout.RX_DESCRIPTOR_READ: "Rx descriptor read",
    layout.TX_DESCRIPTOR_READ: "Tx descriptor read",
    layout.PAYLOAD_READ: "payload read",
    layout.TX_DOORBELL: "Tx doorbell",
    layout.RX_DOORBELL: "Rx doorbell",
    layout.RX_DESCRIPTOR_COMPLETION: "Rx descriptors",
    layout.TX_DESCRIPTOR_COMPLETION: "Tx descriptors",
    layout.PAYLOAD_COMPLETION: "payload completion",
}
DIRECTIONS = (("up", "up: NIC to host"), ("down", "down: host to NIC"))


MOST_TLPS = 20_000


@dataclass(frozen=True)
class TracedTlp:
    """Hold one TLP on the link: when it and the DLLPs before it began, how long they took, what it was."""

    row: int
    start_fs: int
    busy_fs: int
    dllp_fs: int
    kind: int
    queue: int
    n_bytes: int


def trace_tlps(nic: Any, advance: Callable[[], int], found: list[TracedTlp]) -> int:
    """Step through the run and append the TLPs that start, until there are enough or the run stops.

    `advance` moves the machine by one instant and returns the kernel's status, of which the last is returned. At most
    one TLP of each direction starts in an instant, so the links' sums tell which.
    """
    runs_on = int(nic.pcie.runs_on)
    nic.pcie.runs_on = 0  # each completion an instant of its own; the result is the same
    before = [_sums(nic[name]) for name, _ in DIRECTIONS]
    status = layout.EVENTS_SPENT
    while len(found) < MOST_TLPS and status == layout.EVENTS_SPENT:
        status = advance()
        for row, (name, _) in enumerate(DIRECTIONS):
            after = _sums(nic[name])
            if after[0] > before[row][0]:
                found.append(_started(row, nic[name], before[row], after, int(nic.pcie.dllp_fs)))
                before[row] = after
    nic.pcie.runs_on = runs_on
    return status


def _sums(link: Any) -> tuple[int, int, int]:
    return int(link.busy_fs), int(link.n_bytes.sum()), int(link.dllps)


def _started(row: int, link: Any, before: tuple[int, int, int], after: tuple[int, int, int], pair_fs: int) -> TracedTlp:
    entry = (link.second if link.sends_second else link.first).ring[int(link.slot)]
    busy_fs = after[0] - before[0]
    return TracedTlp(
        row=row,
        start_fs=int(link.busy_until_fs) - busy_fs,
        busy_fs=busy_fs,
        dllp_fs=(after[2] - before[2]) * pair_fs,
        kind=int(entry.kind),
        queue=int(entry.queue),
        n_bytes=after[1] - before[1],
    )


def trace_json(tlps: Iterable[TracedTlp], config: Config) -> str:
    """Return TLPs as a trace document: a row for each direction, times in microseconds.

    The Acks and UpdateFCs that went directly before a TLP are an event of their own. Each TLP tells its bytes on
    the link and the function whose ring or frame it serves.
    """
    events: list[dict[str, Any]] = [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "PCIe link"}}]
    for row, (_, title) in enumerate(DIRECTIONS):
        events.append({"ph": "M", "name": "thread_name", "pid": 1, "tid": row, "args": {"name": title}})
    owners = [port.name for port in config.switch.ports]
    for tlp in tlps:
        if tlp.dllp_fs:
            events.append(_event(tlp.row, "Ack, UpdateFC", tlp.start_fs, tlp.dllp_fs, {}))
        details = {"bytes": tlp.n_bytes, "function": owners[tlp.queue // config.nic.queues_per_vf]}
        events.append(_event(tlp.row, NAMES[tlp.kind], tlp.start_fs + tlp.dllp_fs, tlp.busy_fs - tlp.dllp_fs, details))
    return json.dumps({"displayTimeUnit": "ns", "traceEvents": events}, separators=(",", ":")) + "\n"


def _event(row: int, name: str, start_fs: int, busy_fs: int, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": name,
        "pid": 1,
        "tid": row,
        "ts": start_fs / FS_PER_US,
        "dur": busy_fs / FS_PER_US,
        "args": details,
    }

"""What a snapshot copies of parts that few adapters have: a bond, flow control, a virtual switch's caches and flows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.network.bond import LOG_CAP
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.machine.network.link_partner import MOST_WAITING
from hwmodel.machine.switch.flow_cache_state import FLOW_CACHE_COUNTS
from hwmodel.rules.transmit_credits import MOST_CLASSES
from hwmodel.simulation.figures.counts import area_of

COUNTED = tuple(FLOW_CACHE_COUNTS.names or ())
MOST_NAMED = 4096  # most flows from outside that are known, for an adapter


def take_bond(nic: Any) -> dict[str, Any] | None:
    """Copy what a bond has counted so far, and what has happened to its legs; None where there is none.

    `legs`: a row for each leg: frames and bytes sent, frames and bytes received, frames lost outbound and inbound.
    """
    bond = nic.virtual_switch.bond
    rows = []
    for number in range(int(bond.params.n_legs)):
        mac, counts = nic.port[number].mac, bond.leg[number].counts
        sent = int(counts.passed) - int(counts.lost_out) - int(mac.fifo.tail - mac.fifo.head)
        own = mac.counts
        rows.append((sent, own.tx_bytes, own.good_frames, own.good_bytes, counts.lost_out, counts.lost_in))
    if not rows:
        return None
    return {
        "legs": np.array(rows, np.int64),
        "in_use": tuple(bond.in_use[: int(bond.n_in_use)].tolist()),
        "active": int(bond.active),
        "without_leg": int(bond.counts.without_leg),
        "log": bond["log"][: min(int(bond.n_logged), LOG_CAP)].copy(),
    }


def take_pauses(nic: Any, n_headers: int, now_fs: int) -> dict[str, Any] | None:
    """Copy the sums of flow control: by class, by port and class, and by ring and class; None without flow control.

    `n_headers`: how many headers the workload has, which are the first of the adapter's headers. `counts`: each port's
    counters, whose pause times omit pauses still in force; `stopped_fs` and `partner_stopped_fs` include them.
    `tx_bytes`: bytes of each class in the Tx buffer. `waiting_outside`: frames that wait at the link partners;
    `is_full_outside`: some link partner has no room for more.
    """
    if not nic.params.has_flow_control:
        return None
    pauses = nic["pauses"]
    levels, n_queues = pauses["of_class"], int(nic.params.n_queues)
    gauges, ports = levels["level"], pauses["port"][: int(nic.params.n_ports)]
    counts = ports["counts"]
    blocked = pauses["blocked_fs"][: n_queues * MOST_CLASSES].reshape(-1, MOST_CLASSES).copy()
    for number, level in enumerate(levels):
        if level["waits_for"] >= 0:
            blocked[int(level["waits_for"]), number] += now_fs - int(level["blocked_since_fs"])
    return {
        "areas": area_of(gauges, now_fs),
        "highest": gauges["highest"].copy(),
        "over_fs": levels["over_fs"] + open_fs(pauses["over"], levels["over_since_fs"], now_fs),
        "blocked_fs": blocked,
        "counts": counts.copy(),
        "stopped_fs": counts["stopped_fs"] + open_fs(ports["mac"]["mask"], counts["since_fs"], now_fs),
        "partner_stopped_fs": counts["partner_stopped_fs"]
        + open_fs(ports["partner"]["hears"]["mask"], counts["partner_since_fs"], now_fs),
        "tx_bytes": nic["arbiter"]["level_bytes"].copy()
        if pauses["params"]["is_by_class"]
        else np.full(MOST_CLASSES, nic["counts"]["tx_buffer"]["level"]),
        "waiting_outside": int(ports["partner"]["n_waiting"].sum()),
        "is_full_outside": bool((ports["partner"]["n_waiting"] == MOST_WAITING).any()),
        "targets": _targets_outside(nic, n_headers),
    }


def begin_pauses_window(nic: Any) -> None:
    """Forget the highest levels seen so far."""
    for level in nic.pauses.of_class:
        level.level.highest = level.level.level


def _targets_outside(nic: Any, n: int) -> frozenset[tuple[int, int, int]]:
    """Return (station number, port, class) of the frames that have come from outside."""
    headers, classes = nic["headers"]["template_header"][:n], nic["pauses"]["class_of_template"][:n]
    own = np.flatnonzero(headers["ingress"] == UPLINK)[:MOST_NAMED]
    by_class = np.maximum(0, classes[own].astype(int) - 1).tolist()
    ends = (headers[name][own].tolist() for name in ("target", "port"))
    return frozenset(zip(*ends, by_class, strict=True))


def open_fs(mask: Any, since_fs: Any, now_fs: int) -> Any:
    """Return how long the open intervals have lasted, by class; `mask`: bitmap of the classes with one, by port."""
    return (np.asarray(mask)[..., None] >> np.arange(MOST_CLASSES) & 1) * (now_fs - since_fs)


def flow_cache_counts(nic: Any) -> npt.NDArray[np.int64]:
    """Return what a flow cache has counted so far, and how much both tables hold."""
    cache = nic.virtual_switch.flow_cache
    return np.array([*(cache.counts[name] for name in COUNTED), cache.exact.n_held, cache.wildcard.n_held], np.int64)


def learned_addresses(nic: Any, now_fs: int) -> dict[str, int]:
    """Return what a virtual switch has learned so far; what is over its time counts as aged, looked up or not."""
    learned = nic.virtual_switch.learned
    box, addresses = learned.box[0], nic["virtual_switch"]["learned"]["address"][: int(learned.n_addresses)]
    is_known = addresses["logical_port"] != NOBODY
    n_gone = int((is_known & (now_fs - addresses["seen_fs"] >= int(box.params.ageing_fs))).sum())
    return {
        "addresses_known": int(box.n_known) - n_gone,
        "learned": int(box.counts.learned),
        "moved": int(box.counts.moved),
        "aged": int(box.counts.aged) + n_gone,
        "not_learned": int(box.counts.not_learned),
        "flooded_frames": int(box.counts.flooded),
    }


def passed_flows(nic: Any) -> npt.NDArray[Any]:
    """Copy a virtual switch's counters by flow; row 0: frames of no flow. Empty if it neither samples nor marks."""
    params = nic.virtual_switch.params
    counts = params.sample_one_in > 0 or params.marks
    n_flows = 1 + int(nic.ledger.directory.n) if counts else 0
    found: npt.NDArray[Any] = nic["virtual_switch"]["flow"][:n_flows].copy()
    return found

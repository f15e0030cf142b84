"""Counters of functions and rings since the run began, under their Linux names.

docs/counters.md says what each name counts, in which driver, and who counts a frame that is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config import vms_of
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.results.counters import FunctionCounters, IpLink, LinkReceived, LinkSent, VfLink, VfReceived
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import PRIORITIES as N_PRIORITIES
from hwmodel.simulation.fill.flow_book import Server

Ints = npt.NDArray[np.int64]
FIRST_PF = 0  # the number of its function
PRIORITIES = range(N_PRIORITIES)
# The names of the Linux kernel's counters of each interface, in /sys/class/net/DEV/statistics.
STATISTICS = (
    "rx_packets",
    "rx_bytes",
    "tx_packets",
    "tx_bytes",
    "rx_dropped",
    "rx_missed_errors",
    "tx_dropped",
    "multicast",
)
OF_BOTH_DRIVERS = ("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "multicast")  # in `ethtool -S` of PF and VFs
# The counter of each kind of loss: at the receiver if no descriptor or no room was left, at the sender's driver if no
# slot was. No counter has what is lost when a function goes off, or exceeds a receive limit; QUEUE_FULL is a bridge's.
LOST_AS = {
    DropReason.NO_DESCRIPTOR: "rx_dropped",
    DropReason.RX_BUFFER_FULL: "rx_missed_errors",
    DropReason.TX_RING_FULL: "tx_dropped",
}
NOT_COUNTED = (
    DropReason.NONE,
    DropReason.QUEUE_FULL,
    DropReason.LINK_DOWN,
    DropReason.FUNCTION_RESET,
    DropReason.RECEIVE_LIMIT,
)
# All other reasons are decisions of the switch; the PF shows them as the VF's Tx drops.
REFUSED = tuple(reason for reason in DropReason if reason not in LOST_AS and reason not in NOT_COUNTED)


def statistics_of(nic: Any) -> dict[str, Ints]:
    """Return STATISTICS of an adapter, each an array by function number; mirrored copies count like other frames."""
    counted = _of_functions(nic)
    lost = counted["drops"] + counted["mirrored_drops"]
    sent, received = _of_rings(nic, "tx_queue"), _of_rings(nic, "rx_queue")
    found = {
        "rx_packets": received["frames"].sum(axis=1),
        "rx_bytes": received["n_bytes"].sum(axis=1),
        "tx_packets": sent["frames"].sum(axis=1),
        "tx_bytes": sent["n_bytes"].sum(axis=1),
        **{name: lost[:, reason] for reason, name in LOST_AS.items()},
        "multicast": counted["multicast"],
    }
    return {name: found[name] for name in STATISTICS}


def counters_of(servers: Sequence[Server]) -> dict[str, FunctionCounters]:
    """Return what each function of some servers has counted by now, by the name of its port."""
    return {name: one for server in servers for name, one in _of_server(server).items()}


def _of_functions(nic: Any) -> Any:
    return nic["ledger"]["function"][: int(nic.params.n_functions)]


def _of_rings(nic: Any, kind: str) -> Any:
    """Return the counts of Tx rings or Rx rings, a row of them for each function."""
    return nic[kind][: int(nic.params.n_queues)]["counts"].reshape(int(nic.params.n_functions), -1)


def _of_server(server: Server) -> dict[str, FunctionCounters]:
    nic = server.nic
    vms = vms_of([server])
    numbers = {name: vm.function for name, vm in vms.items()}
    figures = statistics_of(nic)
    own = {name: {key: int(values[number]) for key, values in figures.items()} for name, number in numbers.items()}
    broadcast, refused = _of_functions(nic)["broadcast"], _of_functions(nic)["drops"][:, REFUSED].sum(axis=1)
    ports = {name: server.config.port.number_of(vm.port.port) for name, vm in vms.items()}
    vfs = {
        name: _as_shown_by_the_pf(own[name], int(broadcast[number]), int(refused[number]))
        for name, number in numbers.items()
        if not vms[name].is_host
    }
    has_one = len(numbers) == len(vfs) + 1
    found = {}
    for name, number in numbers.items():
        own_vfs = {vf: one for vf, one in vfs.items() if has_one or ports[vf] == ports[name]}
        of_port = _of_port(nic) if number == FIRST_PF else {}
        counted = {**own[name], **of_port}
        found[name] = FunctionCounters(
            ethtool={**{key: counted[key] for key in (*OF_BOTH_DRIVERS, *of_port)}, **_by_ring(nic, number)},
            ip=_link(counted, own_vfs if vms[name].is_host else {}),
        )
    return found


def _link(counted: dict[str, int], vfs: dict[str, VfLink]) -> IpLink:
    return IpLink(
        rx=LinkReceived(
            bytes=counted["rx_bytes"],
            packets=counted["rx_packets"],
            dropped=counted["rx_dropped"],
            missed=counted["rx_missed_errors"],
            mcast=counted["multicast"],
        ),
        tx=LinkSent(bytes=counted["tx_bytes"], packets=counted["tx_packets"], dropped=counted["tx_dropped"]),
        vfs=vfs,
    )


def _as_shown_by_the_pf(own: dict[str, int], broadcast: int, refused: int) -> VfLink:
    """Return a VF's counters as the PF reads them from registers: bytes with FCS, Tx drops as refused by the switch."""
    received, sent = own["rx_packets"], own["tx_packets"]
    return VfLink(
        rx=VfReceived(
            bytes=own["rx_bytes"] + FCS_BYTES * received,
            packets=received,
            mcast=own["multicast"],
            bcast=broadcast,
            dropped=own["rx_dropped"] + own["rx_missed_errors"],
        ),
        tx=LinkSent(bytes=own["tx_bytes"] + FCS_BYTES * sent, packets=sent, dropped=refused),
    )


def _by_ring(nic: Any, number: int) -> dict[str, int]:
    """Return the counters of a function's rings, which it numbers from 0."""
    return {
        f"{kind}_{ring}_{what}": int(counts[field])
        for kind in ("tx_queue", "rx_queue")
        for ring, counts in enumerate(_of_rings(nic, kind)[number])
        for what, field in (("packets", "frames"), ("bytes", "n_bytes"))
    }


def _of_port(nic: Any) -> dict[str, int]:
    """Return what the first PF shows of the whole adapter, its Ethernet ports added up."""
    counts, macs = nic.ledger.counts, nic["port"]["mac"]["counts"]
    lost, by_function = counts.drops + counts.mirrored_drops, _of_functions(nic)["drops"].sum(axis=0)
    return {
        "rx_pkts_nic": int(macs["good_frames"].sum()),
        "tx_pkts_nic": int(counts.delivered_to_wire + counts.sent_to_bridge),
        "rx_bytes_nic": int(macs["good_bytes"].sum()),
        "tx_bytes_nic": int(macs["tx_bytes"].sum()),
        "multicast": int(macs["multicast"].sum()),
        "broadcast": int(macs["broadcast"].sum()),
        "rx_missed_errors": int(lost[DropReason.RX_BUFFER_FULL]),
        "rx_long_length_errors": int(counts.drops[DropReason.OVERSIZE] - by_function[DropReason.OVERSIZE]),
        "rx_no_dma_resources": int(lost[DropReason.NO_DESCRIPTOR]),
        **(_of_flow_control(nic) if nic.params.has_flow_control else {}),
    }


def _of_flow_control(nic: Any) -> dict[str, int]:
    """Return the control frames that the ports have sent, and have obeyed: PAUSE in all, PFC by priority."""
    counts = nic["pauses"]["port"]["counts"]
    by_class, obeys = bool(nic.pauses.params.is_by_class), int(nic.pauses.params.obeys)
    found = {
        (way, said): counts[f"{said}_{field}"].sum(axis=0) * (obeys if way == "rx" else 1)
        for said in ("xon", "xoff")
        for way, field in (("tx", "sent"), ("rx", "received"))
    }
    pause = {f"{way}_flow_control_{said}": int(n[0]) * (not by_class) for (way, said), n in found.items()}
    pfc = {
        f"{way}_pb_{priority}_p{said}": int(n[priority]) for (way, said), n in found.items() for priority in PRIORITIES
    }
    return pause | (pfc if by_class else {})

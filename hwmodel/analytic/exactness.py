"""Where the closed form is what a run comes to, and not only more than it can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.traffic import Demand
from hwmodel.units import FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

_STEADY = frozenset({"pcie.up", "pcie.down", "wire.tx", "nic.pipeline", "switch.bus", "offered_load"})
_ROOM = 2  # how much more all else carries: what is nearer keeps what is full waiting at times
_UNDER_WAY_FS = 20 * 10**9  # a frame is taken, and its descriptors are posted again, long before


def is_exact(config: Config, demand: Demand, ceilings: Sequence[Ceiling], least: Ceiling) -> bool:
    """Tell whether a long run carries what the closed form says, within 0.2 %.

    So it is for one adapter and alike frames of one length, where something is full that works without a pause, or the
    load is all there is; all else carries twice as much; nothing waits for page walks, for a masked interrupt or for a
    part batch by a timer; each ring holds what its share of the frames needs for 20 us; and all VMs have one driver.
    Where what reads bring in is all that limits, there are tags for the descriptor reads of all rings and as many more.
    """
    nic, workload, sought = config.nic, config.workload, demand.sought
    has_system = config.bridge is not None or config.bridges or config.servers
    has_mix = demand.beside or demand.carried or demand.with_rate or workload.wire_share not in (0, 1)
    if has_system or has_mix or workload.pcap is not None or len(sought.sizes) > 1 or sought.mirrored:
        return False
    rate = least.frames_per_s
    seen = config.for_functions((*sought.sent, *sought.received))
    if not rate or sought.from_wire or least.resource not in _STEADY or config.host.iotlb:
        return False
    if seen is None or seen.driver.masks:
        return False
    others = (one.frames_per_s for one in ceilings if one is not least)
    shares = [share for share in (*sought.sent.values(), *sought.received.values()) if share]
    batches = nic.tx_writeback_batch, nic.rx_writeback_batch, nic.fetch_batch, nic.rx_fetch_batch
    needed = max(shares) * rate * _UNDER_WAY_FS / FS_PER_S + 2 * sum(batches)
    timeout_fs = nic.writeback_timeout_fs or FS_PER_S
    in_time = min(shares) / nic.queues_per_vf * rate * timeout_fs / FS_PER_S
    fills = in_time >= 2 * max(batches) or not least.resource.startswith("pcie.")
    n_rings = nic.queues_per_vf * (len(sought.sent) + len(sought.received))
    if least.resource == "nic.pipeline" and config.pcie.tags < 2 * n_rings:
        return False
    return (
        fills and needed <= min(nic.tx_ring, nic.rx_ring) and all(one is None or one >= _ROOM * rate for one in others)
    )

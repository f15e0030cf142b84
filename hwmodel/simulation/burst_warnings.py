"""Bursts that a VM's core cannot post at the rate asked for: then it is the core that spaces them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.core_work import sending_s
from hwmodel.config import servers_of
from hwmodel.units import BITS_PER_BYTE
from hwmodel.workload.sizes import Sizes

if TYPE_CHECKING:
    from hwmodel.config import Config

_MATTERS = Fraction(101, 100)  # a core so little slower changes no burst


def burst_warnings(config: Config) -> Iterator[str]:
    """Yield a warning for each kind of driver whose core posts a burst more slowly than `peak_rate` asks for.

    Of a core that has the burst alone; others on it, and interrupts without a batch, make it slower still.
    """
    workload = config.workload
    if workload.pattern is None or workload.arrivals != "on_off" or workload.peak_rate_bps is None:
        return
    if workload.load.kind == "saturate" and all(flow.follows_load for flow in workload.flows):
        return
    weighted = Sizes.of(workload.frame_bytes, workload.sizes).weighted
    whole = sum(weight for _, weight in weighted)
    shares = [(n_bytes, weight / whole) for n_bytes, weight in weighted]
    asked_per_s = Fraction(workload.peak_rate_bps) / (BITS_PER_BYTE * workload.mean_frame_bytes)
    found: dict[str, list[str]] = {}
    for server in servers_of(config):
        vms = (server.config.for_function(f"vf{k}") for k in range(server.config.nic.vfs))
        a_frame_s = max(sending_s(seen, shares) for seen in vms)
        if asked_per_s * a_frame_s > _MATTERS:
            posted_per_s = 1 / a_frame_s
            posted_bps = posted_per_s * BITS_PER_BYTE * workload.mean_frame_bytes
            text = (
                f"In a burst workload.peak_rate asks each VM for {_mega(asked_per_s)} M frames/s, and its core posts "
                f"at most {_mega(posted_per_s)} M ({_mega(posted_bps / 1000)} Gb/s of frames): the core spaces the "
                "burst, and what waits for it is in the sender's wait. What a frame costs the core: driver.frame_time, "
                "byte_time, doorbell_time."
            )
            found.setdefault(text, []).append(server.name)
    for text, servers in found.items():
        yield text if len(servers_of(config)) == 1 else f"{' and '.join(servers)}: {text}"


def _mega(value: Fraction) -> str:
    return f"{float(value / 10**6):.3g}"

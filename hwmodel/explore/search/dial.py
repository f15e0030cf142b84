"""The one thing that a search turns: how many frames are offered, evenly spaced, whether there is room or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, lcm
from typing import TYPE_CHECKING, Any

from hwmodel.analytic import ceiling_frames_per_s, limits
from hwmodel.analytic.ceiling import lowest
from hwmodel.analytic.demand import demand_of
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.workload import build_workload
from hwmodel.workload.streams import Sizes

if TYPE_CHECKING:
    from hwmodel.config import Config

_MOST_OF_CEILING = Fraction(16)
_MOST_IN_STEP = 4096  # frames of a sender after which its batches may all end together
_OPEN = {"workload.on_full": "drop"}


@dataclass(frozen=True)
class Dial:
    """Turn the load of a configuration: to a share of `reference_per_s`, at most `most`.

    `beside_per_s`: frames of flows with rates of their own, which stay what they are. `n_sources`: streams of frames.
    `in_step`: frames of one stream after which all batches begin anew. `room_frames`: what buffers and descriptor
    caches on the chip hold. `burst_frames`: of one stream that become visible at once. `limited_by`: the closed form's
    lowest ceiling.
    """

    config: Config
    reference_per_s: Fraction
    most: Fraction
    beside_per_s: Fraction
    n_sources: int
    in_step: int
    room_frames: int = 0
    burst_frames: int = 1
    arrivals: str = "periodic"
    turns_wire: bool = False
    limited_by: str = ""

    def offered_per_s(self, share: Fraction) -> Fraction:
        """Return the frames a second that are offered in all."""
        return self.reference_per_s * share + self.beside_per_s

    def window_fs(self, share: Fraction, frames: int) -> int:
        """Return how long it takes for so many frames or more: a whole number of times that all batches begin anew.

        What is delivered in such a window is what is offered in it, to the frame, where nothing grows.
        """
        at_once = self.n_sources * self.in_step
        per_s = self.reference_per_s * share
        return round(Fraction(ceil(Fraction(frames, at_once)) * at_once * FS_PER_S) / per_s)

    def at(self, share: Fraction, more: Mapping[str, Any]) -> Config:
        """Build the configuration that offers this share."""
        if self.turns_wire:
            load = {
                "workload.external.rate": f"{self._wire_bps(share)}bps",
                "workload.external.arrivals": self.arrivals,
            }
        else:
            load = {"workload.load": f"{float(share * 100):.6f}% of ceiling", "workload.arrivals": self.arrivals}
            if self.config.workload.external is not None:
                load["workload.external.arrivals"] = self.arrivals
        return config_from_mapping(self.config.resolved(), {**_OPEN, **load, **more})

    def _wire_bps(self, share: Fraction) -> int:
        external = self.config.workload.external
        assert external is not None
        return int(self.reference_per_s * share * _mean_bytes(self.config) * BITS_PER_BYTE)


def dial_of(config: Config, arrivals: str = "periodic") -> Dial:
    """Find out what to turn, and what the closed form says that can be carried.

    Raises InputError for loads that cannot be turned: captures, and frames of which each makes many.
    """
    workload = config.workload
    if workload.pcap is not None:
        raise InputError("workload.pcap: a search turns the load, and a capture has its own")
    if workload.pattern in ("broadcast", "multicast"):
        raise InputError(
            f"workload.pattern: {workload.pattern}: a search counts frames one by one, and each makes many"
        )
    if workload.pattern is None:
        return _of_the_wire(config, arrivals)
    full = config_from_mapping(config.resolved(), {"workload.load": "100% of ceiling", "workload.arrivals": arrivals})
    reference = ceiling_frames_per_s(full)
    if reference is None:
        raise InputError("workload: all flows have rates of their own; a search turns those that follow the load")
    n_sources = max(1, len(build_workload(full, reference).sources))
    found, in_step = limits(full), _in_step(config)
    limited_by = lowest(one for one in found.ceilings if not one.is_of_load).resource
    return Dial(
        full, reference, _MOST_OF_CEILING, found.beside_per_s, n_sources, in_step, _room_frames(full, n_sources),
        _burst_frames(config), arrivals, limited_by=limited_by,
    )  # fmt: skip


def _of_the_wire(config: Config, arrivals: str) -> Dial:
    found = limits(config)
    line_per_s = Fraction(config.port.rate_bps, BITS_PER_BYTE) / _mean_wire_bytes(config)
    least = lowest(one for one in found.ceilings if not one.is_of_load)
    reference = min(least.frames_per_s or line_per_s, line_per_s)
    return Dial(
        config, reference, line_per_s / reference, Fraction(0), 1, _in_step(config), _room_frames(config, 0),
        _burst_frames(config), arrivals,
        turns_wire=True, limited_by=least.resource,
    )  # fmt: skip


def _in_step(config: Config) -> int:
    """Return after how many frames of a sender its batches and its receiver's all begin anew, if that is not long."""
    names = "tx_doorbell_batch", "refill_batch", "rx_interrupt_batch"
    of_drivers = (getattr(driver, name) for driver in config.drivers for name in names)
    batches = (*of_drivers, config.nic.rx_writeback_batch)
    together = lcm(*(max(1, batch) for batch in batches))
    return together if together <= _MOST_IN_STEP else max(batches)


def _burst_frames(config: Config) -> int:
    return max(1, config.nic.rx_writeback_batch, *(driver.rx_interrupt_batch for driver in config.drivers))


def _room_frames(config: Config, n_sources: int) -> int:
    """Return how many frames wait on the chip before they wait in the host: full buffers and descriptor caches."""
    nic = config.nic
    mean = float(sum(n_bytes * share for n_bytes, share in demand_of(config).sought.sizes))
    return int((nic.tx_buffer_bytes + nic.rx_buffer_bytes) / mean) + n_sources * (
        nic.descriptor_cache + nic.fetch_batch
    )


def _sizes(config: Config) -> Sizes:
    external = config.workload.external
    assert external is not None
    return Sizes.of(external.frame_bytes, external.sizes)


def _mean_bytes(config: Config) -> Fraction:
    return Fraction(_sizes(config).mean_frame_bytes)


def _mean_wire_bytes(config: Config) -> Fraction:
    return Fraction(_sizes(config).mean_wire_bytes)

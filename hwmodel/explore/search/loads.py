"""Run loads one after another, each for as long as it takes to see whether all of it gets through.

A load just above a machine's capacity loses nothing for a long time, while rings and buffers fill. So frames taken by
receivers are compared with frames offered, in a window of whole batches; what is neither taken nor lost is in queues.
While buffers and caches on the chip fill, a machine carries less than later, since it fetches whole batches only with a
backlog. So queues count as growing without bound only if they hold more than the chip has room for and still grow as
fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, fsum, lcm
from typing import Any

from hwmodel.analytic import ceiling_frames_per_s, limits
from hwmodel.analytic.ceiling import lowest
from hwmodel.analytic.demand import demand_of, flows_of
from hwmodel.analytic.system import System
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.host import VmDriver
from hwmodel.config.names import is_uplink
from hwmodel.config.streams import Sizes
from hwmodel.errors import InputError, RunError
from hwmodel.explore.side_by_side import Outcome, Progress, Simulator, outcomes_of
from hwmodel.resources import OFFERED_LOAD
from hwmodel.results import LoadTrial, Result
from hwmodel.results.bottleneck_text import of_too_much
from hwmodel.simulation.figures.window_checks import burst_frames
from hwmodel.simulation.fill.clocks import PPB, tolerance_ppb
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S, format_time_fs
from hwmodel.workload import build_workload

_LONGER = 4
_SETTLES = 0.375  # of the growth expected of unbounded queues: less than that settles
_STILL_GROWS = 0.7  # of the shortfall in the shorter window: queues that settle grow ever more slowly
_ALL_OF = 0.99  # of a window's planned frames: it may end within one
MOST_FRAMES = 4_000_000
LEAST_FRAMES = 4_000


@dataclass
class Loads:
    """Run loads of a dial; `precision`: the relative precision to which an answer is to be known.

    `n_runs` counts simulations. `simulator` is `outcomes_of` or stands for it.
    """

    dial: Dial
    precision: float
    jobs: int = 1
    simulator: Simulator = outcomes_of
    progress: Progress | None = None
    n_runs: int = 0
    trials: list[LoadTrial] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """Return the first window's length in frames, of which a burst of each sender is a quarter of `precision`."""
        return self._frames_for(self.dial.n_sources * self.dial.burst_frames + 2)

    @property
    def sure_frames(self) -> int:
        """Return the length of a window whose ends can hide no more than a quarter of `precision`."""
        return max(self.frames, self._frames_for(self.dial.at_once_frames))

    @property
    def longer_frames(self) -> int:
        """Return the length of a window that tells frames untaken at its ends from a queue that grows."""
        return min(_LONGER * self.sure_frames, MOST_FRAMES)

    def is_sure(self, found: LoadTrial) -> bool:
        """Tell whether a load's window was as long as that."""
        return _offered_frames(found) >= _ALL_OF * min(self.sure_frames, self.dial.most_frames(Fraction(found.share)))

    def _frames_for(self, ends: int) -> int:
        """Return the length of a window of which `ends` frames are a quarter of `precision`."""
        return min(max(LEAST_FRAMES, int(4 * ends / self.precision)), MOST_FRAMES)

    def trial(self, share: Fraction, loss: float = 0.0, frames: int = 0) -> LoadTrial:
        """Run a load until it is decided whether at most `loss` is lost; raises RunError if it cannot be run.

        `frames`: the least length of the first window. A load that was tried before keeps its last trial alone.
        """
        most, before = self.dial.most_frames(share), None
        frames = min(most, max(self.frames, frames))
        while True:
            found = self.run([share], frames)[0]
            if found.failure:
                raise RunError(f"the load of {found.offered_mpps:.6g} Mpps cannot be run: {found.failure}")
            if self._decided(found, loss, before) or frames >= most:
                found = _judged(found, loss, self._noise(found))
                self.trials = [one for one in self.trials if one.share != found.share] + [found]
                return found
            before = found.loss
            frames = min(most, max(_LONGER * frames, self._frames_to_tell(found)))

    def _frames_to_tell(self, found: LoadTrial) -> int:
        """Return how many frames it takes to fill the chip if queues keep growing at this rate; fewer if few tell."""
        lacking, lost = self.dial.room_frames - found.in_flight_frames, max(found.loss or 0.0, 1e-9)
        to_fill = int(1.2 * (found.window_frames + lacking / lost))
        is_little = lost * found.window_frames <= self.dial.at_once_frames
        return min(to_fill, self.longer_frames) if is_little else to_fill

    def measured(self, shares: Sequence[Fraction], frames: int) -> list[LoadTrial]:
        """Run loads for their figures; frames that are only in flight at the ends of a window are no loss.

        With batches and timers more than one frame of each sender may be in flight. If more are missing and none was
        dropped, windows four times as long decide: unbounded queues grow by as many frames as are missing, and beyond
        the chip's room. So they do where something is full and the window's ends may hide a loss.
        """
        found = self.run(shares, frames)
        unclear = [place for place, one in enumerate(found) if self._is_short(one) or self._may_hide(one, frames)]
        while True:
            asked, unclear = [each for each in unclear if frames < self.dial.most_frames(shares[each])], []
            if not asked:
                break
            frames = min(MOST_FRAMES, _LONGER * frames)
            for place, one in zip(asked, self.run([shares[each] for each in asked], frames), strict=True):
                before, found[place] = found[place], one
                if self._may_hide(one, frames):
                    unclear.append(place)
                    continue
                if not self._is_short(one):
                    continue
                # Of a window the warm-up before it is half as long again.
                expected = (one.loss or 0.0) * (one.window_frames - before.window_frames) * 1.5
                untaken = 1.5 * (one.untaken_frames - before.untaken_frames)
                grown = one.in_flight_frames - before.in_flight_frames + untaken
                if grown < _SETTLES * expected:
                    found[place] = replace(one, loss=0.0)
                elif grown < _STILL_GROWS * expected or one.in_flight_frames < self.dial.room_frames:
                    unclear.append(place)
        return [
            one if not one.loss or one.dropped_frames or self._is_short(one) else replace(one, loss=0.0)
            for one in found
        ]

    def _may_hide(self, found: LoadTrial, frames: int) -> bool:
        """Tell whether something is full, while a window of so many frames is too short to show a small loss."""
        return frames < self.sure_frames and not found.dropped_frames and found.limited_by != OFFERED_LOAD

    def _is_short(self, found: LoadTrial) -> bool:
        """Tell whether more frames are missing than can be in flight at a window's ends, although none was dropped."""
        return not found.dropped_frames and (found.loss or 0.0) > self._noise(found)

    def run(self, shares: Sequence[Fraction], frames: int) -> list[LoadTrial]:
        """Run loads, without a verdict, each for at least `frames` frames after a warm-up of half as many."""
        configs = [self._config(share, frames) for share in shares]
        found: list[LoadTrial] = [LoadTrial(share=0, offered_mpps=0)] * len(configs)
        for number, outcome in self.simulator(configs, self.jobs):
            found[number] = self._read(shares[number], outcome)
            self.n_runs += 1
            if self.progress is not None:
                self.progress(min(0.95, self.n_runs / 20), f"simulation {self.n_runs}")
        return found

    def _config(self, share: Fraction, frames: int) -> Config:
        frames = min(frames, self.dial.most_frames(share))
        duration_fs = self.dial.window_fs(share, frames)
        warmup_fs = self.dial.window_fs(share, frames // 2)
        run = {"run.duration": format_time_fs(duration_fs), "run.warmup": format_time_fs(warmup_fs)}
        return self.dial.at(share, run | {"run.frames": None, "run.precision": None})

    def _read(self, share: Fraction, outcome: Outcome) -> LoadTrial:
        per_s = self.dial.offered_per_s(share)
        if not isinstance(outcome, Result):
            return LoadTrial(share=float(share), offered_mpps=float(per_s / 10**6), failure=outcome)
        window_fs = round(outcome.window.duration_ns * FS_PER_NS)
        offered = per_s * window_fs / FS_PER_S
        # Delivered frames are visible to the receiver, which may free their descriptors much later: count taken ones
        # too.
        n_delivered = _wanted(outcome)
        n_taken = min(n_delivered, outcome.latency_to_guest_ns.count)
        return LoadTrial(
            share=float(share),
            offered_mpps=float(per_s / 10**6),
            delivered_mpps=n_delivered / (window_fs / FS_PER_S) / 1e6,
            gbps=outcome.throughput_gbps() or None,
            loss=max(0.0, float(1 - n_taken / offered)),
            dropped_frames=outcome.lost_frames,
            drops=outcome.lost_by_reason(),
            in_flight_frames=outcome.totals.in_flight_frames,
            untaken_frames=outcome.latency_ns.count - outcome.latency_to_guest_ns.count,
            window_frames=n_delivered,
            limited_by=outcome.bottleneck.resource,
            why=outcome.bottleneck.why,
            latency_ns=outcome.latency_ns,
        )

    def _noise(self, found: LoadTrial) -> float:
        """Return the share by which frames taken may fall short of those offered although nothing is lost.

        It allows for the ends of the window and for senders' clocks slower than nominal. At the ends a frame of each
        sender is under way; in long windows what receivers take at once is allowed for too.
        """
        ends, frames = self.dial.n_sources + 2, _offered_frames(found)
        if frames >= _ALL_OF * min(self.longer_frames, self.dial.most_frames(Fraction(found.share))):
            ends += self.dial.at_once_frames
        return ends / max(1, frames) + tolerance_ppb(self.dial.config) / PPB

    def _decided(self, found: LoadTrial, loss: float, before: float | None) -> bool:
        """Tell whether a window was long enough for its verdict to stand."""
        assert found.loss is not None
        if not loss and found.dropped_frames:
            return True
        if found.loss <= loss + self._noise(found):
            return True
        # What is dropped had no room in what is full.
        fills = found.in_flight_frames + found.dropped_frames >= self.dial.room_frames
        return fills and before is not None and found.loss - loss >= _STILL_GROWS * (before - loss)


def _wanted(outcome: Result) -> int:
    """Return how many frames the window delivered to stations that should get them: not a flood's copies for others."""
    rates = [flow.mpps for flow in outcome.flows if flow.offered]
    if not outcome.totals.replicated_frames or None in rates:
        return outcome.latency_ns.count
    return min(outcome.latency_ns.count, round(fsum(rate or 0.0 for rate in rates) * outcome.window.duration_ns / 1e3))


def _offered_frames(found: LoadTrial) -> float:
    """Return how many frames were offered in a load's window; 0 where none arrived."""
    return found.window_frames * found.offered_mpps / found.delivered_mpps if found.delivered_mpps else 0.0


def _judged(found: LoadTrial, loss: float, noise: float) -> LoadTrial:
    assert found.loss is not None
    may_drop = loss > 0 or not found.dropped_frames
    if may_drop and found.loss <= loss + noise:
        is_noise = not found.dropped_frames and found.loss <= noise
        return replace(found, verdict="met", loss=0.0 if is_noise else found.loss)
    return replace(found, verdict="lost" if found.dropped_frames else "grows", why=of_too_much(found.why))


# ---- The one thing that a search turns: how many frames are offered, evenly spaced, whether there is room or not ----


_MOST_OF_CEILING = Fraction(16)
_MOST_IN_STEP = 4096  # most frames of a sender after which all its batches end together
_LONGEST_S = 95  # with whole batches less than the 100 s that a run may have
_OPEN = {"workload.on_full": "drop"}


@dataclass(frozen=True)
class Dial:
    """Set the load of a configuration to a share, at most `most`, of `reference_per_s`.

    `beside_per_s`: rate of the flows with rates of their own, which stay unchanged. `n_sources`: number of streams.
    `in_step`: frames of one stream after which all batches start anew. `room_frames`: frames that buffers and
    descriptor caches on the chip hold. `burst_frames`: frames of one stream that become visible at once.
    `at_once_frames`: by how many frames what all receivers together have taken may differ between a window's end and
    its start although no queue grows. `limited_by`: the resource of the closed form's lowest ceiling.
    """

    config: Config
    reference_per_s: Fraction
    most: Fraction
    beside_per_s: Fraction
    n_sources: int
    in_step: int
    room_frames: int = 0
    burst_frames: int = 1
    at_once_frames: int = 1
    arrivals: str = "periodic"
    turns_wire: bool = False
    limited_by: str = ""

    def offered_per_s(self, share: Fraction) -> Fraction:
        """Return the frames a second that are offered in all."""
        return self.reference_per_s * share + self.beside_per_s

    def most_frames(self, share: Fraction) -> int:
        """Return how many frames a window may hold: as many as a run has time for."""
        return min(MOST_FRAMES, int(self.reference_per_s * share * _LONGEST_S))

    def window_fs(self, share: Fraction, frames: int) -> int:
        """Return the time for at least `frames` frames, rounded up to whole periods of all batches.

        In such a window exactly as many frames are delivered as offered, if no queue grows.
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
        return int(self.reference_per_s * share * Fraction(_sizes(self.config).mean_frame_bytes) * BITS_PER_BYTE)


def dial_of(config: Config) -> Dial:
    """Find out how to vary the load, and the capacity by the closed form.

    Raises InputError for loads that cannot be varied: captures, groups' frames, and flows that all have given rates.
    """
    workload = config.workload
    if workload.pcap is not None:
        raise InputError("workload.pcap: a search turns the load, and a capture has its own")
    if workload.is_for_groups:
        raise InputError(
            f"workload.pattern: {workload.pattern}: a search counts frames one by one, and each makes many"
        )
    if workload.pattern is None:
        return _of_the_wire(config)
    full = config_from_mapping(config.resolved(), {"workload.load": "100% of ceiling", "workload.arrivals": "periodic"})
    reference = ceiling_frames_per_s(full)
    if reference is None:
        raise InputError("workload: all flows have rates of their own; a search turns those that follow the load")
    n_sources = max(1, len(build_workload(full, reference).sources))
    found, in_step = limits(full), _in_step(config)
    limited_by = lowest(one for one in found.ceilings if not one.is_of_load).resource
    return Dial(
        full, reference, _MOST_OF_CEILING, found.beside_per_s, n_sources, in_step, _room_frames(full, n_sources),
        burst_frames(config), _at_once_frames(config, reference), limited_by=limited_by,
    )  # fmt: skip


def _of_the_wire(config: Config) -> Dial:
    found = limits(config)
    line_per_s = Fraction(config.port.rate_bps, BITS_PER_BYTE) / Fraction(_sizes(config).mean_wire_bytes)
    least = lowest(one for one in found.ceilings if not one.is_of_load)
    reference = min(least.frames_per_s or line_per_s, line_per_s)
    return Dial(
        config, reference, line_per_s / reference, Fraction(0), 1, _in_step(config), _room_frames(config, 0),
        burst_frames(config), _at_once_frames(config, reference), turns_wire=True, limited_by=least.resource,
    )  # fmt: skip


def _in_step(config: Config) -> int:
    """Return after how many frames all batches of sender and receiver start anew; their maximum if that is too long."""
    names = "tx_doorbell_batch", "refill_batch", "rx_interrupt_batch"
    of_drivers = (getattr(driver, name) for driver in config.drivers for name in names)
    batches = (*of_drivers, config.nic.rx_writeback_batch)
    together = lcm(*(max(1, batch) for batch in batches))
    return together if together <= _MOST_IN_STEP else max(batches)


def _room_frames(config: Config, n_sources: int) -> int:
    """Return how many frames can wait on the chip, in buffers and descriptor caches, before they wait in the host."""
    nic = config.nic
    mean = float(sum(n_bytes * share for n_bytes, share in demand_of(config).sought.sizes))
    return int((nic.tx_buffer_bytes + nic.rx_buffer_bytes) / mean) + n_sources * (
        nic.descriptor_cache + nic.fetch_batch
    )


def _at_once_frames(config: Config, per_s: Fraction) -> int:
    """Return how many frames receivers take, or see, at once at so many a second: each ring's, in all.

    A core takes up to a poll's frames, then does something else, while as many come; an interrupt that is held back
    tells of all that have come meanwhile.
    """
    system = System.of(config)
    receivers = {target for _, target in flows_of(config, system) if not is_uplink(target)}
    n_frames = 0
    for vm in (vm for name, vm in system.vms.items() if name in receivers):
        nic, driver = vm.server.config.nic, vm.server.config.driver_of(vm.port.name)
        seen = ceil(per_s / len(receivers) / nic.queues_per_vf * _held_back_fs(driver) / FS_PER_S)
        at_once = max(driver.poll_budget, driver.rx_interrupt_batch, nic.rx_writeback_batch, seen)
        n_frames += nic.queues_per_vf * min(at_once, nic.rx_ring - 1)
    return n_frames


def _held_back_fs(driver: VmDriver) -> int:
    """Return for how long moderation may hold an interrupt back."""
    if driver.polls or not driver.moderation_fs:
        return 0
    return max(driver.adaptive_intervals_fs) if driver.masks and driver.adaptive_moderation else driver.moderation_fs


def _sizes(config: Config) -> Sizes:
    external = config.workload.external
    assert external is not None
    return Sizes.of(external.frame_bytes, external.sizes)

"""The searches over the load, in the manner of RFC 2544 and RFC 9971: what is asked, and the answer."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from hwmodel.analytic.demand import flows_of
from hwmodel.analytic.system import System
from hwmodel.analytic.transactions import sending_s
from hwmodel.config import Config, as_config, config_from_mapping
from hwmodel.config.names import is_uplink
from hwmodel.config.switch import outside_mac
from hwmodel.errors import InputError, RunError
from hwmodel.explore.search.loads import Dial, Loads, dial_of
from hwmodel.explore.side_by_side import Progress, Simulator, outcomes_of
from hwmodel.resources import OFFERED_LOAD
from hwmodel.results import LoadSearch, LoadTrial, Result, search_text
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS, FS_PER_S, format_rate_bps, format_time_fs
from hwmodel.version import model_version
from hwmodel.wire.ethernet import EtherType, wire_bytes
from hwmodel.wire.pcap import PcapWriter
from hwmodel.wire.tags import build_header

KINDS = ("zero_loss", "partial_drop", "back_to_back", "loss_curve", "latency_at_load")
ONLY_FOR = {  # the kinds of search that an option is for
    "loss": ("partial_drop",),
    "precision": ("zero_loss", "partial_drop", "latency_at_load"),
    "loads": ("loss_curve", "latency_at_load"),
    "arrivals": ("loss_curve", "latency_at_load"),
    "burst_rate": ("back_to_back",),
}
PRECISION = 0.004
PARTIAL_LOSS = 0.005
CURVE = tuple(Fraction(tenth, 10) for tenth in range(1, 13))  # RFC 2544, 26.3, has steps of 10 %
LATENCY_LOADS = (Fraction(1, 10), Fraction(1, 2), Fraction(9, 10))
MORE_LOAD = Fraction(11, 10)
_MOST_LOAD = 16  # as --loads has it
_LEAST_FOR_CURVE = 20_000  # frames: the 99.9th percentile is then known by 20


def misplaced(kind: str, given: Mapping[str, object]) -> dict[str, str]:
    """Return the given options (not None) that are not for this kind of search, with the kinds that they are for."""
    return {
        name: " or ".join(kinds) for name, kinds in ONLY_FOR.items() if given[name] is not None and kind not in kinds
    }


def search_loads(
    config: Config | str | Path,
    kind: str = "zero_loss",
    *,
    loss: float | None = None,
    precision: float = PRECISION,
    loads: Sequence[Fraction] | None = None,
    arrivals: str = "periodic",
    burst_rate_bps: int | None = None,
    jobs: int = 1,
    simulator: Simulator = outcomes_of,
    progress: Progress | None = None,
) -> LoadSearch:
    """Search over the load of a configuration; `kind` is one of KINDS.

    `loss`: the share of frames that partial_drop may lose, 0.5 % by default. `precision`: the relative width of the
    answer's interval. `loads`: for loss_curve, shares of the closed form's ceiling; for latency_at_load, shares of the
    zero-loss rate. `arrivals`: for these two kinds; searches for a rate space frames evenly. `burst_rate_bps`: for
    back_to_back: of all senders together, with preamble and gap; by default the port's rate. `jobs`: processes that
    simulate at once. Approximated: the loss is taken to grow with the load. Raises InputError for a workload whose load
    cannot be varied and for a scenario or agents, RunError if a load cannot be run.
    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} is not one of {', '.join(KINDS)}")
    if not 0 < precision < 1:
        raise InputError(f"a precision of {precision:g} is out of range; above 0 and below 1")
    shares: Sequence[Any] = loads or ()  # callers may not check types
    if loads is not None and not shares:
        raise InputError("loads: there is none; leave it out for those that the search chooses")
    for share in shares:
        if not isinstance(share, int | float | Fraction) or not 0 < share <= _MOST_LOAD:
            raise InputError(f"a load of {share!r} is no share; a number above 0, to {_MOST_LOAD}, like 0.5")
    if burst_rate_bps is not None and burst_rate_bps <= 0:
        raise InputError(f"a burst rate of {burst_rate_bps} b/s is out of range; above 0")
    given = {
        "loss": loss,
        "precision": None if precision == PRECISION else precision,
        "loads": None if loads is None else ",".join(f"{float(100 * share):.10g}%" for share in loads),
        "arrivals": None if arrivals == "periodic" else arrivals,
        "burst_rate": None if burst_rate_bps is None else f"{burst_rate_bps}bps",
    }
    wrong = [f"{name}: only with kind {kinds}" for name, kinds in misplaced(kind, given).items()]
    if wrong:
        raise InputError(wrong)
    config = as_config(config)
    for block, nothing in (("scenario", "[]"), ("agents", "{}")):
        if getattr(config, block):
            raise InputError(
                f"{block}: a search looks for a load of a machine that does not change, in windows of its own; leave "
                f"it out, as with --set {block}={nothing}"
            )
    if kind == "back_to_back":
        found = _longest_burst(config, burst_rate_bps or config.port.rate_bps, simulator)
    else:
        found = _by_load(Loads(dial_of(config), precision, jobs, simulator, progress), kind, loss, loads, arrivals)
    asked = {name.replace("_", "-"): str(value) for name, value in given.items() if value is not None}
    return replace(found, asked=asked, model_version=model_version())


def _by_load(
    asked: Loads, kind: str, loss: float | None, loads: Sequence[Fraction] | None, arrivals: str
) -> LoadSearch:
    dial = replace(asked.dial, arrivals=arrivals)
    if kind == "loss_curve":
        shares = [min(share, dial.most) for share in loads or CURVE]
        return _with_curve(_answer(asked, kind=kind), asked, dial, shares)
    allowed = (PARTIAL_LOSS if loss is None else loss) if kind == "partial_drop" else 0.0
    if not 0 <= allowed < 1:
        raise InputError(f"a loss of {allowed:g} is out of range; a share of frames, 0 or more and below 1")
    found = _rate(asked, kind, allowed)
    if kind == "latency_at_load":
        if found.share is None:
            raise RunError(search_text.no_latencies(found.notes))
        at = [Fraction(found.share).limit_denominator(10**8) * share for share in loads or LATENCY_LOADS]
        return _with_curve(found, asked, dial, at)
    return found


def _what_gives_first(loads: Loads, high: LoadTrial) -> tuple[str, str]:
    """Return what limits just above the answer, and why; if nothing is full there, at a tenth more load."""
    if high.limited_by != OFFERED_LOAD:
        return high.limited_by, high.why
    share = Fraction(high.share).limit_denominator(10**8) * MORE_LOAD
    if share <= loads.dial.most:
        (above,) = loads.run([share], _LEAST_FOR_CURVE)
        if above.limited_by not in ("", OFFERED_LOAD):
            return above.limited_by, search_text.with_a_tenth_more(above.why)
    return loads.dial.limited_by, search_text.lost_in_bursts(high.share)


def _rate(loads: Loads, kind: str, loss: float) -> LoadSearch:
    low, high = highest(loads, loss)
    notes = []
    if low is None and high is not None:
        notes.append(search_text.loses_anyhow(high))
    elif high is None:
        notes.append(search_text.AT_LEAST)
    if any(trial.verdict == "grows" for trial in loads.trials):
        notes.append(search_text.QUEUES_GROW)
    limited_by, why = ("", "") if low is None or high is None else _what_gives_first(loads, high)
    found = _answer(loads, kind=kind, loss=loss, limited_by=limited_by, why=why, notes=tuple(notes))
    if low is None:
        return found
    interval = (low.offered_mpps, None if high is None else high.offered_mpps)
    return replace(found, mpps=low.offered_mpps, gbps=low.gbps, share=low.share, interval_mpps=interval)


def _with_curve(found: LoadSearch, loads: Loads, dial: Dial, shares: Sequence[Fraction]) -> LoadSearch:
    loads.dial = dial
    curve = loads.measured(list(dict.fromkeys(shares)), max(loads.frames, _LEAST_FOR_CURVE))
    return replace(found, curve=tuple(curve), simulations=loads.n_runs)


def _answer(loads: Loads, **more: Any) -> LoadSearch:
    return LoadSearch(
        reference_mpps=float(loads.dial.reference_per_s / 10**6),
        beside_mpps=float(loads.dial.beside_per_s / 10**6),
        simulations=loads.n_runs,
        trials=tuple(loads.trials),
        config=loads.dial.config.resolved(),
        **more,
    )


def _longest_burst(config: Config, rate_bps: int, simulator: Simulator) -> LoadSearch:
    bursts = Bursts(config, rate_bps, simulator)
    low, high = bursts.longest()
    notes = []
    if high is None:
        notes.append(search_text.endless_burst(low))
    if bursts.lost:
        notes.append(search_text.longer_burst_loses(bursts.lost))
    if slow := bursts.spaced_by_cores():
        notes.append(slow)
    return LoadSearch(
        kind="back_to_back",
        burst_frames=low,
        interval_burst=(low, high),
        burst_mpps=float(10**9 / bursts.gap_fs),
        burst_wire_gbps=rate_bps / BPS_PER_GBPS,
        simulations=bursts.n_runs,
        notes=tuple(notes),
        config=config.resolved(),
    )


# ---- The highest load at which no more than a share is lost: around the closed form's ceiling, by bisection ----


_GRAIN = 10**8  # shares are multiples of 1 / this, so that they can be written exactly
_FASTER = 4  # each step away from the ceiling is so many times the one before
_LEAST = Fraction(1, 1000)  # of the reference: no lower load is tried


Bracket = tuple[LoadTrial | None, LoadTrial | None]  # the highest load that met, the lowest that did not, if any


def highest(loads: Loads, loss: float = 0.0) -> Bracket:
    """Find the highest load at which no more than `loss` of the frames is lost.

    The loss is taken to rise with the load. The first two loads are just below and just above the closed form's
    estimate, ceiling / (1 - loss); from there the steps grow until the answer is bracketed, then the bracket is
    bisected. The answer is run once more where its window's ends could hide a loss.
    """
    width = Fraction(loads.precision).limit_denominator(10**6)
    expected = min(Fraction(1) / (1 - Fraction(loss).limit_denominator(10**6)), loads.dial.most)
    low, high = _met_below(loads, loss, expected, width)
    if low is not None and high is None:
        low, high = _lost_above(loads, loss, expected, low, width)
    low, high = _narrowed(loads, loss, low, high, width)
    if low is None or loads.is_sure(low):
        return low, high
    sure = loads.trial(_share_of(low), loss, loads.sure_frames)
    if sure.verdict == "met":
        return sure, high
    # What got through in a short window may not in a long one: from here on there are long ones alone.
    low, high = _met_below(loads, loss, _share_of(sure), width, loads.sure_frames)
    return _narrowed(loads, loss, low, high or sure, width, loads.sure_frames)


def _met_below(loads: Loads, loss: float, top: Fraction, width: Fraction, frames: int = 0) -> Bracket:
    """Look for a load that meets from just below `top` on downward, with windows of `frames` at least."""
    high, step = None, width / 2
    below = top * (1 - step)
    while below > _LEAST:
        trial = loads.trial(_grain(below), loss, frames)
        if trial.verdict == "met":
            return trial, high
        high, step = trial, step * _FASTER
        below = top * max(1 - step, Fraction(1, 2)) if step < 1 else below / 2
    return None, high


def _lost_above(loads: Loads, loss: float, top: Fraction, low: LoadTrial, width: Fraction) -> Bracket:
    """Look for a load that does not meet from just above `top` on upward."""
    step = width / 2
    above = min(top * (1 + step), loads.dial.most)
    while _grain(above) > _share_of(low):  # else the wire cannot carry more
        trial = loads.trial(_grain(above), loss)
        if trial.verdict != "met":
            return low, trial
        low, step = trial, step * _FASTER
        above = min(top * (1 + step), loads.dial.most)
    return low, None


def _narrowed(
    loads: Loads, loss: float, low: LoadTrial | None, high: LoadTrial | None, width: Fraction, frames: int = 0
) -> Bracket:
    while low is not None and high is not None and high.share - low.share > float(width) * high.share * 1.000001:
        trial = loads.trial(_grain(Fraction((low.share + high.share) / 2)), loss, frames)
        if trial.verdict == "met":
            low = trial
        else:
            high = trial
    return low, high


def _share_of(trial: LoadTrial) -> Fraction:
    return Fraction(trial.share).limit_denominator(_GRAIN)


def _grain(share: Fraction) -> Fraction:
    return Fraction(round(share * _GRAIN), _GRAIN)


# ---- The longest loss-free burst (RFC 2544, 26.4), its frames back to back at a given rate ----


MOST_BURST = 200_000
_MOST_FS = 100 * FS_PER_S  # no run is longer
_TAIL_FS = FS_PER_S // 10  # far longer than frames in flight at the burst's end need


@dataclass
class Bursts:
    """Send bursts along a configuration's flows in turn, at `rate_bps` in all with preamble and gap.

    `n_runs` counts simulations.
    """

    config: Config
    rate_bps: int
    simulator: Simulator
    n_runs: int = 0
    lost: str = ""  # what the shortest burst with a loss lost, by reason

    def __post_init__(self) -> None:
        workload = self.config.workload
        external = workload.external if workload.pattern is None else None
        lengths = (external or workload).frame_bytes
        if workload.pcap is not None or lengths is None:
            raise InputError("workload.frame_bytes: a search for bursts needs frames of one length, and no capture")
        if self.config.servers:
            raise InputError("servers: a search for bursts knows one server")
        self.frame_bytes = lengths
        if self.most < 2:
            raise InputError(
                f"a burst rate of {format_rate_bps(self.rate_bps)} is out of range: two frames of {lengths} B with "
                "preamble and gap would take longer than the 100 s that a run may have"
            )
        self._flows = list(flows_of(self.config, System.of(self.config)))
        self._macs = {port.name: port.macs[0] for port in self.config.switch.ports if port.macs}

    @property
    def most(self) -> int:
        """Return the most frames that a burst may have within the longest run."""
        return min(MOST_BURST, int((_MOST_FS - _TAIL_FS) / self.gap_fs))

    @property
    def gap_fs(self) -> Fraction:
        """Return the time from one frame to the next."""
        return Fraction(wire_bytes(self.frame_bytes) * BITS_PER_BYTE * FS_PER_S, self.rate_bps)

    def spaced_by_cores(self) -> str:
        """Say if senders' cores post more slowly than their shares of the burst rate; empty if they keep up."""
        senders = {source for source, _ in self._flows if not is_uplink(source)}
        if not senders:
            return ""
        asked_per_s = FS_PER_S / self.gap_fs / len({source for source, _ in self._flows})
        sizes = [(self.frame_bytes, Fraction(1))]
        posted_per_s = 1 / max(sending_s(self.config.for_function(name), sizes) for name in senders)
        if asked_per_s <= posted_per_s:
            return ""
        return search_text.spaced_by_cores(len(senders), float(asked_per_s / 10**6), float(posted_per_s / 10**6))

    def longest(self) -> tuple[int, int | None]:
        """Return the longest burst seen without loss, and the shortest seen with loss, None if none was."""
        low, burst = 0, 64
        high: int | None = None
        while high is None and low < self.most:
            burst = min(burst, self.most)
            if self.gets_through(burst):
                low, burst = burst, burst * 4
            else:
                high = burst
        while high is not None and high - low > max(1, high // 200):
            middle = (low + high) // 2
            low, high = (middle, high) if self.gets_through(middle) else (low, middle)
        return low, high

    def gets_through(self, n_frames: int) -> bool:
        """Tell whether a burst of this length is loss-free."""
        with tempfile.TemporaryDirectory(prefix="hwmodel-burst-") as folder:
            path = Path(folder) / "burst.pcap"
            self._write(path, n_frames)
            duration_fs = round(n_frames * self.gap_fs) + _TAIL_FS
            own = self.config.resolved()
            run = {name: own["run"][name] for name in ("seed", "clocks")} | {"duration": format_time_fs(duration_fs)}
            mapping = own | {"workload": {"pcap": str(path), "pcap_time": "file", "on_full": "drop"}, "run": run}
            ((_, outcome),) = self.simulator([config_from_mapping(mapping)], 1)
        self.n_runs += 1
        if not isinstance(outcome, Result):
            raise RunError(f"a burst of {n_frames} frames cannot be run: {outcome}")
        if outcome.lost_frames:
            self.lost = ", ".join(f"{reason} {n}" for reason, n in sorted(outcome.lost_by_reason().items()))
        return outcome.lost_frames == 0

    def _write(self, path: Path, n_frames: int) -> None:
        frames = [self._frame(source, target) for source, target in self._flows]
        sent = [frame for frame, _ in zip(itertools.cycle(frames), range(n_frames), strict=False)]
        with PcapWriter(path) as writer:
            writer.write_block([int(number * self.gap_fs) // FS_PER_NS for number in range(n_frames)], sent)

    def _frame(self, source: str, target: str) -> bytes:
        to, own = (self._macs.get(name) or outside_mac([self.config.switch]) for name in (target, source))
        return build_header(to, own, EtherType.LOCAL_EXPERIMENT_1).ljust(self.frame_bytes - FCS_BYTES, b"\0")

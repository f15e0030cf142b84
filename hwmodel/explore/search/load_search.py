"""The searches over the load, in the manner of RFC 2544 and RFC 9971: what is asked, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwmodel.config import as_config
from hwmodel.errors import InputError, RunError
from hwmodel.explore.outcomes import outcomes_of
from hwmodel.explore.search.burst import Bursts
from hwmodel.explore.search.dial import Dial, dial_of
from hwmodel.explore.search.highest import highest
from hwmodel.explore.search.loads import Loads, Simulator
from hwmodel.results import LoadSearch, LoadTrial
from hwmodel.results.bottleneck import OFFERED_LOAD
from hwmodel.simulation.model_version import model_version
from hwmodel.units import BPS_PER_GBPS
from hwmodel.words import search_text as words

if TYPE_CHECKING:
    from hwmodel.config import Config

KINDS = ("zero_loss", "partial_drop", "back_to_back", "loss_curve", "latency_at_load")
PRECISION = 0.004
PARTIAL_LOSS = 0.005
CURVE = tuple(Fraction(tenth, 10) for tenth in range(1, 13))  # RFC 2544, 26.3, has steps of 10 %
LATENCY_LOADS = (Fraction(1, 10), Fraction(1, 2), Fraction(9, 10))
MORE_LOAD = Fraction(11, 10)
_LEAST_FOR_CURVE = 20_000  # frames: the 99.9th percentile is then known by 20


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
    progress: Callable[[float, str], None] | None = None,
) -> LoadSearch:
    """Search over the load of a configuration; `kind` is one of KINDS.

    `loss`: the share that partial_drop allows, 0.5 % where it is not said. `precision`: the width of the answer's
    interval, as a share. `loads`: of loss_curve as shares of the closed form's ceiling, of latency_at_load as shares of
    the zero-loss rate. `arrivals`: of these two; a search for a rate spaces frames evenly. `burst_rate_bps`: of
    back_to_back, of all senders together, with preamble and gap; the port's where it is not said. Approximated: the
    load is taken to be the worse the higher it is. Raises InputError for a workload whose load cannot be turned,
    RunError where a load cannot be run.
    """
    given = {
        "loss": loss,
        "precision": None if precision == PRECISION else precision,
        "loads": None if loads is None else ",".join(f"{float(100 * share):.10g}%" for share in loads),
        "arrivals": None if arrivals == "periodic" else arrivals,
        "burst-rate": None if burst_rate_bps is None else f"{burst_rate_bps}bps",
    }
    asked = {name: str(value) for name, value in given.items() if value is not None}
    found = _search(
        as_config(config), kind, loss, precision, loads, arrivals, burst_rate_bps, (jobs, simulator, progress)
    )
    return replace(found, asked=asked, model_version=model_version())


def _search(
    config: Config,
    kind: str,
    loss: float | None,
    precision: float,
    loads: Sequence[Fraction] | None,
    arrivals: str,
    burst_rate_bps: int | None,
    runs: tuple[int, Simulator, Callable[[float, str], None] | None],
) -> LoadSearch:
    jobs, simulator, progress = runs
    if kind not in KINDS:
        raise InputError(f"{kind!r} is not one of {', '.join(KINDS)}")
    if not 0 < precision < 1:
        raise InputError(f"a precision of {precision:g} is out of range; above 0 and below 1")
    if kind == "back_to_back":
        return _longest_burst(config, burst_rate_bps or config.port.rate_bps, simulator)
    dial = dial_of(config)
    asked = Loads(dial, precision, jobs, simulator, progress)
    if kind == "loss_curve":
        return _curve(asked, replace(dial, arrivals=arrivals), loads or CURVE)
    allowed = (PARTIAL_LOSS if loss is None else loss) if kind == "partial_drop" else 0.0
    if not 0 <= allowed < 1:
        raise InputError(f"a loss of {allowed:g} is out of range; a share of frames, 0 or more and below 1")
    found = _rate(asked, kind, allowed)
    if kind == "latency_at_load":
        if found.share is None:
            raise RunError("no load was found without loss, so there is none to measure latencies at")
        at = [Fraction(found.share).limit_denominator(10**8) * share for share in loads or LATENCY_LOADS]
        return _with_curve(found, asked, replace(dial, arrivals=arrivals), at)
    return found


def _what_gives_first(loads: Loads, high: LoadTrial) -> tuple[str, str]:
    """Return what limits just above the answer, and why; where that is too little more to tell, a tenth above it."""
    if high.limited_by != OFFERED_LOAD:
        return high.limited_by, high.why
    share = Fraction(high.share).limit_denominator(10**8) * MORE_LOAD
    if share <= loads.dial.most:
        (above,) = loads.run([share], _LEAST_FOR_CURVE)
        if above.limited_by not in ("", OFFERED_LOAD):
            return above.limited_by, words.with_a_tenth_more(above.why)
    return loads.dial.limited_by, words.lost_in_bursts(high.share)


def _rate(loads: Loads, kind: str, loss: float) -> LoadSearch:
    bracket = highest(loads, loss)
    low, high = bracket.low, bracket.high
    notes = []
    if low is None:
        notes.append(words.LOSES_ANYHOW)
    elif high is None:
        notes.append(words.AT_LEAST)
    if any(trial.verdict == "grows" for trial in loads.trials):
        notes.append(words.QUEUES_GROW)
    limited_by, why = ("", "") if high is None else _what_gives_first(loads, high)
    return _answer(
        loads,
        kind=kind,
        loss=loss,
        mpps=None if low is None else low.offered_mpps,
        gbps=None if low is None else low.gbps,
        share=None if low is None else low.share,
        interval_mpps=None if low is None else (low.offered_mpps, None if high is None else high.offered_mpps),
        limited_by=limited_by,
        why=why,
        notes=tuple(notes),
    )


def _curve(loads: Loads, dial: Dial, shares: Sequence[Fraction]) -> LoadSearch:
    return _with_curve(_answer(loads, kind="loss_curve"), loads, dial, [min(share, dial.most) for share in shares])


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
        notes.append(words.endless_burst(low))
    if bursts.lost:
        notes.append(words.longer_burst_loses(bursts.lost))
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

"""Whether the median latency falls as the load rises, and whether the page then says what makes it.

    python -m benches.load_sweep           loads 0.05 to 1.05, four shipped configurations, drivers, timers, arrivals
    python -m benches.load_sweep --quick   one of them, three loads, short: shows that it works, and measures nothing

A fall is a median more than 5 % below that of the next lower load. It is told where a warning of the run at the lower
load, or a sentence of its page, names the batch, the timer or the senders' step (hwmodel/results/modelled.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benches.comparison import table
from hwmodel.config import Config, load_config
from hwmodel.config.presets import DRIVERS
from hwmodel.config.shipped import shipped_configs
from hwmodel.results import Latency, Result
from hwmodel.results.modelled import falling_latency_sentences
from hwmodel.simulation import simulate

LOADS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.05)
NAMES = ("sriov_10g_gen2x4", "sriov_40g_gen3x8", "sriov_imix", "sriov_ideal")
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "write-back timer": {"nic.rx_writeback_batch": 8, "nic.writeback_timeout": "64us"},
    "moderation": {"nic.rx_writeback_batch": 1, "driver.moderation": "50us", "driver.adaptive_moderation": False},
    "none": {
        "nic.rx_writeback_batch": 1, "driver.rx_interrupt_batch": 1, "driver.tx_doorbell_batch": 1,
        "driver.moderation": "0us",
    },
}  # fmt: skip
MOST_FALL = 0.05
DURATION = "10ms"
HEADS = ("configuration", "driver", "batches", "arrivals", "falls", "told", "deepest", "at load", "")


@dataclass(frozen=True)
class Case:
    """Name a configuration, its driver's preset, its batches and arrivals."""

    name: str
    driver: str
    variant: str
    arrivals: str

    def config(self, load: float, duration: str) -> Config:
        """Return it at a load."""
        path = next(one.path for one in shipped_configs() if one.path.stem == self.name)
        preset = {f"driver.{key}": value for key, value in DRIVERS[self.driver]["driver"].items()}
        changes = {"driver.preset": self.driver, **preset, **VARIANTS[self.variant]}
        return load_config(
            path, {**changes, "workload.arrivals": self.arrivals, "workload.load": load, "run.duration": duration}
        )


@dataclass(frozen=True)
class Fall:
    """Hold a fall of a median: from which load to which, what is left of it, whether the page tells why."""

    load: float
    next_load: float
    left: float
    is_told: bool


def cases() -> Iterator[Case]:
    """Give all configurations of the sweep; DPDK polls, and has no interrupts to batch or to moderate."""
    for name in NAMES:
        for driver in ("kernel", "dpdk"):
            for variant in VARIANTS if driver == "kernel" else ("as it is", "write-back timer"):
                for arrivals in ("poisson", "periodic"):
                    yield Case(name, driver, variant, arrivals)


def is_told(result: Result) -> bool:
    """Tell whether the page names what may make the latency fall as load rises."""
    stuck = any("batch that only later frames fill" in warning for warning in result.warnings)
    return stuck or any(True for _ in falling_latency_sentences(result))


def falls(loads: Sequence[float], results: Sequence[Result]) -> list[Fall]:
    """Return where a median lies more than 5 % below that of the load before: to delivery, or to the guest."""
    found = []
    for (load, before), (next_load, after) in pairwise(zip(loads, results, strict=True)):
        left = min(
            _left(before.latency_ns, after.latency_ns), _left(before.latency_to_guest_ns, after.latency_to_guest_ns)
        )
        if left < 1 - MOST_FALL:
            found.append(Fall(load, next_load, left, is_told(before)))
    return found


def _left(before: Latency, after: Latency) -> float:
    return after.p50 / before.p50 if before.p50 and after.p50 else 1.0


def measure(case: Case, loads: Sequence[float], duration: str) -> list[Fall]:
    """Run a case at each load."""
    return falls(loads, [simulate(case.config(load, duration)) for load in loads])


def row(case: Case, found: Sequence[Fall]) -> tuple[str, ...]:
    """Give a case's row."""
    n_told = sum(fall.is_told for fall in found)
    deepest = min(found, key=lambda fall: fall.left, default=None)
    shown = ("-", "-") if deepest is None else (f"{100 * deepest.left - 100:.0f} %", f"{deepest.next_load:g}")
    verdict = "PASS" if n_told == len(found) else "not told"
    return case.name, case.driver, case.variant, case.arrivals, str(len(found)), str(n_told), *shown, verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one case, three loads, short; the figures mean nothing")
    arguments = parser.parse_args()
    loads, duration = (LOADS[:3], "1ms") if arguments.quick else (LOADS, DURATION)
    found = {case: measure(case, loads, duration) for case in list(cases())[: 1 if arguments.quick else None]}
    print(table(HEADS, [row(case, its_falls) for case, its_falls in found.items()]))
    every = [fall for its_falls in found.values() for fall in its_falls]
    print(f"{sum(fall.is_told for fall in every)} of {len(every)} falls of more than 5 % are told")


if __name__ == "__main__":
    main()

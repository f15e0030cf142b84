"""One run of a sweep, wherever it is made: from the values that it changes to what goes into the ledger."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hwmodel.config.load import BaseDocument
from hwmodel.config.overrides import Change
from hwmodel.errors import InputError, RunError
from hwmodel.results import Result
from hwmodel.results.explored import Scalar
from hwmodel.simulation import simulate_on_one_core as simulate

from .ledger import Outcome

_LEFT_OUT = ("schema_version", "config_hash", "seed")
_LEFT_OUT_BEFORE = ("latency_parts_ns.p50.", "latency_parts_ns.p999.")  # the mean's and p99's say where time goes
_ONE_AT_A_TIME = threading.Lock()  # the kernels hold the interpreter anyway, and a process has one of each buffer


class Task(NamedTuple):
    """Say what one run is: its number in the sweep, and what it changes in the base."""

    number: int
    changes: Sequence[Change]


@dataclass(frozen=True)
class PointRun:
    """Make runs around one base, in any process."""

    base: BaseDocument

    def __call__(self, task: Task) -> Outcome:
        """Simulate one run. Whatever goes wrong with it is its outcome, not the sweep's end."""
        config = None
        try:
            with _ONE_AT_A_TIME:
                config = self.base.with_changes(task.changes)
                result = simulate(config)
        except (InputError, RunError) as error:
            wrong = "; ".join(" ".join(line.split()) for line in str(error).splitlines())
        except MemoryError:
            wrong = "out of memory"
        except Exception as error:
            wrong = f"a fault in hwmodel: {type(error).__name__}: {error}"
        else:
            return Outcome(task.number, result.config_hash, "", json.dumps(figures_of(result), separators=(",", ":")))
        return Outcome(task.number, "" if config is None else config.config_hash(), wrong, "")


def figures_of(result: Result) -> Mapping[str, Scalar]:
    """Return the scalars of a result, its warnings, and the ends of the intervals of what stands for the whole run."""
    figures: dict[str, Scalar] = {
        name: value
        for name, value in result.scalars().items()
        if name not in _LEFT_OUT and not name.startswith(_LEFT_OUT_BEFORE)
    }
    figures["warnings"] = " ".join(result.warnings)
    for name, (low, high) in result.intervals.items():
        if name in figures:
            figures |= {f"intervals.{name}.low": round(low, 9), f"intervals.{name}.high": round(high, 9)}
    return figures

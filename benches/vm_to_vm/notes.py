"""Why a closed form lies outside the interval of a run: what the run itself counted, put in place of what was assumed.

Two causes are looked for, and the figures tell which: bytes that the link carried for each frame beyond those of the
closed form, and interrupts that took time of a core that the closed form does not count. Either explains a cell only
if the closed form, with what was counted in place of what it assumed, comes to lie within the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benches.sweep_rows import Row
from hwmodel.analytic import limits
from hwmodel.config import Config
from hwmodel.units import FS_PER_NS

UP = "pcie.up.per_frame."
FIGURES = tuple(
    f"{UP}{purpose}"
    for purpose in (
        "payload",
        "tlp_overhead",
        "read_request",
        "descriptor",
        "writeback",
        "interrupt",
        "doorbell",
        "dllp",
    )
)
INTERRUPT_BYTES = 28  # a memory write of 4 B
_PURPOSE_OF = (("write-back", "writeback"), ("nterrupt", "interrupt"), ("Acks", "dllp"), ("descriptor", "descriptor"))
_WORDS = {
    "writeback": "write-backs",
    "interrupt": "interrupts",
    "dllp": "Acks and credits",
    "descriptor": "descriptor reads",
    "payload": "payload",
}
UNEXPLAINED = "not explained"


@dataclass(frozen=True)
class Cause:
    """Say what explains a cell: in words, and the closed form with what the run counted; None where nothing does."""

    words: str
    gbps: float | None


def is_within(row: Row) -> bool:
    """Tell whether the closed form lies in the run's interval."""
    return _holds(row, row["closed_form.gbps"])


def cause_of(row: Row, config: Config) -> Cause:
    """Find what explains a cell whose closed form lies outside."""
    for find in (_more_bytes, _interrupt_time):
        cause = find(row, config)
        if cause is not None and cause.gbps is not None and _holds(row, cause.gbps):
            return cause
    return Cause(UNEXPLAINED, None)


def _holds(row: Row, gbps: float) -> bool:
    low, high = row["intervals.totals.gbps.low"], row["intervals.totals.gbps.high"]
    return low is not None and bool(low <= gbps <= high)


def _more_bytes(row: Row, config: Config) -> Cause | None:
    """Put the bytes that the run carried toward the host for each frame in place of those of the closed form."""
    if row["bottleneck.resource"] != "pcie.up" or row["closed_form.limited_by"] != "up":
        return None
    found = _by_purpose({name.removeprefix(UP): row[name] for name in FIGURES})
    assumed = _assumed(config)
    n_found, n_assumed = sum(found.values()), sum(assumed.values())
    purpose = max(found, key=lambda name: found[name] - assumed.get(name, 0.0))
    words = (
        f"{_WORDS[purpose]} take {found[purpose]:.2f} B a frame and not {assumed.get(purpose, 0.0):.2f} B: "
        f"{n_found:,.2f} B up in all, not {n_assumed:,.2f} B"
    )
    return Cause(words, row["closed_form.gbps"] * n_assumed / n_found)


def _by_purpose(by_name: Mapping[str, float]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for name, n_bytes in by_name.items():
        purpose = name if name in _WORDS else "payload"
        merged[purpose] = merged.get(purpose, 0.0) + n_bytes
    return merged


def _assumed(config: Config) -> dict[str, float]:
    """Return the closed form's bytes up for each frame, by purpose."""
    found: dict[str, float] = {}
    for step in limits(config).steps:
        if step.direction == "up":
            purpose = next((purpose for word, purpose in _PURPOSE_OF if word in step.name), "payload")
            found[purpose] = found.get(purpose, 0.0) + float(step.n_bytes)
    return found


def _interrupt_time(row: Row, config: Config) -> Cause | None:
    """Add the time of the interrupts that the run had to the time that a frame takes of a core."""
    if not row["bottleneck.resource"].startswith("driver.") or not row["closed_form.limited_by"].startswith("driver."):
        return None
    per_frame = row[f"{UP}interrupt"] / INTERRUPT_BYTES
    more_ns = per_frame * (config.driver.interrupt_time_fs + config.driver.exit_time_fs) / FS_PER_NS
    frame_ns = config.host.cores * config.workload.frame_bytes * 8 / row["closed_form.gbps"]
    words = (
        f"an interrupt for each {1 / per_frame:.0f} frames, which takes {more_ns:.1f} ns of a core a frame beside "
        f"{frame_ns:,.0f} ns"
        if per_frame
        else "no interrupts"
    )
    return Cause(words, row["closed_form.gbps"] * frame_ns / (frame_ns + more_ns))

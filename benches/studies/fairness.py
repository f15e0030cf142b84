"""The study of fairness: VMs with unlike loads, below what the adapter carries and above it."""

from __future__ import annotations

from collections.abc import Sequence

from benches.studies.study import Metric, Study, by_line, listed, number, plain
from benches.sweep_rows import THROUGHPUT, Row

JAIN = "fairness_jain"
FAIR = 0.99


def fairness_found(rows: Sequence[Row]) -> str:
    """Say up to which load all are served alike, and where they are served least alike."""
    parts = []
    for skew, of_skew in by_line(rows, FAIRNESS).items():
        unfair = [row for row in of_skew if row[JAIN] < FAIR]
        if unfair:
            parts.append(f"{number(unfair[0]['workload.load']):.0f} % with s = {plain(skew)}")
    worst = min(rows, key=lambda row: float(row[JAIN]))
    fair_to = max(
        number(load) for load in {row["workload.load"] for row in rows}
        if all(row[JAIN] >= FAIR for row in rows if number(row["workload.load"]) <= number(load))
    )  # fmt: skip
    return (
        f"All get their share up to a load of {fair_to:.0f} % of the ceiling however skewed they are; beyond, "
        "taking turns serves the small senders whole and cuts the "
        f"large ones, and Jain's index of the shares delivered falls below {FAIR} at {listed(parts)}, to "
        f"{worst[JAIN]:.2f} at least "
        f"({number(worst['workload.load']):.0f} %, s = {plain(worst['workload.zipf'])})."
    )


def fair_shares(weights: Sequence[float], load: float) -> list[float]:
    """Return what share of its demand each gets where turns fill a capacity of 1 and the demands add to `load`."""
    demands = [load * weight / sum(weights) for weight in weights]
    level, left, n_left = 0.0, 1.0, len(demands)
    for demand in sorted(demands):
        level = min(demand, left / n_left)
        left, n_left = left - level, n_left - 1
    return [min(1.0, level / demand) if demand > level else 1.0 for demand in demands]


def jain_of(values: Sequence[float]) -> float:
    """Return Jain's index."""
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


def closed_jain(row: Row) -> float:
    """Return the index of senders that take turns with all that is left of what the small ones do not need."""
    weights = [1 / rank ** row["workload.zipf"] for rank in range(1, 17)]
    return jain_of(fair_shares(weights, number(row["workload.load"]) / 100))


FAIRNESS = Study(
    name="fairness",
    title="Fairness with skewed VMs",
    x="workload.load",
    x_label="load, % of ceiling",
    lines="workload.zipf",
    line_label="s: load of the k-th VM as 1 / k^s",
    found=fairness_found,
    metric=Metric(lambda row: float(row[JAIN]), "Jain's index", "1 is even", 3, closed=closed_jain),
    figures=(*THROUGHPUT, JAIN),
    x_is_log=False,
    says_what_limits=False,
    about=(
        "Sixteen VMs in pairs, 512 B, on PCIe Gen2 x4 with DPDK. The index is of the share of its own demand "
        "that each VM got: demand that differs and is served in full is "
        "fair. In brackets and dashed: turns of one frame as a fluid (max-min), in which nobody gets more than "
        "it offers and what the small leave goes to the large."
    ),
)
ALL = (FAIRNESS,)

"""Studies of loss in bursts: Rx rings before a slow receiver, the adapter's buffer before a slow link."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

from benches.studies.study import Metric, Study, by_line, listed, number
from benches.sweep_rows import Row, config_of
from hwmodel.analytic import limits
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

OFFERED, DROPPED = "totals.offered_frames", "totals.dropped_frames"
BURST, WIRE_BURST = "workload.mean_burst", "workload.external.mean_burst"
FIGURES = (OFFERED, DROPPED, "bottleneck.resource", "queues.rx_ring.max", "queues.rx_buffer.max")


def lost_percent(row: Row) -> float:
    """Return the share of the frames that were dropped, in per cent."""
    return 100.0 * float(row[DROPPED]) / float(row[OFFERED])


def lossless(rows: Sequence[Row], study: Study) -> dict[Any, Any]:
    """Return the least x of each line from which on nothing is lost, as written; None where there is none."""
    found = {}
    for line, of_line in by_line(rows, study).items():
        least = None
        for row in reversed(of_line):
            if row[DROPPED]:
                break
            least = row[study.x]
        found[line] = least
    return found


def _sentence(rows: Sequence[Row], study: Study, what: str, unit: str) -> str:
    parts = []
    for line, least in lossless(rows, study).items():
        size = "more than was tried" if least is None else f"{_shown(least)}{unit}"
        parts.append(f"{size} for bursts of {line} frames")
    smallest = min((row[study.x] for row in rows), key=number)
    worst = max(rows, key=lost_percent)
    return (
        f"No frame is lost from {what} of {listed(parts)} on the mean; with {_shown(smallest)}{unit} up to "
        f"{lost_percent(worst):.0f} % are, in "
        f"bursts of {worst[study.lines]}."  # type: ignore[index]
    )


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def bursts_found(rows: Sequence[Row]) -> str:
    """Name the ring that loses nothing, by length of bursts."""
    return _sentence(rows, BURSTS, "Rx rings", " descriptors")


def bursts_by_hand(rows: Sequence[Row]) -> str:
    """Compare how frames of one sender's burst come with how the core takes them."""
    config = config_of("bursts", rows[0].number)
    n_bytes = config.workload.frame_bytes
    comes_ns = n_bytes * BITS_PER_BYTE / (config.workload.peak_rate_bps or 1) * 1e9
    takes_ns = (config.driver.frame_time_fs + config.driver.byte_time_fs * (n_bytes - 4)) / 1e6
    left = [f"{n} at once {100 * (1 - comes_ns / n / takes_ns):.0f} %" for n in (2, 3)]
    return (
        f"By hand: in a burst a frame comes each {comes_ns:,.0f} ns, and the core takes one in {takes_ns:,.0f} "
        "ns. One sender's burst alone leaves nothing in "
        f"the ring while the core polls; of {listed(left)} of the frames wait there, and before the first poll "
        "all that come until the interrupt."
    )


BURSTS = Study(
    name="bursts",
    title="Loss against the Rx ring, in bursts",
    x="nic.rx_ring",
    x_label="Rx ring, descriptors",
    lines=BURST,
    line_label="mean burst, frames",
    found=bursts_found,
    by_hand=bursts_by_hand,
    figures=FIGURES,
    metric=Metric(lost_percent, "loss", "% of the frames", 4),
    says_what_limits=False,
    about=(
        "Seven VMs send 512 B to one whose core takes 800 ns a frame (`kernel`): half a million frames a second, "
        "less than half of what it takes, but each "
        "sender in bursts at 4 Gb/s. `0.0000` is none of some 200,000 frames."
    ),
)


def fluid_loss(peak: float, mean: float, capacity: float, mean_on_s: float, buffer: float) -> float:
    """Return the share lost of a fluid that flows at `peak` or not at all, for exponential times, into a finite buffer.

    Rates and `buffer` share a unit of volume. Of the density K exp(-z x) of what is stored while it flows, the part
    that stands at the full buffer is lost at peak - capacity (Anick, Mitra and Sondhi, 1982, for one source).
    """
    flows = mean / peak
    stops_per_s = 1 / mean_on_s
    starts_per_s = stops_per_s * flows / (1 - flows)
    surplus = peak - capacity
    z = stops_per_s / surplus - starts_per_s / capacity
    decayed = exp(-z * buffer)
    density = flows / ((1 - decayed) / z + surplus * decayed / stops_per_s)
    return surplus * density * surplus * decayed / stops_per_s / mean


def fluid_percent(row: Row) -> float:
    """Return the loss of a fluid that comes and goes as the study's frames do, in per cent."""
    config = config_of("buffers", row.number)
    external = config.workload.external
    assert external is not None and external.peak_rate_bps
    n_bytes = external.frame_bytes or config.workload.frame_bytes
    on_s = external.mean_burst_frames * n_bytes * BITS_PER_BYTE / external.peak_rate_bps
    capacity_bps = link_gbps(row) * 1e9
    return 100 * fluid_loss(
        external.peak_rate_bps, external.rate_bps, capacity_bps, on_s, config.nic.rx_buffer_bytes * BITS_PER_BYTE
    )


def link_gbps(row: Row) -> float:
    """Return what the link carries of the study's frames, from its closed form's bytes up."""
    config = config_of("buffers", row.number)
    found = limits(config)
    return (
        FS_PER_S / (found.up_bytes * float(found.link.fs_per_byte)) * config.workload.frame_bytes * BITS_PER_BYTE / 1e9
    )


def buffers_found(rows: Sequence[Row]) -> str:
    """Name the buffer that loses nothing, by length of bursts."""
    return _sentence(rows, BUFFERS, "receive buffers", "")


def buffers_by_hand(rows: Sequence[Row]) -> str:
    """Say what of a mean burst the buffer has to hold."""
    capacity = link_gbps(rows[0])
    parts = [
        f"{burst * 1518 * (1 - capacity / 9.8) / 1024:,.0f} KiB of {burst} frames" for burst in by_line(rows, BUFFERS)
    ]
    return (
        f"By hand: the link carries {capacity:.2f} Gb/s of these frames, so a burst at 9.8 Gb/s leaves "
        f"{100 * (1 - capacity / 9.8):.0f} % of itself in the "
        f"buffer, {listed(parts)} on the mean. Lengths are drawn: to lose nothing in 150,000 frames takes some "
        "ten times that. In brackets: a fluid with "
        "exponential times, which is right where a buffer holds many frames."
    )


BUFFERS = Study(
    name="buffers",
    title="Loss against the receive buffer, in bursts",
    x="nic.rx_buffer",
    x_label="receive buffer, B",
    lines=WIRE_BURST,
    line_label="mean burst, frames",
    found=buffers_found,
    by_hand=buffers_by_hand,
    figures=FIGURES,
    metric=Metric(lost_percent, "loss", "% of the frames", 4, closed=fluid_percent),
    says_what_limits=False,
    about=(
        "Frames of 1,518 B from a 10 GbE wire, 4 Gb/s on average in bursts at 9.8 Gb/s, to eight VMs through "
        "PCIe Gen2 x2. `drop_enable` is off: what finds no "
        "descriptor waits in the buffer. `0.0000` is none of some 150,000 frames."
    ),
)
ALL = (BURSTS, BUFFERS)

"""Studies of loss in bursts: Rx rings before a slow receiver, the adapter's buffer before a slow link."""

from __future__ import annotations

from collections.abc import Sequence

from benches.studies.study import Metric, Study, by_line, listed, number, plain
from benches.sweep_rows import Row

OFFERED, DROPPED = "totals.offered_frames", "totals.dropped_frames"
BURST, WIRE_BURST = "workload.mean_burst", "workload.external.mean_burst"
FIGURES = (OFFERED, DROPPED, "bottleneck.resource", "queues.rx_ring.max", "queues.rx_buffer.max")


def lost_percent(row: Row) -> float:
    """Return the share of the frames that were dropped, in per cent."""
    return 100.0 * float(row[DROPPED]) / float(row[OFFERED])


LOSS = Metric(lost_percent, "loss", "% of the frames", 4)


def lossless(rows: Sequence[Row], study: Study) -> dict[int, float | None]:
    """Return the least x of each line from which on nothing is lost; None where there is none."""
    found: dict[int, float | None] = {}
    for line, of_line in by_line(rows, study).items():
        free = [number(row[study.x]) for row in of_line]
        while of_line and not of_line[-1][DROPPED]:
            of_line.pop()
        rest = free[len(of_line) :]
        found[line] = rest[0] if rest else None
    return found


def _sentence(rows: Sequence[Row], study: Study, what: str, unit: str) -> str:
    parts = []
    for line, least in lossless(rows, study).items():
        parts.append(f"{'more than tried' if least is None else f'{plain(least)}{unit}'} for bursts of {line} frames")
    smallest = min(number(row[study.x]) for row in rows)
    worst = max(rows, key=lost_percent)
    return (
        f"No frame is lost from {what} of {listed(parts)} on the mean; with {plain(smallest)}{unit} up to {lost_percent(worst):.0f} % are "
        f"(bursts of {max(by_line(rows, study))})."
    )


def bursts_found(rows: Sequence[Row]) -> str:
    """Name the ring that loses nothing, by length of bursts."""
    return _sentence(rows, BURSTS, "Rx rings", " descriptors")


def bursts_by_hand(rows: Sequence[Row]) -> str:
    """Say how much of a burst is left over for the ring."""
    in_ring_per_frame = 1 - 512 * 8 / 4.0 / 850
    return (
        "By hand: in a burst at 4 Gb/s a frame of 512 B comes each 1,024 ns, and the core takes one in about 850 ns (800 ns and 0.1 ns a byte). So one sender's "
        "burst alone leaves nothing in the ring; two at once come twice as fast as they are taken and leave "
        f"{1 - 1024 / 2 / 850:.0%} of their frames there, three {1 - 1024 / 3 / 850:.0%}. Lengths of bursts are drawn (geometric), so one in fifty is four "
        "times the mean, and the wait for an interrupt (up to 125 us) comes on top: some 120 frames at 1 Mpps."
        if in_ring_per_frame < 0 or True
        else ""
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
    metric=LOSS,
    says_what_limits=False,
    about=(
        "Seven VMs send 512 B to one whose core takes 800 ns a frame (`kernel`): half a million frames a second, less than half of what it takes, but each "
        "sender in bursts at 4 Gb/s. `0.0000` is none of some 200,000 frames."
    ),
)


def buffers_found(rows: Sequence[Row]) -> str:
    """Name the buffer that loses nothing, by length of bursts."""
    return _sentence(rows, BUFFERS, "Rx buffers", " B")


def buffers_by_hand(rows: Sequence[Row]) -> str:
    """Say what of a burst the buffer has to hold."""
    return ""


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
    metric=LOSS,
    says_what_limits=False,
    about=(
        "Frames of 1,518 B from a 10 GbE wire, 4 Gb/s on average in bursts at 9.8 Gb/s, to eight VMs through PCIe Gen2 x2, which carries some 7 Gb/s of "
        "them. `drop_enable` is off: what finds no descriptor waits in the buffer. `0.0000` is none of some 150,000 frames."
    ),
)
ALL = (BURSTS, BUFFERS)

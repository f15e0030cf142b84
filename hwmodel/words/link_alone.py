"""What `hwmodel dma` says beside its table: whose link was measured, what is not in the figures; and with `--peer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hwmodel.words.quantities import listed

WAYS = {False: "direct", True: "over the root"}


def links_above_left_out(adapter: str, above: Sequence[str]) -> str:
    """Say that PCIe switches and the links above them are not among what was measured; `above`: their names."""
    return (
        f"This is the link of {adapter} alone, as if it led to a root port: what is above it ({listed(above)}), and "
        "what others take on the way, is left out."
    )


def window_notes(*, has_cache: bool, has_iotlb: bool, order_is_said: bool) -> Iterator[str]:
    """Say what of `--window` and `--order` the host that transfers go to does not heed."""
    if not (has_cache or has_iotlb):
        yield (
            "--window: without host.cache and host.iotlb memory answers alike wherever a transfer lies; the window "
            "only lets transfers begin at multiples of 64 B, which matters where requests are cut."
        )
    elif order_is_said and not has_iotlb:
        yield (
            "--order: without host.iotlb memory answers alike in either order; what counts is how much of the window "
            "host.cache holds."
        )


def peer_table(rows: Sequence[Mapping[str, Any]], peer_of: Mapping[str, str]) -> str:
    """Lay out each writer's data rate beside the closed form, and how busy the switches' links were.

    A line for each transfer size and way.
    """
    writers, links = list(rows[0]["gbps"]), list(rows[0]["link_shares"])
    titles = [f"{name} to {peer_of.get(name, 'host')}" for name in writers]
    widths = [max(17, len(title)) for title in titles]
    cells = [f"{title:>{width}}" for title, width in zip(titles, widths, strict=True)]
    lines = [f"{'bytes':>7}  {'way':<13} {' '.join(cells)}  {' '.join(f'{link:>11}' for link in links)}"]
    for row in rows:
        rates = [
            f"{row['gbps'][name]:>{width - 9}.3f} ({row['limit_gbps'][name]:6.3f})"
            for name, width in zip(writers, widths, strict=True)
        ]
        shares = [f"{100 * row['link_shares'][link]:>9.1f} %" for link in links]
        lines.append(f"{row['bytes']:>7}  {WAYS[row['acs_redirect']]:<13} {' '.join(rates)}  {' '.join(shares)}")
    lines.append(
        "Gb/s of data that came there, in brackets by the closed form; how busy the links of switches were, each way."
    )
    return "\n".join(lines)

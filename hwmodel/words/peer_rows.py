"""What `hwmodel dma --peer` prints: a line for each transfer size and way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WAYS = {False: "direct", True: "over the root"}


def peer_table(rows: Sequence[Mapping[str, Any]], peer_of: Mapping[str, str]) -> str:
    """Lay out each writer's data rate beside the closed form, and how busy the switches' links were."""
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

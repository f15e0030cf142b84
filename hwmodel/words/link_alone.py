"""What `hwmodel dma` says beside its table: whose link was measured, and what is not in the figures.

Of `hwmodel dma --peer` that is in `peer_rows.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.words.quantities import listed


def whose_link(adapter: str, link_name: str) -> str:
    """Name the link that was measured, of several: `a.x: PCIe Gen2 x4, MPS 256 B, MRRS 512 B`."""
    return f"{adapter}: {link_name}"


def links_above_left_out(adapter: str, above: Sequence[str]) -> str:
    """Say that PCIe switches and the links above them are not among what was measured; `above`: their names."""
    return (
        f"This is the link of {adapter} alone, as if it led to a root port: what is above it ({listed(above)}), and "
        "what others take on the way, is left out."
    )

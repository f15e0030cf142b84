"""What `hwmodel dma` says beside its table: whose link was measured, and what is not in the figures.

Of `hwmodel dma --peer` that is in `peer_rows.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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

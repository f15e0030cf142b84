"""What loosens the closed form's bound, by what a configuration has, and by how much runs have stayed below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hwmodel.words.quantities import gbps_text, printable, three_digits

Blocks = Mapping[str, Any]
BOUND = "That is a bound: a run may stay below."
FAR = 1.25  # times what a run carries: from there on its summary tells the bound
_FEW_TAGS, _FEW_DESCRIPTORS, _SHORT_RING = 8, 8, 128
_UNEVEN = ("uniform", "incast", "broadcast", "flows")


def _waits(has: Blocks) -> bool:
    return not has["nic"].get("drop_enable") or any(port.get("drop_enable") is False for port in has["ports"])


def _has_streams(has: Blocks) -> bool:
    workload = has["workload"]
    return bool(workload.get("pattern") in _UNEVEN or workload.get("external") or workload.get("wire_share"))


def _drops(has: Blocks) -> bool:
    """Tell whether one receiver may get more than it takes, while nobody waits for it."""
    may_drop = has["nic"].get("drop_enable") or any(port.get("drop_enable") for port in has["ports"])
    return bool(may_drop and _has_streams(has))


def _has_short_rings(has: Blocks) -> bool:
    return min(has["nic"].get("tx_ring") or _SHORT_RING, has["nic"].get("rx_ring") or _SHORT_RING) <= _SHORT_RING


_LOST = "frames that are lost, which took of the link and the cores what others lack (by any factor)"
# Whether a configuration has it, what it is, and how many times a run was seen below: the furthest of 800 machines that
# `benches.ceilings` drew (docs/benchmarks.md, beside the closed form); None where that was not measured.
_ROWS: Sequence[tuple[Callable[[Blocks], bool], str, float | None]] = (
    (_drops, _LOST, None),
    (lambda has: len(has["workload"].get("sizes") or ()) > 1,
     "several lengths, of which a long frame waits for its room and those behind it for that", None),
    (_has_streams, "senders and receivers that are not loaded alike, of which the figure takes the best mix", 2.5),
    (_waits, "all that comes waiting in order for a receiver's descriptors (drop_enable: false)", None),
    (lambda has: (has["pcie"].get("bus") or {}).get("kind") == "pci",
     "retries on the bus, which take clocks while a read has no answer", None),
    (lambda has: bool(has["host"].get("iotlb")), "page walks", 3.6),
    (lambda has: (has["pcie"].get("tags") or _FEW_TAGS) <= _FEW_TAGS,
     "few tags, held by reads that wait behind writes", 1.8),
    (lambda has: any(has["pcie"].get("credits", {}).get(name) for name in ("ph", "pd", "nph", "cplh", "cpld")),
     "few credits, which TLPs take in order", 1.3),
    (_has_short_rings, "short rings", 12.7),
    (lambda has: (has["nic"].get("rx_prefetch") or 0) < _FEW_DESCRIPTORS,
     "few Rx descriptors prefetched, so that frames wait for their own", 2.2),
    (lambda has: bool(has["driver"].get("mask_interrupts") and has["driver"].get("rx_interrupt_batch")),
     "masked interrupts", 2.2),
)  # fmt: skip


def _machines(document: Blocks) -> Iterator[Blocks]:
    """Give the blocks of each server and adapter: the common ones, with what is its own."""
    names = ("pcie", "host", "nic", "driver", "switch", "workload")
    own = [entry.get("set") or {} for entry in document.get("servers") or ()]
    own += [one.get("set") or {} for entry in document.get("servers") or () for one in entry.get("adapters") or ()]
    for changes in own or [{}]:
        blocks: dict[str, Any] = {name: dict(document.get(name) or {}) for name in names}
        for key, value in changes.items():
            block, _, rest = key.partition(".")
            if block in blocks:
                blocks[block] |= {rest: value} if rest else dict(value or {})
        yield {**blocks, "ports": list(blocks["switch"].get("ports") or ())}


def looseners(document: Blocks) -> list[tuple[str, float | None]]:
    """Return what may keep runs below the bound, and by how many times it was seen to, None where that is not known.

    `document`: with all defaults. With `host.virtual_switch` none: a note says how far below its runs may be.
    """
    if (document.get("host") or {}).get("virtual_switch"):
        return []
    machines = list(_machines(document))
    return [(what, times) for has, what, times in _ROWS if any(map(has, machines))]


def how_loose(document: Blocks) -> str:
    """Say beside a bound that a run may stay below, by how much, and for what of this configuration."""
    found = looseners(document)
    if not found:
        return BOUND
    parts = [what if times is None else f"{what} ({times:g} times)" for what, times in found]
    return (
        "That is a bound. A run may be several times lower; what loosens it here, with the furthest that runs of drawn "
        f"machines stayed below where that was measured: {'; '.join(parts)}."
    )


def bound_beside_run(
    document: Blocks, measured_gbps: float, bound_gbps: float, by: str, limit: str, *, loses: bool = True
) -> str:
    """Say of a run how far the closed form's bound is above it, and why as far as that is known; empty if it is near.

    `by`: what limits in the closed form; `limit`: what the run names, empty if it names none; `loses`: frames drop.
    """
    if bound_gbps < FAR * measured_gbps:
        return ""
    found = [what for what, _ in looseners(document) if what is not _LOST or loses]
    named = f", which {printable(limit)} limits" if limit else ""
    reasons = f" It leaves out {'; '.join(found)}." if found else ""
    return (
        f"The closed form's bound, {gbps_text(bound_gbps)} by {printable(by)}, is loose here: "
        f"{three_digits(bound_gbps / measured_gbps)} times what the run carries{named}.{reasons}"
    )

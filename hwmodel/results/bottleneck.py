"""Which resource sets the throughput, and why, in one sentence that a designer can check.

The rules stand in one table, read from the top; the first that holds names the resource. A server (a link direction,
the wire, a core) is full from FULL on. What has no rate of its own (tags, credits, descriptors) is the limit where work
stood ready and waited for it during most of the window, while no link was full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hwmodel.results.result import Bottleneck

FULL = 0.985  # a link in round-robin service reaches 99 % and more; the rest is the ends of the window
MOSTLY = 0.5
LOSS = 0.001  # a smaller share of the frames, lost in a burst, does not set the throughput

RESOURCES = (
    "pcie.up",
    "pcie.down",
    "pcie.tags",
    "pcie.credits",
    "wire.tx",
    "wire.rx",
    "switch.bus",
    "driver.tx",
    "driver.rx",
    "nic.pipeline",
    "rx.descriptors",
    "rate_limit",
    "offered_load",
)
CONGESTION_DROPS = ("TX_RING_FULL", "RX_BUFFER_FULL", "NO_DESCRIPTOR", "QUEUE_FULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCost:
    """Give the bytes that a frame costs on one direction of the link, in all and as payload."""

    bytes_per_frame: float
    payload_bytes_per_frame: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Collect what a run saw of its resources during the window; every share is between 0 and 1.

    - `utilizations`: busy share by resource name. `driver.tx` and `driver.rx` are what the busiest VM's core spends on
      sending and on receiving, so they add up to how busy that core is. `pcie.tags`: share in which no tag is free.
    - `waits`: share in which work stood ready and waited for `pcie.tags`, `pcie.credits`, `rx.descriptors` (of the
      worst VM) or `rate_limit`, and for nothing else.
    - `open_load`: frames come at times of their own; False for a closed loop (`load: saturate`).
    - `tx_ring_full_share`: share in which the fullest Tx ring had no room: a load that is above what gets through.
    - `drops` and `offered_frames` are of the whole run; `frame_bytes` is the mean frame with FCS.
    - `up`, `down`, `tags`, `core_of` (the VM with the busiest core) , `has_mirrored` (mirrored copies were carried) and
      `iotlb_miss_share` (of the addresses translated; None: no cache) only make the sentence more exact.
    """

    utilizations: Mapping[str, float]
    open_load: bool
    waits: Mapping[str, float] = field(default_factory=dict)
    tx_ring_full_share: float = 0.0
    drops: Mapping[str, int] = field(default_factory=dict)
    offered_frames: int = 0
    frame_bytes: float | None = None
    up: LinkCost | None = None
    down: LinkCost | None = None
    tags: int | None = None
    core_of: str | None = None
    has_mirrored: bool = False
    iotlb_miss_share: float | None = None

    def busy(self, resource: str) -> float:
        """Return how busy a resource is; for a driver, its whole core, whichever side it works on."""
        if resource.startswith("driver."):
            return self.utilizations.get("driver.tx", 0.0) + self.utilizations.get("driver.rx", 0.0)
        return max(self.utilizations.get(resource, 0.0), self.waits.get(resource, 0.0))

    def lost_share(self, *reasons: str) -> float:
        """Return the share of the offered frames that were dropped for these reasons."""
        return sum(self.drops.get(reason, 0) for reason in reasons) / max(1, self.offered_frames)


class _Rule(NamedTuple):
    resource: str
    holds: Callable[[Observation], bool]
    why: Callable[[Observation], str]


def find_bottleneck(seen: Observation) -> Bottleneck:
    """Return the resource that sets the throughput, by the first rule that holds, with the reason in plain English."""
    for rule in _RULES:
        if rule.holds(seen):
            return Bottleneck(resource=rule.resource, utilization=seen.busy(rule.resource), why=rule.why(seen))
    busiest = _busiest(seen)
    if not busiest or (seen.open_load and not _is_overloaded(seen)):
        share = seen.busy(busiest) if busiest else 0.0
        return Bottleneck(resource="offered_load", utilization=share, why=_why_offered_load(seen, busiest))
    return Bottleneck(resource=busiest, utilization=seen.busy(busiest), why=_why_largest(seen, busiest))


def _full(resource: str, rival: str | None = None) -> Callable[[Observation], bool]:
    """Hold where a server is full and, if a rival is named, at least as busy as the rival."""
    return lambda seen: seen.busy(resource) >= FULL and (rival is None or seen.busy(resource) >= seen.busy(rival))


def _waited_for(resource: str, rival: str | None = None) -> Callable[[Observation], bool]:
    def holds(seen: Observation) -> bool:
        share = seen.waits.get(resource, 0.0)
        return share >= MOSTLY and (rival is None or share >= seen.waits.get(rival, 0.0))

    return holds


def _core_is_full(side: str, other: str) -> Callable[[Observation], bool]:
    def holds(seen: Observation) -> bool:
        shares = seen.utilizations
        return seen.busy(side) >= FULL and shares.get(side, 0.0) >= shares.get(other, 0.0)

    return holds


def _lacks_descriptors(seen: Observation) -> bool:
    return seen.waits.get("rx.descriptors", 0.0) >= MOSTLY or seen.lost_share("NO_DESCRIPTOR") > LOSS


def _is_rate_limited(seen: Observation) -> bool:
    return seen.waits.get("rate_limit", 0.0) >= MOSTLY or seen.lost_share("RATE_LIMITED") > LOSS


def _is_overloaded(seen: Observation) -> bool:
    return seen.tx_ring_full_share >= MOSTLY or seen.lost_share(*CONGESTION_DROPS) > LOSS


def _busiest(seen: Observation) -> str | None:
    """Return the busiest resource of those observed, the first in the order of RESOURCES at a tie; None for none."""
    shares = {name: seen.busy(name) for name in RESOURCES if name in seen.utilizations or name in seen.waits}
    busiest = max(shares, key=lambda name: shares[name], default=None)
    return busiest if busiest and shares[busiest] > 0 else None


def percent(share: float) -> str:
    """Write a share as a percentage with one decimal, `99.4 %`."""
    return f"{100 * share:.1f} %"


def _frame(seen: Observation) -> str:
    if seen.frame_bytes is None:
        return "each frame"
    if seen.frame_bytes == round(seen.frame_bytes):
        return f"each {seen.frame_bytes:.0f} B frame"
    return f"a frame of {seen.frame_bytes:.1f} B on average"


def _why_link(resource: str, where: str) -> Callable[[Observation], str]:
    def why(seen: Observation) -> str:
        cost = seen.up if resource == "pcie.up" else seen.down
        text = f"The link {where} the host is busy {percent(seen.busy(resource))} of the window"
        if cost is None:
            return text + "."
        return (
            f"{text}: {_frame(seen)} costs {cost.bytes_per_frame:.0f} B there, "
            f"{cost.payload_bytes_per_frame:.0f} B of it payload{', mirrored copies included' * seen.has_mirrored}."
        )

    return why


def _why_tags(seen: Observation) -> str:
    if seen.tags == 1:
        subject = "The one read tag is in use"
    else:
        subject = f"All{'' if seen.tags is None else f' {seen.tags}'} read tags are in use"
    in_use = seen.utilizations.get("pcie.tags")
    share = "" if in_use is None else f" {percent(in_use)} of the window"
    waiting = percent(seen.waits.get("pcie.tags", 0.0))
    return (
        f"{subject}{share} and reads wait for one {waiting} of the window, while the link has room left"
        f"{_translations(seen)}."
    )


def _translations(seen: Observation) -> str:
    """Add what holds reads and writes at the host where its IOMMU misses."""
    if not seen.iotlb_miss_share:
        return ""
    return f"; {percent(seen.iotlb_miss_share)} of the addresses miss the IOMMU's translation cache, and wait for it"


def _why_credits(seen: Observation) -> str:
    return (
        f"Transactions stand ready but wait for flow-control credits {percent(seen.waits.get('pcie.credits', 0.0))} of "
        "the window: the host returns credits, or drains its buffer, more slowly than the link could carry data"
        f"{_translations(seen)}."
    )


def _why_driver(verb: str) -> Callable[[Observation], str]:
    def why(seen: Observation) -> str:
        owner = f"The core of {seen.core_of}" if seen.core_of else "A VM's core"
        return (
            f"{owner} is busy {percent(seen.busy('driver.tx'))} of the window, "
            f"{percent(seen.utilizations.get(f'driver.{verb}', 0.0))} of the window with "
            f"{'sending' if verb == 'tx' else 'receiving'}: its driver handles no more frames a second."
        )

    return why


def _why_descriptors(seen: Observation) -> str:
    waited, dropped = seen.waits.get("rx.descriptors", 0.0), seen.drops.get("NO_DESCRIPTOR", 0)
    facts = []
    if waited > 0:
        facts.append(f"frames wait for one {percent(waited)} of the window")
    if dropped:
        facts.append(f"{dropped} of {seen.offered_frames} frames were dropped for want of one")
    return (
        f"The adapter runs out of Rx descriptors: {' and '.join(facts)}, "
        "so the Rx ring, its refill batch or the descriptor prefetch is too small."
    )


def _why_wire(resource: str, where: str) -> Callable[[Observation], str]:
    return lambda seen: (
        f"The Ethernet port {where} is busy {percent(seen.busy(resource))} of the window, "
        "counting each frame with its 20 B of preamble and gap."
    )


def _why_bus(seen: Observation) -> str:
    return f"The switch's data bus is busy {percent(seen.busy('switch.bus'))} of the window."


def _why_pipeline(seen: Observation) -> str:
    return (
        f"The adapter's packet pipeline is busy {percent(seen.busy('nic.pipeline'))} of the window: "
        "it takes no more frames a second, whatever their length."
    )


def _why_rate_limit(seen: Observation) -> str:
    waited, dropped = seen.waits.get("rate_limit", 0.0), seen.drops.get("RATE_LIMITED", 0)
    facts = []
    if waited > 0:
        facts.append(f"hold frames back {percent(waited)} of the window")
    if dropped:
        facts.append(f"dropped {dropped} of {seen.offered_frames} frames")
    return f"The configured rate limits {' and '.join(facts)}, and no resource is full."


def _why_offered_load(seen: Observation, busiest: str | None) -> str:
    if busiest is None:
        return "Nothing is full: hardly any frame was offered in the window."
    lost = sum(seen.drops.get(reason, 0) for reason in CONGESTION_DROPS)
    aside = f" {lost} of {seen.offered_frames} frames met a full queue in a burst." if lost else ""
    return (
        "Nothing is full: every resource has room, the load itself sets the throughput; the busiest, "
        f"{busiest}, is busy {percent(seen.busy(busiest))} of the window.{aside}"
    )


def _why_largest(seen: Observation, busiest: str) -> str:
    text = (
        f"No resource is full all the time; the busiest, {busiest}, is at {percent(seen.busy(busiest))} of the window"
    )
    if seen.open_load:
        return f"{text}, yet the load does not get through whole: queues fill up in bursts."
    return f"{text}: the frames on their way at any one time, and how long each takes, set the throughput."


_RULES = (
    _Rule("pcie.up", _full("pcie.up", rival="pcie.down"), _why_link("pcie.up", "toward")),
    _Rule("pcie.down", _full("pcie.down"), _why_link("pcie.down", "from")),
    _Rule("pcie.tags", _waited_for("pcie.tags", rival="pcie.credits"), _why_tags),
    _Rule("pcie.credits", _waited_for("pcie.credits"), _why_credits),
    # A full core before descriptors: a driver that cannot keep up refills its ring late, and a longer ring is no cure.
    _Rule("driver.rx", _core_is_full("driver.rx", "driver.tx"), _why_driver("rx")),
    _Rule("driver.tx", _core_is_full("driver.tx", "driver.rx"), _why_driver("tx")),
    _Rule("rx.descriptors", _lacks_descriptors, _why_descriptors),
    _Rule("wire.tx", _full("wire.tx", rival="wire.rx"), _why_wire("wire.tx", "outward")),
    # What stands behind the incoming wire before that wire: it may be full of frames that are dropped there.
    _Rule("switch.bus", _full("switch.bus", rival="nic.pipeline"), _why_bus),
    _Rule("nic.pipeline", _full("nic.pipeline"), _why_pipeline),
    _Rule("wire.rx", _full("wire.rx"), _why_wire("wire.rx", "inward")),
    _Rule("rate_limit", _is_rate_limited, _why_rate_limit),
)

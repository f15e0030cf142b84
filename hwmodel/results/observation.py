"""What the window of a run shows of each resource: how busy servers are, how long work waits for stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEAST_PART = 0.02  # of the demand: a part that is smaller is no limit worth a name


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCost:
    """Give the bytes that a frame costs on one direction of the link, in all and as payload."""

    bytes_per_frame: float
    payload_bytes_per_frame: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Collect what a run saw of its resources during the window; every share is between 0 and 1.

    - `utilizations`: busy share by resource name. `driver.tx` and `driver.rx` are what the busiest core spends on
      sending and on receiving, so they add up to how busy that core is. `pcie.tags`: share in which no tag is free.
    - `waits`: share in which work stood ready and waited: for `pcie.tags`; for credits, of a kind's first TLP whatever
      other kinds did; for `rx.descriptors` at the head of the Rx buffer, of which `nic.rx_ring` is the part in which
      the ring had none to fetch; for `tx.descriptors`, no frame being on the chip though rings held more than its cache
      could ask for; for room in `nic.tx_buffer` and `nic.rx_buffer`; for `rate_limit`, nothing else being ready.
    - `credit_use`: by kind, the share of the finite credits that the window's TLPs would hold on an idle machine.
    - `fetch_use`: of the Rx descriptors that a ring may have under way, the share that the busiest would on an idle
      machine.
    - `demand_use`: the share of what senders have to send, each at most its rate limit, that got through; 0 where one
      may send all it can. `limited_demand`: the share of that demand that rate limits set.
    - `read_slowness`: how long a read holds its tag, as a multiple of what it would on an idle machine.
    - `open_load`: frames come at times of their own; False for a closed loop (`load: saturate`).
    - `tx_ring_full_share`: share in which the fullest Tx ring had no room. `rx_ring_fill`: the largest share of an Rx
      ring's descriptors that were in use at once.
    - `drops`, `offered_frames` and `backlog_frames` (by how much more are under way, or wait for a slot, than before)
      are of the window; `frame_bytes` is the mean frame with FCS.
    - `up`, `down`, `tags`, `tags_in_use` (mean), `core_of` (the VM with the busiest core), `has_mirrored` (mirrored
      copies were carried), `iotlb_miss_share` (of the addresses translated; None: no cache) and `rx_descriptor_ns` (for
      how long a frame keeps its Rx descriptor) only make the sentence more exact.
    """

    utilizations: Mapping[str, float]
    open_load: bool
    waits: Mapping[str, float] = field(default_factory=dict)
    credit_use: Mapping[str, float] = field(default_factory=dict)
    fetch_use: float = 0.0
    demand_use: float = 0.0
    limited_demand: float = 0.0
    read_slowness: float = 1.0
    tx_ring_full_share: float = 0.0
    rx_ring_fill: float = 0.0
    drops: Mapping[str, int] = field(default_factory=dict)
    offered_frames: int = 0
    backlog_frames: int = 0
    frame_bytes: float | None = None
    up: LinkCost | None = None
    down: LinkCost | None = None
    tags: int | None = None
    tags_in_use: float | None = None
    core_of: str | None = None
    has_mirrored: bool = False
    iotlb_miss_share: float | None = None
    rx_descriptor_ns: float | None = None

    def busy(self, server: str) -> float:
        """Return how busy a server is; for a driver, its whole core, whichever side it works on."""
        if server.startswith("driver."):
            return self.utilizations.get("driver.tx", 0.0) + self.utilizations.get("driver.rx", 0.0)
        return self.utilizations.get(server, 0.0)

    def wait(self, store: str) -> float:
        """Return for what share of the window work waited for a store."""
        return self.waits.get(store, 0.0)

    def use(self, name: str) -> float:
        """Return the share of what a resource could give at most that it gave: of a store, were nothing behind it slow.

        Of tags and credits that is the time for which they would be held on an idle machine, by their number.
        """
        if name == "pcie.tags":
            return max(self.busy(name), self.wait(name)) / max(1.0, self.read_slowness)
        if name == "rate_limit":
            return self.demand_use if self.limited_demand > LEAST_PART else 0.0
        if name == "rx.descriptors":
            return self.fetch_use
        return self.credit_use.get(name, 0.0) if name.startswith("pcie.credits") else self.busy(name)

    def lost_share(self, *reasons: str) -> float:
        """Return the share of the offered frames that were dropped for these reasons."""
        return sum(self.drops.get(reason, 0) for reason in reasons) / max(1, self.offered_frames)

    @property
    def core_side(self) -> str:
        """Return the side that takes more of the busiest core."""
        sends, takes = (self.utilizations.get(side, 0.0) for side in ("driver.tx", "driver.rx"))
        return "driver.rx" if takes >= sends else "driver.tx"

"""What the legs of a bond carried, and how dead legs were detected: records of a result."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUse:
    """Say what a leg carried in the window: frames, their bytes with padding and FCS, its share of all legs' frames.

    `lost_out`, `lost_in`: frames lost in the whole run because its wire was dead, outgoing and incoming.
    """

    name: str
    tx_frames: int
    tx_bytes: int
    tx_share: float | None
    rx_frames: int
    rx_bytes: int
    rx_share: float | None
    lost_out: int
    lost_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Hold the times at which a leg's wire died, the leg was given up, the wire revived, the leg was used again.

    In ns from the run's start; None: not by the run's end (`given_up_ns`: not before the wire revived). `given_up_ns`
    is earlier than `died_ns` if the leg was still out of use from an earlier outage. `lost_out`, `lost_in`: frames that
    the wire lost meanwhile.
    """

    leg: str
    died_ns: float
    given_up_ns: float | None
    lives_ns: float | None
    used_ns: float | None
    lost_out: int
    lost_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BondUse:
    """Say how the legs of a bond shared the traffic sent and received, and what outages cost.

    `in_use`: legs in use at the run's end; `active`: the active leg of active_backup; `without_leg`: frames that found
    no leg in use.
    """

    mode: str
    in_use: tuple[str, ...]
    active: str | None = None
    legs: tuple[LegUse, ...]
    without_leg: int = 0
    outages: tuple[Outage, ...] = field(default=(), metadata={"omit_empty": True})

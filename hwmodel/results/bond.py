"""What the legs of a bond carried, and what it took to find that one was dead: records of a result."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUse:
    """Say what a leg carried in the window: frames, their bytes with padding and FCS, its share of all legs' frames.

    `lost_out`, `lost_in`: frames that its dead wire lost in the whole run, on their way out and in.
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
    """Say when a leg's wire died, when the bond gave the leg up, when it lived again, and when the leg was used again.

    In ns from the run's first instant; None: not by its end, or, of `given_up_ns`, not before the wire lived again.
    `given_up_ns` is before `died_ns` where the leg was not back in use since an outage before.
    `lost_out`, `lost_in`: frames that the wire lost meanwhile.
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
    """Say how the legs of a bond shared what was sent and came, and what outages cost.

    `in_use`: legs at the run's end; `active`: that of active_backup; `without_leg`: frames that found no leg in use.
    """

    mode: str
    in_use: tuple[str, ...]
    active: str | None = None
    legs: tuple[LegUse, ...]
    without_leg: int = 0
    outages: tuple[Outage, ...] = field(default=(), metadata={"omit_empty": True})

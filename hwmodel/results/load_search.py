"""What `hwmodel search` finds: the highest load without loss, what is lost above it, the longest burst, latencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hwmodel.results.json_form import document_of, to_plain
from hwmodel.results.result import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTrial:
    """Say what one load gives.

    `share`: of `LoadSearch.reference_mpps`. `offered_mpps`, `delivered_mpps`, `gbps`: frames, and their bits with FCS,
    a second in the window. `loss`: the share of the offered frames that is not delivered if this goes on for ever: lost
    already, or in a queue that only grows. `dropped_frames`: of the run, `in_flight_frames` at its end. `verdict`:
    "met", "lost" (too many were dropped), "grows" (they stay in queues, which grow as long as the load lasts).
    """

    share: float
    offered_mpps: float
    delivered_mpps: float | None = None
    gbps: float | None = None
    loss: float | None = None
    dropped_frames: int = 0
    in_flight_frames: int = 0
    verdict: str = ""
    window_frames: int = 0
    limited_by: str = ""
    why: str = ""
    latency_ns: Latency = field(default_factory=Latency)
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSearch:
    """Hold the answer of a search over the load.

    `kind`: "zero_loss", "partial_drop", "back_to_back", "loss_curve", "latency_at_load". `loss`: the share that may be
    lost. `mpps`, `gbps`: the highest rate of offered frames at which no more is; `interval_mpps`: the highest load that
    was seen to meet it and the lowest that was not, None where none was. `share`: of `reference_mpps`, the ceiling of
    the closed form (of frames from the wire alone: of them); `beside_mpps`: frames of rates of their own, which are in
    `mpps` and not in that. `limited_by`: the bottleneck at the load just above.
    `burst_frames`: the longest burst without loss, between `interval_burst`, at `burst_mpps` of all senders together,
    which with preamble and gap are `burst_wire_gbps`. `curve`: the loads asked for, in order. `asked`: the command's
    options that were given, by name.
    """

    schema_version: int = 1
    kind: str
    loss: float = 0.0
    mpps: float | None = None
    gbps: float | None = None
    share: float | None = None
    interval_mpps: tuple[float, float | None] | None = None
    reference_mpps: float | None = None
    beside_mpps: float = 0.0
    limited_by: str = ""
    why: str = ""
    burst_frames: int | None = None
    interval_burst: tuple[int, int | None] | None = None
    burst_mpps: float | None = None
    burst_wire_gbps: float | None = None
    simulations: int = 0
    trials: tuple[LoadTrial, ...] = ()
    curve: tuple[LoadTrial, ...] = ()
    notes: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})
    asked: Mapping[str, str] = field(default_factory=dict)
    model_version: str = ""

    def to_mapping(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return to_plain(self)

    def to_json(self) -> str:
        """Return the result as a JSON document that ends with a newline."""
        return document_of(self)

    def summary(self) -> str:
        """Return what `hwmodel search` prints."""
        from hwmodel.words.search_text import search_text

        return search_text(self)

    def __str__(self) -> str:
        """Return the answer in one sentence; `summary()` says more."""
        return self.summary().partition("\n")[0]

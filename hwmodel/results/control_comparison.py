"""The ways of telling the network that VMs start, side by side: when ports are ready, what is lost, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any, ClassVar

from hwmodel.results.comparison import LeftOutWay
from hwmodel.results.control import ControlResult
from hwmodel.results.json_form import Finding
from hwmodel.results.result import Result
from hwmodel.words.quantities import MISSING, counted, listed, table, time_text

COLUMNS = (
    "way", "served", "ready, mean", "ready, last", "ran before", "waited, mean", "sent before", "lost", "wrong rules",
    "messages", "bytes", "needless VLANs", "flooded", "needless copies",
)  # fmt: skip
REMARK = (
    "ready: after the order, that the port has its profile and its wire the VLANs; ran before: VMs that could send "
    "before that, for how long, and how many frames; needless VLANs: on ports whose VMs need none, on average"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlWay:
    """Hold what one way of telling the network comes to; times are of all VMs that were started, None if none was.

    `ready_mean_ns`, `ready_max_ns`: after the order, of those that were served. `early`: VMs that ran before,
    `waited_mean_ns`: how long, of these. `early_frames`: what they sent meanwhile; others are those of a run's
    `control`.
    """

    way: str
    vms: int
    served: int
    ready_mean_ns: float | None
    ready_max_ns: float | None
    early: int
    waited_mean_ns: float | None
    early_frames: int
    lost_frames: int
    wrong_frames: int
    messages: int
    bytes: int
    needless_vlans: float
    flooded_frames: int
    needless_copies: int

    @classmethod
    def of(cls, found: ControlResult) -> ControlWay:
        """Sum up what a run's VMs went through."""
        ready, waited = found.ready_ns, [vm.waited_ns for vm in found.vms if vm.waited_ns]
        return cls(
            way=found.way,
            vms=len(found.vms),
            served=len(ready),
            ready_mean_ns=fsum(ready) / len(ready) if ready else None,
            ready_max_ns=max(ready, default=None),
            early=len(waited),
            waited_mean_ns=fsum(waited) / len(waited) if waited else None,
            early_frames=sum(vm.early_frames for vm in found.vms),
            lost_frames=found.lost_frames,
            wrong_frames=found.wrong_frames,
            messages=found.n_messages,
            bytes=found.bytes,
            needless_vlans=found.needless_vlans,
            flooded_frames=found.flooded_frames,
            needless_copies=found.needless_copies,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlComparison(Finding):
    """Hold one configuration with each way of telling the network.

    `results`: each way's whole result, for a page; not in the JSON form. `config`: the configuration, resolved.
    """

    not_in_json: ClassVar[tuple[str, ...]] = ("results",)
    kind: ClassVar[str] = "ways of telling the network"
    schema_version: int = 1
    ways: tuple[ControlWay, ...]
    left_out: tuple[LeftOutWay, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})

    def summary(self) -> str:
        """Return what `hwmodel compare --control` prints."""
        lines = [sentence(self), ""]
        lines += [line.text for line in table(COLUMNS, way_rows(self), left_columns=(0,))]
        lines += [f"({REMARK})", *left_out_lines(self)]
        return "\n".join(lines) + "\n"


def sentence(found: ControlComparison) -> str:
    """Say which ways lose nothing, which of these is soonest, which loses most, and what that of all VLANs costs."""
    best = _best_of(found)
    soonest, least = min(best, key=lambda way: way.ready_mean_ns or 0.0), best[0].lost_frames
    lost = counted(least, "frame") if least else "nothing"
    told = [f"{listed([way.way for way in best])} {'lose' if len(best) > 1 else 'loses'} {lost}"]
    if soonest.ready_mean_ns is not None:
        soon = time_text(soonest.ready_mean_ns)
        told.append(f"of these {soonest.way} has ports ready soonest, {soon} after the order on average")
    most = max(found.ways, key=lambda way: way.lost_frames)
    if most.lost_frames > least:
        told.append(f"{most.way} loses most, {counted(most.lost_frames, 'frame')}")
    needless = max(found.ways, key=lambda way: way.needless_vlans)
    if needless.needless_vlans:
        told.append(f"{needless.way} has most VLANs on ports that need none, {needless.needless_vlans:.2f} on average")
    return "; ".join(told)


def _best_of(found: ControlComparison) -> Sequence[ControlWay]:
    """Return the ways that serve most VMs, and of these lose fewest frames."""
    best = min((-way.served, way.lost_frames) for way in found.ways)
    return [way for way in found.ways if (-way.served, way.lost_frames) == best]


def way_rows(found: ControlComparison) -> list[tuple[str, ...]]:
    """Return a row of COLUMNS for each way."""
    return [
        (
            way.way,
            f"{way.served} of {way.vms}",
            *(MISSING if ns is None else time_text(ns) for ns in (way.ready_mean_ns, way.ready_max_ns)),
            f"{way.early}",
            MISSING if way.waited_mean_ns is None else time_text(way.waited_mean_ns),
            *(f"{n:,}" for n in (way.early_frames, way.lost_frames, way.wrong_frames, way.messages, way.bytes)),
            f"{way.needless_vlans:.2f}",
            *(f"{n:,}" for n in (way.flooded_frames, way.needless_copies)),
        )
        for way in found.ways
    ]


def left_out_lines(found: ControlComparison) -> Iterator[str]:
    """Say which ways were left out, and why."""
    yield from (f"Without {one.way}: {one.reason}" for one in found.left_out)

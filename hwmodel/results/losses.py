"""What is said of losses: what share of what stations should get, why, and where; and of drops that are none."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hwmodel.results.bridge_reading import place_of, ports_of
from hwmodel.results.stall_text import stall_sentences
from hwmodel.rules.drop_kinds import STRAY_DROPS
from hwmodel.words.quantities import count_text, listed, percent_text, printable, server_title

if TYPE_CHECKING:
    from hwmodel.results.result import Result

_MATTERS = 0.001  # of what stations should get
_MOST_PLACES = 3
FROM_WIRE = "on the way in from the wire"


def loses(result: Result) -> bool:
    """Tell whether a share of what stations should get is lost that is worth a sentence."""
    return result.lost_frames > _MATTERS * result.due_frames


def loss_sentence(result: Result) -> str:
    """Return what was lost, why and where, or what drops and is no loss; and what hosts that stall dropped."""
    return " ".join(said for said in (_loss_sentence(result), stall_sentences(result)) if said)


def _loss_sentence(result: Result) -> str:
    if not loses(result):
        return _unwanted_sentence(result)
    told = [f"{reason} {count_text(n)}{_at(result, reason)}" for reason, n in result.lost_by_reason().items()]
    share = percent_text(result.lost_frames / result.due_frames)
    of_groups = result.due_frames - result.totals.offered_frames > result.totals.in_flight_frames
    what = "Of what stations should get, each copy for a group counted," if of_groups else "Of the frames offered"
    return f"{what} {share} {'was' if of_groups else 'were'} lost ({'; '.join(told)})."


def _unwanted_sentence(result: Result) -> str:
    """Say that drops are of what no station was to get, and not lost; empty if there are next to none."""
    n, totals = result.totals.unwanted_drops, result.totals
    if n <= _MATTERS * (totals.offered_frames + totals.replicated_frames):
        return ""
    reasons = listed([reason for reason in STRAY_DROPS if result.drops.get(reason)])
    what = "copies made by flooding" if totals.replicated_frames else "frames"
    why = f" ({reasons})" if reasons else ""
    few = " next to" * bool(result.lost_frames)
    return f"Of what stations should get{few} nothing was lost: {n:,} {what} dropped where no station wanted them{why}."


def _at(result: Result, reason: str) -> str:
    """Say where frames drop for a reason, the place where most do first."""
    places = [place for place, _ in places_of(result, reason).most_common()]
    if not places:
        return ""
    n_more = len(places) - _MOST_PLACES
    shown = places if n_more <= 0 else [*places[: _MOST_PLACES - 1], f"{n_more + 1} more"]
    words = listed([printable(place) for place in shown])
    return f" {words}" if words.startswith(FROM_WIRE) else f" at {words}"


def places_of(result: Result, reason: str) -> Counter[str]:
    """Count what dropped for a reason, by place: a VM, a bridge's port, an adapter for what is for no VM."""
    found = Counter({one.resource: one.port.drops.get(reason, 0) for one in ports_of(result)})
    at_bridges = found.total()
    by_vm = {vm.name: vm.drops.get(reason, 0) for vm in result.vms}
    found.update(by_vm)
    if not result.servers:
        rest = "the adapter" if result.bridges else FROM_WIRE
        found[rest] = result.drops.get(reason, 0) - at_bridges - sum(by_vm.values())
    for adapter in result.servers:
        of_vms = sum(n for name, n in by_vm.items() if place_of(result.config, name).startswith(f"{adapter.name}."))
        title = server_title(adapter.name)
        found[f"{title[0].lower()}{title[1:]}"] = adapter.drops.get(reason, 0) - of_vms
    return +found

"""What a run reports of the legs of a bond: what they carried, and when they were out of use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hwmodel.config import Config
from hwmodel.machine.network.bond import LEG_IN, LEG_OUT, WIRE_DIED, WIRE_LIVES
from hwmodel.results.adapter_use import BondUse, LegUse, Outage
from hwmodel.simulation.figures.span import Span
from hwmodel.units import FS_PER_NS


def bond_use(config: Config, span: Span) -> BondUse | None:
    """Say what the legs of a bond carried in a window, and what outages cost in the whole run; None without a bond."""
    own, end = config.bond, span.end.bond
    if own is None or span.start.bond is None or end is None:
        return None
    names = config.port.names
    carried = span.grown("bond", "legs")[:, :4]
    totals = carried.sum(axis=0).tolist()
    return BondUse(
        mode=own.mode,
        in_use=tuple(names[leg] for leg in end["in_use"]),
        active=names[end["active"]] if own.mode == "active_backup" and end["in_use"] else None,
        legs=tuple(
            LegUse(
                name=name,
                tx_frames=sent[0],
                tx_bytes=sent[1],
                tx_share=sent[0] / totals[0] if totals[0] else None,
                rx_frames=sent[2],
                rx_bytes=sent[3],
                rx_share=sent[2] / totals[2] if totals[2] else None,
                lost_out=lost[0],
                lost_in=lost[1],
            )
            for name, sent, lost in zip(names, carried.tolist(), end["legs"][:, 4:].tolist(), strict=True)
        ),
        without_leg=end["without_leg"],
        outages=tuple(outages_of(names, end)),
    )


def outages_of(names: tuple[str, ...], end: Mapping[str, Any]) -> list[Outage]:
    """Return the outages of the legs: each time that a wire died, when its leg was given up and used again, and losses.

    If a wire dies again before its leg is back in use, the new outage takes over the time at which the leg was given
    up, and both outages end when the leg is back in use. A wire that is dead from the start has an outage if it lives
    later.
    """
    last = _from_the_start(names, end)  # each leg's latest outage
    found = list(last.values())
    before = {leg: np.zeros(2, np.int64) for leg in last}  # frames that each leg had lost when its wire died
    for entry in end["log"]:
        leg, what, at_ns = int(entry["leg"]), int(entry["what"]), int(entry["at_fs"]) / FS_PER_NS
        counts, lost = entry["counts"], None
        so_far = np.array([int(counts["lost_out"]), int(counts["lost_in"])])
        if what == WIRE_DIED:
            given_up_ns = last[leg]["given_up_ns"] if leg in last and last[leg]["used_ns"] is None else None
            last[leg] = _outage(names[leg], at_ns, given_up_ns)
            found.append(last[leg])
            before[leg], lost = so_far, end["legs"][leg, 4:] - so_far
        elif leg in last:  # else its wire is dead from the start to the end
            if what == LEG_OUT:
                last[leg]["given_up_ns"] = at_ns
            elif what == WIRE_LIVES:
                last[leg]["lives_ns"], lost = at_ns, so_far - before[leg]
            elif what == LEG_IN:
                for one in found:
                    if one["leg"] == names[leg] and one["given_up_ns"] is not None and one["used_ns"] is None:
                        one["used_ns"] = at_ns
        if lost is not None:
            last[leg] |= {"lost_out": int(lost[0]), "lost_in": int(lost[1])}
    return [Outage(**one) for one in found]


def _from_the_start(names: tuple[str, ...], end: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the outages of legs whose wires are dead at time 0 and live later, by leg.

    Such a leg is out of use at time 0 unless what happens to it first is that it is given up.
    """
    found = {}
    for leg, name in enumerate(names):
        own = [int(entry["what"]) for entry in end["log"] if int(entry["leg"]) == leg]
        if next((what for what in own if what in (WIRE_DIED, WIRE_LIVES)), None) == WIRE_LIVES:
            changes = [what for what in own if what in (LEG_IN, LEG_OUT)]
            was_used = changes[0] == LEG_OUT if changes else leg in end["in_use"]
            found[leg] = _outage(name, 0.0, None if was_used else 0.0)
    return found


def _outage(leg: str, died_ns: float, given_up_ns: float | None) -> dict[str, Any]:
    return {"leg": leg, "died_ns": died_ns, "given_up_ns": given_up_ns, "lives_ns": None, "used_ns": None}

"""What is said of a bond's legs: how they shared frames, when one was dead, and what that cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwmodel.results.adapter_use import BondUse, LegUse, Outage
from hwmodel.words.quantities import count_text, counted, listed, percent_text, time_text

LEG_COLUMNS = ("leg", "frames out", "share", "frames in", "share", "lost out", "lost in")


def bond_sentence(bond: BondUse) -> str:
    """Say how the legs shared what was sent and what came in the window, and which are in use at the end."""
    ways = [
        f"{what} {_shares([(leg.name, getattr(leg, name)) for leg in bond.legs])}"
        for what, name in (("sent", "tx_share"), ("came by", "rx_share"))
        if any(getattr(leg, name) is not None for leg in bond.legs)
    ]
    active = "" if bond.active is None else f", {bond.active} active"
    ways.append(f"in use at the end {listed(bond.in_use)}{active}" if bond.in_use else "no leg in use at the end")
    lost = _lost_words(sum(leg.lost_out for leg in bond.legs), sum(leg.lost_in for leg in bond.legs))
    if bond.without_leg:
        lost = ", ".join(filter(None, (lost, f"{counted(bond.without_leg, 'frame')} found no leg in use")))
    return f"Bond ({bond.mode}): {'; '.join(ways)}{f'; whole run: {lost}' if lost else ''}."


def _shares(shares: Sequence[tuple[str, float | None]]) -> str:
    return ", ".join(f"{name} {percent_text(share or 0.0)}" for name, share in shares)


def leg_cells(leg: LegUse) -> tuple[str, ...]:
    """Return a leg's row: frames and shares, sent and come, and frames lost."""
    shares = ("-" if share is None else percent_text(share) for share in (leg.tx_share, leg.rx_share))
    tx_share, rx_share = shares
    return (
        leg.name, count_text(leg.tx_frames), tx_share, count_text(leg.rx_frames), rx_share,
        count_text(leg.lost_out), count_text(leg.lost_in),
    )  # fmt: skip


def outage_sentence(outage: Outage) -> str:
    """Say when a leg's wire died, when the bond knew it, what was lost, and when it was used again."""
    since = time_text(outage.died_ns) if outage.died_ns else "the start"
    said = [f"{outage.leg} dead from {since}: {_given_up(outage)}", _cost(outage)]
    if outage.lives_ns is not None:
        said.append(", ".join(filter(None, (f"alive at {time_text(outage.lives_ns)}", _back(outage)))))
    return "; ".join(said) + "."


def outage_texts(bond: BondUse, at_ns: float) -> Iterator[str]:
    """Say what an event at a given time did to legs: those whose wires died, and those whose wires came back."""
    for outage in bond.outages:
        if outage.died_ns == at_ns:
            yield f"{outage.leg} {_given_up(outage)}, {_cost(outage)}"
        if outage.lives_ns == at_ns and (back := _back(outage)):
            yield f"{outage.leg} {back}"


def _given_up(outage: Outage) -> str:
    if outage.given_up_ns is None:
        return "not given up by the end" if outage.lives_ns is None else "not given up before it lived again"
    waited_ns = outage.given_up_ns - outage.died_ns
    if waited_ns < 0:
        return "out of use already"
    if outage.given_up_ns == 0:
        return "out of use from the start"
    return f"given up after {time_text(waited_ns)}" if waited_ns else "given up at once"


def _back(outage: Outage) -> str:
    """Say when the leg of an outage whose wire lives again is used again; nothing of one that was never given up."""
    if outage.given_up_ns is None or outage.lives_ns is None:
        return ""
    if outage.used_ns is None:
        return "not back in use by the end"
    waited_ns = outage.used_ns - outage.lives_ns
    return f"back in use after {time_text(waited_ns)}" if waited_ns else "back in use at once"


def _cost(outage: Outage) -> str:
    return _lost_words(outage.lost_out, outage.lost_in) or "no frame lost"


def _lost_words(lost_out: int, lost_in: int) -> str:
    ways = [f"{counted(n, 'frame')} lost on the way {way}" for n, way in ((lost_out, "out"), (lost_in, "in")) if n]
    return ", ".join(ways)

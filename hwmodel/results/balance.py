"""Nothing is lost silently: every frame and every copy of a run is accounted for."""

from __future__ import annotations

from hwmodel.results.result import Result, Totals

_BALANCES = (
    (("offered_frames", "replicated_frames"), ("delivered_frames", "dropped_frames", "in_flight_frames")),
    (("copies_made",), ("copies_delivered", "copies_dropped", "copies_in_flight")),
    (("mirrored_made",), ("mirrored", "mirrored_dropped", "mirrored_in_flight")),
)


def check_balance(result: Result | Totals) -> list[str]:
    """Return one sentence for each violated balance or negative count; an empty list where all is accounted for.

    offered_frames + replicated_frames = delivered_frames + dropped_frames + in_flight_frames,
    copies_made = copies_delivered + copies_dropped + copies_in_flight, and
    mirrored_made = mirrored + mirrored_dropped + mirrored_in_flight.
    """
    totals = result.totals if isinstance(result, Result) else result
    violations = []
    for wholes, parts in _BALANCES:
        counts = {name: int(getattr(totals, name)) for name in (*wholes, *parts)}
        violations += [f"{name} is negative: {count}" for name, count in counts.items() if count < 0]
        difference = sum(counts[whole] for whole in wholes) - sum(counts[part] for part in parts)
        if difference:
            had = " + ".join(f"{whole} {counts[whole]}" for whole in wholes if counts[whole] or whole == wholes[0])
            terms = " + ".join(f"{part} {counts[part]}" for part in parts)
            violations.append(f"{had} is not {terms}: {difference:+d} unaccounted for")
    return violations

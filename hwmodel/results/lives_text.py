"""What the events of a scenario did, in lines; and to functions: which come up, which go, and the frames lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hwmodel.results.series import LifeResult
from hwmodel.rules.function_names import is_pf
from hwmodel.words.quantities import Line, counted, moment_ns, printable, span_text, time_text

if TYPE_CHECKING:
    from hwmodel.results.result import Result

MOST_LIVES_NAMED = 2  # functions of an event that are told of one by one
NONE_LOST = "no frame lost in the adapter"  # those to it may leave by the wire while it is off


def lives_text(lives: Sequence[LifeResult], later: Sequence[LifeResult] = ()) -> str:
    """Say what an event did to its functions: which come up, which go, and the frames lost.

    `later`: what happens to functions at later events.
    """
    gone = [life for life in lives if life.reset_ns is None]
    coming = [life for life in lives if life.reset_ns is not None]
    cut = {one.vm for one in later}
    told = []
    if gone:
        told.append(f"{_names(gone)} gone")
    if 0 < len(coming) <= MOST_LIVES_NAMED:
        told += [_coming_text(life, is_cut=life.vm in cut) for life in coming]
    elif coming:
        told.append(_many_text(coming, is_cut=all(life.vm in cut for life in coming)))
    lost = sum(life.frames_lost for life in lives)
    if any(life.goes for life in lives):
        told.append(f"{counted(lost, 'frame')} lost" if lost else NONE_LOST)
    return "; ".join(told)


def _coming_text(life: LifeResult, *, is_cut: bool) -> str:
    """Say how long a function takes to come up, part by part; `is_cut`: it goes down again before the run ends."""
    stages = (("reset", life.reset_ns), ("messages", life.messages_ns), ("rings", life.rings_ns))
    parts = [f"{name} {time_text(part_ns)}" for name, part_ns in stages if part_ns]
    if life.up_ns is None:
        late = "taken away again before it is up" if is_cut else f"not up{' again' * life.goes} by the end"
        return f"{life.vm} {late} (so far {', '.join(parts)})" if parts else f"{life.vm} {late}"
    whole_ns = life.up_ns - life.at_ns
    if life.first_frame_ns is None:
        silent = "" if is_pf(life.vm) else ", and sent nothing"  # the PF may never send
        return f"{life.vm} up after {time_text(whole_ns)} ({', '.join(parts)}){silent}"
    parts.append(f"first frame {time_text(life.first_frame_ns - life.up_ns)}")
    silent = time_text(life.first_frame_ns - life.at_ns)
    return f"{life.vm} {'silent for' if life.goes else 'sends after'} {silent} ({', '.join(parts)})"


def _many_text(coming: Sequence[LifeResult], *, is_cut: bool) -> str:
    up_ns = [life.up_ns - life.at_ns for life in coming if life.up_ns is not None]
    if not up_ns:
        return f"{_names(coming)} {'taken away again before they are up' if is_cut else 'not up by the end'}"
    first, last = min(up_ns), max(up_ns)
    late = len(coming) - len(up_ns)
    text = f"{len(up_ns)} functions up after {time_text(first) if first == last else span_text(first, last)}"
    return f"{text}, {late} not by the end" if late else text


def _names(lives: Sequence[LifeResult]) -> str:
    names = [life.vm for life in lives]
    return ", ".join(names) if len(names) <= MOST_LIVES_NAMED else f"{names[0]} and {len(names) - 1} more"


def event_lines(result: Result, most: int | None = None) -> Iterator[Line]:
    """Give a line for each event of the scenario, with what it did; at most `most`, and how many more there are.

    One more than `most` is told too: to say that there is one takes the line that it needs.
    """
    events = () if result.series is None else result.series.events
    if most is not None and len(events) == most + 1:
        most += 1
    for event in events[:most]:
        at_ns = None if event.at_ns is None else moment_ns(event.at_ns)
        time = "Never" if at_ns is None else f"At {time_text(at_ns)}" if at_ns else "At the start,"
        yield Line(printable(f"{time} {event.event}: {event.did}."))
    n_more = 0 if most is None else len(events) - most
    if n_more > 0:
        yield Line(f"{n_more} more events: --verbose shows them.")

"""What became of functions that went, or came up, and of hosts that share an adapter, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwmodel.words.quantities import count_text, counted, moment_ns, span_text, time_text

if TYPE_CHECKING:
    from hwmodel.results.series import LifeResult

MOST_NAMED = 2  # functions of an event that are told of one by one
HOST = "pf"  # the PF, which may never send
NONE_LOST = "no frame lost in the adapter"  # those to it may leave by the wire while it is off


def life_event_text(kind: str, value: str | int, of: str | None) -> str:
    """Write an event about functions: reset vf5, enable_vfs 4 of a."""
    return f"{kind} {value}" + (f" of {of}" if of else "")


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
    if 0 < len(coming) <= MOST_NAMED:
        told += [_coming_text(life, is_cut=life.vm in cut) for life in coming]
    elif coming:
        told.append(_many_text(coming, is_cut=all(life.vm in cut for life in coming)))
    lost = sum(life.frames_lost for life in lives)
    if any(life.goes for life in lives):
        told.append(f"{counted(lost, 'frame')} lost" if lost else NONE_LOST)
    return "; ".join(told)


def _coming_text(life: LifeResult, *, is_cut: bool) -> str:
    """Say how long a function takes to come up, part by part; `is_cut`: it goes down again before the run ends."""
    assert life.reset_ns is not None and life.messages_ns is not None and life.rings_ns is not None
    parts = [f"reset {time_text(life.reset_ns)}"]
    if life.messages_ns:
        parts.append(f"messages {time_text(life.messages_ns)}")
    parts.append(f"rings {time_text(life.rings_ns)}")
    whole_ns = life.reset_ns + life.messages_ns + life.rings_ns
    if life.up_ns is None:
        late = "taken away again before it is up" if is_cut else f"not up{' again' * life.goes} by the end"
        return f"{life.vm} {late}; it takes {time_text(whole_ns)} ({', '.join(parts)})"
    if life.first_frame_ns is None:
        silent = "" if life.vm.rpartition(".")[2] == HOST else ", and sent nothing"
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
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{names[0]} and {len(names) - 1} more"


def host_event_text(kind: str, name: str | None) -> str:
    """Write an event about a host, or the switch's own processor (None): a reset, a failure or a takeover."""
    who = "the switch's own processor" if name is None else f"host {name}"
    done = {"reset_host": "is reset", "fail": "fails", "take_over": "takes over the control plane"}
    return f"{who} {done[kind]}"


def flood_text(function: str, n_doorbells: int, every_ns: float) -> str:
    """Write a flood of doorbells."""
    each = f", one each {time_text(every_ns)}" if n_doorbells > 1 else ""
    return f"{function} writes {counted(n_doorbells, 'doorbell')}{each}"


def cut_flood_text(n_written: int, function: str, *, has_gone: bool) -> str:
    """Say how many doorbells of a flood were written before its function went, or by the end."""
    return f"{count_text(n_written)} written {f'before {function} goes' if has_gone else 'by the end'}"


def uncontrolled_text(until_ns: float | None) -> str:
    """Say that no control plane is alive: traffic goes on, changes wait."""
    until = "from then on" if until_ns is None else f"until {time_text(until_ns)}"
    return f"nobody controls the adapter {until}: traffic goes on, changes wait"


def waited_text(asked_ns: float, until_ns: float) -> str:
    """Say how long a change has waited for the control plane."""
    waited = f"it waited {time_text(until_ns - asked_ns)} for the control plane"
    return f"asked for at {time_text(moment_ns(asked_ns))}, {waited}"


def waits_text(since_ns: float) -> str:
    """Say that a change still waits for the control plane."""
    return f"not done: it waits for the control plane, which nobody has from {time_text(moment_ns(since_ns))} on"

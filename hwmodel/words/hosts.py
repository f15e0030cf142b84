"""What happens to hosts that share an adapter, and to changes that its control plane carries out, in sentences."""

from __future__ import annotations

from hwmodel.words.quantities import count_text, time_text


def host_event_text(kind: str, name: str | None) -> str:
    """Write an event about a host, or the switch's own processor (None): that it is reset, fails, or takes over."""
    who = "the switch's own processor" if name is None else f"host {name}"
    done = {"reset_host": "is reset", "fail": "fails", "take_over": "takes over the control plane"}
    return f"{who} {done[kind]}"


def flood_text(function: str, n_doorbells: int, every_ns: float) -> str:
    """Write a flood of doorbells."""
    return f"{function} writes {count_text(n_doorbells)} doorbells, one each {time_text(every_ns)}"


def uncontrolled_text(until_ns: float | None) -> str:
    """Say that nobody controls the adapter: traffic goes on, changes wait."""
    until = "from then on" if until_ns is None else f"until {time_text(until_ns)}"
    return f"nobody controls the adapter {until}: traffic goes on, changes wait"


def waited_text(asked_ns: float, until_ns: float) -> str:
    """Say how long a change has waited for the control plane."""
    return f"asked for at {time_text(asked_ns)}, it waited {time_text(until_ns - asked_ns)} for the control plane"


def waits_text(since_ns: float) -> str:
    """Say that a change still waits for the control plane."""
    return f"not done: it waits for the control plane, which nobody has from {time_text(since_ns)} on"

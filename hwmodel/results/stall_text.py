"""What is said of a host's stalls: how often, what was lost meanwhile, how large a ring would have to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.words.quantities import counted, listed, percent_text, printable, server_title, time_text

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import HostStalls
    from hwmodel.results.result import Result

_MOST = 4  # hosts that are named


def stall_sentences(result: Result) -> str:
    """Say of each host that stalls what that cost; empty where none does."""
    hosts = [(one.name, one.cpu.stalls) for one in result.servers] or [("", result.cpu.stalls)]
    stalling = [(name, stalls) for name, stalls in hosts if stalls is not None]
    unharmed = [name for name, stalls in stalling if stalls.share and not stalls.lost]
    said = [_of_host(name, stalls) for name, stalls in stalling if len(unharmed) == 1 or name not in unharmed]
    if len(unharmed) > 1:
        names = printable(
            listed([*unharmed[:_MOST], f"{len(unharmed) - _MOST} more"] if len(unharmed) > _MOST else unharmed)
        )
        said.append(f"The hosts {names} stalled in the window (host.stall), and nothing was dropped there meanwhile.")
    return " ".join(said)


def _of_host(name: str, stalls: HostStalls) -> str:
    whose = f"{server_title(name)}: the host" if name else "The host"
    if not stalls.share:
        return printable(f"{whose} did not stall in the window (host.stall): its figures show nothing of that.")
    times = counted(stalls.begun, "time") if stalls.begun != 1 else "once"
    said = f"{whose} stalled {times} in the window, {time_text(stalls.length_ns)} each (host.stall), "
    if not stalls.lost:
        return printable(f"{said}and nothing was dropped meanwhile.")
    said += f"and {counted(stalls.lost, 'frame')} {'was' if stalls.lost == 1 else 'were'} dropped meanwhile"
    if stalls.vm is None:
        return printable(f"{said}.")
    whose, needed = "the uplink" if stalls.vm == "uplink" else stalls.vm, f"{stalls.needed_descriptors:,}"
    return printable(f"{said}: with some {needed} Rx descriptors (nic.rx_ring) {whose} would have had enough.")


def slowed(stalled: float) -> str:
    """Name the part of the window that a core's busy share is of; `stalled`: the share in which its host stalls."""
    return f"what the host's stalls leave of the window (all but {percent_text(stalled)})" if stalled else "the window"


def reason_for_ring(stalled: float, lost: int) -> str:
    """Say that a ring runs out of descriptors as its host stalls; `lost`: how many frames then."""
    return (
        f"The host stalls {percent_text(stalled)} of the window (host.stall), in which nobody posts any again: "
        f"{counted(lost, 'frame')} {'was' if lost == 1 else 'were'} dropped then."
    )


def few_stalls(seen: float, expected: float) -> str:
    """Warn that a window holds another part of periodic stalls than a long time does, both as shares."""
    return (
        f"The host stalls {percent_text(seen)} of the window, {percent_text(expected)} of a long time (host.stall): "
        "figures hang on where the window begins; let run.duration be a multiple of host.stall.every, or many."
    )

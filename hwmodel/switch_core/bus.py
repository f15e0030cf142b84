"""The input arbiter and the bus of the switch core: which frame is granted the bus in which cycle.

Outputs never hold the bus up, so all grants can be worked out before any output is looked at.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import NEVER
from hwmodel.switch_core.ingress import accept_frame, read_out
from hwmodel.switch_core.state import NOBODY


@kernel
def choose_port(core, pointer, bus_free):
    """Return the port granted next, and the cycle of the grant; some frame must be waiting."""
    soonest = NEVER
    for port in range(core.n_ports):
        if core.ingress[port].head != NOBODY:
            soonest = min(soonest, core.ingress[port].ready_at)
    cycle = max(soonest, bus_free)
    return choose_port_at(core, pointer, cycle), cycle


@kernel
def choose_port_at(core, pointer, cycle):
    """Return the first port from the pointer on whose frame can be granted in a cycle in which one can."""
    port = pointer
    while core.ingress[port].head == NOBODY or core.ingress[port].ready_at > cycle:
        port = port + 1 if port + 1 < core.n_ports else 0
    return port


@kernel
def line_up(core, frames):
    """Put each port's frames in line, in their order; let the first of each be taken in."""
    for port in range(core.n_ports):
        core.ingress[port].head = NOBODY
    for i in range(len(frames) - 1, -1, -1):
        frame = frames[i]
        ingress = core.ingress[frame.port]
        frame.following = ingress.head
        ingress.head = i
    for port in range(core.n_ports):
        ingress = core.ingress[port]
        if ingress.head != NOBODY:
            accept_frame(core, ingress, frames[ingress.head])


@entry
def grant_frames(cores, frames, granted):
    """Take all frames in and grant the bus to each.

    `cores` is a one-element array of CORE, `frames` (n,) of CORE_FRAME: its cycles up to the decision are set.
    `granted`, int64 (n,), gets the numbers of the frames in the order of their grants.
    """
    core = cores[0]
    line_up(core, frames)
    pointer = bus_free = 0
    for i in range(len(frames)):
        port, grant = choose_port(core, pointer, bus_free)
        ingress = core.ingress[port]
        number = ingress.head
        frame = frames[number]
        frame.grant = grant
        frame.look = grant + core.look_delay
        frame.decided = grant + core.decision_delay
        granted[i] = number
        read_out(ingress, frame, grant)
        bus_free = grant + frame.n_words
        pointer = port + 1 if port + 1 < core.n_ports else 0
        if frame.following != NOBODY:
            ingress.head = frame.following
            accept_frame(core, ingress, frames[frame.following])

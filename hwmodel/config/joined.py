"""Validate `bridges`: several of them by name, joined by wires."""

from __future__ import annotations

from typing import Annotated

from .amounts import Duration
from .block import Block, key
from .bridge import Bridge, BridgePort, PortName
from .names import PortOfBridge, ServerName


class JoinedPort(BridgePort):
    """A port of one of several bridges: to a server, by its name, `outside`, or `to` a port of another bridge."""

    to: Annotated[str, PortOfBridge()] | None = key(
        ...,
        "Port of another bridge at the other end of the wire, like right.trunk; at one end is enough. null: the port "
        "leads to the server of its name, or outside.",
        derived="the port that leads here, else null",
    )
    propagation_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        ...,
        "Time that a bit takes along the wire, each way; both ends of a wire between bridges have one.",
        alias="propagation",
        derived="that of the wire's other end, else the bridge's",
    )


class _Named(Block):
    """What stands first in a bridge's entry."""

    name: Annotated[str, ServerName("a bridge")] = key(
        ..., "Name of the bridge; in results its ports are then left.a, left.trunk."
    )


class JoinedBridge(Bridge, _Named):
    """One of several bridges, by its name; ports to other bridges join them in a tree."""

    ports: dict[PortName, JoinedPort] = key(  # type: ignore[assignment]  # blocks are frozen: a narrower value is safe
        {},
        "Ports: to each server at this bridge by its name, `outside` at one bridge (the first, unless written), "
        "and to other bridges by names of your choice: {a: {}, trunk: {to: right.trunk, rate: 40Gbps}}.",
    )

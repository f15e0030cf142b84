"""One end of the wire between a server and its bridge, as EVB's protocols have it: LLDP with an EVB TLV, and ECP.

What both ends do (IEEE 802.1Q, clauses 40 and 43), as lldpad does it: each says its exponents and takes the larger
ones; a request of ECP is sent again until it is acknowledged, one at a time, and the next goes once the time for the
acknowledgement is over, however soon that has come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hwmodel.agents.agent import Agent, Frame, Thing, Turn
from hwmodel.config.agents import AgentBlock, HeardFrame, OwnFrame
from hwmodel.config.edge_agents import VdpEnd
from hwmodel.units import FS_PER_US
from hwmodel.wire.edge_control import (
    ECP_TYPE,
    LLDP_TYPE,
    NEAREST_CUSTOMER_BRIDGE,
    RELAY_ASKED,
    RELAY_CAPABLE,
    RELAY_ON,
    RELAY_SEEN,
    RELAY_UNKNOWN,
    STATION_ROLE,
    Ecp,
    EvbTlv,
    Vsi,
    evb_of,
    lldpdu,
    vsis_of,
)

UNIT_FS = 10 * FS_PER_US  # of times that are said by exponents
MOST_NUMBER = 0xFFFF


@dataclass(eq=False)
class Association:
    """Hold what became of a VM's association, as both ends note it: when it was asked for, held, over, and why.

    `asked_fs`: the first request. `ready_fs`, `ended_fs`: from when until when the bridge's port has its VLAN.
    `told_fs`: when the station knew. None: that has not been. `why`: how it ended, or why it never was.
    """

    vm: str
    port: str
    vlan: int
    instance: bytes
    asked_fs: int
    ready_fs: int | None = None
    told_fs: int | None = None
    ended_fs: int | None = None
    why: str = ""


class End:
    """Speak LLDP and ECP at one end.

    `port`: the function, or the bridge's port, by which it sends; `source`: its address. `relays`: it asks the bridge
    to turn frames round, or the bridge does where it is asked. `received`: is given what a request says once that is
    looked at, and nothing as the other end is heard first.
    """

    def __init__(
        self,
        port: str,
        source: int,
        role: int,
        own: VdpEnd,
        *,
        relays: bool,
        received: Callable[[Turn, Sequence[Vsi]], None],
    ) -> None:
        self.port, self._source, self._own, self._received = port, source, own, received
        self._is_station, self._relays = role == STATION_ROLE, relays
        self._role = role
        self.heard: EvbTlv | None = None
        self.evb = self._spoken()
        self._queue: deque[bytes] = deque()
        self._sent, self._n_tries, self._number, self._is_acknowledged = b"", 0, 1, False
        self._last: int | None = None
        self._n_adverts = 0

    @property
    def frames(self) -> list[OwnFrame]:
        """Return the frames that it may send, which are as long as what they carry."""
        return [OwnFrame(self.port, NEAREST_CUSTOMER_BRIDGE, ethertype) for ethertype in (LLDP_TYPE, ECP_TYPE)]

    def begin(self, at: Turn) -> None:
        """Listen, and say who is there."""
        for ethertype in (LLDP_TYPE, ECP_TYPE):
            to, destination = self.port, NEAREST_CUSTOMER_BRIDGE
            at.hear(HeardFrame.model_construct(to=to, ethertype=ethertype, destination=destination))
        at.wake(0, (self.port, "advertise", 0))

    def heard_frame(self, at: Turn, frame: Frame) -> None:
        """Take in a frame; one that is no such protocol's is ignored."""
        body = frame.message if isinstance(frame.message, bytes) else b""
        with suppress(ValueError):
            if frame.ethertype == LLDP_TYPE:
                self._heard_lldp(at, evb_of(body))
            else:
                self._heard_ecp(at, Ecp.of(body))

    def woke(self, at: Turn, what: str, which: Any) -> None:
        """Go on as a timer has run out."""
        if what == "advertise":
            if which == self._n_adverts:
                self._advertise(at)
        elif what == "received":
            self._received(at, which)
        elif self._is_acknowledged or self._n_tries > self.evb.retries:
            self._sent, self._number = b"", self._number % MOST_NUMBER + 1
            self._next(at)
        else:
            self._transmit(at)

    def request(self, at: Turn, payload: bytes) -> None:
        """Send a request, behind those that wait."""
        self._queue.append(payload)
        self._next(at)

    def time_fs(self, exponent: int, *, with_retries: bool = False) -> int:
        """Return a time by its exponent; `with_retries`: once and a half of that with all times of a frame of ECP."""
        if not with_retries:
            return UNIT_FS << exponent
        n_times = 1 + 2 * self.evb.retries
        return 3 * UNIT_FS * ((n_times << self.evb.rte) + (1 << exponent)) // 2

    # ---- LLDP ----

    def _spoken(self) -> EvbTlv:
        """Return what is said now: of each time the larger exponent, and whether that is the other end's."""
        own, other = self._own, self.heard
        if other is None:
            other = EvbTlv(0, retries=0, rte=0, rwd=0, rka=0, station=0)
        if self._is_station:
            seen = RELAY_UNKNOWN if self.heard is None else RELAY_SEEN if other.bridge & RELAY_ON else 0
            bridge, station = other.bridge, RELAY_ASKED * self._relays | seen
        else:
            is_on = self._relays and bool(other.station & RELAY_ASKED)
            bridge, station = RELAY_CAPABLE * self._relays | is_on, other.station
        return EvbTlv(
            self._role, bridge, station, max(own.retries, other.retries), max(own.rte, other.rte),
            max(own.rwd, other.rwd), max(own.rka, other.rka), own.rwd <= other.rwd, own.rka <= other.rka,
        )  # fmt: skip

    def _heard_lldp(self, at: Turn, evb: EvbTlv | None) -> None:
        if evb is None or evb.role == self._role:
            return
        is_first, self.heard = self.heard is None, evb
        said, self.evb = self.evb, self._spoken()
        if self.evb != said:
            self._advertise(at)
        if is_first:
            self._received(at, ())

    def _advertise(self, at: Turn) -> None:
        self._n_adverts += 1
        at.send_frame(self.frames[0], lldpdu(self._source, self.evb))
        at.wake(self._own.advertise_fs, (self.port, "advertise", self._n_adverts))

    # ---- ECP ----

    def _next(self, at: Turn) -> None:
        if not self._sent and self._queue:
            self._sent = Ecp(self._number, self._queue.popleft()).to_bytes()
            self._n_tries, self._is_acknowledged = 0, False
            self._transmit(at)

    def _transmit(self, at: Turn) -> None:
        self._n_tries += 1
        at.send_frame(self.frames[1], self._sent)
        at.wake(self.time_fs(self.evb.rte), (self.port, "acknowledged", None))

    def _heard_ecp(self, at: Turn, ecp: Ecp) -> None:
        if ecp.is_acknowledgement:
            self._is_acknowledged |= bool(self._sent) and ecp.sequence == self._number
            return
        at.send_frame(self.frames[1], Ecp(ecp.sequence, is_acknowledgement=True).to_bytes())
        if ecp.sequence != self._last:
            self._last = ecp.sequence
            at.wake(self._own.processing_fs, (self.port, "received", vsis_of(ecp.payload)))


class EdgeAgent(Agent):
    """Speak EVB's protocols at some ends, until it is silent."""

    def __init__(self, name: str, block: AgentBlock, server: str, own: VdpEnd, ends: Sequence[End]) -> None:
        frames = [frame for end in ends for frame in end.frames]
        super().__init__(name, server, work_fs=block.work_fs or 0, core=block.core or "", frames=frames)
        self._ends = {end.port: end for end in ends}
        self._silent_from_fs = own.silent_from_fs

    def begin(self, at: Turn) -> None:
        """Listen at all ends, and say who is there."""
        for end in self._ends.values():
            end.begin(at)

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Tell whether it is not silent yet."""
        return self._silent_from_fs is None or at.now_fs < self._silent_from_fs

    def heard_frame(self, at: Turn, frame: Frame) -> None:
        """Take in a frame at its end."""
        self._ends[frame.receiver].heard_frame(at, frame)

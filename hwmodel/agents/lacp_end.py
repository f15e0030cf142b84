"""An end of a bond's legs that speaks LACP: the host, which uses the legs that are agreed upon, or its neighbour.

The machines are those of IEEE Std 802.1AX-2008, 5.4: receive (who is there), periodic (when to send), mux with coupled
control (whether a leg is used), transmit (three frames a second at most). docs/lacp.md has them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Any

from hwmodel.agents.agent import Agent, Frame, Turn
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock, HeardFrame, OwnFrame
from hwmodel.config.check_lacp import IDLE_KEY, OUTSIDE_PLACE, host_of
from hwmodel.config.lacp import LacpBlock
from hwmodel.config.names import UPLINK
from hwmodel.config.virtual_switch import Bond
from hwmodel.rules.ethernet import (
    FAST_PERIOD_FS,
    LACP_HEAD_BYTES,
    LACP_TYPE,
    PERIODS_TO_TIMEOUT,
    SLOW_PERIOD_FS,
)
from hwmodel.wire.ethernet import BRIDGE_MAC
from hwmodel.wire.lacp import SLOW_PROTOCOLS_MAC, Lacpdu, LacpEndInfo, LacpState

SHORT_FS, LONG_FS = (PERIODS_TO_TIMEOUT * period_fs for period_fs in (FAST_PERIOD_FS, SLOW_PERIOD_FS))
MOST_AT_ONCE = 3  # LACPDUs in a fast period
PORT_PRIORITY = 255
# What an end compares of what the other one knows of it.
_COMPARED = LacpState.ACTIVE | LacpState.SHORT_TIMEOUT | LacpState.AGGREGATION | LacpState.SYNCHRONIZATION


class Mux(Enum):
    """Say how far a leg is in the bond."""

    DETACHED, WAITING, ATTACHED, USED = range(4)


class _Leg:
    """A leg as an end sees it. `turns`: timers of an earlier one count no more."""

    def __init__(self, number: int, frame: OwnFrame) -> None:
        self.number, self.frame = number, frame
        self.partner = LacpEndInfo()
        self.is_partner_in_sync = self.is_selected = self.wants_to_send = False
        self.is_defaulted = self.is_expired = True
        self.is_up = self.is_seen_up = False  # what it knows of its carrier, and what its carrier is
        self.mux, self.period_fs = Mux.DETACHED, 0
        self.turns = dict.fromkeys(("carrier", "silence", "period", "joined"), 0)
        self.sent_fs: deque[int] = deque(maxlen=MOST_AT_ONCE)


class LacpEnd(Agent):
    """Speak LACP at one end of all legs.

    `used` is told which legs are used as that changes; `notices_fs`: when, of a carrier that has come or gone, it is
    known.
    """

    def __init__(
        self, name: str, block: AgentBlock, own: LacpBlock, *, server: str, by: str, system: int, n_legs: int,
        used: Callable[[Turn, list[str]], None] | None, notices_fs: Callable[[int, bool], int],
    ) -> None:  # fmt: skip
        self._own, self._system, self._used, self._by, self._notices_fs = own, system, used, by, notices_fs
        self._watches: dict[int, tuple[_Leg, bool]] = {}
        self._legs = []
        for number in range(n_legs):
            said = Lacpdu(self._info(number + 1, LacpState(0)), LacpEndInfo()).to_bytes()
            frame = OwnFrame(by, SLOW_PROTOCOLS_MAC, LACP_TYPE, packet=said[:LACP_HEAD_BYTES])
            self._legs.append(_Leg(number, frame))
        frames = [leg.frame for leg in self._legs]
        super().__init__(name, server, work_fs=block.work_fs or 0, core=block.core or "", frames=frames)

    def begin(self, at: Turn) -> None:
        """Listen, use no leg, and look whether legs have a carrier."""
        at.hear(HeardFrame.model_construct(to=self._by, ethertype=LACP_TYPE, destination=SLOW_PROTOCOLS_MAC))
        self._tell(at)
        for leg in self._legs:
            for is_up in (True, False):
                about: dict[str, Any] = {"of": f"p{leg.number}", "figure": "dead_wires"}
                about["below" if is_up else "above"] = int(is_up)
                self._watches[at.watch(**about)] = leg, is_up

    def saw(self, at: Turn, watch: int) -> None:
        """Note that a carrier has come or gone, which is known a while later."""
        leg, is_up = self._watches[watch]
        leg.is_seen_up = is_up
        leg.turns["carrier"] += 1
        after_fs = self._notices_fs(at.now_fs, leg.is_seen_up) - at.now_fs
        if after_fs:
            at.wake(after_fs, (leg.number, "carrier", leg.turns["carrier"]))
        else:
            self._carrier(at, leg)

    def heard_frame(self, at: Turn, frame: Frame) -> None:
        """Take in what the other end says of a leg; what is no LACPDU is ignored."""
        with suppress(ValueError):
            pdu = Lacpdu.of(frame.message if isinstance(frame.message, bytes) else b"")
            if 0 < pdu.actor.port <= len(self._legs) and self._legs[pdu.actor.port - 1].is_up:
                self._received(at, self._legs[pdu.actor.port - 1], pdu)

    def woke(self, at: Turn, timer: Any) -> None:
        """Go on with a leg as a timer has run out."""
        number, what, turn = timer
        leg = self._legs[number]
        if what != "room" and turn != leg.turns[what]:
            return
        if what == "carrier":
            self._carrier(at, leg)
            return
        if what == "silence":
            self._silent(at, leg)
        elif what == "period":
            leg.wants_to_send, leg.period_fs = True, 0
        elif what == "joined" and leg.mux is Mux.WAITING:
            leg.mux, leg.wants_to_send = Mux.ATTACHED, True
        self._follow(at, leg)

    def _carrier(self, at: Turn, leg: _Leg) -> None:
        """Begin with a leg that has its carrier, as with one whose other end has just gone silent; or cease."""
        if leg.is_up == leg.is_seen_up:
            return
        leg.is_up, leg.is_partner_in_sync = leg.is_seen_up, False
        leg.turns["silence"] += 1
        if leg.is_up:
            leg.is_expired = True
            leg.partner = leg.partner._replace(state=leg.partner.state | LacpState.SHORT_TIMEOUT)
            self._wind(at, leg, "silence", SHORT_FS)
        self._follow(at, leg)

    def _received(self, at: Turn, leg: _Leg, pdu: Lacpdu) -> None:
        """Record what the other end says, and answer it if it does not know this end as it is."""
        own = self._actor(leg)
        bit = LacpState.AGGREGATION
        known, was = pdu.partner, (leg.partner.identity, leg.partner.state & bit)
        leg.wants_to_send |= (known.identity, known.state & _COMPARED) != (own.identity, own.state & _COMPARED)
        if was != (pdu.actor.identity, pdu.actor.state & bit):
            leg.is_selected = False
            self._mux(at, leg)
        is_known = (known.identity, known.state & bit) == (own.identity, own.state & bit)
        leg.partner = pdu.actor
        leg.is_partner_in_sync = bool(pdu.actor.state & LacpState.SYNCHRONIZATION) and is_known
        leg.is_defaulted = leg.is_expired = False
        leg.is_selected = self._fits(leg)
        self._wind(at, leg, "silence", SHORT_FS if self._own.rate == "fast" else LONG_FS)
        self._follow(at, leg)

    def _fits(self, leg: _Leg) -> bool:
        """Tell whether a leg leads to the same system, and to ports with the same key, as those that are joined."""
        mine = leg.partner.identity[:3]
        return all(one.partner.identity[:3] == mine for one in self._legs if one.is_selected and one is not leg)

    def _silent(self, at: Turn, leg: _Leg) -> None:
        """Give up who is silent: first what is known of it does not hold, then it is not known."""
        leg.is_partner_in_sync = False
        if leg.is_expired:
            leg.partner, leg.is_defaulted, leg.is_expired, leg.is_selected = LacpEndInfo(), True, False, False
        else:
            leg.is_expired = True
            leg.partner = leg.partner._replace(state=leg.partner.state | LacpState.SHORT_TIMEOUT)
            self._wind(at, leg, "silence", SHORT_FS)

    def _follow(self, at: Turn, leg: _Leg) -> None:
        """Bring a leg's use, and its sending, up to what is known of the other end."""
        self._mux(at, leg)
        self._periodic(at, leg)
        if leg.wants_to_send and leg.period_fs:
            self._transmit(at, leg)

    def _mux(self, at: Turn, leg: _Leg) -> None:
        """Go from state to state of the mux machine until nothing changes."""
        before = None
        while before is not leg.mux:
            before = leg.mux
            if before is Mux.DETACHED and leg.is_selected:
                leg.mux = Mux.WAITING
                self._wind(at, leg, "joined", self._own.wait_fs)
            elif before is Mux.WAITING and not leg.is_selected:
                leg.mux = Mux.DETACHED
            elif before is Mux.ATTACHED and not leg.is_selected:
                leg.mux, leg.wants_to_send = Mux.DETACHED, True
            elif before is Mux.ATTACHED and leg.is_partner_in_sync:
                leg.mux, leg.wants_to_send = Mux.USED, True
                self._tell(at)
            elif before is Mux.USED and not (leg.is_selected and leg.is_partner_in_sync):
                leg.mux, leg.wants_to_send = Mux.ATTACHED, True
                self._tell(at)

    def _periodic(self, at: Turn, leg: _Leg) -> None:
        """Set when to send next: as often as the other end asks for; not without a carrier, or where none is active."""
        is_fast = bool(leg.partner.state & LacpState.SHORT_TIMEOUT)
        period_fs = FAST_PERIOD_FS if is_fast else SLOW_PERIOD_FS
        if not leg.is_up or not (self._own.active or leg.partner.state & LacpState.ACTIVE):
            period_fs, leg.wants_to_send = 0, False
        if period_fs == leg.period_fs:
            return
        leg.wants_to_send |= leg.period_fs == SLOW_PERIOD_FS and is_fast
        leg.period_fs = period_fs
        leg.turns["period"] += 1
        if period_fs:
            at.wake(period_fs, (leg.number, "period", leg.turns["period"]))

    def _transmit(self, at: Turn, leg: _Leg) -> None:
        """Send a LACPDU, or once there is room for one in the last second."""
        if len(leg.sent_fs) == MOST_AT_ONCE and (room_fs := leg.sent_fs[0] + FAST_PERIOD_FS) > at.now_fs:
            at.wake(room_fs - at.now_fs, (leg.number, "room", 0))
            return
        leg.wants_to_send = False
        leg.sent_fs.append(at.now_fs)
        at.send_frame(leg.frame, Lacpdu(self._actor(leg), leg.partner).to_bytes())

    def _actor(self, leg: _Leg) -> LacpEndInfo:
        state = LacpState.AGGREGATION
        for bit, is_so in (
            (LacpState.ACTIVE, self._own.active),
            (LacpState.SHORT_TIMEOUT, self._own.rate == "fast"),
            (LacpState.SYNCHRONIZATION, leg.mux in (Mux.ATTACHED, Mux.USED)),
            (LacpState.COLLECTING | LacpState.DISTRIBUTING, leg.mux is Mux.USED),
            (LacpState.DEFAULTED, leg.is_defaulted),
            (LacpState.EXPIRED, leg.is_expired),
        ):
            state |= bit if is_so else LacpState(0)
        return self._info(leg.number + 1, state)

    def _info(self, port: int, state: LacpState) -> LacpEndInfo:
        return LacpEndInfo(self._own.system_priority, self._system, self._own.key_, PORT_PRIORITY, port, state)

    def _wind(self, at: Turn, leg: _Leg, what: str, after_fs: int) -> None:
        leg.turns[what] += 1
        at.wake(after_fs, (leg.number, what, leg.turns[what]))

    def _tell(self, at: Turn) -> None:
        if self._used is not None:
            self._used(at, [f"p{leg.number}" for leg in self._legs if leg.mux is not Mux.USED])


def lacp_end_of(name: str, block: AgentBlock, config: Config) -> LacpEnd:
    """Return the end that an agent is: the host's, which sets the legs that it uses, or its neighbour's."""
    if block.lacp is not None:
        host, bond = host_of(config), config.bond
        assert bond is not None, "it has been checked"
        return LacpEnd(
            name, block, block.lacp, server=block.server or "", by=host.name, system=host.port.macs[0],
            n_legs=config.n_legs, used=lambda at, idle: at.set({IDLE_KEY: idle}),
            notices_fs=partial(_noticed_fs, bond),
        )  # fmt: skip
    assert block.lacp_partner is not None
    return LacpEnd(
        name, block, block.lacp_partner, server=OUTSIDE_PLACE, by=UPLINK, system=BRIDGE_MAC, n_legs=config.n_legs,
        used=None, notices_fs=lambda at_fs, is_up: at_fs,
    )  # fmt: skip


def _noticed_fs(bond: Bond, at_fs: int, is_up: bool) -> int:
    """Return when a host knows of a carrier: at the first look behind the delay."""
    due_fs = at_fs + (bond.up_delay_fs if is_up else bond.down_delay_fs)
    return -(-due_fs // bond.monitor_fs) * bond.monitor_fs if bond.monitor_fs else due_fs

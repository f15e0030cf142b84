"""Validate `vdp_station` and `vdp_bridge` of agents: a hypervisor that tells its bridge of VMs, and that bridge."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

from hwmodel.wire.edge_control import CODES

from .bridge import PortName
from .kinds import Block, Duration, Kind, Listing, SparseBlock, Truth, Whole, key, shown, wrong
from .names import Name, ServerName
from .run import LONGEST_RUN
from .switch import VlanId

MOST_VSIS = 1_000
MANAGER_BYTES = 16
Time = Annotated[int, Duration("0ns", LONGEST_RUN)]
Exponent = Annotated[int, Whole(0, 31)]


class ManagerName(Kind):
    """The name of a VSI manager: printable ASCII, 16 B at most."""

    def parse(self, value: object) -> str:
        """Return the name."""
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > MANAGER_BYTES:
            raise wrong(f"{shown(value)} is not a manager's name; printable ASCII, {MANAGER_BYTES} characters at most")
        return value

    def schema(self) -> dict[str, Any]:
        """Return a string of that length."""
        return {"title": "a VSI manager", "type": "string", "pattern": f"^[ -~]{{0,{MANAGER_BYTES}}}$"}


class Uuid(Kind):
    """A UUID, held as its 16 bytes."""

    def parse(self, value: object) -> bytes:
        """Return the bytes."""
        if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
            return UUID(value).bytes
        raise wrong(f"{shown(value)} is not a UUID like {UUID(int=1)}")

    def write(self, value: bytes) -> str:
        """Return what a user types for it."""
        return str(UUID(bytes=value))

    def schema(self) -> dict[str, Any]:
        """Return a UUID's schema."""
        return {"title": "a UUID", "type": "string", "format": "uuid"}


class VdpVm(SparseBlock):
    """A VM of which its hypervisor tells the bridge: in which VLAN, of which type it is, and what is asked when."""

    vlan: VlanId = key(..., "The VLAN of its frames at the bridge.")
    instance: Annotated[bytes, Uuid()] | None = key(None, "The UUID by which it is known; null: made of its address.")
    type_id: Annotated[int, Whole(0, (1 << 24) - 1)] | None = key(None, "Its VSI type; 1.", alias="type")
    version: Annotated[int, Whole(0, 255)] | None = key(None, "The version of that type; 1.")
    pre_associate_fs: Time | None = key(
        None, "When the bridge is asked whether it could be associated.", alias="pre_associate"
    )
    reserve_fs: Time | None = key(None, "When that is asked with resources kept for it.", alias="reserve")
    associate_fs: Time | None = key(None, "When it is associated, as the VM starts.", alias="associate")
    de_associate_fs: Time | None = key(None, "When it is de-associated, as the VM is stopped.", alias="de_associate")

    @property
    def times_fs(self) -> tuple[int | None, ...]:
        """Return when each is asked, in the order of their numbers in VDP."""
        return self.pre_associate_fs, self.reserve_fs, self.associate_fs, self.de_associate_fs


class VdpEnd(Block):
    """What both ends of a wire have: times by exponents, of which the larger one of both ends holds."""

    rte: Exponent = key(
        8, "An ECP frame is sent again 10 us * 2^rte after the last time; the larger of both ends holds."
    )
    rwd: Exponent = key(20, "A bridge takes 10 us * 2^rwd to decide, at most; the larger holds.")
    rka: Exponent = key(20, "A station tells again of each VM 10 us * 2^rka after the last answer; the larger holds.")
    retries: Annotated[int, Whole(0, 7)] = key(3, "How often an ECP frame is sent again, at most; the larger holds.")
    processing_fs: Time = key(
        "2ms",
        "From an ECP request's arrival, acknowledged at once, until what it says is looked at.",
        alias="processing",
    )
    advertise_fs: Annotated[int, Duration("1us", LONGEST_RUN)] = key(
        "30s", "How often LLDP says who is there, beside at once as what it says changes.", alias="advertise"
    )
    silent_from_fs: Time | None = key(
        None, "From when on it neither hears nor says anything; null: it goes on.", alias="silent_from", unsaid=None
    )


class VdpStation(VdpEnd):
    """The end at a server: a hypervisor that tells the bridge of VMs by VDP."""

    by: Annotated[str, Name(with_servers=True)] = key(
        ..., "The function by which it hears and sends frames, which has to be `trusted`, as a PF is: a.pf."
    )
    manager: Annotated[str, ManagerName()] = key("", "The name of the manager of VSI types, 16 characters at most.")
    vms: dict[Annotated[str, Name(with_servers=True)], VdpVm] = key(
        {}, "The VMs that it tells of, by name: {a.vf0: {vlan: 10, associate: 1ms}}."
    )


class Refusal(SparseBlock):
    """Whom a bridge refuses, with which code; the first that fits counts."""

    vlan: VlanId | None = key(None, "Requests for this VLAN; null: for any.")
    type_id: Annotated[int, Whole(0, (1 << 24) - 1)] | None = key(
        None, "Requests of this VSI type; null: of any.", alias="type"
    )
    code: Annotated[int, Whole(1, 15)] = key(
        ..., f"The code: {', '.join(f'{code} {words}' for code, words in enumerate(CODES) if code)}."
    )
    keep: Annotated[bool, Truth()] | None = key(None, "true: what was granted before is kept.")
    hard: Annotated[bool, Truth()] | None = key(None, "true: it is no use to ask again.")


class VdpBridge(VdpEnd):
    """The end at a bridge: it grants VMs their VLANs at its ports."""

    of: Annotated[str, ServerName("a bridge")] | None = key(
        None, "Which bridge it is of several.", unsaid=None
    )  # fmt: skip
    ports: Annotated[tuple[PortName, ...], Listing("[a, b]")] | None = key(
        None, "The ports to servers at which it does so; null: all of them whose `vlans` are a list.", unsaid=None
    )
    decides_fs: Time = key("0ns", "How long it takes to decide on a request.", alias="decides")
    most: Annotated[int, Whole(0, MOST_VSIS)] = key(
        MOST_VSIS, "How many VMs a port has room for, associated or with resources kept; more are refused, code 2."
    )
    refuse: Annotated[tuple[Refusal, ...], Listing("[{vlan: 30, code: 5}]", most=MOST_VSIS)] = key(
        (), "Whom it refuses: [{vlan: 30, code: 5}, {type: 7, code: 2, hard: true}]."
    )

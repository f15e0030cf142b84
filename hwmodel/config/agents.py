"""Validate `agents` and `management`: who reacts in a run to what it sees, hears, or waits for, by which rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.switch_modes import C_TAG
from hwmodel.wire.ethernet import UNTAGGED_HEADER_BYTES

from .announcer import Announcer
from .condition import KINDS, MOST_COUNTED, OF_FIGURES, Condition
from .edge_agents import VdpBridge, VdpStation
from .kinds import Block, Duration, Kind, Listing, Percentage, SparseBlock, Truth, Whole, Word, key, wrong
from .lacp import LacpBlock
from .names import EtherType, Mac, Name, OwnName, ServerName
from .run import LONGEST_RUN
from .scenario import BLOCKS, EventChanges
from .workload import FrameBytes

MOST_RULES = 1_000
Order = Literal["kept", "free"]


class From(Kind):
    """The time from which a figure is looked at, or the agent whose message it is."""

    _time, _name = Duration("0ns", LONGEST_RUN), OwnName()

    def parse(self, value: object) -> int | str:
        """Return the time, or the name."""
        return self._name.parse(value) if isinstance(value, str) and value[:1].isalpha() else self._time.parse(value)

    def write(self, value: int | str) -> Any:
        """Return what a user types for it."""
        return value if isinstance(value, str) else self._time.write(value)

    def schema(self) -> dict[str, Any]:
        """Return either's schema."""
        return {"anyOf": [self._time.schema(), self._name.schema()]}


class Station(Kind):
    """A VM, by its name, or an address."""

    _name, _mac = Name(with_servers=True), Mac()

    def parse(self, value: object) -> int | str:
        """Return the name, or the address as a number."""
        is_address = isinstance(value, str) and (":" in value or "-" in value)
        return self._mac.parse(value) if is_address else self._name.parse(value)

    def write(self, value: int | str) -> str:
        """Return what a user types for it."""
        return value if isinstance(value, str) else self._mac.write(value)

    def schema(self) -> dict[str, Any]:
        """Return either's schema."""
        return {"anyOf": [self._name.schema(), self._mac.schema()]}


class OwnFrame(NamedTuple):
    """Describe frames that an agent may send: by which function, to a VM or an address, of which type and length.

    `frame_bytes` counts the FCS. A frame with bytes of its own is as long as these make it. `packet`: those of its own
    bytes that switches read, the first behind its type. `vlan`: of a C-TAG, of what a bridge itself sends.
    """

    sender: str
    to: str | int
    ethertype: int
    frame_bytes: int = 64
    packet: bytes = b""
    vlan: int | None = None

    def length_with(self, message: str | bytes) -> int:
        """Return the length, with FCS, of a frame with a word, or with bytes behind its EtherType."""
        is_own = isinstance(message, bytes)
        tag_bytes = 0 if self.vlan is None else C_TAG.n_bytes
        return UNTAGGED_HEADER_BYTES + tag_bytes + len(message) + FCS_BYTES if is_own else self.frame_bytes


class HeardFrame(SparseBlock):
    """A frame that is delivered to a function of the agent's server."""

    to: Annotated[str, Name(with_servers=True)] = key(..., "The function that it is delivered to: vf1, a.vf1.")
    ethertype: Annotated[int, EtherType()] | None = key(None, "Its EtherType, behind a VLAN's tag; null: any.")
    sender: Annotated[int | str, Station()] | None = key(
        None, "Whose source address it has: a VM's (b.vf1), or one like 02:00:00:00:00:02; null: any.", alias="from"
    )
    destination: Annotated[int, Mac()] | None = key(None, "Its destination address; null: any.")
    message: Annotated[str, OwnName("a message")] | None = key(
        None, "The word that it carries, of a frame that an agent has sent; null: any or none."
    )


class SentFrame(SparseBlock):
    """A frame that an agent sends by a function of its server."""

    sender: Annotated[str, Name(with_servers=True)] = key(..., "The function that sends it: vf1, a.vf1.", alias="from")
    to: Annotated[int | str, Station()] = key(..., "Its destination: a VM (b.vf1), or an address.")
    ethertype: Annotated[int, EtherType()] = key(..., "Its EtherType, like 0x88b6; none of IP, ARP or a tag.")
    frame_bytes: FrameBytes | None = key(None, "Its length with FCS; 64.")
    message: Annotated[str, OwnName("a message")] | None = key(None, "A word that it carries to agents.")

    @property
    def own(self) -> OwnFrame:
        """Return it without its message."""
        return OwnFrame(
            self.sender, self.to, self.ethertype, self.frame_bytes or OwnFrame._field_defaults["frame_bytes"]
        )


class Sets(Kind):
    """Keys with values, or a list of such: one is set each time, in turn."""

    _one = EventChanges(BLOCKS)

    def parse(self, value: object) -> tuple[dict[str, Any], ...]:
        """Return the settings in turn, each with dotted keys."""
        found = tuple(map(self._one.parse, value if isinstance(value, list) else [value]))
        if not found or not all(found):
            raise wrong("nothing is set; write keys with values, like {switch.ports.vf1.rate_limit: 1Gbps}")
        return found

    def write(self, value: tuple[dict[str, Any], ...]) -> Any:
        """Return one setting as itself, several as a list."""
        return value[0] if len(value) == 1 else list(value)

    def schema(self) -> dict[str, Any]:
        """Return a setting, or a list of them."""
        one = self._one.schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


class Trigger(Condition):
    """What a rule waits for, again and again: a figure, a message, the silence of one, or a time."""

    frame: HeardFrame | None = key(None, "A frame that is delivered at its server: {to: a.vf1, ethertype: 0x88cc}.")
    each: Annotated[int, Whole(1, MOST_COUNTED)] | None = key(
        None, "With `figure`, a count: it comes as that has grown by so many, by as many again, and so on."
    )
    message: Annotated[str, OwnName("a message")] | None = key(None, "The word that comes from an agent.")
    silence: Annotated[str, OwnName("a message")] | None = key(None, "The word that has not come `for` so long.")
    for_fs: Annotated[int, Duration("1ns", LONGEST_RUN)] | None = key(None, "How long, of a silence.", alias="for")
    every_fs: Annotated[int, Duration("1ns", LONGEST_RUN)] | None = key(
        None, "How long from one time to the next, the first after as long.", alias="every"
    )
    from_fs: Annotated[int | str, From()] | None = key(  # type: ignore[assignment]
        None, "From when on a figure is looked at; or the agent whose message it is.", alias="from"
    )

    @property
    def what(self) -> tuple[str, ...]:
        """Return the keys that say what it waits for; a good one has one."""
        own = (name for name in OWN if self.value_of(name) is not None)
        return (*(("figure",) if any(getattr(self, kind) is not None for kind in KINDS) else ()), *own)

    @property
    def condition(self) -> Condition:
        """Return it as a condition, of a figure: with `each`, that it has grown by so many."""
        said = {name: getattr(self, name) for name in Condition.model_fields}
        above = self.above if self.each is None else self.each
        return Condition.model_construct(**(said | {"above": above, "from_fs": self.begins_fs}))

    @property
    def sender(self) -> str | None:
        """Return the agent whose message or silence it is, None for anybody's."""
        return self.from_fs if isinstance(self.from_fs, str) else None

    @property
    def begins_fs(self) -> int:
        """Return from when on a figure is watched."""
        return self.from_fs if isinstance(self.from_fs, int) else 0


# The keys of a trigger that is no figure's, and those that belong to one of a figure.
OWN = ("message", "silence", "every", "frame")
OF_FIGURE = ("vm", *OF_FIGURES, "each")


class Sending(SparseBlock):
    """A message to an agent, or a frame."""

    to: Annotated[str, OwnName()] | None = key(None, "The agent that is to hear it.")
    message: Annotated[str, OwnName("a message")] | None = key(None, "The word that it says.")
    frame: SentFrame | None = key(
        None, "In place of both, a frame: {from: a.vf1, to: b.vf0, ethertype: 0x88b6, message: busy}."
    )


class Rule(SparseBlock):
    """What an agent does, and when."""

    when: Trigger = key(..., "What it waits for: {of: vf1, figure: delivered, each: 100}, {every: 1ms}, ...")
    sets: Annotated[tuple[dict[str, Any], ...], Sets()] | None = key(
        None, "Keys with the values that they get, as in a scenario; of a list one each time, in turn.", alias="set"
    )
    send: Sending | None = key(None, "What it tells another agent: {to: boss, message: busy}; or {frame: {...}}.")


ROLES = ("vdp_station", "vdp_bridge", "announcer", "lacp", "lacp_partner")


class AgentBlock(SparseBlock):
    """Somebody who decides while the machine runs: where it is, what its work takes, its rules."""

    server: Annotated[str, ServerName("a server", with_wires=True)] | None = key(
        None,
        "At which server it runs, whose figures it sees, or at which of its adapters (a.x); of a file without "
        "`servers` it is the only one.",
    )
    apart: Annotated[bool, Truth()] | None = key(
        None, "true: it is at no server, beside them all: it hears, waits and sends."
    )
    work_fs: Annotated[int, Duration("0ns", "10s")] | None = key(
        None, "How long it is busy with each thing that it handles; 0ns.", alias="work"
    )
    core: Annotated[str, Name(with_servers=True)] | None = key(
        None, "The function on whose core it works, like a.pf, and for which it waits; none: a core of its own."
    )
    rules: Annotated[tuple[Rule, ...], Listing("[{when: {every: 1ms}, set: {...}}]", most=MOST_RULES)] | None = key(
        None, "What it does, and when."
    )
    vdp_station: VdpStation | None = key(
        None, "In place of rules: it tells the bridge of its server's VMs: {by: a.pf, vms: {a.vf0: {vlan: 10, ...}}}."
    )
    vdp_bridge: VdpBridge | None = key(
        None, "In place of rules and a server: it is at a bridge, and grants VMs their VLANs: {decides: 5ms}."
    )
    announcer: Announcer | None = key(
        None, "In place of rules: it says where VMs of its server are: {rarp: {}, vms: {a.vf0: {at: 10ms}}}."
    )

    lacp: LacpBlock | None = key(
        None, "In place of rules: it is the host's end of the legs of a bond, and speaks LACP: {rate: fast}."
    )
    lacp_partner: LacpBlock | None = key(
        None, "In place of rules and a server: it is the neighbour's end of these legs: {rate: fast}."
    )

    @property
    def role(self) -> str | None:
        """Return the key of the part that it has in place of rules, None of one with rules."""
        return next((name for name in ROLES if getattr(self, name) is not None), None)


class Management(Block):
    """The network over which agents send messages to those at other servers; it takes none of the adapters' links."""

    latency_fs: Annotated[int, Duration("0ns", LONGEST_RUN)] = key("0ns", "From sender to receiver.", alias="latency")
    spread_fs: Annotated[int, Duration("0ns", LONGEST_RUN)] = key(
        "0ns", "By so much more at most, drawn evenly for each message.", alias="spread"
    )
    loss: Annotated[float, Percentage()] | None = key(None, "The share of messages that never come; null: none.")
    order: Annotated[Order, Word(Order)] = key(
        "kept", "kept: a message does not come before an earlier one from the same agent to the same; free: it may."
    )

"""The modes of an adapter's switch, and the tags that frames bear: one table of each, used by all other code.

IEEE 802.1Q clause 9.6 (C-TAG, S-TAG), IEEE 802.1BR clause 7.5 (E-TAG); the VN-Tag of the Cisco proposal that went
before 802.1BR, as Wireshark decodes it. `forwarding/outer_tag.py` has what the compiled parts do with each outer tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

ModeName = Literal["veb", "vepa", "vn_tag", "e_tag", "multichannel"]
ChannelKind = Literal["veb", "vepa", "single"]

# S-VID 1 is the default S-channel, whose frames go untagged (IEEE 802.1Qbg leaves this open; a choice).
DEFAULT_S_VID = 1

TYPE_BYTES = 2
Place = tuple[int, int, int, int, int]


def field_of(word: int, place: Place) -> int:
    """Return a field of the number after a tag's type."""
    return (word >> place[0]) & place[1] | ((word >> place[2]) & place[3]) << place[4]


def put(value: int, place: Place) -> int:
    """Return the number after a tag's type with a field set, which fits, and all else 0."""
    return (value & place[1]) << place[0] | ((value >> place[4]) & place[3]) << place[2]


@dataclass(frozen=True)
class TagFormat:
    """Hold the format of a tag.

    `name`, `short`: in sentences and in tables. `layout`: what follows the type, a name and a number of bits each; a
    name that comes twice is one number, its low bits first. `to_station`: the field that names whom a frame to an
    adapter is for, `at_bridge` what else a bridge sets in it; `from_station`: the field that names the sender.
    """

    name: str
    short: str
    ethertype: int
    layout: tuple[tuple[str, int], ...]
    to_station: str = "vid"
    from_station: str = "vid"
    at_bridge: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def n_bytes(self) -> int:
        """Return the tag's length with its own type number."""
        return TYPE_BYTES + sum(n_bits for _, n_bits in self.layout) // 8

    @cached_property
    def places(self) -> dict[str, Place]:
        """Return where each field is in the number after the type.

        The shift and the mask of its low bits, the shift and the mask of its high bits, and the number of low bits.
        """
        parts: dict[str, list[tuple[int, int]]] = {}
        at = 8 * (self.n_bytes - TYPE_BYTES)
        for name, n_bits in self.layout:
            at -= n_bits
            parts.setdefault(name, []).append((at, n_bits))
        found = {}
        for name, (low, *rest) in parts.items():
            high = rest[0] if rest else (0, 0)
            found[name] = (low[0], (1 << low[1]) - 1, high[0], (1 << high[1]) - 1, low[1])
        return found

    @property
    def has_priority(self) -> bool:
        """Tell whether it has a priority and a drop eligibility."""
        return "pcp" in self.places

    def bits(self, name: str) -> int:
        """Return how many bits a field has."""
        return sum(n_bits for each, n_bits in self.layout if each == name)

    def read(self, word: int) -> dict[str, int]:
        """Return the fields of the number after the type."""
        return {name: field_of(word, place) for name, place in self.places.items()}

    def write(self, values: Mapping[str, int]) -> int:
        """Return the number after the type with some fields set, which fit, and the others 0."""
        return sum(put(value, self.places[name]) for name, value in values.items())


_TCI = (("pcp", 3), ("dei", 1), ("vid", 12))
C_TAG = TagFormat("C-TAG", "C", 0x8100, _TCI)
S_TAG = TagFormat("S-TAG", "S", 0x88A8, _TCI)
VN_TAG = TagFormat(
    "VN-Tag", "VN", 0x8926,
    (("direction", 1), ("pointer", 1), ("dvif", 14), ("looped", 1), ("reserved", 1), ("version", 2), ("svif", 12)),
    to_station="dvif", from_station="svif", at_bridge={"direction": 1},
)  # fmt: skip
E_TAG = TagFormat(
    "E-TAG", "E", 0x893F,
    (("pcp", 3), ("dei", 1), ("ingress_ecid", 12), ("reserved", 2), ("group", 2), ("ecid", 12), ("ingress_ecid", 8),
     ("ecid", 8)),
    to_station="ecid", from_station="ecid",
)  # fmt: skip
OUTER_TAGS = (S_TAG, VN_TAG, E_TAG)  # by kind of outer tag, from 1; 0 is none


@dataclass(frozen=True)
class SwitchMode:
    """Hold how an adapter's frames are bridged.

    `number`: in the switch's tables, and in the core's register MODE. `bridged_by`: in sentences. `kind`: how all its
    stations are bridged; None where S-channels each have a kind, or a bridge above does all by tags. `tag`: the outer
    tag of frames on the wire. `key`, `key_name`: the station's key with its number in that tag, and what it is called.
    `has_interfaces`: that number is the station's own. `in_core`: the Verilog core has the mode.
    """

    number: int
    bridged_by: str
    kind: ChannelKind | None
    tag: TagFormat | None = None
    key: str = ""
    key_name: str = ""
    has_interfaces: bool = False
    in_core: bool = True

    @property
    def has_channels(self) -> bool:
        """Tell whether stations are in S-channels, each bridged in its own way."""
        return self.kind is None and not self.has_interfaces

    @property
    def outer_kind(self) -> int:
        """Return the kind of outer tag on the wire, as OUTER_TAGS count them."""
        return 0 if self.tag is None else 1 + OUTER_TAGS.index(self.tag)

    @property
    def tag_bytes(self) -> int:
        """Return the bytes of the outer tag."""
        return 0 if self.tag is None else self.tag.n_bytes

    @property
    def highest(self) -> int:
        """Return the highest number that a station can have in its tag."""
        return 0 if self.tag is None else (1 << self.tag.bits(self.tag.from_station)) - 1

    def interface_of(self, station: object) -> int | None:
        """Return the number that tags have for a station; None where its frames have no outer tag."""
        number: int | None = getattr(station, self.key) if self.key else None
        return None if self.has_channels and number == DEFAULT_S_VID else number

    def kind_of(self, s_channels: Mapping[int, ChannelKind], s_channel: int | None) -> ChannelKind | None:
        """Return how the stations of an S-channel are bridged, or all in a mode without.

        `s_channels`: what is configured; a channel of which that says nothing is a VEB.
        """
        if not self.has_channels:
            return self.kind
        return None if s_channel is None else s_channels.get(s_channel, "veb")


MODES: dict[ModeName, SwitchMode] = {
    "veb": SwitchMode(0, "its own bridge (VEB)", "veb"),  # IEEE 802.1Q clause 5.22 and this
    "vepa": SwitchMode(1, "the adjacent switch (VEPA)", "vepa"),
    "vn_tag": SwitchMode(2, "the adjacent switch (VN-Tag)", None, VN_TAG, "vif", "VIF", has_interfaces=True),
    "e_tag": SwitchMode(3, "the adjacent switch (E-TAG)", None, E_TAG, "ecid", "E-CID", has_interfaces=True),
    "multichannel": SwitchMode(4, "S-channels (multichannel)", None, S_TAG, "s_channel", "S-channel", in_core=False),
}
UNTAGGED_MODES = tuple(name for name, mode in MODES.items() if mode.tag is None)
# Of adapters that a controlling bridge needs: a tag tells it which station each frame is of.
TAG_MODES = tuple(name for name, mode in MODES.items() if mode.has_interfaces)
INTERFACE_KEYS = tuple(mode.key for mode in MODES.values() if mode.has_interfaces)

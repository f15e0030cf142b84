"""A switch on the bench: stand-ins for the `switch` block, and frames built byte by byte.

The stand-ins have the attributes and defaults of the configuration, without its checks, so that tables may be odd.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BROADCAST = 0xFFFF_FFFF_FFFF
MULTICAST = 0x0100_5E01_0203
LLDP = 0x0180_C200_000E
OUTSIDE = 0x02EE_0000_0010  # a host beyond the uplink


@dataclass
class Uplink:
    """The `uplink` of the block."""

    native_vlan: int | None = 1
    vlans: object = "all"
    pvlan: int = 0  # of private VLANs: 0 promiscuous, -1 isolated, else a community


@dataclass
class Station:
    """An entry of `ports`; addresses and identifiers go by the port number where none is given."""

    name: str
    macs: tuple[int, ...] | None = None
    port_vlan: int = 1
    vlans: tuple[int, ...] = (1,)
    untagged: tuple[int, ...] = (1,)
    admit: str = "all"
    spoof_check: bool = True
    vlan_spoof_check: bool = True
    q_in_q: bool = False
    loopback: bool = True
    self_loopback: bool = False
    accept: tuple[str, ...] = ("broadcast", "multicast")
    groups: tuple[int, ...] = ()
    promiscuous: bool = False
    default: bool = False
    trusted: bool = False
    enabled: bool = True
    max_frame_bytes: int = 1518
    ethertype_filter: bool = True
    default_priority: int = 0
    vif: int | None = None
    ecid: int | None = None
    s_channel: int | None = None
    ips: tuple[Any, ...] | None = None
    guards: tuple[str, ...] = ()
    pvlan: int = 0  # as of the uplink

    def __post_init__(self) -> None:
        self.macs = (mac(self.name),) if self.macs is None else self.macs
        self.vif = self.number if self.vif is None else self.vif
        self.ecid = self.number if self.ecid is None else self.ecid

    @property
    def number(self) -> int:
        """Return the port number: the PF has 1, VF K has K + 2."""
        return 1 if self.name == "pf" else int(self.name.removeprefix("vf")) + 2


@dataclass
class Address:
    """An entry of `addresses`."""

    vlan: int
    mac: int
    ports: tuple[str, ...]


@dataclass
class EcidList:
    """An entry of `ecid_lists`."""

    group: int
    ecid: int
    ports: tuple[str, ...]


@dataclass
class Mirror:
    """An entry of `mirrors`."""

    to: str
    source: str | None = None
    direction: str = "ingress"
    vlan: int | None = None


@dataclass
class AclEntry:
    """An entry of `acl`."""

    action: str
    port: str = "all"
    source: int | None = None
    destination: int | None = None
    vlan: int | None = None
    ethertype: int | None = None
    priority: int | None = None
    rate_bps: int | None = None
    burst_bytes: int | None = None
    asked_packets: tuple[str, ...] = ()


@dataclass
class PoolFilters:
    """The `pool_filters` of the block."""

    replication: bool = True
    default_pool: str | None = None
    multicast_hash: tuple[int, ...] = ()
    unicast_hash: tuple[int, ...] = ()
    hash_offset: int = 0


@dataclass
class Switch:
    """The block."""

    mode: str = "veb"
    ports: tuple[Station, ...] = ()
    uplink: Uplink = field(default_factory=Uplink)
    addresses: tuple[Address, ...] = ()
    vif_lists: dict[int, tuple[str, ...]] = field(default_factory=dict)
    ecid_lists: tuple[EcidList, ...] = ()
    s_channels: dict[int, str] = field(default_factory=dict)
    mirrors: tuple[Mirror, ...] = ()
    acl: tuple[AclEntry, ...] = ()
    pool_filters: PoolFilters | None = None
    promiscuous: str = "all"
    lookup: str = "mac_and_vlan"


def switch(*names: str, mode: str = "veb", stations: Mapping[str, Any] | None = None, **keys: Any) -> Switch:
    """Build a switch: stations with defaults, changed by `stations` = {name: {attribute: value}}."""
    changes = stations or {}
    names = names or ("pf", "vf0", "vf1", "vf2")
    return Switch(mode, tuple(Station(name, **changes.get(name, {})) for name in names), **keys)


def mac(name: str) -> int:
    """Give the default address of a station: 02:00:00:00:NN:NN by port number."""
    number = 1 if name == "pf" else int(name.removeprefix("vf")) + 2
    return 0x0200_0000_0000 | number


def address(what: int | str) -> int:
    """Give an address, or the default one of a station by its name."""
    return mac(what) if isinstance(what, str) else what


def c_tag(vid: int, pcp: int = 0, dei: int = 0) -> bytes:
    """Build a C-TAG."""
    return bytes.fromhex(f"8100{pcp << 13 | dei << 12 | vid:04x}")


def s_tag(vid: int, pcp: int = 0, dei: int = 0) -> bytes:
    """Build an S-TAG."""
    return bytes.fromhex(f"88a8{pcp << 13 | dei << 12 | vid:04x}")


def vn_tag(
    svif: int = 0,
    dvif: int = 0,
    direction: int = 0,
    pointer: int = 0,
    looped: int = 0,
    reserved: int = 0,
    version: int = 0,
) -> bytes:
    """Build a VN-Tag."""
    word = direction << 31 | pointer << 30 | dvif << 16 | looped << 15 | reserved << 14 | version << 12 | svif
    return bytes.fromhex(f"8926{word:08x}")


def e_tag(ecid: int = 0, group: int = 0, ingress: int = 0, pcp: int = 0, dei: int = 0) -> bytes:
    """Build an E-TAG; `group` and the parts of the ECIDs go where 802.1BR has them."""
    first, second = pcp << 13 | dei << 12 | ingress & 0xFFF, group << 12 | ecid & 0xFFF
    return bytes.fromhex(f"893f{first:04x}{second:04x}{ingress >> 12:02x}{ecid >> 12:02x}")


def frame(to: int | str, source: int | str, *tags: bytes, ethertype: int = 0x0800, length: int = 60) -> bytes:
    """Build a frame of `length` bytes without FCS, tags included; addresses are numbers or station names."""
    head = address(to).to_bytes(6, "big") + address(source).to_bytes(6, "big") + b"".join(tags)
    head += ethertype.to_bytes(2, "big")
    return head + bytes(i & 0xFF for i in range(length - len(head)))


def strip(raw: bytes, n_bytes: int) -> bytes:
    """Take the first `n_bytes` of tags out."""
    return raw[:12] + raw[12 + n_bytes :]


def insert(raw: bytes, *tags: bytes) -> bytes:
    """Put tags behind the addresses."""
    return raw[:12] + b"".join(tags) + raw[12:]

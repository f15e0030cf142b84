"""A switch on the bench: stand-ins for the `switch` block, frames built byte by byte, and the kernels behind one call.

The stand-ins have the attributes and defaults of the configuration, without its checks, so that tables may be odd.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hwmodel.kernels.drop_reason import DropReason
from hwmodel.kernels.forward import DECISION, decide, limit
from hwmodel.kernels.parse import HEADER, parse
from hwmodel.kernels.tag_out import egress_bytes, rewrite
from hwmodel.simulation.switch_tables import build_tables, port_list, port_numbers
from tests.oracles.forwarding_oracle import Outcome

BROADCAST = 0xFFFF_FFFF_FFFF
MULTICAST = 0x0100_5E01_0203
LLDP = 0x0180_C200_000E
OUTSIDE = 0x02EE_0000_0010  # a host beyond the uplink
GUARD = 0xA5


@dataclass
class Uplink:
    native_vlan: int | None = 1
    vlans: object = "all"


@dataclass
class Station:
    name: str
    macs: tuple[int, ...] | None = None
    port_vlan: int = 1
    vlans: tuple[int, ...] = (1,)
    untagged: tuple[int, ...] = (1,)
    admit: str = "all"
    spoof_check: bool = True
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

    def __post_init__(self):
        self.macs = (mac(self.name),) if self.macs is None else self.macs
        self.vif = self.number if self.vif is None else self.vif
        self.ecid = self.number if self.ecid is None else self.ecid

    @property
    def number(self):
        return 1 if self.name == "pf" else int(self.name.removeprefix("vf")) + 2


@dataclass
class Address:
    vlan: int
    mac: int
    ports: tuple[str, ...]


@dataclass
class EcidList:
    group: int
    ecid: int
    ports: tuple[str, ...]


@dataclass
class Mirror:
    to: str
    source: str | None = None
    direction: str = "ingress"
    vlan: int | None = None


@dataclass
class AclEntry:
    action: str
    port: str = "all"
    source: int | None = None
    destination: int | None = None
    vlan: int | None = None
    ethertype: int | None = None
    priority: int | None = None
    rate_bps: int | None = None
    burst_bytes: int | None = None


@dataclass
class Switch:
    mode: str = "veb"
    ports: tuple[Station, ...] = ()
    uplink: Uplink = field(default_factory=Uplink)
    addresses: tuple[Address, ...] = ()
    vif_lists: dict[int, tuple[str, ...]] = field(default_factory=dict)
    ecid_lists: tuple[EcidList, ...] = ()
    s_channels: dict[int, str] = field(default_factory=dict)
    mirrors: tuple[Mirror, ...] = ()
    acl: tuple[AclEntry, ...] = ()


def switch(*names, mode="veb", stations=None, **keys):
    """Build a switch: stations with defaults, changed by `stations` = {name: {attribute: value}}."""
    changes = stations or {}
    names = names or ("pf", "vf0", "vf1", "vf2")
    return Switch(mode, tuple(Station(name, **changes.get(name, {})) for name in names), **keys)


def mac(name):
    """Give the default address of a station: 02:00:00:00:NN:NN by port number."""
    number = 1 if name == "pf" else int(name.removeprefix("vf")) + 2
    return 0x0200_0000_0000 | number


def address(what):
    return mac(what) if isinstance(what, str) else what


def c_tag(vid, pcp=0, dei=0):
    return bytes.fromhex(f"8100{pcp << 13 | dei << 12 | vid:04x}")


def s_tag(vid, pcp=0, dei=0):
    return bytes.fromhex(f"88a8{pcp << 13 | dei << 12 | vid:04x}")


def vn_tag(svif=0, dvif=0, direction=0, pointer=0, looped=0, reserved=0, version=0):
    word = direction << 31 | pointer << 30 | dvif << 16 | looped << 15 | reserved << 14 | version << 12 | svif
    return bytes.fromhex(f"8926{word:08x}")


def e_tag(ecid=0, group=0, ingress=0, pcp=0, dei=0):
    first, second = pcp << 13 | dei << 12 | ingress & 0xFFF, group << 12 | ecid & 0xFFF
    return bytes.fromhex(f"893f{first:04x}{second:04x}{ingress >> 12:02x}{ecid >> 12:02x}")


def frame(to, source, *tags, ethertype=0x0800, length=60):
    """Build a frame of `length` bytes without FCS, tags included; addresses are numbers or station names."""
    head = address(to).to_bytes(6, "big") + address(source).to_bytes(6, "big") + b"".join(tags)
    head += ethertype.to_bytes(2, "big")
    return head + bytes(i & 0xFF for i in range(length - len(head)))


def strip(raw, n_bytes):
    """Take the first `n_bytes` of tags out."""
    return raw[:12] + raw[12 + n_bytes :]


def insert(raw, *tags):
    return raw[:12] + b"".join(tags) + raw[12:]


class Bench:
    """Pass frames through the kernels."""

    def __init__(self, config):
        self.tables = build_tables(config)
        self.number = port_numbers(config)
        self.name = {number: name for name, number in self.number.items()}
        self.header = np.zeros(1, HEADER).view(np.recarray)
        self.decision = np.zeros(1, DECISION).view(np.recarray)

    def send(self, port, raw, *, is_bad=False, refused=False):
        """Give the outcome of a frame; `refused`: the policer, if one is to be asked, says no."""
        tables, header, decision = self.tables[0], self.header[0], self.decision[0]
        received = np.frombuffer(raw, np.uint8).copy()
        parse(tables, self.number[port], received, len(raw), header)
        header.is_bad = is_bad
        decide(tables, header, decision)
        if refused and decision.policer >= 0:
            limit(tables, header, decision)
        deliver, mirrored = port_list(decision.egress), port_list(decision.mirrored)
        assert (len(deliver), len(mirrored)) == (decision.n_copies, decision.n_mirrored)
        return Outcome(
            DropReason(int(decision.reason)).name if decision.reason else None,
            {self.name[number]: self.copy(received, number) for number in deliver},
            {self.name[number]: self.copy(received, number) for number in mirrored},
            int(decision.vlan),
            int(decision.priority),
            None if decision.policer < 0 else int(decision.policer),
        )

    def copy(self, received, number):
        header, decision = self.header[0], self.decision[0]
        out = np.full(len(received) + 12 + 8, GUARD, np.uint8)
        n_bytes = rewrite(received, len(received), header, decision, number, out)
        assert n_bytes == egress_bytes(header, decision, number)
        assert (out[n_bytes:] == GUARD).all(), "written beyond the end"
        return out[:n_bytes].tobytes()


def drops(config, port, raw, **keys):
    """Give the drop reason of one frame at a fresh switch, None if it is delivered."""
    return Bench(config).send(port, raw, **keys).drop


def receivers(config, port, raw, **keys):
    """Give the names of the ports that get one frame at a fresh switch."""
    return set(Bench(config).send(port, raw, **keys).deliver)

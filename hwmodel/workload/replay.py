"""A capture as traffic: which port sends each frame, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config.names import UPLINK, is_uplink, uplink_of
from hwmodel.config.streams import BROADCAST, MULTICAST
from hwmodel.config.switch import Switch
from hwmodel.errors import InputError
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.packets import MOST_PACKET_BYTES
from hwmodel.units import FS_PER_NS, FS_PER_S
from hwmodel.wire.ethernet import BROADCAST_MAC, is_group_mac
from hwmodel.wire.frame_scan import RSS_PREFIX_BYTES, frame_hashes, scan_headers
from hwmodel.wire.pcap import PcapBlock, frame_name, read_blocks
from hwmodel.wire.tags import LONGEST_HEADER_BYTES, RuntFrameError, parse_header
from hwmodel.workload.traffic import CLOSED, RECORDED, FrameTemplate, Records, Source

_KEY_BYTES = 32

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Packets = npt.NDArray[Any]  # of frames beyond the EtherType: `forwarding.packet.CAPTURED_PACKET` (n,)
# Reads n frames: the bytes, begin and end of what follows each frame's EtherType in them, and the EtherTypes.
PacketReader = Callable[[bytes, I64, I64, I64], Packets]
Named = tuple[Callable[[str], str], Switch]
# Times beyond this, with what a run adds to them, would not fit into 63 bits of femtoseconds.
LONGEST_CAPTURE_FS = 1 << 62


class HeaderTable:
    """Number distinct headers in the order of their first frames.

    `switches`: those of all servers, each with what its ports are called. `ports`: the names of an adapter's Ethernet
    ports, an empty text for a single one. `read_packets`: reads frames beyond the EtherType, as a part of their
    headers; `all_packets`: in frames that stations send, none of that may be cut off, nor with `outside_too` in others.
    """

    def __init__(
        self,
        switches: Sequence[Named],
        ports: Sequence[str] = ("",),
        read_packets: PacketReader | None = None,
        *,
        all_packets: bool = False,
        outside_too: bool = False,
    ) -> None:
        self.read_packets, self.all_packets, self.outside_too = read_packets, all_packets, outside_too
        self.templates: list[FrameTemplate] = []
        self._ids: dict[bytes, int] = {}
        self._owners = Owners(switches, ports)

    def intern(self, prefix: npt.NDArray[np.uint8], header_bytes: I64, packets: Packets | None = None) -> I32:
        """Give the template id of each frame: int32 of shape (n,); `packets`: what `read_packets` read of them."""
        more = 0 if packets is None else MOST_PACKET_BYTES
        n_key = _KEY_BYTES + more
        keys = np.zeros((len(prefix), n_key), np.uint8)
        header = prefix[:, :LONGEST_HEADER_BYTES]
        keys[:, :LONGEST_HEADER_BYTES] = header * (np.arange(LONGEST_HEADER_BYTES) < header_bytes[:, None])
        if packets is not None:
            keys[:, LONGEST_HEADER_BYTES : LONGEST_HEADER_BYTES + more] = packets["octets"]
            keys[:, -2] = packets["n_bytes"]
        # Shorter headers are padded with zeros, so the length tells them from headers that end in zeros.
        keys[:, -1] = header_bytes
        distinct, first, inverse = np.unique(keys.view(f"V{n_key}")[:, 0], return_index=True, return_inverse=True)
        ids = np.zeros(len(distinct), np.int32)
        for at in np.argsort(first):
            ids[at] = self._id(distinct[at].tobytes())
        return ids[inverse]

    def _id(self, key: bytes) -> int:
        if key not in self._ids:
            self._ids[key] = len(self.templates)
            template = self._owners.template(key[: key[-1]])
            flow = key[LONGEST_HEADER_BYTES : LONGEST_HEADER_BYTES + key[-2]]
            self.templates.append(template._replace(header=template.header + flow, flow_bytes=len(flow)))
        return self._ids[key]

    def sources(self) -> tuple[list[str], I32]:
        """Name the ports that send, in port order, and number the sending port of each template."""
        senders = {template.source for template in self.templates}
        names = [name for name in self._owners.port_names if name in senders]
        number = {name: i for i, name in enumerate(names)}
        return names, np.array([number[template.source] for template in self.templates], np.int32)


class Owners:
    """Find the port that owns an address.

    With several Ethernet ports, a frame from the wire enters by that of its target, or else by the first.
    """

    def __init__(self, switches: Sequence[Named], ports: Sequence[str]) -> None:
        self.port_names = list(map(uplink_of, ports))
        self._uplinks: dict[str, str] = {}
        self._ports_of: dict[int, list[tuple[str, frozenset[int]]]] = {}
        self._entries: dict[int, str] = {}
        for named, switch in switches:
            for port in switch.ports:
                name = named(port.name)
                self.port_names.append(name)
                if ports != ("",):
                    self._uplinks[name] = uplink_of(port.port or "")
                for mac in port.macs:
                    self._ports_of.setdefault(mac, []).append((name, frozenset(port.vlans)))
            entries = (entry for entry in switch.addresses if len(entry.ports) == 1)
            self._entries |= {entry.mac: named(entry.ports[0]) for entry in entries}

    def template(self, header: bytes) -> FrameTemplate:
        """Name sender and target of a header, whole or cut short."""
        try:
            parsed = parse_header(header)
        except RuntFrameError:
            return FrameTemplate(self._sender(header), "unknown", header)
        vlan = parsed.c_tag.fields["vid"] if parsed.c_tag is not None else 0
        source = self._port(parsed.source, vlan) or UPLINK
        target = self._target(parsed.destination, vlan, source)
        source, target = (self._outside(*ends) for ends in ((source, target), (target, source)))
        return FrameTemplate(source, target, header)

    def _outside(self, name: str, other: str) -> str:
        """Return `name`; if it is `uplink`, that of the Ethernet port at which the frame's other end is."""
        return self._uplinks.get(other, self.port_names[0]) if name == UPLINK else name

    def _sender(self, header: bytes) -> str:
        has_source = len(header) >= 12
        found = has_source and self._port(int.from_bytes(header[6:12], "big"), 0)
        return found or self.port_names[0]

    def _port(self, mac: int, vlan: int) -> str | None:
        """Give the owner of an address; of several (in different VLANs) the member of `vlan`, else the first."""
        owners = self._ports_of.get(mac, [])
        members = [name for name, vlans in owners if vlan in vlans]
        return next(iter(members + [name for name, _ in owners]), None)

    def _target(self, mac: int, vlan: int, source: str) -> str:
        if mac == BROADCAST_MAC:
            return BROADCAST
        owner = self._port(mac, vlan) or self._entries.get(mac)
        if owner is not None:
            return owner
        if is_group_mac(mac):
            return MULTICAST
        return "unknown" if source == UPLINK else UPLINK


@dataclass(frozen=True)
class Replay:
    """Hold a capture as templates, sources and records that number each other from 0."""

    templates: list[FrameTemplate]
    sources: list[Source]
    records: Records


def read_replay(
    path: str,
    switches: Sequence[Named],
    ports: Sequence[str] = ("",),
    read_packets: PacketReader | None = None,
    *,
    asap: bool,
    all_packets: bool = False,
    outside_too: bool = False,
) -> Replay:
    """Read a capture, each frame entering by the port that owns its source address, any other frame by the uplink.

    `switches`, `ports`, `read_packets`, `all_packets`, `outside_too`: as for `HeaderTable`.
    With `asap` the times are dropped and each port plays its frames in file order, back to back; else the earliest
    frame comes at time 0. Memory grows by 28 B a frame and with the number of distinct headers. Raises InputError for a
    file that cannot be read, holds no frames, lacks part of a header it should have, or spans more than 4611 s.
    """
    headers = HeaderTable(switches, ports, read_packets, all_packets=all_packets, outside_too=outside_too)
    blocks = [_read_block(path, block, headers) for block in read_blocks(path)]
    if not blocks:
        raise InputError(f"{path}: holds no frames")
    at_ns = np.concatenate([block.at_ns for block in blocks])
    template = np.concatenate([block.template for block in blocks])
    names, source_of_template = headers.sources()
    n_records = np.bincount(source_of_template[template], minlength=len(names))
    order, at_fs = _times(path, at_ns, asap)
    records = Records(
        at_fs=at_fs,
        source=source_of_template[template][order],
        template=template[order],
        frame_bytes=np.concatenate([block.frame_bytes for block in blocks])[order],
        index=np.arange(len(at_ns), dtype=np.int32)[order],
        rss_hash=np.concatenate([block.rss_hash for block in blocks])[order],
    )
    kind = CLOSED if asap else RECORDED
    sources = [Source(name, kind, n_records=int(n)) for name, n in zip(names, n_records, strict=True)]
    return Replay(headers.templates, sources, records)


def _times(path: str, at_ns: I64, asap: bool) -> tuple[I64 | slice, I64]:
    """Give the order in which frames come, and their times in that order."""
    if asap:
        return slice(None), np.zeros(len(at_ns), np.int64)
    span_ns = int(at_ns.max()) - int(at_ns.min())
    if span_ns * FS_PER_NS >= LONGEST_CAPTURE_FS:
        raise InputError(
            f"{path}: its timestamps span {span_ns // 10**9} s; at most {LONGEST_CAPTURE_FS // FS_PER_S} s "
            "can be replayed (pcap_time: asap plays it back to back)"
        )
    order = np.argsort(at_ns, kind="stable").astype(np.int64)
    return order, (at_ns[order] - at_ns.min()) * FS_PER_NS


@dataclass(frozen=True)
class _Frames:
    at_ns: I64
    template: I32
    frame_bytes: I32
    rss_hash: npt.NDArray[np.uint32]


def _read_block(path: str, block: PcapBlock, headers: HeaderTable) -> _Frames:
    captured = block.captured_bytes
    prefix = block.prefix(RSS_PREFIX_BYTES)
    scan = scan_headers(prefix, captured)
    is_cut = captured < block.original_bytes
    for at in np.flatnonzero(~scan.complete & is_cut)[:1]:
        raise InputError(_cut_short(path, block, int(at), "its header"))
    is_ip = np.where(scan.complete, scan.ethertype, 0)
    packets = None
    if headers.read_packets is not None:
        packets = headers.read_packets(block.data, block.start + scan.n_bytes, block.start + captured, is_ip)
    template = headers.intern(prefix, np.minimum(scan.n_bytes, captured), packets)
    if headers.all_packets and packets is not None:
        looked_at = [headers.outside_too or not is_uplink(each.source) for each in headers.templates]
        is_sent = np.array(looked_at, np.bool_)[template]
        for at in np.flatnonzero((packets["packet"]["is_short"] != 0) & is_cut & is_sent)[:1]:
            raise InputError(_cut_short(path, block, int(at), "what rules look at"))
    return _Frames(
        at_ns=block.at_ns,
        template=template,
        frame_bytes=(block.original_bytes + FCS_BYTES).astype(np.int32),
        rss_hash=frame_hashes(prefix, captured, scan.n_bytes, is_ip),
    )


def _cut_short(path: str, block: PcapBlock, at: int, what: str) -> str:
    return (
        f"{path}: {frame_name(block.first_frame + at)} holds {block.captured_bytes[at]} of "
        f"{block.original_bytes[at]} bytes, which ends within {what} (capture with a longer snapshot length)"
    )

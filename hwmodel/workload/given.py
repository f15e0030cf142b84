"""Frames that agents may send in a run: their headers, and the sources by which their functions send them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hwmodel.config import Config
from hwmodel.config.agents import OwnFrame
from hwmodel.config.bridge_ports import ports_of
from hwmodel.config.names import UPLINK
from hwmodel.config.system import apart_ports, bridges_of, servers_of
from hwmodel.rules.switch_modes import C_TAG
from hwmodel.wire.ethernet import BRIDGE_MAC, BRIDGES_OWN_MAC
from hwmodel.wire.tags import build_header, tag_of
from hwmodel.workload.headers import HeaderBook
from hwmodel.workload.replay import Owners
from hwmodel.workload.traffic import SILENT, FrameTemplate, Source, Workload, build_alias_table


def with_given(workload: Workload, config: Config, frames: Sequence[OwnFrame]) -> tuple[Workload, dict[OwnFrame, int]]:
    """Return a workload with what agents may send, and which of its templates each of these frames has.

    The templates come behind the others, and so do the sources, one for each function that sends any: it has no load,
    and sends what it is given. What a bridge, its port, or a bond's neighbour sends is as from the stations outside.
    """
    book = HeaderBook(config)
    owners = Owners([(server.station, server.config.switch) for server in servers_of(config)], apart_ports(config))
    templates: dict[FrameTemplate, int] = {}
    numbers: dict[OwnFrame, int] = {}
    bridges = bridges_of(config)
    ports = ports_of(bridges, servers_of(config)) if bridges else ()
    bridge_macs = {port.wire: BRIDGE_MAC + port.number for port in ports} | {UPLINK: BRIDGE_MAC}
    own_macs = {bridge.name: BRIDGES_OWN_MAC + at for at, bridge in enumerate(bridges)}
    for frame in frames:
        if frame.sender in own_macs:
            assert isinstance(frame.to, int) and frame.vlan is not None, "to a collector"
            tags = [tag_of(C_TAG, vid=frame.vlan)]
            header = build_header(frame.to, own_macs[frame.sender], frame.ethertype, tags)
            template = owners.template(header)
        elif frame.sender in bridge_macs:
            assert isinstance(frame.to, int), "to a reserved group"
            header = build_header(frame.to, bridge_macs[frame.sender], frame.ethertype)
            template = owners.template(header)
        else:
            header = book.header_to(frame.sender, frame.to, frame.ethertype)
            template = owners.template(header)._replace(source=frame.sender)
        template = template._replace(header=header + frame.packet, flow_bytes=len(frame.packet))
        numbers[frame] = templates.setdefault(template, len(workload.templates) + len(templates))
    sources = []
    for sender in dict.fromkeys(frame.sender for frame in frames):
        own = [frame for frame in frames if frame.sender == sender]
        targets = build_alias_table([(number, 1) for number in dict.fromkeys(numbers[frame] for frame in own)])
        sizes = build_alias_table([(n_bytes, 1) for n_bytes in dict.fromkeys(frame.frame_bytes for frame in own)])
        sources.append(Source(sender, SILENT, target_table=targets, size_table=sizes))
    added = replace(workload, templates=[*workload.templates, *templates], sources=[*workload.sources, *sources])
    return added, numbers

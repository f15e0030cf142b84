"""The picture of several servers: each as a box with its parts on the way of a frame, between them the bridges.

Drawn wide and narrow; a part is coloured by how busy or how full it is, as in the picture of one datapath.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from hwmodel.report.diagram import Place, arrow, box, frame, level, marker, meter
from hwmodel.report.labels import short_labels
from hwmodel.report.system_layout import BRIDGE, Layout, Tree, is_uplink, narrow_layout, port_key, wide_layout
from hwmodel.results.result import AdapterResult, Result
from hwmodel.units import UnitError, parse_bytes
from hwmodel.words.bridge_reading import NamedPort, core_share, port_lines, port_share, ports_of, setting_of
from hwmodel.words.datapath_parts import Part
from hwmodel.words.quantities import percent_text

_LONGEST_NAME = 10
_LONGEST_JOINED = 13  # with the name of one of several bridges before it
_SHORT_NAME = 7  # with room for a word before it
_ROW_H, _TITLE_H = 27.0, 34.0
_ROW_OF = {
    "driver.tx": "busiest core",
    "driver.rx": "busiest core",
    "nic.tx_ring": "Tx rings",
    "nic.queue": "Tx rings",
    "tx.descriptors": "Tx rings",
    "rate_limit": "Tx rings",
    "pcie.down": "PCIe down",
    "nic.dma.read": "Tx buffer",
    "nic.dma.shared": "Tx buffer",
    "nic.dma.write": "Rx buffer",
    "nic.store": "Tx buffer",
    "nic.tx_buffer": "Tx buffer",
    "nic.pipeline": "switch",
    "switch.bus": "switch",
    "wire.tx": "wire out",
    "wire.rx": "wire in",
    "nic.rx_buffer": "Rx buffer",
    "pcie.up": "PCIe up",
    "nic.rx_ring": "Rx rings",
    "rx.descriptors": "Rx rings",
}


def system_figure(result: Result, key: str) -> str:
    """Return the picture as two `<svg>` elements, of which the style sheet shows the one that fits the page.

    Of more than eight servers the first eight are drawn, behind extenders the first four; the tables have them all.
    """
    tree = Tree(ports_of(result), [adapter.name for adapter in result.servers])
    adapters = {adapter.name: adapter for adapter in result.servers}
    rows = {name: server_shares(result, adapters[name]) for name in tree.servers}
    height = _TITLE_H + _ROW_H * max((len(one) for one in rows.values()), default=0) + 26
    return "".join(
        _drawing(f"{key}-{name}", name, result, rows, layout)
        for name, layout in (("wide", wide_layout(tree, height)), ("narrow", narrow_layout(tree, height)))
    )


def server_shares(result: Result, adapter: AdapterResult) -> dict[str, float]:
    """Return how busy or how full each part of a server is, in the order of a frame's way out and back in."""
    busy = adapter.utilization
    switch = [busy[name] for name in ("switch.bus", "nic.pipeline") if busy.get(name)]
    found = {
        "busiest core": core_share(busy),
        "Tx rings": _ring_fill(result, adapter, "tx_ring"),
        "PCIe down": adapter.pcie.down.utilization,
        "Tx buffer": _buffer_fill(result, adapter, "tx_buffer"),
        "switch": max(switch) if switch else None,
        "wire out": busy.get("wire.tx"),
        "wire in": busy.get("wire.rx"),
        "Rx buffer": _buffer_fill(result, adapter, "rx_buffer"),
        "PCIe up": adapter.pcie.up.utilization,
        "Rx rings": _ring_fill(result, adapter, "rx_ring"),
    }
    return {name: share for name, share in found.items() if share is not None}


def _ring_fill(result: Result, adapter: AdapterResult, name: str) -> float | None:
    depth, n_slots = adapter.queues.get(name), setting_of(result, adapter.name, "nic", name)
    if depth is None or not isinstance(n_slots, int) or n_slots < 2:
        return None
    return min(1.0, depth.mean / (n_slots - 1))


def _buffer_fill(result: Result, adapter: AdapterResult, name: str) -> float | None:
    depth = adapter.queues.get(name)
    try:
        n_bytes = parse_bytes(setting_of(result, adapter.name, "nic", name))
    except UnitError:
        return None
    return min(1.0, depth.mean / n_bytes) if depth is not None and n_bytes else None


def _drawing(key: str, name: str, result: Result, rows: Mapping[str, Mapping[str, float]], layout: Layout) -> str:
    shown = {port_key(one): one for one in ports_of(result) if port_key(one) in layout.ports}
    names = [own for own, one in shown.items() if not one.port.to and not is_uplink(one.port)]
    labels = dict(zip(names, short_labels(names, _LONGEST_NAME), strict=True))
    limit = result.bottleneck.resource
    titles = _port_titles(shown, labels, has_several=len(result.bridges) > 1)
    parts = {own: Part(titles[own], port_lines(one.port), port_share(one.port)) for own, one in shown.items()}
    width, height = layout.size
    bridges = "bridges" if len(result.bridges) > 1 else "bridge"
    extended = ", port extenders," if len(layout.devices) > 1 else ""
    title = f"Servers, their wires,{extended} and the {bridges} between them"
    pieces = [
        f'<svg role="img" class="datapath {name}" viewBox="-2 -2 {width + 4:g} {height + 4:g}" '
        f'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{title}</title>'
        f'<desc id="{key}-d">{escape(_description(result, rows, parts))}</desc>{marker(key)}',
    ]
    for device, place in layout.devices.items():
        pieces.append(frame(place, bridges if device == BRIDGE else escape(f"extender {labels[device]}")))
    pieces += [arrow(start, end, f"{key}-a", both=True) for start, end in layout.arrows]
    for adapter in result.servers:
        if adapter.name in layout.servers:
            own = adapter.bottleneck
            is_limit = limit == f"{adapter.name}.{own.resource}" and own.utilization > 0
            place = layout.servers[adapter.name]
            pieces.append(_server(place, labels[adapter.name], rows[adapter.name], own.resource, is_limit))
    for port_name, part in parts.items():
        pieces.append(box(layout.ports[port_name], part, limit == shown[port_name].resource))
    return f"{''.join(pieces)}</svg>\n"


def _port_titles(shown: Mapping[str, NamedPort], labels: Mapping[str, str], *, has_several: bool) -> dict[str, str]:
    """Return what ports are called in the picture; of several bridges each is named before its ports."""
    named = {own: one for own, one in shown.items() if not is_uplink(one.port)}
    if has_several:
        full = [one.label.partition(" ")[0] for one in named.values()]
        labels = dict(zip(named, short_labels(full, _LONGEST_JOINED), strict=True))
    return {own: f"Port {labels[own]}" if own in named else "Uplink" for own in shown}


def _server(place: Place, label: str, shares: Mapping[str, float], resource: str, is_limit: bool) -> str:
    """Draw a server: a row for each part with its meter, and below them what limits this server by itself."""
    x, y, width, height = place
    left, right = x + 12, x + width - 12
    rows = [
        f'<g class="part{" limit" if is_limit else ""}">'
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7" class="box"/>'
        f'<text x="{left:g}" y="{y + 23:g}" class="title">{escape(_named("Server", label))}</text>'
    ]
    for at, (name, share) in enumerate(shares.items()):
        base = y + _TITLE_H + _ROW_H * at + 12
        look = "title" if _ROW_OF.get(resource) == name else "figure"
        rows.append(
            f'<g class="{level(share)}"><text x="{left:g}" y="{base:g}" class="{look}">{name}</text>'
            f'<text x="{right:g}" y="{base:g}" class="{look} end">{percent_text(share)}</text>'
            f"{meter(Place(left, base + 5, width - 24, 5), share)}</g>"
        )
    rows.append(f'<text x="{left:g}" y="{y + height - 11:g}" class="figure">limit: {escape(resource)}</text></g>')
    return "".join(rows)


def _named(kind: str, label: str) -> str:
    return f"{kind} {label}" if len(label) <= _SHORT_NAME else label


def _description(result: Result, rows: Mapping[str, Mapping[str, float]], parts: Mapping[str, Part]) -> str:
    servers = [
        f"Server {adapter.name}: "
        f"{', '.join(f'{name} {percent_text(share)}' for name, share in rows[adapter.name].items())}, "
        f"limit {adapter.bottleneck.resource}"
        for adapter in result.servers
        if adapter.name in rows
    ]
    whose = {name: f" of {name.removesuffix('.uplink')}" for name, part in parts.items() if part.title == "Uplink"}
    ports = [f"{part.title}{whose.get(name, '')}: {', '.join(part.lines)}" for name, part in parts.items()]
    return f"{'; '.join([*servers, *ports])}. The limit of all: {result.bottleneck.resource}."

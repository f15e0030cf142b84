"""The picture of the datapath: how busy or full each part of a frame's way is, drawn wide and narrow.

With a bridge at the other end of the wire the picture continues to its ports, over port extenders if any. With several
servers each is one box that lists its parts, with the bridges between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import escape

from hwmodel.report.configuration import short_labels
from hwmodel.report.diagram import (
    BRIDGE,
    OUTSIDE,
    Layout,
    Place,
    Tree,
    arrow,
    box,
    drawn_ports,
    frame,
    is_uplink,
    level,
    meter,
    narrow_layout,
    opening,
    port_key,
    wide_layout,
)
from hwmodel.report.link_strips import limits_at, strip_part, with_strips
from hwmodel.resources import BUS, WIRE_RX, WIRE_TX
from hwmodel.results.adapter_use import QueueDepth
from hwmodel.results.bridge_reading import (
    NamedPort,
    core_share,
    limit_cell,
    nic_setting_of,
    port_lines,
    port_share,
    ports_of,
)
from hwmodel.results.datapath_parts import Part, buffer_part, busiest_at, datapath_parts, part_of, ring_part
from hwmodel.results.modelled import link_words, set_in_run
from hwmodel.results.result import AdapterResult, Result
from hwmodel.results.shared_links_text import is_on_bus
from hwmodel.words.limits import of_any_port
from hwmodel.words.quantities import MISSING, percent_text, printable, server_noun, server_title

_BOX_W, _BOX_H = 170.0, 92.0
_WIDE = {
    "driver": Place(0, 24, _BOX_W, _BOX_H),
    "tx_ring": Place(206, 24, _BOX_W, _BOX_H),
    "down": Place(412, 24, _BOX_W, _BOX_H),
    "tx_buffer": Place(618, 24, _BOX_W, _BOX_H),
    "guest": Place(0, 214, _BOX_W, _BOX_H),
    "rx_ring": Place(206, 214, _BOX_W, _BOX_H),
    "up": Place(412, 214, _BOX_W, _BOX_H),
    "rx_buffer": Place(618, 214, _BOX_W, _BOX_H),
    "memory": Place(206, 123, _BOX_W, 84),
    "tags": Place(412, 123, _BOX_W, 84),
    "switch": Place(824, 24, 136, 282),
    "wire": Place(996, 119, _BOX_W, _BOX_H),
}
_WIDE_SIZE = (1166.0, 306.0)
_NARROW = {
    "driver": Place(0, 24, _BOX_W, _BOX_H),
    "tx_ring": Place(0, 138, _BOX_W, _BOX_H),
    "down": Place(0, 338, _BOX_W, _BOX_H),
    "tx_buffer": Place(0, 538, _BOX_W, _BOX_H),
    "guest": Place(190, 24, _BOX_W, _BOX_H),
    "rx_ring": Place(190, 138, _BOX_W, _BOX_H),
    "up": Place(190, 338, _BOX_W, _BOX_H),
    "rx_buffer": Place(190, 538, _BOX_W, _BOX_H),
    "memory": Place(95, 242, _BOX_W, 84),
    "tags": Place(95, 442, _BOX_W, 84),
    "switch": Place(0, 652, 360, 74),
    "wire": Place(95, 748, _BOX_W, 84),
}
_NARROW_SIZE = (360.0, 832.0)
# With a bridge: its two ports below the wire, in a frame that stands for the bridge. Extenders come before it, from
# right to left below the adapter (wide) or one below the other (narrow); of more than four the lowest four are drawn.
_WIDE_FRAME = Place(988, 124, 186, 254)
_FRAME_STEP_W, _NARROW_STEP_H = 206.0, 164.0
_MOST_EXTENDERS = 4
_SENDING = ("driver", "tx_ring", "down", "tx_buffer", "switch")
_RECEIVING = ("switch", "rx_buffer", "up", "rx_ring", "guest")


def limit_of(result: Result) -> str:
    """Return the resource that limits a run; "" if only the fullest is known."""
    return result.bottleneck.resource if result.bottleneck.is_limit else ""


def datapath_figure(result: Result, key: str) -> str:
    """Return the picture as two `<svg>` elements, of which the style sheet shows the one that fits the page."""
    parts = datapath_parts(result)
    resource = limit_of(result)
    limit = part_of(resource)
    link = "" if _link_changes(result.config) else link_words(result.config)
    wide, narrow = (_WIDE, _WIDE_SIZE), (_NARROW, _NARROW_SIZE)
    boxes = _boxes(result)
    if boxes:
        drawn_ports = [one for _, own in boxes for one in own]
        parts |= {
            f"port{at}": Part(_port_title(one), port_lines(one.port), port_share(one.port))
            for at, one in enumerate(drawn_ports)
        }
        names = {one.resource: f"port{at}" for at, one in enumerate(drawn_ports)}
        limit = names.get(resource, limit)
        wide, narrow = _wide_with(len(boxes)), _narrow_with(len(boxes))
    words = _description(parts, limit)
    captions = [name for name, _ in boxes]
    limits = ("up", "down") if resource == BUS else (limit,)
    return "".join(
        _drawing(f"{key}-{name}", name, *drawn, parts, limits, link, words, captions)
        for name, drawn in (("wide", wide), ("narrow", narrow))
    )


def _link_changes(config: Mapping[str, Any]) -> bool:
    """Tell whether something changes the link, whose name is that of what the run begins with."""
    return any("pcie." in key for key in set_in_run(config))


def _boxes(result: Result) -> list[tuple[str, tuple[NamedPort, NamedPort]]]:
    """Return what a frame passes beyond the adapter: extenders and the bridge, each with its lower and upper port.

    Several bridges are one box, from the adapter's port to the port outside; their other ports are in the table.
    """
    ports = {one.port.name: one for one in drawn_ports(result) if not one.port.to}
    if not ports:
        return []
    devices = {one.port.device for one in ports.values()}
    others = {OUTSIDE, *devices, *(f"{device}.uplink" for device in devices)}
    below = next(one for name, one in ports.items() if name not in others)
    found = []
    while f"{below.port.device}.uplink" in ports:
        device = below.port.device
        found.append((f"extender {printable(device)}", (below, ports[f"{device}.uplink"])))
        below = ports[device]
    caption = "bridges" if len(result.bridges) > 1 else "bridge"
    return [*found[:_MOST_EXTENDERS], (caption, (below, ports[OUTSIDE]))]


def _port_title(one: NamedPort) -> str:
    return "Uplink" if is_uplink(one.port) else f"Port {one.label.partition(' ')[0]}"


def _wide_with(n_boxes: int) -> tuple[dict[str, Place], tuple[float, float]]:
    """Return the wide picture with the bridge beside the adapter, or with extenders below it."""
    places = _WIDE | {"wire": Place(996, 24, _BOX_W, 84)}
    for at in range(n_boxes):
        x, y, width, height = _WIDE_FRAME
        x, y = x - at * _FRAME_STEP_W, y if n_boxes == 1 else _WIDE_SIZE[1] + 34
        places[f"frame{at}"] = Place(x, y, width, height)
        places[f"port{2 * at}"] = Place(x + 8, y + 24, _BOX_W, 104)
        places[f"port{2 * at + 1}"] = Place(x + 8, y + 142, _BOX_W, 104)
    return places, (1174.0, places["frame0"].y + _WIDE_FRAME.height)


def _narrow_with(n_boxes: int) -> tuple[dict[str, Place], tuple[float, float]]:
    """Return the narrow picture with extenders and the bridge below the wire."""
    places = dict(_NARROW)
    for at in range(n_boxes):
        y = 850 + at * _NARROW_STEP_H
        places[f"frame{at}"] = Place(0, y, 360, 142)
        places[f"port{2 * at}"] = Place(8, y + 28, 166, 104)
        places[f"port{2 * at + 1}"] = Place(186, y + 28, 166, 104)
    return places, (360.0, places[f"frame{n_boxes - 1}"].y + 142)


def _description(parts: Mapping[str, Part], limit: str | None) -> str:
    told = [
        f"{part.title}: {', '.join(filter(None, part.lines)) or 'not known'}{' (the limit)' if name == limit else ''}"
        for name, part in parts.items()
    ]
    return f"{'; '.join(told)}."


def _drawing(
    key: str,
    name: str,
    places: Mapping[str, Place],
    size: tuple[float, float],
    parts: Mapping[str, Part],
    limits: Sequence[str | None],
    link: str,
    words: str,
    captions: Sequence[str],
) -> str:
    tag = escape(f"{link} link" if link.startswith("PCIe") else link) or "the link"
    title = f"The way of a frame, from driver to guest, over {tag}"
    arrows = "".join(
        arrow(places[start], places[end], key) for way in (_SENDING, _RECEIVING) for start, end in pairwise(way)
    )
    wire, switch = places["wire"], places["switch"]
    arrows += arrow(switch, wire, key, both=True)
    outline = "".join(frame(places[f"frame{at}"], escape(caption)) for at, caption in enumerate(captions))
    if captions:
        # With a long caption, which the arrow would cross, the arrow ends at the frame's edge.
        first = places["port0" if len(captions) == 1 else "frame0"]
        arrows += arrow(wire, first, key, both=True)
    for at in range(len(captions)):
        arrows += arrow(places[f"port{2 * at}"], places[f"port{2 * at + 1}"], key, both=True)
        if at:
            arrows += arrow(places[f"frame{at - 1}"], places[f"frame{at}"], key, both=True)
    boxes = "".join(box(places[part], parts[part], part in limits) for part in places if part in parts)
    return f"{opening(key, name, size, title, words)}{_captions(name, places, link)}{outline}{arrows}{boxes}</svg>\n"


def _captions(name: str, places: Mapping[str, Place], link: str) -> str:
    """Write the words above (wide) the columns; the narrow picture has them over its two columns."""
    words: tuple[tuple[Place, str], ...]
    if name == "narrow":
        words = ((places["driver"], "sending, downwards"), (places["guest"], "receiving, upwards"))
    else:
        words = (
            (places["driver"], "host, sending"),
            (places["guest"], "host, receiving"),
            (places["down"], link),
            (places["tx_buffer"], "adapter"),
        )
    return "".join(
        f'<text x="{place.x:g}" y="{place.y - 8:g}" class="caption">{escape(text)}</text>' for place, text in words
    )


# ---- Several servers, and between them the bridges ----


_LONGEST_NAME = 10
_LONGEST_JOINED = 13  # if prefixed with the name of one of several bridges
_SHORT_NAME = 7  # if a word precedes it
_ROW_H, _TITLE_H = 27.0, 34.0
# The row of a resource: that of its part, unless the resource has a row of its own.
_ROW_OF_PART = {
    "driver": "busiest core",
    "tx_ring": "Tx rings",
    "down": "PCIe down",
    "tx_buffer": "Tx buffer",
    "switch": "switch",
    "rx_buffer": "Rx buffer",
    "up": "PCIe up",
    "rx_ring": "Rx rings",
    "guest": "busiest core",
}
_OWN_ROWS = {BUS: "bus, its part", WIRE_TX: "wire out", WIRE_RX: "wire in"}


def system_figure(result: Result, key: str) -> str:
    """Return the picture as two `<svg>` elements, of which the style sheet shows the one that fits the page.

    Only the first eight servers are drawn (with extenders: four), and of an adapter's several ports the busiest; the
    tables have all.
    """
    tree = Tree(drawn_ports(result), [adapter.name for adapter in result.servers])
    adapters = {adapter.name: adapter for adapter in result.servers}
    rows = {name: server_shares(result, adapters[name]) for name in tree.servers}
    height = _TITLE_H + _ROW_H * max((len(one) for one in rows.values()), default=0) + 26
    return "".join(
        _system_drawing(f"{key}-{name}", name, result, rows, *with_strips(layout, result.pcie_switches))
        for name, layout in (("wide", wide_layout(tree, height)), ("narrow", narrow_layout(tree, height)))
    )


def left_out_words(result: Result) -> str:
    """Say which servers and ports of adapters the picture leaves out; an empty text where it has all."""
    drawn, names = drawn_ports(result), [adapter.name for adapter in result.servers]
    n_drawn = len(Tree(drawn, names).servers)
    servers = f"{n_drawn} of {len(names)} {server_noun(*names)}s are drawn" if n_drawn < len(names) else ""
    ports = "of an adapter's ports the busiest is drawn" if len(drawn) < len(ports_of(result)) else ""
    return "; ".join(filter(None, (servers, ports)))


def server_shares(result: Result, adapter: AdapterResult) -> dict[str, float]:
    """Return how busy or full each part of a server is, in the order of a frame's way out and back in."""
    busy = adapter.utilization
    on_bus, link = is_on_bus(busy), adapter.pcie
    wires = busiest_at("wire", busy)
    found = {
        "busiest core": core_share(busy),
        "Tx rings": ring_part("Tx rings", *_depth_and_room(result, adapter, "tx_ring"), "frames").share,
        "bus, its part": busy.get(BUS),  # one for both directions, so listed once
        "PCIe down": None if on_bus else link.down.utilization,
        "Tx buffer": buffer_part("Tx buffer", *_depth_and_room(result, adapter, "tx_buffer")).share,
        "switch": max(filter(None, busiest_at("switch", busy).values()), default=None),
        "wire out": wires.get(WIRE_TX),
        "wire in": wires.get(WIRE_RX),
        "Rx buffer": buffer_part("Rx buffer", *_depth_and_room(result, adapter, "rx_buffer")).share,
        "PCIe up": None if on_bus else link.up.utilization,
        "Rx rings": ring_part("Rx rings", *_depth_and_room(result, adapter, "rx_ring"), "frames").share,
    }
    return {name: share for name, share in found.items() if share is not None}


def _depth_and_room(result: Result, adapter: AdapterResult, name: str) -> tuple[QueueDepth | None, Any]:
    return adapter.queues.get(name), nic_setting_of(result, adapter.name, name)


def _system_drawing(
    key: str,
    name: str,
    result: Result,
    rows: Mapping[str, Mapping[str, float]],
    layout: Layout,
    strips: Mapping[str, Place],
) -> str:
    shown = {port_key(one): one for one in drawn_ports(result) if port_key(one) in layout.ports}
    plain = {own: one for own, one in shown.items() if not one.port.to and not is_uplink(one.port)}
    labels = dict(zip(plain, short_labels(list(plain), _LONGEST_NAME), strict=True))
    full = [one.resource.partition(".")[2] for one in plain.values()]
    at_ports = dict(zip(plain, short_labels(full, _LONGEST_NAME), strict=True))
    limit = limit_of(result)
    titles = _port_titles(shown, at_ports, has_several=len(result.bridges) > 1)
    parts = {own: Part(titles[own], port_lines(one.port), port_share(one.port)) for own, one in shown.items()}
    bridges = "bridges" if len(result.bridges) > 1 else "bridge"
    extended = ", port extenders," if len(layout.devices) > 1 else ""
    title = f"Servers, their wires,{extended} and the {bridges} between them"
    pieces = [opening(key, name, layout.size, title, _system_description(result, rows, parts))]
    for device, place in layout.devices.items():
        pieces.append(frame(place, bridges if device == BRIDGE else escape(f"extender {labels[device]}")))
    pieces += [arrow(start, end, key, both=True) for start, end in layout.arrows]
    for one in result.pcie_switches:
        if one.name in strips:
            pieces.append(box(strips[one.name], strip_part(one), limits_at(one, limit)))
    for adapter in result.servers:
        if adapter.name in layout.servers:
            own = adapter.bottleneck
            is_limit = limit == f"{adapter.name}.{own.resource}" and own.utilization > 0
            place = layout.servers[adapter.name]
            title = _named(server_noun(adapter.name).capitalize(), labels[adapter.name])
            pieces.append(_server(place, title, rows[adapter.name], adapter, is_limit))
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


def _server(place: Place, title: str, shares: Mapping[str, float], adapter: AdapterResult, is_limit: bool) -> str:
    """Draw a server: a row with a meter for each part, and below them what is fullest, or limits all."""
    x, y, width, height = place
    left, right = x + 12, x + width - 12
    limiting = of_any_port(limit_cell(adapter).partition(" ")[0])
    limiting_row = _OWN_ROWS.get(limiting) or _ROW_OF_PART.get(part_of(limiting))
    rows = [
        f'<g class="part{" limit" if is_limit else ""}">'
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7" class="box"/>'
        f'<text x="{left:g}" y="{y + 23:g}" class="title">{escape(title)}</text>'
    ]
    for at, (name, share) in enumerate(shares.items()):
        base = y + _TITLE_H + _ROW_H * at + 12
        look = "title" if name == limiting_row else "figure"
        rows.append(
            f'<g class="{level(share)}"><text x="{left:g}" y="{base:g}" class="{look}">{name}</text>'
            f'<text x="{right:g}" y="{base:g}" class="{look} end">{percent_text(share)}</text>'
            f"{meter(Place(left, base + 5, width - 24, 5), share)}</g>"
        )
    words = f"{'limit' if is_limit else 'fullest'}: {limit_cell(adapter).partition(' ')[0]}"  # its row has the share
    rows.append(f'<text x="{left:g}" y="{y + height - 11:g}" class="figure">{escape(words)}</text></g>')
    return "".join(rows)


def _named(kind: str, label: str) -> str:
    return f"{kind} {label}" if len(label) <= _SHORT_NAME else label


def _system_description(result: Result, rows: Mapping[str, Mapping[str, float]], parts: Mapping[str, Part]) -> str:
    servers = [
        f"{server_title(adapter.name)}: "
        f"{', '.join(f'{name} {percent_text(share)}' for name, share in rows[adapter.name].items())}, "
        f"fullest {limit_cell(adapter)}"
        for adapter in result.servers
        if adapter.name in rows
    ]
    whose = {name: f" of {name.removesuffix('.uplink')}" for name, part in parts.items() if part.title == "Uplink"}
    links = [f"{part.title}: {', '.join(part.lines)}" for part in map(strip_part, result.pcie_switches)]
    ports = [f"{part.title}{whose.get(name, '')}: {', '.join(part.lines)}" for name, part in parts.items()]
    of_all = "The limit of all" if result.bottleneck.is_limit else "The fullest on average"
    return f"{'; '.join([*links, *servers, *ports])}. {of_all}: {result.bottleneck.resource or MISSING}."

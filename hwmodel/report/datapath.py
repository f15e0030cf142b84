"""The picture of the datapath: each part of a frame's way with how busy or how full it is, drawn wide and narrow.

With a bridge at the other end of the wire the picture goes on to its ports, over port extenders if there are some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from hwmodel.report.diagram import Place, arrow, box, frame, marker
from hwmodel.report.system_layout import OUTSIDE, is_uplink
from hwmodel.results.result import Result
from hwmodel.words.bridge_reading import NamedPort, port_lines, port_share, ports_of
from hwmodel.words.datapath_parts import Part, datapath_parts
from hwmodel.words.modelled import link_words
from hwmodel.words.quantities import printable

_PART_OF = {
    "driver.tx": "driver",
    "driver.rx": "guest",
    "nic.tx_ring": "tx_ring",
    "nic.queue": "tx_ring",
    "tx.descriptors": "tx_ring",
    "rate_limit": "tx_ring",
    "pcie.down": "down",
    "pcie.tags": "tags",
    "pcie.credits": "tags",
    "nic.dma.places": "tags",
    "nic.dma.read": "tx_buffer",
    "nic.dma.shared": "tx_buffer",
    "nic.dma.write": "rx_buffer",
    "host.walkers": "memory",
    "nic.store": "tx_buffer",
    "nic.tx_buffer": "tx_buffer",
    "nic.pipeline": "switch",
    "switch.bus": "switch",
    "wire.tx": "wire",
    "wire.rx": "wire",
    "nic.rx_buffer": "rx_buffer",
    "pcie.up": "up",
    "nic.rx_ring": "rx_ring",
    "rx.descriptors": "rx_ring",
    "host.drain": "memory",
}


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
# With a bridge: its two ports below the wire, in a frame that is the bridge. Behind extenders these come first, from
# right to left below the adapter or one below the other; of more than four the lowest four are drawn.
_WIDE_FRAME = Place(988, 124, 186, 254)
_FRAME_STEP_W, _NARROW_STEP_H = 206.0, 164.0
_MOST_EXTENDERS = 4
_SENDING = ("driver", "tx_ring", "down", "tx_buffer", "switch")
_RECEIVING = ("switch", "rx_buffer", "up", "rx_ring", "guest")


def datapath_figure(result: Result, key: str) -> str:
    """Return the picture as two `<svg>` elements, of which the style sheet shows the one that fits the page."""
    parts = datapath_parts(result)
    limit = _PART_OF.get(result.bottleneck.resource)
    link = link_words(result.config)
    wide, narrow = (_WIDE, _WIDE_SIZE), (_NARROW, _NARROW_SIZE)
    boxes = _boxes(result)
    if boxes:
        drawn_ports = [one for _, own in boxes for one in own]
        parts |= {
            f"port{at}": Part(_port_title(one), port_lines(one.port), port_share(one.port))
            for at, one in enumerate(drawn_ports)
        }
        names = {one.resource: f"port{at}" for at, one in enumerate(drawn_ports)}
        limit = names.get(result.bottleneck.resource, limit)
        wide, narrow = _wide_with(len(boxes)), _narrow_with(len(boxes))
    words = _description(parts, limit)
    captions = [name for name, _ in boxes]
    return "".join(
        _drawing(f"{key}-{name}", name, *drawn, parts, limit, link, words, captions)
        for name, drawn in (("wide", wide), ("narrow", narrow))
    )


def _boxes(result: Result) -> list[tuple[str, tuple[NamedPort, NamedPort]]]:
    """Return what a frame passes from the adapter on: extenders and the bridge, with the port below and that above.

    Several bridges are one box, from the port to the adapter to that outside; the others are in the table.
    """
    ports = {one.port.name: one for one in ports_of(result) if not one.port.to}
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
    limit: str | None,
    link: str,
    words: str,
    captions: Sequence[str],
) -> str:
    tag = f"{escape(link)} link" if link else "the link"
    title = f"The way of a frame, from driver to guest, over {tag}"
    head = (
        f'<svg role="img" class="datapath {name}" viewBox="-2 -2 {size[0] + 4:g} {size[1] + 4:g}" '
        f'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{title}</title>'
        f'<desc id="{key}-d">{escape(words)}</desc>{marker(key)}'
    )
    arrows = "".join(
        arrow(places[start], places[end], f"{key}-a") for way in (_SENDING, _RECEIVING) for start, end in pairwise(way)
    )
    wire, switch = places["wire"], places["switch"]
    arrows += arrow(switch, wire, f"{key}-a", both=True)
    outline = "".join(frame(places[f"frame{at}"], escape(caption)) for at, caption in enumerate(captions))
    if captions:
        # To a frame with a long caption, which the arrow would cross, no farther than its edge.
        first = places["port0" if len(captions) == 1 else "frame0"]
        arrows += arrow(wire, first, f"{key}-a", both=True)
    for at in range(len(captions)):
        arrows += arrow(places[f"port{2 * at}"], places[f"port{2 * at + 1}"], f"{key}-a", both=True)
        if at:
            arrows += arrow(places[f"frame{at - 1}"], places[f"frame{at}"], f"{key}-a", both=True)
    boxes = "".join(box(places[part], parts[part], part == limit) for part in places if part in parts)
    return f"{head}{_captions(name, places, link)}{outline}{arrows}{boxes}</svg>\n"


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

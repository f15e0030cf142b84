"""The elements of a page's pictures: boxes with figures and a meter, arrows, frames; hand-written SVG.

Colours come from the page's style sheet, by class, so that pictures adapt to dark pages and print; every figure is also
text, so that no meaning depends on a colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from xml.sax.saxutils import escape

from hwmodel.results.bridge import ADAPTER, BridgePortResult, is_wire_of
from hwmodel.results.bridge_reading import NamedPort, port_share, ports_of
from hwmodel.results.datapath_parts import Part
from hwmodel.results.result import Result

BUSY_FROM, FULL_FROM = 0.5, 0.9


class Place(NamedTuple):
    """Where a box stands in its picture."""

    x: float
    y: float
    width: float
    height: float


def opening(key: str, name: str, size: tuple[float, float], title: str, description: str) -> str:
    """Begin a picture, wide or narrow by its `name`: its size, its words, and the heads of its arrows, `{key}-a`."""
    width, height = size
    return (
        f'<svg role="img" class="datapath {name}" viewBox="-2 -2 {width + 4:g} {height + 4:g}" '
        f'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{title}</title>'
        f'<desc id="{key}-d">{escape(description)}</desc>'
        f'<defs><marker id="{key}-a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" class="arrowhead"/></marker></defs>'
    )


def frame(place: Place, caption: str) -> str:
    """Draw an outline around several boxes, its name inside at the top."""
    x, y, width, height = place
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="9" class="frame"/>'
        f'<text x="{x + 10:g}" y="{y + 17:g}" class="caption">{caption}</text>'
    )


def arrow(start: Place, end: Place, key: str, both: bool = False) -> str:
    """Draw an arrow of the picture `key` between facing sides of two boxes, at the middle of the smaller one."""
    if start.x + start.width <= end.x or end.x + end.width <= start.x:
        forward = start.x < end.x
        x1, x2 = (start.x + start.width, end.x) if forward else (start.x, end.x + end.width)
        small = min(start, end, key=lambda place: place.height)
        y1 = y2 = small.y + small.height / 2
    else:
        forward = start.y < end.y
        y1, y2 = (start.y + start.height, end.y) if forward else (start.y, end.y + end.height)
        small = min(start, end, key=lambda place: place.width)
        x1 = x2 = small.x + small.width / 2
    head = f"url(#{key}-a)"
    ends = f' marker-start="{head}"' if both else ""
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" class="arrow" marker-end="{head}"{ends}/>'


def box(place: Place, part: Part, is_limit: bool) -> str:
    """Draw a part: its title, its figures, a meter where it has a share, and a mark where it is the limit."""
    x, y, width, height = place
    left = x + 12
    classes = f"part {level(part.share)}{' limit' if is_limit else ''}"
    rows = [f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7" class="box"/>']
    rows.append(f'<text x="{left:g}" y="{y + 23:g}" class="title">{escape(part.title)}</text>')
    rows += [
        f'<text x="{left:g}" y="{y + 43 + 18 * index:g}" class="figure">{escape(line)}</text>'
        for index, line in enumerate(line for line in part.lines if line)
    ]
    if part.share is not None:
        rows.append(meter(Place(left, y + height - 15, width - 24, 6), part.share))
    if is_limit:
        rows.append(f'<text x="{x + width - 10:g}" y="{y + 23:g}" class="flag">limit</text>')
    return f'<g class="{classes}">{"".join(rows)}</g>'


def meter(place: Place, share: float) -> str:
    """Draw a bar that is filled up to a share."""
    x, y, width, height = place
    filled = width * min(1.0, max(0.0, share))
    shape = f'height="{height:g}" rx="{height / 2:g}"'
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" {shape} class="rail"/>'
        f'<rect x="{x:g}" y="{y:g}" width="{filled:.4g}" {shape} class="meter"/>'
    )


def level(share: float | None) -> str:
    """Return the style class that colours a share."""
    if share is None:
        return "unknown"
    return "full" if share >= FULL_FROM else "busy" if share >= BUSY_FROM else "calm"


# ---- Where servers, extenders, bridges and their ports stand, wide and narrow ----


MOST_SERVERS = 8
MOST_BESIDE = 4  # in a row; with extenders there is one row
MOST_ENDS = 10  # of wires between bridges
OUTSIDE, BRIDGE = "outside", "bridge"
PORT_H, GAP = 104.0, 18.0
WIDE_W, NARROW_W = 1132.0, 360.0
_CAPTION_H, _ROW_GAP = 24.0, 12.0


@dataclass
class Layout:
    """Hold the places of servers, devices and ports, ports by `port_key`; `arrows`: pairs joined by a two-way arrow."""

    size: tuple[float, float] = (0.0, 0.0)
    servers: dict[str, Place] = field(default_factory=dict)
    devices: dict[str, Place] = field(default_factory=dict)
    ports: dict[str, Place] = field(default_factory=dict)
    arrows: list[tuple[Place, Place]] = field(default_factory=list)


class Tree:
    """Tell what is below the bridge and its extenders, for the servers drawn; `named`: all ports.

    Several bridges are drawn as one, with `ends`: ends of the wires between them, up to MOST_ENDS.
    """

    def __init__(self, named: Sequence[NamedPort], servers: Sequence[str]) -> None:
        self.ends = [port_key(one) for one in named if one.port.to][:MOST_ENDS]
        ports = [one.port for one in named if not one.port.to]
        self.extenders = [port.device for port in ports if is_uplink(port)]
        self._above = {
            port.name: port.device if port.device in self.extenders else BRIDGE for port in ports if not is_uplink(port)
        }
        most = MOST_BESIDE if self.extenders else MOST_SERVERS
        self._ports = [port.name for port in ports if not is_uplink(port) and port.name != OUTSIDE]
        drawn = set(servers[:most])
        self.servers = [name for name in self._below(BRIDGE) if name in drawn] if self.extenders else servers[:most]

    def way_up(self, name: str) -> list[str]:
        """Return the boxes from a port's own up to the bridge."""
        found = [self._above[name]]
        while found[-1] != BRIDGE:
            found.append(self._above[found[-1]])
        return found

    def devices(self) -> list[str]:
        """Return the extenders that lead to a drawn server, farthest from the bridge first, then the bridge."""
        used = {name for server in self.servers for name in self.way_up(server)} - {BRIDGE}
        ordered = [name for name in self.extenders if name in used]
        return [*sorted(ordered, key=lambda name: -len(self.way_up(name))), BRIDGE]

    def below(self, device: str) -> list[str]:
        """Return the ports of a device that lead to a drawn server, not those to outside."""
        wanted = {*self.servers, *self.devices()}
        return [name for name in self._ports if self._above[name] == device and name in wanted]

    def spanned(self, name: str) -> list[str]:
        """Return the drawn servers behind a port or a device."""
        return [one for one in self.servers if name in (one, *self.way_up(one))]

    def _below(self, device: str) -> Iterator[str]:
        """List the servers below a device in order, but those behind one extender next to each other."""
        groups = [
            list(self._below(name)) if name in self.extenders else [name]
            for name in self._ports
            if self._above[name] == device
        ]
        for group in sorted((group for group in groups if group), key=lambda group: self._ports.index(group[0])):
            yield from group


def drawn_ports(result: Result) -> list[NamedPort]:
    """Return the ports of all bridges, but only the busiest one to an adapter with several Ethernet ports.

    That one gets the name that an only port would have; its resource says which port it is.
    """
    names = [adapter.name for adapter in result.servers] or [""]
    found: dict[str, NamedPort] = {}
    for one in ports_of(result):
        server = next((name for name in names if is_wire_of(one.port.name, name) and not one.port.to), None)
        name = one.resource if server is None else server
        known = found.get(name)
        if known is None or port_share(one.port) > port_share(known.port):
            kept = one.port if server is None else replace(one.port, name=server or ADAPTER)
            found[name] = one._replace(port=kept)
    return list(found.values())


def is_uplink(port: BridgePortResult) -> bool:
    """Tell whether a port is an extender's upper one."""
    return port.name == f"{port.device}.uplink"


def port_key(one: NamedPort) -> str:
    """Return a port's name in a layout: after what it leads to, or its own at a wire between bridges."""
    return one.resource if one.port.to else one.port.name


def wide_layout(tree: Tree, height: float) -> Layout:
    """Place the picture for a wide page."""
    return _wide_tree(tree, height) if tree.extenders else _wide_rows(tree, height)


def _wide_rows(tree: Tree, height: float) -> Layout:
    """Place up to four servers above the bridge, the rest below, each at its port; outside at the right.

    The ends of wires between bridges stand in the middle.
    """
    found, n_servers = Layout(), len(tree.servers)
    n_columns = min(n_servers, MOST_BESIDE)
    width = (WIDE_W - n_columns * GAP) / (n_columns + 1)
    below = n_servers > MOST_BESIDE
    top = height + 34
    ends_h = _place_ends(found, tree, n_columns + 1, top + _CAPTION_H + PORT_H + _ROW_GAP)
    bridge_h = 34 + PORT_H + ends_h + (PORT_H + _ROW_GAP if below else 0)
    bridge = found.devices[BRIDGE] = Place(0, top, WIDE_W, bridge_h)
    bottom = top + bridge.height + 34
    for at, name in enumerate(tree.servers):
        row, column = divmod(at, MOST_BESIDE)
        x = column * (width + GAP)
        found.servers[name] = Place(x, bottom if row else 0, width, height)
        found.ports[name] = Place(x + 10, top + _CAPTION_H + row * (PORT_H + _ROW_GAP + ends_h), width - 20, PORT_H)
        found.arrows.append((found.servers[name], found.ports[name]))
    found.ports[OUTSIDE] = Place(n_columns * (width + GAP) + 10, top + _CAPTION_H, width - 20, PORT_H)
    found.size = (WIDE_W, bottom + height if below else top + bridge.height)
    return found


def _place_ends(found: Layout, tree: Tree, n_columns: int, top: float) -> float:
    """Place the ends of wires between bridges in rows from `top` on; return the height of these."""
    width = (WIDE_W - (n_columns - 1) * GAP) / n_columns
    for at, name in enumerate(tree.ends):
        row, column = divmod(at, n_columns)
        x, y = column * (width + GAP) + 10, top + row * (PORT_H + _ROW_GAP)
        found.ports[name] = Place(x, y, width - 20, PORT_H)
    return -(-len(tree.ends) // n_columns) * (PORT_H + _ROW_GAP)


def _wide_tree(tree: Tree, height: float) -> Layout:
    """Place servers in a row, and below them extenders by their distance from the bridge, each over its servers."""
    found = Layout()
    n_columns = len(tree.servers)
    width = (WIDE_W - n_columns * GAP) / (n_columns + 1)
    for column, name in enumerate(tree.servers):
        found.servers[name] = Place(column * (width + GAP), 0, width, height)
    levels = sorted({len(tree.way_up(name)) for name in tree.devices()[:-1]}, reverse=True)
    frame_h = _CAPTION_H + 2 * (PORT_H + 10)
    tops = {level: height + 34 + row * (frame_h + 34) for row, level in enumerate(levels)}
    top = height + 34 + len(levels) * (frame_h + 34)
    bridge_h = 34 + PORT_H + _place_ends(found, tree, n_columns + 1, top + _CAPTION_H + PORT_H + _ROW_GAP)
    for device in tree.devices():
        is_bridge = device == BRIDGE
        columns = [found.servers[name] for name in tree.spanned(device)]
        x, right = columns[0].x, columns[-1].x + width
        y = top if is_bridge else tops[len(tree.way_up(device))]
        found.devices[device] = Place(0, y, WIDE_W, bridge_h) if is_bridge else Place(x, y, right - x, frame_h)
        for name in tree.below(device):
            behind = [found.servers[one] for one in tree.spanned(name)]
            middle = (behind[0].x + behind[-1].x + width) / 2
            place = found.ports[name] = Place(middle - width / 2 + 10, y + _CAPTION_H, width - 20, PORT_H)
            uplink = found.ports.get(f"{name}.uplink")
            found.arrows.append((found.servers[name] if uplink is None else uplink, place))
        if not is_bridge:
            below = y + _CAPTION_H + PORT_H + 10
            found.ports[f"{device}.uplink"] = Place((x + right) / 2 - width / 2 + 10, below, width - 20, PORT_H)
    found.ports[OUTSIDE] = Place(n_columns * (width + GAP) + 10, top + _CAPTION_H, width - 20, PORT_H)
    found.size = (WIDE_W, top + bridge_h)
    return found


def narrow_layout(tree: Tree, height: float) -> Layout:
    """Place servers two by two, behind them the extenders and the bridge, each with its ports."""
    found, names = Layout(), tree.servers
    width = (NARROW_W - 12) / 2
    for at, name in enumerate(names):
        found.servers[name] = Place(at % 2 * (width + 12), at // 2 * (height + 12), width, height)
    rows = (len(names) + 1) // 2
    top = rows * (height + 12) + 22
    for device in tree.devices():
        last = [OUTSIDE, *tree.ends] if device == BRIDGE else [f"{device}.uplink"]
        own = [*tree.below(device), *last]
        for at, name in enumerate(own):
            y = top + _CAPTION_H + at // 2 * (PORT_H + 10)
            found.ports[name] = Place(8 + at % 2 * (width - 2), y, width - 10, PORT_H)
        found.devices[device] = Place(0, top, NARROW_W, _CAPTION_H + (len(own) + 1) // 2 * (PORT_H + 10))
        top += found.devices[device].height + 22
    if rows == 1 and not tree.extenders:
        found.arrows = [(found.servers[name], found.ports[name]) for name in names]
    found.size = (NARROW_W, top - 22)
    return found

"""The picture of several servers: each as a box with its parts on the way of a frame, between them the bridges.

Drawn wide and narrow; a part is coloured by how busy or how full it is, as in the picture of one datapath.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from hwmodel.report.bridge_reading import NamedPort, core_share, port_lines, port_share, ports_of, ports_to, setting_of
from hwmodel.report.diagram import Part, Place, arrow, box, frame, level, marker, meter
from hwmodel.report.labels import short_labels
from hwmodel.report.quantities import percent_text
from hwmodel.results.system import AdapterResult, SystemResult
from hwmodel.units import UnitError, parse_bytes

MOST_SERVERS = 8
_MOST_ENDS = 10  # of wires between bridges
_IN_A_ROW = 4
_LONGEST_NAME = 10
_LONGEST_JOINED = 13  # with the name of one of several bridges before it
_SHORT_NAME = 7  # with room for a word before it
_ROW_H, _TITLE_H, _PORT_H, _GAP = 27.0, 34.0, 104.0, 18.0
_WIDE_W, _NARROW_W = 1132.0, 360.0
_ROW_OF = {
    "driver.tx": "busiest core",
    "driver.rx": "busiest core",
    "nic.tx_ring": "Tx rings",
    "tx.descriptors": "Tx rings",
    "rate_limit": "Tx rings",
    "pcie.down": "PCIe down",
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


class _Layout(NamedTuple):
    """Where servers, ports and bridges stand; `joined` says which servers an arrow leads from to their ports.

    Ports are those to the servers, that outside, then the ends of wires between bridges.
    """

    size: tuple[float, float]
    servers: tuple[Place, ...]
    bridge: Place
    ports: tuple[Place, ...]
    joined: tuple[int, ...]


def system_figure(result: SystemResult, key: str) -> str:
    """Return the picture as two `<svg>` elements, of which the style sheet shows the one that fits the page.

    Of more than eight servers the first eight are drawn; the tables have them all.
    """
    drawn = result.adapters[:MOST_SERVERS]
    rows = [server_shares(result, adapter) for adapter in drawn]
    n_ends = len(_ends_of(result))
    height = _TITLE_H + _ROW_H * max((len(one) for one in rows), default=0) + 26
    return "".join(
        _drawing(f"{key}-{name}", name, result, rows, place(len(drawn), n_ends, height))
        for name, place in (("wide", _wide), ("narrow", _narrow))
    )


def _ends_of(result: SystemResult) -> list[NamedPort]:
    """Return the ports at the ends of wires between bridges, as many as are drawn."""
    return [one for one in ports_of(result) if one.port.to][:_MOST_ENDS]


def server_shares(result: SystemResult, adapter: AdapterResult) -> dict[str, float]:
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


def _ring_fill(result: SystemResult, adapter: AdapterResult, name: str) -> float | None:
    depth, n_slots = adapter.queues.get(name), setting_of(result, adapter.name, "nic", name)
    if depth is None or not isinstance(n_slots, int) or n_slots < 2:
        return None
    return min(1.0, depth.mean / (n_slots - 1))


def _buffer_fill(result: SystemResult, adapter: AdapterResult, name: str) -> float | None:
    depth = adapter.queues.get(name)
    try:
        n_bytes = parse_bytes(setting_of(result, adapter.name, "nic", name))
    except UnitError:
        return None
    return min(1.0, depth.mean / n_bytes) if depth is not None and n_bytes else None


def _wide(n_servers: int, n_ends: int, height: float) -> _Layout:
    """Place up to four servers above the bridges and the rest below, each beside its port; outside at the right.

    The ends of wires between bridges stand in the middle.
    """
    n_columns = min(n_servers, _IN_A_ROW)
    width = (_WIDE_W - n_columns * _GAP) / (n_columns + 1)
    below = n_servers > _IN_A_ROW
    top = height + 34
    end_rows = -(-n_ends // (n_columns + 1))
    ends_height = end_rows * (_PORT_H + 12)
    bridge = Place(0, top, _WIDE_W, 34 + _PORT_H + ends_height + (_PORT_H + 12 if below else 0))
    bottom = top + bridge.height + 34
    servers, ports = [], []
    for at in range(n_servers):
        row, column = divmod(at, _IN_A_ROW)
        x = column * (width + _GAP)
        servers.append(Place(x, bottom if row else 0, width, height))
        ports.append(Place(x + 10, top + 24 + row * (_PORT_H + 12 + ends_height), width - 20, _PORT_H))
    outside = Place(n_columns * (width + _GAP) + 10, top + 24, width - 20, _PORT_H)
    ends = []
    for at in range(n_ends):
        row, column = divmod(at, n_columns + 1)
        y = top + 24 + (row + 1) * (_PORT_H + 12)
        ends.append(Place(column * (width + _GAP) + 10, y, width - 20, _PORT_H))
    size = (_WIDE_W, bottom + height if below else top + bridge.height)
    return _Layout(size, tuple(servers), bridge, (*ports, outside, *ends), tuple(range(n_servers)))


def _narrow(n_servers: int, n_ends: int, height: float) -> _Layout:
    """Place servers two by two, and the bridges with all ports behind them."""
    width = (_NARROW_W - 12) / 2
    rows = (n_servers + 1) // 2
    servers = tuple(Place(at % 2 * (width + 12), at // 2 * (height + 12), width, height) for at in range(n_servers))
    top = rows * (height + 12) + 22
    ports = tuple(
        Place(8 + at % 2 * (width - 2), top + 24 + at // 2 * (_PORT_H + 10), width - 10, _PORT_H)
        for at in range(n_servers + 1 + n_ends)
    )
    bridge = Place(0, top, _NARROW_W, 24 + ((n_servers + n_ends) // 2 + 1) * (_PORT_H + 10))
    last = tuple(at for at in range(n_servers) if at // 2 == rows - 1)
    return _Layout((_NARROW_W, top + bridge.height), servers, bridge, ports, last if rows == 1 else ())


def _drawing(key: str, name: str, result: SystemResult, rows: Sequence[Mapping[str, float]], layout: _Layout) -> str:
    # Of many servers those drawn, and the stations outside; ports between extenders are in the table.
    names = [adapter.name for adapter in result.adapters[: len(layout.servers)]]
    shown = [*ports_to(result, [*names, "outside"]), *_ends_of(result)]
    server_labels = short_labels([*names, "outside"], _LONGEST_NAME)
    longest = _LONGEST_NAME if len(result.bridges) == 1 else _LONGEST_JOINED
    labels = short_labels([one.label.partition(" ")[0] for one in shown], longest)
    limit = result.bottleneck.resource
    parts = [
        Part(f"Port {label}", port_lines(one.port), port_share(one.port))
        for label, one in zip(labels, shown, strict=True)
    ]
    width, height = layout.size
    bridges = "bridges" if len(result.bridges) > 1 else "bridge"
    title = f"Servers, their wires, and the {bridges} between them"
    pieces = [
        f'<svg role="img" class="datapath {name}" viewBox="-2 -2 {width + 4:g} {height + 4:g}" '
        f'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{title}</title>'
        f'<desc id="{key}-d">{escape(_description(result, rows, parts))}</desc>{marker(key)}',
        frame(layout.bridge, bridges),
    ]
    pieces += [arrow(layout.servers[at], layout.ports[at], f"{key}-a", both=True) for at in layout.joined]
    for adapter, label, shares, place in zip(result.adapters, server_labels, rows, layout.servers, strict=False):
        is_limit = limit == f"{adapter.name}.{adapter.bottleneck.resource}" and adapter.bottleneck.utilization > 0
        pieces.append(_server(place, label, shares, adapter.bottleneck.resource, is_limit))
    for one, part, place in zip(shown, parts, layout.ports, strict=True):
        pieces.append(box(place, part, limit == one.resource))
    return f"{''.join(pieces)}</svg>\n"


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


def _description(result: SystemResult, rows: Sequence[Mapping[str, float]], parts: Sequence[Part]) -> str:
    servers = [
        f"Server {adapter.name}: {', '.join(f'{name} {percent_text(share)}' for name, share in shares.items())}, "
        f"limit {adapter.bottleneck.resource}"
        for adapter, shares in zip(result.adapters, rows, strict=False)
    ]
    ports = [f"{part.title}: {', '.join(part.lines)}" for part in parts]
    return f"{'; '.join([*servers, *ports])}. The limit of all: {result.bottleneck.resource}."

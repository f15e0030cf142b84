"""The PCIe switches of a system's picture: a box for each above the adapters that share its link, widest on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hwmodel.report.diagram import GAP, Layout, Place
from hwmodel.results.datapath_parts import Part
from hwmodel.results.shared_links import PcieSwitchResult
from hwmodel.words.quantities import percent_text

STRIP_H, _BETWEEN = 84.0, 26.0
_SHARED = "multi_root"  # the link that all hosts share; those of single hosts are multi_root.a


def strip_part(one: PcieSwitchResult) -> Part:
    """Return what a PCIe switch's box says: how busy the link above it is, each way."""
    name = one.name
    title = f"PCIe switch {name}"
    if name.partition(".")[0] == _SHARED:
        title = "Link that hosts share" if name == _SHARED else f"Link of host {name.partition('.')[2]}"
    lines = (f"up {percent_text(one.up.utilization)} busy", f"down {percent_text(one.down.utilization)} busy")
    return Part(title, lines, max(one.up.utilization, one.down.utilization))


def limits_at(one: PcieSwitchResult, resource: str) -> bool:
    """Tell whether a resource is the link above a PCIe switch."""
    return resource in (f"{one.name}.up", f"{one.name}.down")


def adapters_below(one: PcieSwitchResult, switches: Sequence[PcieSwitchResult]) -> set[str]:
    """Return the adapters (or hosts) that share a PCIe switch's link."""
    by_name = {each.name: each for each in switches}
    found: set[str] = set()
    for port in one.ports:
        found |= adapters_below(by_name[port.name], switches) if port.name in by_name else {port.name}
    return found


def with_strips(layout: Layout, switches: Sequence[PcieSwitchResult]) -> tuple[Layout, dict[str, Place]]:
    """Make room above a layout's servers for the PCIe switches that they are behind; return these places by name."""
    drawn = [one for one in switches if adapters_below(one, switches) & set(layout.servers)]
    levels = {one.name: _level(one, drawn) for one in drawn}
    n_levels = max(levels.values(), default=-1) + 1
    if not n_levels:
        return layout, {}
    down = n_levels * (STRIP_H + _BETWEEN)
    kinds = (layout.servers, layout.devices, layout.ports)
    moved = {old: old._replace(y=old.y + down) for places_of in kinds for old in places_of.values()}
    places = {}
    for one in drawn:
        below = [moved[layout.servers[name]] for name in layout.servers if name in adapters_below(one, switches)]
        left, right = min(place.x for place in below), max(place.x + place.width for place in below)
        places[one.name] = Place(left, levels[one.name] * (STRIP_H + _BETWEEN), max(right - left, 10 * GAP), STRIP_H)
    arrows = [(moved[start], moved[end]) for start, end in layout.arrows]
    for one in drawn:
        servers = {name: moved[place] for name, place in layout.servers.items()}
        ends = [places.get(port.name) or servers.get(port.name) for port in one.ports]
        own = [each for each in drawn if each is not one and levels[each.name] == levels[one.name] + 1]
        if one.name == _SHARED:  # its ports lead to hosts, by links of their own
            ends = [places[each.name] for each in own]
        arrows += [(places[one.name], end) for end in ends if end is not None]
    shifted = replace(
        layout,
        size=(layout.size[0], layout.size[1] + down),
        servers={name: moved[place] for name, place in layout.servers.items()},
        devices={name: moved[place] for name, place in layout.devices.items()},
        ports={name: moved[place] for name, place in layout.ports.items()},
        arrows=arrows,
    )
    return shifted, places


def _level(one: PcieSwitchResult, drawn: Sequence[PcieSwitchResult]) -> int:
    """Return how many PCIe switches are between one and the top of the picture."""
    below = adapters_below(one, drawn)
    above = [
        each for each in drawn if one.name in [port.name for port in each.ports] or below < adapters_below(each, drawn)
    ]
    return 1 + max((_level(each, drawn) for each in above), default=-1)

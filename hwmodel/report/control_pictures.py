"""The page's pictures of VMs that somebody started: each over time, and who told whom, message by message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.report.configuration import short_labels
from hwmodel.report.figures import GREEN, GREY, INK, SKY, VERMILION, drawing_style, new_canvas, svg_element
from hwmodel.report.tables import Table
from hwmodel.results.control import VM_COLUMNS, VM_TEXT_COLUMNS, vm_rows
from hwmodel.words.quantities import page_time, page_time_unit, printable

if TYPE_CHECKING:
    from hwmodel.results.control import ControlledVm
    from hwmodel.results.result import Result

COURSES, SEQUENCE = "control_courses", "control_sequence"
MOST_BARS, MOST_ARROWS = 24, 40
_LONGEST_NAME, _LONGEST_TEXT = 16, 34
_END_OF_WIRE = "vdp_"  # the station's end of VDP at a wire is called so, with the wire's name behind


class Arrow(NamedTuple):
    """Say who told whom what, when."""

    at_ns: float
    sender: str
    receiver: str
    text: str


def control_figures(result: Result, key: str) -> dict[str, str]:
    """Draw both pictures, by place; empty texts where nobody is controlled, or nothing was said."""
    return {COURSES: courses_figure(result, f"{key}-courses"), SEQUENCE: sequence_figure(result, f"{key}-sequence")}


def control_table(result: Result) -> Table | None:
    """List the VMs that were started; None where none was."""
    if result.control is None or not result.control.vms:
        return None
    return Table(VM_COLUMNS, [[printable(cell) for cell in row] for row in vm_rows(result.control)], VM_TEXT_COLUMNS)


def courses_figure(result: Result, key: str) -> str:
    """Draw a bar for each VM that was started: while it boots, while it runs without its network, while it has that."""
    vms = [] if result.control is None else [vm for vm in result.control.vms if vm.ordered_ns is not None][:MOST_BARS]
    if not vms:
        return ""
    end_ns = result.window.end_ns
    scale, unit = page_time_unit(end_ns)
    with drawing_style(key):
        figure, axes = new_canvas(1.1 + 0.24 * len(vms))
        for row, vm in enumerate(vms):
            for from_ns, to_ns, colour, height in _stages(vm, end_ns):
                axes.barh(row, (to_ns - from_ns) / scale, height, left=from_ns / scale, color=colour)
        for field, marker, label in (("port_ns", "|", "port has its profile"), ("wire_ns", "D", "wire has its VLANs")):
            dots = [(at / scale, row) for row, vm in enumerate(vms) if (at := getattr(vm, field)) is not None]
            if dots:
                axes.plot(*zip(*dots, strict=True), marker, color=INK, markersize=4, linestyle="", label=label)
        for label, colour in (("boots", SKY), ("runs without its network", VERMILION), ("is served", GREEN)):
            axes.barh(0, 0, color=colour, label=label)
        axes.set_yticks(range(len(vms)), short_labels([vm.name for vm in vms], _LONGEST_NAME))
        axes.set_ylim(len(vms) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, end_ns / scale)
        axes.set_xlabel(f"time, {unit}")
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8, handlelength=1, columnspacing=1)
        return svg_element(figure, key, "When each VM is ordered, boots, runs without its network, and is served")


def _stages(vm: ControlledVm, end_ns: float) -> Iterator[tuple[float, float, str, float]]:
    """Yield the parts of a VM's bar: from when until when, its colour and height."""
    stopped_ns = end_ns if vm.stopped_ns is None else vm.stopped_ns
    up_ns = stopped_ns if vm.up_ns is None else vm.up_ns
    served_ns = stopped_ns if vm.served_ns is None else vm.served_ns
    yield vm.ordered_ns or 0.0, up_ns, SKY, 0.4
    if served_ns > up_ns:
        yield up_ns, min(served_ns, stopped_ns), VERMILION, 0.66
    yield max(up_ns, served_ns), stopped_ns, GREEN, 0.4


def arrows_of(result: Result) -> list[Arrow]:
    """Return what was said by those who control VMs, in the order of time: messages, and frames of VDP but for LLDP."""
    found = []
    for one in result.agent_actions:
        if one.to:
            found.append(Arrow(one.at_ns, one.agent, one.to, one.send))
        elif (says := str(one.frame.get("says", ""))) and not says.startswith("LLDP"):
            port = str(one.frame["from"])
            station = f"{_END_OF_WIRE}{port}"
            receiver = station if station in result.agents else _bridge_end(result, one.agent)
            if receiver:
                found.append(Arrow(one.at_ns, one.agent, receiver, says))
    return found


def _bridge_end(result: Result, station: str) -> str:
    """Return who is at the other end of a station's wire: the bridge that has its port."""
    wire = station.removeprefix(_END_OF_WIRE)
    sent = (one for one in result.agent_actions if one.frame.get("from") == wire)
    return next((one.agent for one in sent), "")


def sequence_figure(result: Result, key: str) -> str:
    """Draw a column for each party and an arrow for each message, downwards in time, which is not to scale."""
    arrows = arrows_of(result)[:MOST_ARROWS] if result.control is not None else []
    if not arrows:
        return ""
    parties = [name for name in result.agents if any(name in (one.sender, one.receiver) for one in arrows)]
    with drawing_style(key):
        figure, axes = new_canvas(0.9 + 0.19 * len(arrows))
        for row, one in enumerate(arrows):
            from_at, to_at = parties.index(one.sender), parties.index(one.receiver)
            arrow = {"arrowstyle": "->", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (to_at, row), (from_at, row), arrowprops=arrow)
            text = one.text if len(one.text) <= _LONGEST_TEXT else f"{one.text[: _LONGEST_TEXT - 1]}\u2026"
            axes.text((from_at + to_at) / 2, row - 0.12, printable(text), ha="center", va="bottom", fontsize=7)
        axes.vlines(range(len(parties)), -0.8, len(arrows) - 0.4, color=GREY, linewidth=0.8)
        axes.set_xticks(range(len(parties)), short_labels(parties, _LONGEST_NAME), fontsize=8, rotation=25, ha="left")
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(arrows)), [page_time(one.at_ns) for one in arrows], fontsize=7)
        axes.set_ylim(len(arrows) - 0.4, -1.1)
        axes.set_xlim(-0.5, max(1, len(parties) - 1) + 0.5)
        axes.grid(visible=False)
        for side in axes.spines.values():
            side.set_visible(False)
        return svg_element(figure, key, "Who told whom what, from above to below in time, which is not to scale")


def sequence_note(result: Result) -> str:
    """Say what the chart of messages leaves out; empty where it has all."""
    n = len(arrows_of(result)) if result.control is not None else 0
    told = ["Times are those of sending; LLDP is left out."]
    if n > MOST_ARROWS:
        told.append(f"The first {MOST_ARROWS} of {n:,} are drawn.")
    return " ".join(told) if n else ""

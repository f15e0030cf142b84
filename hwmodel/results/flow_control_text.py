"""What is said of flow control: who was stopped and by whom, the headroom's formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hwmodel.results.bridge_reading import ports_at
from hwmodel.words.quantities import Line, count_text, counted, percent_text, printable, server_title, table

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import FlowControlUse
    from hwmodel.results.bridge import BridgeResult
    from hwmodel.results.result import AdapterResult, Result

_MOST_NAMED = 4
LEVEL_COLUMNS = ("class", "part", "marks", "mean, B", "largest", "over")


def stopped_sentences(result: Result) -> list[str]:
    """Say of a whole run who was stopped, at adapters and at bridges."""
    window = result.window
    found: list[str] = []
    adapters: list[tuple[str, Result | AdapterResult]] = [("", result), *((one.name, one) for one in result.servers)]
    for name, one in adapters:
        if one.flow_control is not None:
            blocked_ns = one.head_of_line.get("blocked_ns", {})
            found += pause_sentences(one.flow_control, window.duration_ns, name, blocked_ns)
    for bridge in result.bridges:
        found += bridge_pause_sentences(bridge, window.end_ns, is_by_class=_is_by_class(result, bridge.name))
    return found


def _is_by_class(result: Result, bridge: str) -> bool:
    """Tell whether a bridge stops each class by itself, or all frames."""
    joined = {one.get("name"): one for one in result.config.get("bridges") or []}
    control = (joined.get(bridge) or result.config.get("bridge") or {}).get("flow_control") or {}
    return control.get("mode") != "pause"


def pause_sentences(
    use: FlowControlUse, window_ns: float, server: str, blocked_ns: Mapping[str, float]
) -> Iterator[str]:
    """Say who was stopped for how long, by whose ring, and which flows waited.

    `blocked_ns`: for how long each VM's ring blocked the head of the shared Rx buffer; in mode pfc each class has its
    own times.
    """
    whose = f"{server_title(printable(server))}: " if server else ""
    levels = {one.traffic_class: one for one in use.classes}
    for port in use.ports:
        of_class = f"Class {port.traffic_class}" if use.mode == "pfc" else "All frames"
        at = f"Port {port.port}: " if len({one.port for one in use.ports}) > 1 else ""
        what, level = f"{whose}{at}{of_class}", levels[port.traffic_class]
        why = _why(level.kept_ns or (blocked_ns if use.mode == "pause" else {}), window_ns)
        if port.partner_stopped_ns > 0:
            share = percent_text(port.partner_stopped_ns / window_ns)
            yield f"{what} stopped outside for {share} of the window: {why}{_waited(port.waiting_flows)}"
        elif level.over_ns > 0:
            yield f"{what} over the mark for {percent_text(level.over_ns / window_ns)} of the window: {why}"
        if port.stopped_ns > 0:
            share = percent_text(port.stopped_ns / window_ns)
            yield f"{what} on the way out stopped from outside for {share} of the window"


def _why(kept_ns: Mapping[str, float], window_ns: float) -> str:
    if not kept_ns:
        return "the way to the hosts' memory is slower, no ring lacked descriptors"
    name, ns = max(kept_ns.items(), key=lambda one: one[1])
    others = f" (and {len(kept_ns) - 1} more)" if len(kept_ns) > 1 else ""
    return f"the Rx ring of {printable(name)}{others} had no descriptor for {percent_text(ns / window_ns)} of it"


def _waited(flows: Sequence[str]) -> str:
    if not flows:
        return ""
    named = ", ".join(printable(one) for one in flows[:_MOST_NAMED])
    return f"; {named}{' and others' if len(flows) > _MOST_NAMED else ''} waited"


def pause_lines(use: FlowControlUse, window_ns: float) -> Iterator[Line]:
    """Return the classes' levels and marks as a table, and the control frames on the wire."""
    rows = [
        (
            str(one.traffic_class),
            count_text(one.part_bytes),
            f"{count_text(one.high_bytes)}, {count_text(one.low_bytes)}",
            count_text(round(one.level_mean_bytes)),
            count_text(one.level_max_bytes),
            percent_text(one.over_ns / window_ns),
        )
        for one in use.classes
    ]
    yield from table(LEVEL_COLUMNS, rows, left_columns=())
    sent, received = count_text(use.control_frames_sent), count_text(use.control_frames_received)
    yield Line(f"(of the Rx buffer, by class; control frames in the window: {sent} sent, {received} received)")


def bridge_pause_sentences(bridge: BridgeResult, run_ns: float, *, is_by_class: bool = True) -> Iterator[str]:
    """Say which ports of a bridge were stopped, and which in turn stopped their senders."""
    for named in ports_at(bridge):
        whose = f"Bridge port {named.label}:"
        for one in named.port.classes:
            what = f"class {one.traffic_class}" if is_by_class else "all frames"
            if one.stopped_ns > 0:
                yield f"{whose} {what} stopped from below for {percent_text(one.stopped_ns / run_ns)} of the run"
            if one.over_ns > 0:
                yield (
                    f"{whose} what came by it{f' of {what}' * is_by_class} was over its mark for "
                    f"{percent_text(one.over_ns / run_ns)} of the run; {counted(one.stops_sent, 'stop')} sent"
                )

"""What those who control VMs have done in a run, for its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hwmodel.agents.control_plane import ControlPlane, VmCourse
from hwmodel.agents.live import LiveAgents
from hwmodel.results import Result
from hwmodel.results.control import ControlledVm, ControlResult
from hwmodel.units import FS_PER_NS
from hwmodel.words import warnings as words


def with_control(result: Result, plane: ControlPlane | None, live: LiveAgents | None) -> Result:
    """Add to a result what became of VMs that were started, if any were, and what telling of them took."""
    if plane is None:
        return result
    end_fs = round(result.window.end_ns * FS_PER_NS)
    frames = [
        one.frame.length_with(one.message)
        for one in (() if live is None else live.actions)
        if one.frame is not None and one.agent in plane.speakers and one.at_fs <= end_fs
    ]
    control = _control_of(plane, end_fs, result, frames)
    late = {vm.name: vm.waited_ns for vm in control.vms if vm.waited_ns}
    warned = (words.run_before_their_network(late, control.way),) if late else ()
    return replace(result, control=control, warnings=(*result.warnings, *warned))


def _control_of(plane: ControlPlane, end_fs: int, result: Result, frames: Sequence[int]) -> ControlResult:
    """Return what a control plane has done by a time, with the lengths of frames that ends of VDP have sent."""
    control = plane.control
    messages = Counter(plane.messages)
    if control.way == "vem" and (beats := _heartbeats(plane, end_fs)):
        messages["heartbeat"] += beats
    n_bytes = messages.total() * control.message_bytes + sum(frames)
    if frames:
        messages["frame"] += len(frames)
    sent, lost = Counter[str](), Counter[str]()
    for flow in result.flows:
        sent[flow.from_] += flow.offered
        lost[flow.from_] += max(0, flow.offered - flow.delivered)
    started = {name: course for name, course in plane.courses.items() if name in control.starts}
    return ControlResult(
        way=control.way,
        identify=control.identify,
        vms=tuple(_vm(name, course, end_fs, sent[name], lost[name]) for name, course in started.items()),
        messages=dict(sorted(messages.items())),
        bytes=n_bytes,
        needless_vlans=plane.needless_mean(end_fs),
        flooded_frames=sum(bridge.flooded_frames for bridge in result.bridges),
        needless_copies=result.totals.unwanted_drops,
    )


def _heartbeats(plane: ControlPlane, end_fs: int) -> int:
    """Count the heartbeats that supervisors have sent by a time, each with the module's answer."""
    own = plane.control.modules
    n_modules = len(plane.hosts)
    by_first_fs = end_fs if own.fails_fs is None else min(end_fs, own.fails_fs)
    n = (n_modules + own.standby) * (by_first_fs // own.heartbeat_fs)
    if own.standby and own.fails_fs is not None:
        n += n_modules * max(0, (end_fs - own.fails_fs - own.takeover_fs) // own.heartbeat_fs)
    return 2 * n


def _vm(name: str, course: VmCourse, end_fs: int, n_sent: int, lost: int) -> ControlledVm:
    times = {key: _ns(getattr(course, f"{key}_fs"), end_fs) for key in ("ordered", "up", "port", "wire", "served")}
    up_fs, served_fs = course.up_fs, course.served_fs
    until_fs = end_fs if course.stopped_fs is None else course.stopped_fs
    waited_fs = None if up_fs is None or up_fs > end_fs else max(0, min(until_fs, _or(served_fs, until_fs)) - up_fs)
    spans = [*course.wrong, *([(course.wrong_from[0], end_fs)] if course.wrong_from else [])]
    return ControlledVm(
        name=name,
        at=course.vm.place,
        profile=course.profile,
        ordered_ns=times["ordered"],
        up_ns=times["up"],
        port_ns=times["port"],
        wire_ns=times["wire"],
        served_ns=times["served"],
        stopped_ns=_ns(course.stopped_fs, end_fs),
        waited_ns=None if waited_fs is None else waited_fs / FS_PER_NS,
        early_frames=0
        if not waited_fs
        else course.n_sent.get("served", course.n_sent.get("stopped", n_sent)) - course.n_sent["up"],
        lost_frames=lost,
        wrong_ns=sum(max(0, min(to_fs, end_fs) - from_fs) for from_fs, to_fs in spans) / FS_PER_NS,
        wrong_frames=course.frames_wrong,
    )


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def _ns(at_fs: int | None, end_fs: int) -> float | None:
    return None if at_fs is None or at_fs > end_fs else at_fs / FS_PER_NS

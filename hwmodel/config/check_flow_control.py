"""Check `nic.flow_control`: classes, parts of the Rx buffer, marks, refresh, and what stands at the other end."""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import format_bytes

from .bridge_flow_control import BridgeFlowControl
from .check_ports import check_port_name
from .document import KeyPath
from .findings import Findings, Part
from .flow_control import FlowControl
from .headroom import headrooms_of, high_marks_of, is_lossless, low_marks_of, n_classes_of, parts_of
from .model import Config
from .system import NamedBridge, bridges_of

CONTROL: KeyPath = ("nic", "flow_control")
OF_CLASSES = ("parts", "headroom", "low_water")


def check_flow_control(config: Config, findings: Findings) -> None:
    """Check `nic.flow_control`: when the adapter pauses those who send to it."""
    control = config.nic.flow_control
    if control is None:
        return
    if control.is_by_class and config.nic.arbitration is None:
        findings.add(
            "mode pfc stops classes, and there are none: say nic.arbitration.classes, or mode: pause",
            (*CONTROL, "mode"), "nic.arbitration",
        )  # fmt: skip
        return
    if control.is_by_class and config.nic.shared_descriptor_cache is not None:
        findings.add(
            "with mode pfc a ring keeps its descriptors; leave the shared cache out",
            "nic.shared_descriptor_cache", (*CONTROL, "mode"),
        )  # fmt: skip
    if not _check_lengths(config, control, findings):
        return
    if control.send:
        _check_marks(config, control, findings)
    _check_refresh(control, CONTROL, findings)
    _check_received(config, control, findings)


def _check_refresh(control: FlowControl | BridgeFlowControl, path: KeyPath, findings: Findings) -> None:
    if control.refresh is not None and control.refresh >= control.quanta:
        findings.add(
            f"a refresh after {control.refresh} quanta comes when the stop of {control.quanta} is over; say less",
            (*path, "refresh"), (*path, "quanta"),
        )  # fmt: skip


def _check_lengths(config: Config, control: FlowControl, findings: Findings) -> bool:
    """Check that there is a value for each class; return whether there is."""
    n = n_classes_of(config)
    for name in OF_CLASSES:
        said = control.value_of(name)
        if not control.is_by_class and ((name == "parts" and said is not None) or len(said or ()) > 1):
            findings.add(f"{name} by classes are for mode: pfc", (*CONTROL, name), (*CONTROL, "mode"))
            return False
        if said is not None and len(said) != n and (name == "parts" or len(said) > 1):
            findings.add(
                f"{len(said)} values for {n} classes of nic.arbitration", (*CONTROL, name), "nic.arbitration.classes"
            )
            return False
    if not control.is_by_class and control.priorities is not None:
        findings.add("priorities are for mode: pfc", (*CONTROL, "priorities"), (*CONTROL, "mode"))
        return False
    whole = sum(parts_of(config))
    if whole > config.nic.rx_buffer_bytes:
        findings.add(
            f"the parts are {format_bytes(whole)} together, more than the Rx buffer has "
            f"({format_bytes(config.nic.rx_buffer_bytes)})",
            (*CONTROL, "parts"), "nic.rx_buffer",
        )  # fmt: skip
    return True


def _check_marks(config: Config, control: FlowControl, findings: Findings) -> None:
    """Check for each part of the Rx buffer that the longest frame fits below XOFF, and that XON is below XOFF."""
    longest = config.switch.longest_frame_bytes - FCS_BYTES
    rows = zip(parts_of(config), headrooms_of(config), high_marks_of(config), low_marks_of(config), strict=True)
    for number, (part, headroom, high, low) in enumerate(rows):
        if not is_lossless(config, number):
            continue
        where = f" of class {number}" if control.is_by_class else ""
        of_what = f"the part{where}" if control.is_by_class else "nic.rx_buffer"
        if high <= 0:
            findings.add(
                f"the headroom{where} is {format_bytes(headroom)}, and {of_what} {format_bytes(part)}: nothing is left "
                "below the mark; make the buffer larger, or lower max_frame, from which the headroom follows",
                (*CONTROL, "headroom"), (*CONTROL, "parts"), "nic.rx_buffer",
            )  # fmt: skip
            return
        if high < longest:
            findings.add(
                f"{format_bytes(high)} below the mark{where} do not hold the longest frame, max_frame "
                f"{longest + FCS_BYTES}B",
                (*CONTROL, "headroom"), (*CONTROL, "parts"), "nic.rx_buffer",
            )  # fmt: skip
            return
        if low >= high:
            findings.add(
                f"the low mark{where}, {format_bytes(low)}, is not below the high one, {format_bytes(high)} "
                f"({of_what} less its headroom)",
                (*CONTROL, "low_water"), (*CONTROL, "headroom"), "nic.rx_buffer",
            )  # fmt: skip
            return


def check_bridge_flow_control(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check flow control of bridges: classes, shares, marks, and what else a port may have."""
    for bridge in bridges_of(config):
        control = bridge.settings.flow_control
        if control is None:
            continue
        path: KeyPath = (*bridge.path, "flow_control")
        n_known = len(findings.problems)
        _check_beside(bridge, path, findings)
        percents = [each.percent for each in control.classes]
        if control.is_by_class and sum(percents) != 100:
            findings.add(f"percent of all classes is {sum(percents)}, not 100", (*path, "classes"))
        for priority, number in enumerate(control.priorities or ()):
            if number >= control.n_classes:
                findings.add(
                    f"there is no class {number}; classes are {control.n_classes}, from 0",
                    (*path, "priorities", priority),
                )
                return
        for name in ("headroom", "low_water"):
            said = control.value_of(name)
            if said is not None and len(said) not in (1, control.n_classes):
                findings.add(f"{len(said)} values for {control.n_classes} classes", (*path, name), (*path, "classes"))
                return
        _check_refresh(control, path, findings)
        if control.send and len(findings.problems) == n_known:
            _check_marks_of_bridge(bridge, control, path, findings, parts)


def _check_beside(bridge: NamedBridge, path: KeyPath, findings: Findings) -> None:
    """Check that no other setting of a bridge schedules its ports, or shares its buffer among them."""
    settings = bridge.settings
    if settings.extenders or settings.kind == "controlling":
        findings.add("flow control is for bridges of kind: learning, without extenders", path, (*bridge.path, "kind"))
    if settings.sharing == "all":
        findings.add("with flow control each port has its buffer; leave sharing out", (*bridge.path, "sharing"), path)
    for name, port in settings.ports.items():
        if port.s_channels:
            findings.add(
                "service levels of S-channels and classes of flow control both schedule the port; write one of both",
                (*bridge.path, "ports", name, "s_channels"), path,
            )  # fmt: skip


def _check_marks_of_bridge(
    bridge: NamedBridge, control: BridgeFlowControl, path: KeyPath, findings: Findings, parts: Sequence[Part]
) -> None:
    longest = max(part.server.config.switch.longest_frame_bytes for part in parts)
    part_bytes = control.part_bytes(bridge.settings)
    marks = zip(control.high_marks(bridge.settings, longest), control.low_marks(bridge.settings, longest), strict=True)
    for number, (high, low) in enumerate(marks):
        if not control.priorities_of(number):
            continue
        if high < longest:
            findings.add(
                f"of class {number}'s part of a port's buffer, {format_bytes(part_bytes)}, its headroom leaves "
                f"{format_bytes(max(0, high))}, which do not hold the longest frame, max_frame {longest}B",
                (*path, "headroom"), (*bridge.path, "buffer"),
            )  # fmt: skip
            return
        if low >= high:
            findings.add(
                f"the low mark of class {number}, {format_bytes(low)}, is not below the high one, {format_bytes(high)}",
                (*path, "low_water"), (*path, "headroom"),
            )  # fmt: skip
            return


def check_control_frames(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Report control frames from outside (`received`) if there is a bridge, since that sends its own."""
    for part in parts:
        control = part.server.config.nic.flow_control
        if control is not None and control.received and bridges_of(config):
            findings.add(
                "the bridge sends control frames; received is for a machine without one",
                (*CONTROL, "received"),
                "bridge",
            )
            return


def _check_received(config: Config, control: FlowControl, findings: Findings) -> None:
    """Check control frames from outside: in order of time, with priorities only for PFC, and at ports that exist."""
    before_fs = 0
    for at, one in enumerate(control.received):
        place = (*CONTROL, "received", at)
        if one.at_fs < before_fs:
            findings.add("control frames stand in the order of their times", (*place, "at"))
            return
        before_fs = one.at_fs
        if one.priorities is not None and not control.is_by_class:
            findings.add("priorities are for mode: pfc", (*place, "priorities"), (*CONTROL, "mode"))
            return
        if one.port is not None and not check_port_name(config, findings, one.port, (*place, "port")):
            return

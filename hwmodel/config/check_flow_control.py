"""Check `nic.flow_control`: classes, parts of the Rx buffer, marks, refresh, and what stands at the other end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import format_bytes

from .document import KeyPath
from .findings import Findings
from .flow_control import headrooms_of, high_marks_of, is_lossless, low_marks_of, n_classes_of, parts_of
from .model import Config

if TYPE_CHECKING:
    from .flow_control import FlowControl

CONTROL: KeyPath = ("nic", "flow_control")
OF_CLASSES = ("parts_bytes", "headroom_bytes", "low_water_bytes")


def check_flow_control(config: Config, findings: Findings) -> None:
    """Check when the adapter stops who sends to it."""
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
    if control.refresh is not None and control.refresh >= control.quanta:
        findings.add(
            f"a refresh after {control.refresh} quanta comes when the stop of {control.quanta} is over; say less",
            (*CONTROL, "refresh"), (*CONTROL, "quanta"),
        )  # fmt: skip
    _check_received(config, control, findings)


def _check_lengths(config: Config, control: FlowControl, findings: Findings) -> bool:
    """Check that there is a value for each class; return whether there is."""
    n = n_classes_of(config)
    for name in OF_CLASSES:
        said = getattr(control, name)
        alias = name.removesuffix("_bytes")
        if not control.is_by_class and (name == "parts_bytes" and said is not None or len(said or ()) > 1):
            findings.add(f"{alias} by classes are for mode: pfc", (*CONTROL, alias), (*CONTROL, "mode"))
            return False
        if said is not None and len(said) != n and (name == "parts_bytes" or len(said) > 1):
            findings.add(
                f"{len(said)} values for {n} classes of nic.arbitration", (*CONTROL, alias), "nic.arbitration.classes"
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
    """Check that each part has room for a frame below its high mark, and that its low mark is below that."""
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


def _check_received(config: Config, control: FlowControl, findings: Findings) -> None:
    """Check control frames from outside: there is no bridge, they are in order, and name what there is."""
    if control.received and (config.bridge is not None or config.bridges):
        findings.add("the bridge sends control frames; received is for machines without one", (*CONTROL, "received"))
        return
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
        if one.port is not None and int(one.port[1:]) >= config.port.count:
            findings.add(f"there is no port {one.port}; port.count is {config.port.count}", (*place, "port"), "port.count")
            return

"""The state of flow control at time 0, from a configuration: classes, parts, marks, control frames from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwmodel.config.flow_control import (
    classes_of_priorities,
    high_marks_of,
    is_lossless,
    low_marks_of,
    n_classes_of,
    parts_of,
    response_fs,
)
from hwmodel.errors import InputError
from hwmodel.machine.network.pauses import NONE, RECEIVED_CAP
from hwmodel.rules.headroom import PRIORITIES

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.flow_control import ControlFrame

Nic = Any  # an element of server.SERVER
ALL = (1 << PRIORITIES) - 1


def fill_flow_control(nic: Nic, config: Config) -> None:
    """Set what `nic.flow_control` says, if it is there."""
    control = config.nic.flow_control
    if control is None:
        return
    nic.params.has_flow_control = 1
    nic.params.splits_rx_buffer = control.is_by_class
    nic.params.in_line_bytes = -1
    params = nic.pauses.params
    params.n_classes, params.is_by_class = n_classes_of(config), control.is_by_class
    params.sends, params.obeys = control.send, control.obey
    params.quanta, params.refresh_quanta = control.quanta, control.refresh_quanta
    params.response_fs = response_fs(config)
    classes = classes_of_priorities(config)
    params.class_of_priority[:] = classes
    rows = zip(parts_of(config), high_marks_of(config), low_marks_of(config), strict=True)
    for number, (part, high, low) in enumerate(rows):
        params.part_bytes[number], params.high_bytes[number], params.low_bytes[number] = part, high, low
        if is_lossless(config, number):
            params.priorities[number] = sum(
                1 << priority for priority in control.lossless_priorities if classes[priority] == number
            )
    for own in nic.pauses.of_class:
        own.waits_fs = own.waits_for = NONE
    _fill_received(nic.pauses, config, control.received)


def _fill_received(pauses: Any, config: Config, received: tuple[ControlFrame, ...]) -> None:
    if len(received) > RECEIVED_CAP:
        raise InputError(f"nic.flow_control.received: {len(received)} control frames, at most {RECEIVED_CAP}")
    pauses.n_received = len(received)
    for at, one in enumerate(received):
        named = ALL if one.priorities is None else sum(1 << priority for priority in set(one.priorities))
        said = pauses.received[at]
        said.named, said.stopped, said.quanta = named, named if one.quanta else 0, one.quanta
        pauses.received_at_fs[at] = one.at_fs
        pauses.received_port[at] = config.port.number_of(one.port)

"""What the SimPy model is given of flow control: marks of each class, and what the priorities' classes are."""

from __future__ import annotations

from typing import Any

from hwmodel.config import Config, servers_of
from hwmodel.config.headroom import headrooms_of, low_marks_of, response_fs
from hwmodel.config.system import bridges_of
from tests.oracles.simpy_nic import ControlFrame, FlowControl
from tests.oracles.simpy_nic.flow_control import E_TAG, S_TAG, VN_TAG

PRIORITIES = range(8)
OUTER_TAGS = {"multichannel": S_TAG, "vn_tag": VN_TAG, "e_tag": E_TAG}
"""By the switch's mode the tag that it knows before a C-TAG."""


def adapter_flow_control(config: Config) -> FlowControl | None:
    """Translate `nic.flow_control`; defaults that follow from a driver's formula are the configuration's."""
    settings, arbitration = config.nic.flow_control, config.nic.arbitration
    if settings is None:
        return None
    parts, of_priority = [config.nic.rx_buffer_bytes], [0] * len(PRIORITIES)
    if settings.mode == "pfc":
        assert arbitration is not None
        n = len(arbitration.classes)
        parts = [*(settings.parts_bytes or [config.nic.rx_buffer_bytes // n] * n)]
        of_priority = [*(arbitration.priorities or [priority * n // 8 for priority in PRIORITIES])]
    rules = FlowControl(
        settings.mode, parts, **marks(parts, settings.headroom_bytes or headrooms_of(config), low_marks_of(config)),
        class_of_priority=of_priority, priorities=settings.priorities or PRIORITIES, quanta=settings.quanta,
        refresh_quanta=settings.refresh or max(1, settings.quanta // 2), response_delay_fs=response_fs(config),
        send=settings.send, obey=settings.obey,
        received=[
            (one.at_fs, int((one.port or "p0")[1:]), said(settings.mode, one.priorities, one.quanta))
            for one in settings.received
        ],
        outer_tags=[tag for mode, tag in OUTER_TAGS.items() if mode == config.switch.mode],
        default_priorities={} if bridges_of(config) else {
            port.number: port.default_priority for port in config.switch.ports
        },
    )  # fmt: skip
    return rules


def bridge_flow_control(config: Config, block: Any) -> tuple[FlowControl | None, list[int]]:
    """Translate a bridge's `flow_control`, with the percent of each class."""
    settings = block.flow_control
    if settings is None:
        return None, [100]
    percents = [each.percent for each in settings.classes] if settings.mode == "pfc" else [100]
    n, parts = len(percents), [block.buffer_bytes // len(percents)] * len(percents)
    of_priority = settings.priorities if settings.mode == "pfc" else [0] * len(PRIORITIES)
    servers = servers_of(config)
    longest = max(port.max_frame_bytes for each in servers for port in each.config.switch.ports)
    headroom = settings.headroom_bytes or [
        part - high for part, high in zip(parts, settings.high_marks(block, longest), strict=True)
    ]
    response_fs = settings.response_delay_fs
    return FlowControl(
        settings.mode, parts, **marks(parts, headroom, settings.low_marks(block, longest)),
        class_of_priority=of_priority or [priority * n // 8 for priority in PRIORITIES],
        priorities=(settings.mode == "pfc" and settings.lossless) or PRIORITIES, quanta=settings.quanta,
        refresh_quanta=settings.refresh or max(1, settings.quanta // 2),
        response_delay_fs=55_144 * 10**15 // servers[0].config.port.rate_bps if response_fs is None else response_fs,
        send=settings.send, obey=settings.obey,
    ), percents  # fmt: skip


def marks(parts: list[int], headroom: Any, low: Any) -> dict[str, list[int]]:
    """Return the high and the low mark of each class; one value stands for all."""
    headroom, low = ([*each] * len(parts) if len(each) == 1 else [*each] for each in (headroom, low))
    return {"high_bytes": [part - room for part, room in zip(parts, headroom, strict=True)], "low_bytes": low}


def said(mode: str, priorities: Any, quanta: int) -> ControlFrame:
    """Return a control frame that names priorities, all if none are named."""
    return ControlFrame(mode, dict.fromkeys(priorities or PRIORITIES, quanta))

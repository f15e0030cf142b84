"""What makes each resource of the bridge and its extenders larger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwmodel.config.bridge import OUTSIDE
from hwmodel.explore.server_resources import FACTOR, Change, doubled_rates
from hwmodel.units import format_bytes, format_time_fs

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.bridge import Bridge


def bridge_resources(config: Config) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Give each resource of the bridge by its names, with what makes it larger; none where there is no bridge."""
    bridge = config.bridge
    if bridge is None:
        return
    yield ("bridge.outside",), list(port_rate(config, OUTSIDE))
    for name, port in bridge.ports.items():
        for s_vid, level in port.s_channels.items():
            rates = {f"bridge.ports.{name}.s_channels.{s_vid}.rate": level.rate_bps}
            yield (f"bridge.{name}.{s_vid}",), list(doubled_rates(rates))
    for name, extender in bridge.extenders.items():  # one rate in both directions
        rates = {f"bridge.extenders.{name}.rate": extender.rate_bps}
        yield (f"bridge.{name}.uplink", f"bridge.{name}"), list(doubled_rates(rates))
    yield ("bridge.buffer",), list(_buffers(bridge))
    yield ("bridge.latency",), list(_latencies(bridge))
    policers = {f"bridge.policy.{index}.rate": entry.rate_bps for index, entry in enumerate(bridge.policy)}
    yield ("rate_limit",), list(doubled_rates(policers))


def port_rate(config: Config, port: str) -> Iterator[Change]:
    """Double the rate of a port of the bridge, if there is one: both ends of a wire have one rate."""
    if config.bridge is not None:
        yield from doubled_rates({f"bridge.ports.{port}.rate": config.bridge.ports[port].rate_bps})


def _buffers(bridge: Bridge) -> Iterator[Change]:
    """Double the room for what waits in the bridge, in its extenders and in queues of their own."""
    rooms = {"bridge.buffer": bridge.buffer_bytes}
    rooms |= {f"bridge.extenders.{name}.buffer": one.buffer_bytes for name, one in bridge.extenders.items()}
    for name, port in bridge.ports.items():
        for s_vid, level in port.s_channels.items():
            if level.buffer_bytes is not None:
                rooms[f"bridge.ports.{name}.s_channels.{s_vid}.buffer"] = level.buffer_bytes
    for key, n_bytes in rooms.items():
        yield key, format_bytes(n_bytes), format_bytes(FACTOR * n_bytes)


def _latencies(bridge: Bridge) -> Iterator[Change]:
    """Halve the latency of the bridge and of its extenders."""
    times = {"bridge.latency": bridge.latency_fs}
    times |= {f"bridge.extenders.{name}.latency": one.latency_fs for name, one in bridge.extenders.items()}
    for key, time_fs in times.items():
        if time_fs:
            yield key, format_time_fs(time_fs), format_time_fs(time_fs // FACTOR)

"""What makes each resource of the bridges and their extenders larger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwmodel.config import bridge_with, bridges_of
from hwmodel.config.bridge import OUTSIDE
from hwmodel.relaxations.server_resources import FACTOR, Change, doubled_rates
from hwmodel.units import format_bytes, format_time_fs

if TYPE_CHECKING:
    from hwmodel.config import Config, NamedBridge


def bridge_resources(config: Config) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Give each resource of each bridge by its names, with what makes it larger; none where there is no bridge."""
    done: set[str] = set()
    for bridge in bridges_of(config):
        for name, port in bridge.wires.items():
            assert port.to is not None
            if port.to not in done:
                done.add(f"{bridge.name}.{name}")
                yield (f"{bridge.name}.{name}", port.to), list(_wire_rate(bridge, name, port.to))
        yield from _of_bridge(config, bridge)


def _of_bridge(config: Config, bridge: NamedBridge) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    settings, key = bridge.settings, bridge.key
    if OUTSIDE in settings.ports:
        yield (f"{bridge.name}.{OUTSIDE}",), list(port_rate(config, OUTSIDE))
    for name, port in settings.ports.items():
        for s_vid, level in port.s_channels.items():
            rates = {f"{key}.ports.{name}.s_channels.{s_vid}.rate": level.rate_bps}
            yield (f"{bridge.name}.{name}.{s_vid}",), list(doubled_rates(rates))
    for name, extender in settings.extenders.items():  # one rate in both directions
        rates = {f"{key}.extenders.{name}.rate": extender.rate_bps}
        yield (f"{bridge.name}.{name}.uplink", f"{bridge.name}.{name}"), list(doubled_rates(rates))
    yield (f"{bridge.name}.buffer",), list(_buffers(bridge))
    yield (f"{bridge.name}.latency",), list(_latencies(bridge))
    policers = {f"{key}.policy.{index}.rate": entry.rate_bps for index, entry in enumerate(settings.policy)}
    yield ("rate_limit",), list(doubled_rates(policers))


def port_rate(config: Config, port: str) -> Iterator[Change]:
    """Double the rate of a port to a server or outside, if there is one: both ends of a wire have one rate."""
    bridge = bridge_with(config, port)
    if bridge is not None:
        yield from doubled_rates({f"{bridge.key}.ports.{port}.rate": bridge.settings.ports[port].rate_bps})


def _wire_rate(bridge: NamedBridge, name: str, to: str) -> Iterator[Change]:
    """Double the rate of a wire between bridges, at both ends."""
    far_bridge, _, far_name = to.partition(".")
    rate_bps = bridge.settings.ports[name].rate_bps
    keys = (f"{bridge.key}.ports.{name}.rate", f"bridges.{far_bridge}.ports.{far_name}.rate")
    return doubled_rates(dict.fromkeys(keys, rate_bps))


def _buffers(bridge: NamedBridge) -> Iterator[Change]:
    """Double the room for what waits in a bridge, in its extenders and in queues of their own."""
    settings, key = bridge.settings, bridge.key
    rooms = {f"{key}.buffer": settings.buffer_bytes}
    rooms |= {f"{key}.extenders.{name}.buffer": one.buffer_bytes for name, one in settings.extenders.items()}
    for name, port in settings.ports.items():
        for s_vid, level in port.s_channels.items():
            if level.buffer_bytes is not None:
                rooms[f"{key}.ports.{name}.s_channels.{s_vid}.buffer"] = level.buffer_bytes
    for room_key, n_bytes in rooms.items():
        yield room_key, format_bytes(n_bytes), format_bytes(FACTOR * n_bytes)


def _latencies(bridge: NamedBridge) -> Iterator[Change]:
    """Halve the latency of a bridge and of its extenders."""
    settings, key = bridge.settings, bridge.key
    times = {f"{key}.latency": settings.latency_fs}
    times |= {f"{key}.extenders.{name}.latency": one.latency_fs for name, one in settings.extenders.items()}
    for time_key, time_fs in times.items():
        if time_fs:
            yield time_key, format_time_fs(time_fs), format_time_fs(time_fs // FACTOR)

"""Check what ports of the bridge do for one adapter alone: service levels of S-channels, translated VLANs."""

from __future__ import annotations

from hwmodel.units import format_bytes

from .bridge import BridgePort
from .document import KeyPath
from .findings import Findings, Part
from .frame_lengths import outer_tag_bytes
from .service_levels import queue_bytes, s_channels_of
from .system import NamedBridge

TRANSLATING_MODES = ("veb", "vepa")
_OF_ADAPTER = ("switch.mode", "switch.s_channels", "switch.ports", "servers")


def check_service_levels(bridge: NamedBridge, name: str, part: Part | None, findings: Findings) -> None:
    """Check the service levels of a port; `part`: of the server at it, None outside."""
    port = bridge.settings.ports[name]
    path: KeyPath = (*bridge.path, "ports", name, "s_channels")
    if not port.s_channels:
        return
    if part is None:
        findings.add("stations outside have no S-channels; service levels are for ports of adapters", path)
        return
    switch = part.server.config.switch
    if switch.mode != "multichannel":
        findings.add(
            f"service levels are for the S-channels of mode multichannel, but switch.mode is {switch.mode}",
            path,
            besides=_OF_ADAPTER,
        )
        return
    channels = s_channels_of(switch)
    for s_channel in port.s_channels:
        if s_channel not in channels:
            known = ", ".join(map(str, channels))
            findings.add(
                f"there is no S-channel {s_channel}; switch.s_channels and stations have {known}",
                (*path, str(s_channel)),
                besides=_OF_ADAPTER,
            )
    _check_queues(bridge, name, part, findings)


def _check_queues(bridge: NamedBridge, name: str, part: Part, findings: Findings) -> None:
    """Find queues that never hold the longest frame."""
    port, switch = bridge.settings.ports[name], part.server.config.switch
    channels = s_channels_of(switch)
    longest = max(switch.ports, key=lambda station: station.max_frame_bytes)
    n_bytes = longest.max_frame_bytes + outer_tag_bytes(switch.mode)
    for s_channel in channels:
        room_bytes = queue_bytes(bridge.settings, port, s_channel, len(channels))
        if room_bytes < n_bytes:
            findings.add(
                f"a queue of {format_bytes(room_bytes)} for S-channel {s_channel} never holds the longest frame of "
                f"{part.server.station(longest.name)}, {n_bytes} B with its tags",
                (*bridge.path, "ports", name, "s_channels", str(s_channel), "buffer"),
                (*bridge.path, "buffer"),
                besides=_OF_ADAPTER,
            )
            return


def check_translation(port: BridgePort, path: KeyPath, part: Part | None, findings: Findings) -> None:
    """Check the VLANs that a port translates; `part`: of the server at it, None outside."""
    path = (*path, "translate")
    if not port.translate:
        return
    if part is None:
        findings.add("VLANs are translated at ports of adapters, not outside", path)
        return
    mode = part.server.config.switch.mode
    if mode not in TRANSLATING_MODES:
        findings.add(
            f"VLANs are translated in the modes veb and vepa; in mode {mode} the outer tag names the logical port",
            path,
            besides=_OF_ADAPTER,
        )
    for vlan in port.translate:
        if port.vlans != "all" and vlan not in port.vlans:
            carried = ", ".join(map(str, port.vlans))
            findings.add(
                f"the port does not carry VLAN {vlan}; its vlans are {carried}",
                (*path, str(vlan)),
                besides=[(*path[:-1], "vlans")],
            )

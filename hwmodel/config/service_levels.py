"""Say which S-channels an adapter has, and what the bridge's port holds of each."""

from __future__ import annotations

from .bridge import Bridge, BridgePort
from .switch import ChannelKind, Switch

# S-VID 1 is the default S-channel, whose frames go untagged (IEEE 802.1Qbg leaves this open; a choice).
DEFAULT_S_VID = 1


def s_channels_of(switch: Switch) -> dict[int, ChannelKind]:
    """Return the kinds of the S-channels of an adapter in mode multichannel, in the order of their S-VLANs.

    The default channel is among them where it is listed or a station is in it.
    """
    kinds = dict(switch.s_channels)
    if any(station.s_channel in (None, DEFAULT_S_VID) for station in switch.ports):
        kinds.setdefault(DEFAULT_S_VID, "veb")
    return dict(sorted(kinds.items()))


def queue_bytes(bridge: Bridge, port: BridgePort, s_channel: int, n_channels: int) -> int:
    """Return the most that an S-channel's queue holds at a port of `n_channels` that has service levels."""
    level = port.s_channels.get(s_channel)
    if level is None or level.buffer_bytes is None:
        return bridge.buffer_bytes // n_channels
    return level.buffer_bytes

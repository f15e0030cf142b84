"""Which stations get mirrored copies of frames that pass every filter, for the bytes that the copies cost.

A short form of the rules of docs/forwarding.md ("Mirrors"); the decision itself is made by the kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.switch import Mirror

UPLINK = "uplink"


def mirrored_stations(
    config: Config, source: str, target: str, stations: tuple[str, ...], *, to_wire: bool, comes_back: bool
) -> list[str]:
    """Give the stations that get mirrored copies of a frame, in the order of the list of mirrors.

    `source`, `target`: as in `Router.route`; `stations`, `to_wire`: where its other copies go. A frame that comes back
    from the adjacent bridge passes the switch twice, and is mirrored as two frames are.
    """
    if not config.switch.mirrors:
        return []
    ports = {port.name: port for port in config.switch.ports}
    vlan = _vlan(config, source, target)
    if comes_back:
        passes = [(source, (UPLINK,)), (UPLINK, stations)]
    else:
        passes = [(source, (*stations, UPLINK) if to_wire else stations)]
    found: list[str] = []
    for ingress, egress in passes:
        copied = [mirror.to for mirror in config.switch.mirrors if _matches(mirror, ingress, egress, vlan)]
        found += [to for to in dict.fromkeys(copied) if ports[to].enabled and to not in egress]
    return found


def _matches(mirror: Mirror, ingress: str, egress: tuple[str, ...], vlan: int | None) -> bool:
    if mirror.source is None:
        return mirror.vlan == vlan
    return mirror.source == ingress if mirror.direction == "ingress" else mirror.source in egress


def _vlan(config: Config, source: str, target: str) -> int | None:
    """Give the VLAN of a made-up frame; None in the modes in which the bridge above owns VLANs and it has no tag."""
    ports = {port.name: port for port in config.switch.ports}
    if source == UPLINK:
        if config.switch.mode in ("vn_tag", "e_tag"):
            return None
        native = config.switch.uplink.native_vlan
        return ports[target].port_vlan if target in ports else native
    sender = ports[source]
    if config.switch.mode in ("vn_tag", "e_tag") and sender.admit != "tagged":
        return None
    return sender.port_vlan

"""Check a bond of a virtual switch's uplink: that it has two legs or more, and what does not go with it."""

from __future__ import annotations

from .bond import Bond
from .check_ports import check_port_name
from .findings import Findings
from .model import Config
from .names import is_uplink

_BOND = "host.virtual_switch.bond"
_PATH = tuple(_BOND.split("."))


def check_bond(config: Config, findings: Findings) -> None:
    """Check the block `host.virtual_switch.bond` where a virtual switch has its uplink by it."""
    switch = config.host.virtual_switch
    own = None if switch is None else switch.bond
    if switch is None or own is None or not config.has_virtual_switch:
        return
    if config.bond is None:
        findings.add(
            "a bond is of the uplink, and the virtual switch has none (reach: internal); reach: external gives it one",
            _BOND,
            "host.virtual_switch.reach",
        )
    if config.port.count < 2:
        findings.add(
            "a bond has two legs or more, and port.count is 1 (port.count: 2 gives it two)", "port.count", _BOND
        )
    _check_names(config, own, findings)
    if own.primary is not None and own.mode != "active_backup":
        findings.add(
            f"mode {own.mode} sends by all legs; active_backup has a primary", f"{_BOND}.primary", f"{_BOND}.mode"
        )
    if own.lacp != "off" and own.mode == "active_backup":
        findings.add(
            "LACP joins legs that are used together, and active_backup uses one; source_mac and l4_hash go with it",
            f"{_BOND}.lacp",
            f"{_BOND}.mode",
        )
    if switch.on_uplink_full == "wait":
        findings.add(
            "which ring must have room is known as a frame's leg is chosen, not before; drop",
            "host.virtual_switch.on_uplink_full",
            _BOND,
        )
    for station in config.switch.ports:
        if station.port is not None:
            findings.add(
                "with a bond all stations are at the one virtual switch, and all ports are its uplink",
                findings.station(station.name, "port"),
                _BOND,
            )
    for at, flow in enumerate(config.workload.flows):
        if is_uplink(flow.source) and flow.follows_load and config.workload.load.kind == "saturate":
            findings.add(
                "who saturates a line is not modelled with a bond, whose partner chooses a line for each frame; write "
                "a rate as third",
                ("workload", "flows", at),
                _BOND,
            )


def _check_names(config: Config, own: Bond, findings: Findings) -> None:
    for at, name in enumerate(own.silent):
        check_port_name(config, findings, name, (*_PATH, "silent", at))
    if own.primary is not None:
        check_port_name(config, findings, own.primary, (*_PATH, "primary"))

"""What may change of servers and bridges in mid-run (docs/datapath/commands.md, "Commands")."""

from __future__ import annotations

from dataclasses import replace

from ..simpy_nic.commands import check_parameters, check_stays, other_fields
from .parameters import BridgeParameters, BridgePort, Setup

OF_BRIDGE = frozenset(("ports", "policy", "guards", "latency_fs", "ageing_fs"))
OF_PORT = frozenset(("rate_bps", "hairpin", "native_vlan", "vlans", "pvlan", "most_addresses", "shuts"))


def check_setup(before: Setup, after: Setup) -> None:
    """Raise ValueError if something differs that cannot change."""
    if [each.name for each in before.servers] != [each.name for each in after.servers]:
        raise ValueError("servers cannot change in mid-run")
    for old, new in zip(before.servers, after.servers, strict=True):
        # A server's adapter gets its tables as it is put together.
        check_parameters(replace(old.nic, switch=old.switch), replace(new.nic, switch=new.switch), f"{old.name}.")
    if len(before.bridges) != len(after.bridges):
        raise ValueError("bridges cannot become more or fewer in mid-run")
    for old, new in zip(before.bridges, after.bridges, strict=True):
        _check_bridge(old, new, is_alone=len(before.bridges) == 1)


def _check_bridge(before: BridgeParameters, after: BridgeParameters, *, is_alone: bool) -> None:
    check_stays(f"{before.name}.", before, after, other_fields(before, OF_BRIDGE))
    if not is_alone and [*before.ports] != [*after.ports]:
        raise ValueError(f"{before.name}.ports says which ports there are, which cannot change in mid-run")
    for name in {**before.ports, **after.ports}:
        old, new = (each.ports.get(name, BridgePort()) for each in (before, after))
        check_stays(f"{before.name}.{name}.", old, new, other_fields(old, OF_PORT))

"""What a reader must know of drops that no load makes: frames that a bridge may not send back, bursts too short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hwmodel.config import bridges_of, named_lengths, servers_of
from hwmodel.results import Result

if TYPE_CHECKING:
    from hwmodel.config import Config, Server
    from hwmodel.config.switch import AclEntry

MATTERS = 0.01  # of what a bridge forwards


def drop_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning for each setting by which all frames of a kind drop, where a run has lost some so."""
    yield from _without_hairpin(config, result)
    yield from _short_bursts(config, result)


def _without_hairpin(config: Config, result: Result) -> Iterator[str]:
    """Name the ports whose adapters rely on the bridge to send frames back, and that may not."""
    by_name = {one.name: one for one in bridges_of(config)}
    for bridge in result.bridges:
        named = by_name.get(bridge.name)
        lost, ports = bridge.drops.get("SAME_PORT", 0), {} if named is None else named.settings.ports
        own = [one for one in servers_of(config) if one.port in ports]
        relying = [one for one in own if ports[one.port].hairpin is False and _relies(one)]
        if named is None or not relying or lost <= MATTERS * bridge.forwarded_frames:
            continue
        keys = " and ".join(f"{named.key}.ports.{one.port}.hairpin" for one in relying)
        is_one = len(relying) == 1
        yield (
            f"{lost:,} of {bridge.forwarded_frames:,} frames at {named.words} were for stations behind the port on "
            f"which they came, and dropped (SAME_PORT): {keys} {'is' if is_one else 'are'} false, but in mode "
            f"{relying[0].config.switch.mode} frames between the VMs of an adapter come back from the bridge or not at "
            "all."
        )


def _relies(server: Server) -> bool:
    """Tell whether frames between an adapter's VMs need a port with hairpin."""
    switch = server.config.switch
    return switch.mode == "vepa" or (switch.mode == "multichannel" and "vepa" in switch.s_channels.values())


def _short_bursts(config: Config, result: Result) -> Iterator[str]:
    """Name policers with less room for tokens than the longest frames of the workload take."""
    lengths = sorted({n_bytes for n_bytes, _ in named_lengths(config)})
    if not result.drops.get("RATE_LIMITED") or not lengths:
        return
    for name, entry in _policers(config):
        too_long = [n_bytes for n_bytes in lengths if n_bytes > (entry.burst_bytes or 0)]
        if too_long:
            which = f"{too_long[0]:,} B" + (" and more" if len(too_long) > 1 else "")
            yield (
                f"{name}.burst is {entry.burst_bytes:,} B: frames of {which} never find so many tokens, and all "
                "of them that the entry polices drop (RATE_LIMITED), whatever its rate."
            )


def _policers(config: Config) -> Iterator[tuple[str, AclEntry]]:
    lists: list[tuple[str, Sequence[AclEntry]]] = [
        (f"{bridge.key}.policy", bridge.settings.policy) for bridge in bridges_of(config)
    ]
    lists += [(f"{server.prefix}switch.acl", server.config.switch.acl) for server in servers_of(config)]
    for name, entries in lists:
        yield from ((f"{name}[{at}]", entry) for at, entry in enumerate(entries) if entry.action == "police")

"""Shares by weight: of traffic classes and pools that are always backlogged, of hosts of a shared adapter's link."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from hwmodel.analytic.ceiling import Ceiling, lowest
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ZERO
from hwmodel.config import Config
from hwmodel.config.arbitration import TransmitArbitration
from hwmodel.config.pcie_tree import MULTI_ROOT
from hwmodel.rules.transmit_credits import rate_kept, rate_register
from hwmodel.units import BPS_PER_GBPS, format_rate_bps
from hwmodel.words.limits import class_share, host_shares, rate_register_words


class ClassShare(NamedTuple):
    """Hold a class's share of the bytes of all classes but link-strict ones, and its pools' shares of that.

    `share`: None where the class is strict on the link; 0 beside a backlogged class that is strict in the same group.
    """

    number: int
    refill: int
    share: Fraction | None
    pools: tuple[tuple[str, Fraction], ...]


def class_shares(config: Config, senders: Collection[str]) -> tuple[ClassShare, ...]:
    """Return the shares of the classes in which `senders` have queues; none without `nic.arbitration`.

    The link is divided among groups by the credits given each round, then each group among its classes. Credits above
    the most that a class may keep are not counted.
    """
    arbitration = config.nic.arbitration
    if arbitration is None:
        return ()
    credits = config.switch.pool_credits()
    pools: dict[int, dict[str, int]] = {}
    for function, (port, own) in enumerate(zip(config.switch.ports, credits, strict=True)):
        for number in set(config.classes_of_queues(function)) if port.name in senders else ():
            weight = min(own.refill, own.most) if arbitration.pools == "weighted" else 1
            pools.setdefault(number, {})[port.name] = weight
    given = [min(own.refill, own.most) for own in arbitration.credits(config.switch.longest_frame_bytes)]
    return tuple(
        ClassShare(
            number,
            given[number],
            _share(arbitration, given, number, sorted(pools)),
            tuple((name, Fraction(one, sum(pools[number].values()))) for name, one in pools[number].items()),
        )
        for number in sorted(pools)
    )


def _share(arbitration: TransmitArbitration, given: list[int], number: int, in_use: list[int]) -> Fraction | None:
    """Return the share of a class beside those in use."""
    strict, group_of = [each.strict for each in arbitration.classes], arbitration.group_of

    def given_to(groups: Collection[int]) -> int:
        return sum(refill for each, refill in enumerate(given) if strict[each] != "link" and group_of(each) in groups)

    if strict[number] == "link":
        return None
    sharing = [each for each in in_use if strict[each] != "link"]
    of_group = Fraction(given_to({group_of(number)}), given_to({group_of(each) for each in sharing}))
    beside = [each for each in sharing if group_of(each) == group_of(number)]
    first = max((each for each in beside if strict[each] == "group"), default=None)
    if first is not None:
        return of_group if number == first else Fraction(0)
    return of_group * Fraction(given[number], sum(given[each] for each in beside))


def class_notes(config: Config, senders: Collection[str]) -> Iterator[str]:
    """Say the share of each class, then the register value that holds each rate limit."""
    for one in class_shares(config, senders):
        pools = [(name, float(share)) for name, share in one.pools]
        yield class_share(one.number, one.refill, None if one.share is None else float(one.share), pools)
    if config.nic.arbitration is None:
        return
    for port in config.switch.ports:
        if port.rate_limit_bps is not None:
            link_bps = config.port.rate_bps
            yield rate_register_words(
                port.name,
                format_rate_bps(port.rate_limit_bps),
                rate_register(port.rate_limit_bps, link_bps),
                float(rate_kept(port.rate_limit_bps, link_bps) / BPS_PER_GBPS),
            )


def shares_by_weight(weights: Mapping[str, int], most: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Return each host's share of a link (all add up to 1 at most); `most`: the most that each can use.

    Weighted max-min fairness: hosts that cannot use their share by weight leave the rest to the others, by their
    weights.
    """
    found: dict[str, Fraction] = {}
    left = Fraction(1)
    open_hosts = [*weights]
    while open_hosts:
        a_weight = left / sum(weights[name] for name in open_hosts)
        full = [name for name in open_hosts if most[name] < weights[name] * a_weight]
        if not full:
            return found | {name: weights[name] * a_weight for name in open_hosts}
        found |= {name: most[name] for name in full}
        left -= sum(most[name] for name in full)
        open_hosts = [name for name in open_hosts if name not in full]
    return found


def host_share_notes(system: System, ceilings: Sequence[Ceiling]) -> list[str]:
    """Say each host's share of the shared link's fuller direction, unless their VMs meet at a wire or bridge too."""
    shared = next((one for one in system.pcie_switches if one.has_turns), None)
    if shared is None:
        return []
    used = [one for one in ceilings if one.per_frame]
    names = [system.servers[part].name for part in shared.members]
    by_name = {one.resource: one for one in used}
    of_link = [by_name[name] for way in ("up", "down") if (name := f"{MULTI_ROOT}.{way}") in by_name]
    if any(".wire" in one.resource or one.resource.startswith("bridge") for one in used) or not of_link:
        return [host_shares([])]
    link = lowest(of_link)
    most = {name: _most(name, link, used) for name in names}
    weights = {name: weight for name, (_, _, weight) in zip(names, shared.below, strict=True) if most[name]}
    shares = shares_by_weight(weights, most)
    return [host_shares([(name, float(share)) for name, share in shares.items()], link.resource)]


def _most(name: str, link: Ceiling, used: Sequence[Ceiling]) -> Fraction:
    """Return the share of the link that a host's own links, cores and rings let it use; 0 without frames."""
    way = link.resource.rpartition(".")[2]
    # On the host's own link its TLPs have the bytes that they have on the shared one.
    takes = next((one.per_frame for one in used if one.resource == f"{MULTI_ROOT}.{name}.{way}"), ZERO)
    own = (
        lowest(one for one in used if one.resource.startswith((f"{name}.", f"{MULTI_ROOT}.{name}."))) if takes else link
    )
    return takes * (own.frames_per_s or ZERO) / (link.per_frame * (link.frames_per_s or ZERO))

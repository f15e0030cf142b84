"""Each host's share of a shared adapter's link: max-min fair by weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling, lowest
from hwmodel.analytic.traffic import ZERO
from hwmodel.config.pcie_tree import MULTI_ROOT
from hwmodel.words.limits import host_shares as words

if TYPE_CHECKING:
    from hwmodel.analytic.system import System


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
        return [words([])]
    link = lowest(of_link)
    most = {name: _most(name, link, used) for name in names}
    weights = {name: weight for name, (_, _, weight) in zip(names, shared.below, strict=True) if most[name]}
    shares = shares_by_weight(weights, most)
    return [words([(name, float(share)) for name, share in shares.items()], link.resource)]


def _most(name: str, link: Ceiling, used: Sequence[Ceiling]) -> Fraction:
    """Return the share of the link that a host's own links, cores and rings let it use; 0 without frames."""
    way = link.resource.rpartition(".")[2]
    # On the host's own link its TLPs have the bytes that they have on the shared one.
    takes = next((one.per_frame for one in used if one.resource == f"{MULTI_ROOT}.{name}.{way}"), ZERO)
    own = (
        lowest(one for one in used if one.resource.startswith((f"{name}.", f"{MULTI_ROOT}.{name}."))) if takes else link
    )
    return takes * (own.frames_per_s or ZERO) / (link.per_frame * (link.frames_per_s or ZERO))

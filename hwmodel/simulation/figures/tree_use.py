"""PCIe trees over a window: what their links carried, how long for, and which of them may limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config import PcieSwitch, Server, links_above
from hwmodel.results import Suspect
from hwmodel.results.bottleneck import MATTERS
from hwmodel.results.bottleneck_text import busy_multi_root_link, busy_switch_link
from hwmodel.results.shared_links import PcieSwitchResult, SwitchLinkUse, SwitchPortUse
from hwmodel.results.shared_links_text import MULTI_ROOT_SWITCH
from hwmodel.rules.pcie_link import DLLP_BYTES, LinkRate, link_rate_of
from hwmodel.simulation.figures.span import Span

_COUNTS = ("busy_fs", "n_tlps", "n_bytes", "dllps")
_BUSY, _TLPS, _BYTES, _DLLPS = range(len(_COUNTS))


@dataclass(frozen=True)
class TreeSnapshot:
    """Hold sums: of each direction of the upstream link, by switch; upstream TLPs and bytes, by lower port."""

    up: npt.NDArray[np.int64]
    down: npt.NDArray[np.int64]
    ports: npt.NDArray[np.int64]


def take_trees(trees: Any, now_fs: int) -> TreeSnapshot:
    """Copy the sums out of the switches' records."""
    switches = [trees.switch[number] for number in range(int(trees.n_switches))]
    n_ports = sum(int(one.params.n_ports) for one in switches)
    ports = [(int(trees.port[at].n_tlps), int(trees.port[at].n_bytes)) for at in range(n_ports)]
    up, down = (np.array([sums_of(one[way], now_fs) for one in switches], np.int64) for way in ("up", "down"))
    return TreeSnapshot(up, down, np.array(ports, np.int64))


def sums_of(direction: Any, now_fs: int) -> tuple[int, ...]:
    """Return the sums of a link direction up to now, in the order of `_COUNTS`: busy fs, TLPs, bytes, DLLP pairs."""
    ahead_fs = max(0, int(direction.busy_until_fs) - now_fs)
    return int(direction.counts.busy_fs) - ahead_fs, *(int(direction.counts[name]) for name in _COUNTS[1:])


def tree_results(
    switches: Sequence[PcieSwitch], servers: Sequence[Server], ends: tuple[TreeSnapshot, TreeSnapshot], span: Span
) -> tuple[PcieSwitchResult, ...]:
    """Return the figures of each switch over a window; `servers`: the adapters."""
    start, end = ends
    bounds = np.cumsum([0, *(len(one.below) for one in switches)])
    found = []
    for one, numbers in links_above(switches):
        up, down = (
            _link_use(
                (getattr(end, way) - getattr(start, way))[list(numbers)].sum(axis=0),
                link_rate_of(one.link_of(servers)),
                span,
            )
            for way in ("up", "down")
        )
        of_ports = (end.ports - start.ports)[bounds[numbers[0]] : bounds[numbers[-1] + 1]]
        ports = [
            SwitchPortUse(
                name=servers[number].name if kind == "adapter" or one.is_of_multi_root else switches[number].name,
                weight=weight,
                tlps=int(tlps),
                bytes=int(n_bytes),
                share=float(n_bytes / max(1, of_ports[:, 1].sum())),
            )
            for (kind, number, weight), (tlps, n_bytes) in zip(one.below, of_ports, strict=True)
        ]
        settings = one.settings
        behind = MULTI_ROOT_SWITCH if one.has_turns else settings.behind
        found.append(
            PcieSwitchResult(
                name=one.name,
                behind=behind if one.above is None else switches[one.above].name,
                generation=settings.generation,
                lanes=settings.lanes,
                up=up,
                down=down,
                ports=tuple(ports),
            )
        )
    return tuple(found)


def _link_use(counts: npt.NDArray[np.int64], rate: LinkRate, span: Span) -> SwitchLinkUse:
    return SwitchLinkUse(
        utilization=rate.busy_share(min(1.0, span.share(int(counts[_BUSY])))),
        tlps=int(counts[_TLPS]),
        tlp_bytes=int(counts[_BYTES]),
        dllp_bytes=int(counts[_DLLPS]) * 2 * DLLP_BYTES,
    )


def tree_suspects(switches: Sequence[PcieSwitch], results: Sequence[PcieSwitchResult]) -> Iterator[Suspect]:
    """Give the links of switches that may set the throughput, the fuller direction first: one key widens both."""
    for (one, _), found in zip(links_above(switches), results, strict=True):
        keys = tuple(f"{one.key}.{name}" for name in ("lanes", "generation"))
        sharers = [port.name for port in found.ports]
        ways = (("up", "toward"), ("down", "from"))
        for way, where in sorted(ways, key=lambda one: -getattr(found, one[0]).utilization):
            share = getattr(found, way).utilization
            if share >= MATTERS:
                words = busy_multi_root_link if one.is_of_multi_root else busy_switch_link
                why = words(found.name, where, sharers, share)
                yield Suspect(resource=f"{found.name}.{way}", share=share, use=share, why=why, keys=keys)

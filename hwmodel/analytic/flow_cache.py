"""What a flow cache costs the core of a virtual switch: how often each stage is asked, by the stages' sizes.

Each frame is taken to be of a connection drawn anew of its sender's, all alike, and the tables to be full or to hold
all. Of one sender the C of N that an LRU holds are any C of them, so a look-up finds its own with the probability
C / N; of several it is the most that the order of their frames allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.analytic.recent import remembered
from hwmodel.analytic.routes import GROUPS, streams_of
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, ZERO, Traffic
from hwmodel.analytic.uplink import switch_of
from hwmodel.config.names import PF, UPLINK
from hwmodel.units import FS_PER_S
from hwmodel.words.virtual_switch import slow_path_note

if TYPE_CHECKING:
    from hwmodel.config import Config


class StageShares(NamedTuple):
    """Hold which share of frames each stage knows; the slow path what no table holds."""

    exact: Fraction
    wildcard: Fraction
    slow: Fraction


@remembered()
def stage_shares(config: Config) -> StageShares:
    """Give the share of frames that each stage of a virtual switch's flow cache knows.

    What the exact match holds the wildcards are taken to hold too, as far as they have room for it.
    """
    own = switch_of(config).flow_cache
    assert own is not None, "who asks has one"
    n, by_wire = config.workload.connections, config.workload.wire_share
    streams = streams_of(config, System.of(config).vm_names)
    ends = {
        (one.source, target) for one in streams for target in (*one.targets * (by_wire < 1), *[UPLINK] * (by_wire > 0))
    }
    connections = [(source, 1 if target in GROUPS else n) for source, target in sorted(ends)]
    exact = _known(config, own.exact_entries, connections)
    if own.wildcard_match == "ends":
        of_others = _known(config, own.wildcard_entries, [(source, 1) for source, _ in connections])
        return StageShares(exact, (1 - exact) * of_others, (1 - exact) * (1 - of_others))
    known = max(exact, _known(config, own.wildcard_entries, connections))
    return StageShares(exact, known - exact, 1 - known)


def _known(config: Config, n_entries: int, asked: Sequence[tuple[str, int]]) -> Fraction:
    """Give the share of look-ups that at most find their own among what was used last; `asked`: senders, of how many.

    As a piece of one of several alike senders begins the table has no more of it than of the others, who were served
    later; from there on it keeps what it enters. Where senders differ one may have the whole table.
    """
    by_sender = Counter[str]()
    for source, n in asked:
        by_sender[source] += n
    known = min(ONE, Fraction(n_entries, max(1, by_sender.total())))
    if known in (0, 1):
        return known
    if not _are_alike(config, by_sender):
        # A ring has part of a VM's connections, some more than others.
        least = min(n for _, n in asked) // (1 if config.nic.queues_per_vf == 1 else 2 * config.nic.queues_per_vf)
        return min(ONE, Fraction(n_entries, max(1, least)))
    if len(by_sender) == 1:
        return known
    n, n_frames = by_sender[asked[0][0]], switch_of(config).batch
    misses = (1 - float(known)) * n / n_frames * (1 - (1 - 1 / n) ** n_frames)
    return 1 - Fraction(misses).limit_denominator(10**9)


def _are_alike(config: Config, by_sender: Counter[str]) -> bool:
    """Tell whether all senders have as many connections, as much to send, and the same turns at one core."""
    workload, switch, flows = config.workload, config.switch, config.workload.flows
    is_even = len({(one.source, one.target) for one in flows}) == len(flows)
    if not is_even or 0 < workload.wire_share < 1 or any(workload.rate_bps_of(one) is not None for one in flows):
        return False
    return (len(by_sender) == 1 and config.nic.queues_per_vf == 1) or (
        len(set(by_sender.values())) == 1
        and workload.external is None
        and not workload.has_weights
        and by_sender.keys().isdisjoint({PF, *config.driver.vms})
        and len(switch_of(config).cores) == config.nic.queues_per_vf == 1
        and switch.scheduler == "round_robin"
        and all(port.rate_limit_bps is None and not port.min_rate_bps for port in switch.ports)
    )


def slow_path_notes(config: Config, frames_per_s: Fraction) -> Iterator[str]:
    """Say where the slow path has cores of its own, and is asked for more than they do."""
    own = switch_of(config).flow_cache if config.has_virtual_switch else None
    if own is None or not own.miss_cores:
        return
    asked = stage_shares(config).slow * frames_per_s * own.miss_time_fs / FS_PER_S / len(own.miss_cores)
    if asked > 1:
        yield slow_path_note(float(asked), len(own.miss_cores))


def looking_s(config: Config, traffic: Traffic) -> Fraction:
    """Give the time that a mean frame takes of the core that switches, to find out what to do with it, in seconds."""
    own = switch_of(config).flow_cache
    looked_up = traffic.reads + traffic.from_wire
    if own is None or not looked_up:
        return ZERO
    shares = stage_shares(config)
    a_frame_fs = ZERO
    if own.exact_entries:
        a_frame_fs += own.exact_time_fs
    if own.wildcard_entries:
        a_frame_fs += (1 - shares.exact) * own.wildcard_time_fs
    if not own.miss_cores:
        a_frame_fs += shares.slow * own.miss_time_fs
    return looked_up * a_frame_fs / FS_PER_S

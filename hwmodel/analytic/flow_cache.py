"""What a flow cache costs the core of a virtual switch: how often each stage is asked, by the stages' sizes.

Each frame is taken to be of a connection drawn anew, all alike, and the tables to be full or to hold all: then the C
of N that an LRU holds are any C of them, so a look-up finds its own with the probability C / N.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.analytic.recent import remembered
from hwmodel.analytic.routes import GROUPS, streams_of
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, ZERO, Traffic
from hwmodel.units import FS_PER_S
from hwmodel.words.flow_cache import slow_path_note

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.flow_cache import FlowCache


class StageShares(NamedTuple):
    """Hold which share of frames each stage knows; the slow path what no table holds."""

    exact: Fraction
    wildcard: Fraction
    slow: Fraction


def _own(config: Config) -> FlowCache | None:
    switch = config.host.virtual_switch
    return None if switch is None else switch.flow_cache


@remembered()
def stage_shares(config: Config) -> StageShares:
    """Give the share of frames that each stage of a virtual switch's flow cache knows.

    What the exact match holds the wildcards are taken to hold too, as far as they have room for it.
    """
    own = _own(config)
    assert own is not None, "who asks has one"
    targets = [target for stream in streams_of(config, System.of(config).vm_names) for target in stream.targets]
    n_pairs = max(1, len(targets))
    n_flows = max(1, sum(1 if target in GROUPS else config.workload.connections for target in targets))
    exact = min(own.exact_entries, n_flows)
    known = Fraction(exact, n_flows)
    if own.wildcard_match == "ends":
        of_others = min(ONE, Fraction(own.wildcard_entries, n_pairs))
    else:
        others = n_flows - exact
        of_others = min(ONE, Fraction(max(0, own.wildcard_entries - exact), others)) if others else ZERO
    return StageShares(known, (1 - known) * of_others, (1 - known) * (1 - of_others))


def slow_path_notes(config: Config, frames_per_s: Fraction) -> Iterator[str]:
    """Say where the slow path has cores of its own, and is asked for more than they do."""
    own = _own(config)
    if not config.has_virtual_switch or own is None or not own.miss_cores:
        return
    asked = stage_shares(config).slow * frames_per_s * own.miss_time_fs / FS_PER_S / len(own.miss_cores)
    if asked > 1:
        yield slow_path_note(float(asked), len(own.miss_cores))


def looking_s(config: Config, traffic: Traffic) -> Fraction:
    """Give the time that a mean frame takes of the core that switches, to find out what to do with it, in seconds."""
    own = _own(config)
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

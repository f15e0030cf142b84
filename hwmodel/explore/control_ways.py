"""One configuration simulated with each way of telling the network that VMs start."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from hwmodel.config import Config, as_config
from hwmodel.config.control import ControlWay as WayName
from hwmodel.errors import InputError
from hwmodel.explore.side_by_side import Progress, all_outcomes
from hwmodel.explore.ways import left_out_ways, reason_of
from hwmodel.results.control_comparison import ControlComparison, ControlWay

WAYS: tuple[str, ...] = get_args(WayName)


def compare_control(
    config: Config | str | Path, *, jobs: int = 1, progress: Progress | None = None
) -> ControlComparison:
    """Simulate a configuration with each way of telling the network that it allows, in the order of `WAYS`.

    `config` may be a file's name or a shipped one, as for `simulate`. `jobs`: processes that simulate at once; the
    result does not depend on it. A way that the configuration cannot have, or whose run fails, is left out with the
    reason. Raises InputError where `control` starts nobody, or no way is left.
    """
    config = as_config(config)
    if config.control is None or not config.control.starts:
        raise InputError(["control: nobody is started; say who, and when: control: {starts: {web1: 2s}}"])
    configs, left_out = dict[str, Config](), dict[str, str]()
    for way in WAYS:
        try:
            configs[way] = config.with_overrides({"control.way": way})
        except InputError as error:
            left_out[way] = reason_of(error)
    outcomes = dict(zip(configs, all_outcomes([*configs.values()], jobs, progress), strict=True))
    left_out |= {way: outcome for way, outcome in outcomes.items() if isinstance(outcome, str)}
    found = {way: outcome for way, outcome in outcomes.items() if not isinstance(outcome, str)}
    if not found:
        raise InputError([f"no way is left: {name}: {reason}" for name, reason in left_out.items()])
    return ControlComparison(
        ways=tuple(ControlWay.of(one.control) for one in found.values() if one.control is not None),
        left_out=left_out_ways(left_out),
        results=found,
        config=config.resolved(),
    )

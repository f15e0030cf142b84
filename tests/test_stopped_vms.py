"""VMs that send nothing yet: those beside them send as ever, and they themselves as at time 0 once they are started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel import load_config, simulate
from hwmodel.errors import InputError

BASE: Mapping[str, Any] = {
    "nic": {"preset": None, "vfs": 4}, "run": {"warmup": "0ns", "duration": "2ms"},
    "workload": {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf2", "vf3", "500Mbps"]]},
}  # fmt: skip


def flows_of(**keys: Any) -> dict[str, Any]:
    return {flow.from_: flow for flow in simulate(load_config(BASE, keys)).flows}


def test_who_is_stopped_sends_nothing_and_others_what_they_sent() -> None:
    beside, both = flows_of(**{"workload.stopped": ["vf2"]}), flows_of()
    assert beside["vf0"].offered == both["vf0"].offered
    assert "vf2" not in beside or beside["vf2"].offered == 0


@pytest.mark.parametrize("arrivals", ["periodic", "poisson"])
def test_who_is_started_sends_from_then_on(arrivals: str) -> None:
    starts = {"workload.stopped": ["vf2"], "scenario": [{"at": "1ms", "set": {"workload.stopped": []}}]}
    found = flows_of(**{"workload.arrivals": arrivals, **starts})
    whole = flows_of(**{"workload.arrivals": arrivals})
    assert found["vf0"].offered == whole["vf0"].offered
    assert found["vf2"].offered == pytest.approx(1e6 / (1518 * 8 / 0.5), rel=0.5 if arrivals == "poisson" else 0.05)


def test_a_stopped_vm_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match=r"workload\.stopped\.0: there is no vf9"):
        load_config(BASE, {"workload.stopped": ["vf9"]})

"""What a configuration is compared with: the same device and driver, nothing else written."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.resolve import defaults_beside

pytestmark = pytest.mark.strict_devices


@pytest.mark.parametrize("nic", [{"preset": "82576", "vfs": 7}, {"preset": None, "vfs": 3}, {}])
def test_only_what_was_written_differs_from_the_defaults(nic):
    written = {"nic": nic, "driver": {"preset": "dpdk"}, "workload": {"pattern": "uniform"}}
    resolved = config_from_mapping(written).resolved()
    defaults = defaults_beside(resolved)
    differing = [
        (block, key) for block in resolved for key in resolved[block] if resolved[block][key] != defaults[block][key]
    ]
    assert differing == [("workload", "pattern")]


NOT_KNOWN = {"nic": {"preset": "82599", "vfs": "many"}, "driver": {"preset": None}}


@pytest.mark.parametrize("resolved", [{}, NOT_KNOWN, {"nic": 1, "driver": 2}])
def test_what_is_no_configuration_has_no_defaults(resolved):
    assert defaults_beside(resolved) is None

"""The checks of the registers hold on a small and on a large core, in both simulators."""

from __future__ import annotations

import pytest
from cocotb_tools.check_results import get_results

from cocotb_tests.simulate import simulate

SHAPES = {
    "small": {
        "PORTS": 3,
        "BUS_W": 64,
        "PRIORITIES": 4,
        "INGRESS_BYTES": 2048,
        "QUEUE_BYTES": 2048,
        # No powers of two: there are addresses of no entry within the bits of an index.
        "VLAN_ENTRIES": 5,
        "LIST_ENTRIES": 3,
        "MAC_ENTRIES": 6,
    },
    "large": {"PORTS": 17, "BUS_W": 512, "PRIORITIES": 8, "INGRESS_BYTES": 4096, "QUEUE_BYTES": 2048},
}


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
@pytest.mark.parametrize("shape", SHAPES)
def test_registers(shape, simulator, tmp_path):
    results = simulate("cocotb_tests.register_checks", simulator, SHAPES[shape], tmp_path)
    n_tests, n_failed = get_results(results)
    assert n_tests > 0
    assert n_failed == 0

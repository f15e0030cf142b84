"""A core with parameters outside their bounds does not elaborate; one on a bound does."""

from __future__ import annotations

import pytest

from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.runners import SimulationError

GOOD = [
    {},
    {"ports": 2, "bus_w": 64, "priorities": 2, "mac_entries": 1, "vlan_entries": 1, "list_entries": 1},
    {"ports": 17, "bus_w": 512, "priorities": 8, "mac_entries": 1024, "vlan_entries": 256, "list_entries": 256},
    {"max_frame_bytes": 60, "ingress_bytes": 192, "queue_bytes": 128},
    {"ingress_bytes": 25 * 64, "queue_bytes": 24 * 64},
    {"max_frame_bytes": 1525, "ingress_bytes": 26 * 64, "queue_bytes": 25 * 64},
    {"max_frame_bytes": 9724, "ingress_bytes": 9856, "queue_bytes": 9792},
]
# STORE_BYTES is 1526 by default: 24 words of 64 B, and one more in the ingress FIFO.
OUT_OF_BOUNDS = {
    "PORTS": (1, 18),
    "PORT_W": (32, 128),
    "BUS_W": (32, 192, 1024),
    "PRIORITIES": (0, 3, 16),
    "MAX_FRAME_BYTES": (59, 9725),
    "INGRESS_BYTES": (25 * 64 - 1,),
    "QUEUE_BYTES": (24 * 64 - 1,),
    "MAC_ENTRIES": (0, 1025),
    "VLAN_ENTRIES": (0, 257),
    "LIST_ENTRIES": (0, 257),
    "POOL_FILTERS": (-1, 2),
    "PAUSE": (-1, 2),
    "PRIVATE_VLANS": (-1, 2),
}
# What is stored of the longest frame, 12 bytes more than it has without tags, is 24 words and one byte.
INTO_A_WORD_MORE = {"MAX_FRAME_BYTES": 1525}
TOO_SMALL_FOR_IT = {"INGRESS_BYTES": 25 * 64, "QUEUE_BYTES": 24 * 64}


def words_of(changes):
    return ", ".join(f"{name} {value}" for name, value in changes.items()) or "default"


@pytest.mark.parametrize("changes", GOOD, ids=words_of)
def test_parameters_within_the_bounds_elaborate(simulator, changes):
    if simulator.name == "verilator":
        pytest.skip("the C++ of five cores takes a minute; Icarus elaborates the same Verilog")
    simulator.build("eth_switch_core", parameters=CoreParameters(**changes).verilog())


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in OUT_OF_BOUNDS.items() for value in values]
)
def test_parameters_beyond_the_bounds_do_not_elaborate(simulator, name, value):
    with pytest.raises(SimulationError, match=f"{name}_must"):
        simulator.build("eth_switch_core", parameters={name: value})


@pytest.mark.parametrize("name", TOO_SMALL_FOR_IT)
def test_a_byte_in_the_last_word_takes_a_word(simulator, name):
    with pytest.raises(SimulationError, match=f"{name}_must"):
        simulator.build("eth_switch_core", parameters={**INTO_A_WORD_MORE, name: TOO_SMALL_FOR_IT[name]})

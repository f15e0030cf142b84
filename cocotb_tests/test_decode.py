"""Every word of the address space: what the map has is there, and nothing else answers or changes anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cocotb_tests.batch_files import Access, Stage
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.mutant_detection import SLVERR
from cocotb_tests.register_list import all_words, kept

WORDS = 1 << 14
# No number of ports or entries is a power of two but that of the lists.
PARAMETERS = CoreParameters(
    ports=3, bus_w=64, priorities=4, ingress_bytes=2048, queue_bytes=2048, mac_entries=24, vlan_entries=17,
    list_entries=32,
)  # fmt: skip
WITH_POOLS, WITH_PAUSES = replace(PARAMETERS, pool_filters=1), replace(PARAMETERS, pause=1)
PRIVATE = replace(PARAMETERS, private_vlans=1)
PATTERN = 0xA5C3F00D


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize(
    "parameters",
    [PARAMETERS, WITH_POOLS, WITH_PAUSES, PRIVATE],
    ids=["without", "pools", "pauses", "private VLANs"],
)
def test_every_address_answers_as_the_map_says(simulator, run_folder, parameters):
    words = {word.address: word for word in all_words(parameters)}
    others = [address for address in range(0, 4 * WORDS, 4) if address not in words]
    read_only = [word.address for word in words.values() if not word.is_writable]
    accesses = [
        *(Access(address, is_read=True, overlaps=True) for address in range(0, 4 * WORDS, 4)),
        *(Access(address, PATTERN, overlaps=True) for address in (*others, *read_only)),
        *(Access(address, is_read=True) for address in words),
        *(Access(word.address, PATTERN, overlaps=True) for word in words.values() if word.is_writable),
        *(Access(word.address, is_read=True) for word in words.values() if word.is_writable),
    ]
    core = read_dut(OWN_CORE).core_with(parameters.verilog())
    (outcome,) = CoreBench.of(simulator, core, run_folder).run([Stage([], accesses, last_cycle=1_000_000)])
    assert not outcome.failed and not outcome.rule
    written = set()
    for access, answer in zip(accesses, outcome.answers, strict=True):
        word = words.get(access.address)
        is_good = word is not None and (access.is_read or word.is_writable)
        assert int(answer["response"]) == (0 if is_good else SLVERR), access
        if is_good and not access.is_read:
            written.add(access.address)
        elif access.is_read:
            held = 0 if word is None else kept(word, PATTERN) if access.address in written else word.reset
            mask = ~1 if word is not None and ".STATIONS" in word.name else ~0  # bit 0 is the uplink
            assert int(answer["data"]) & mask == held & mask, (hex(access.address), word)
    assert len(others) > WORDS // 2

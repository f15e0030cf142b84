"""The bus's arbiter: ports in turn, whole frames, no bubbles."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench

INFO_W = 16


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.9])
async def ports_take_turns(dut, idles):
    n_ports = dut.PORTS.value.to_unsigned()
    bench = ModuleBench(dut, seed=2)
    await bench.start(request=0, pick_is_long=0, pick_more=0, pick_info=0)
    # Each port has a list of frames. What is read lags the grant by a cycle, the word by three.
    waiting = [[] for _ in range(n_ports)]
    pointer, busy_until, reads, words = 0, 0, {}, {}
    n_granted = 0
    for cycle in range(1500):
        for port in range(n_ports):
            if not waiting[port] and not bench.chance(idles):
                waiting[port].append((bench.rng.choice((1, 1, 2, 3, 7)), bench.bits(INFO_W)))
        request = sum(1 << port for port in range(n_ports) if waiting[port])
        await bench.settle(request=request)
        expected = 0
        if request and cycle >= busy_until:
            port = next(p % n_ports for p in range(pointer, pointer + n_ports) if request >> p % n_ports & 1)
            expected = 1 << port
            n_words, info = waiting[port].pop()
            assert bench.get("pick") == expected
            await bench.settle(pick_is_long=n_words > 1, pick_more=n_words - 1, pick_info=info)
            pointer, busy_until = port + 1, cycle + n_words
            n_granted += 1
            for i in range(n_words):
                reads[cycle + 1 + i] = 1 << port
                words[cycle + 3 + i] = (int(i == 0), port, info)
        assert bench.get("grant") == expected, cycle
        assert bench.get("read") == reads.get(cycle, 0), cycle
        assert bench.get("word_valid") == (cycle in words), cycle
        if cycle in words:
            assert (bench.get("word_first"), bench.get("word_port"), bench.get("word_info")) == words[cycle], cycle
        await bench.next_cycle()
    assert n_granted > 200


@pytest.mark.parametrize("ports", [2, 9, 17])
def test_input_arbiter(simulate, ports):
    assert simulate("input_arbiter", PORTS=ports, INFO_W=INFO_W) == 2

"""The core through the AXI models of another project, beat by beat, against the second implementation of the decision.

Few frames, but neither the bench of verilog/frame_bench.v nor the kernels have a part in it.
"""

from __future__ import annotations

import random
from collections import Counter

import cocotb
import pytest
from cocotb.triggers import ClockCycles, RisingEdge

from cocotb_tests.axi_streams import BENCH, Streams, bench_parameters, stream_frame
from cocotb_tests.backend import MODES
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.traffic import random_frame, random_switch
from tests.oracles.forwarding_oracle import ForwardingOracle

# Queues that hold all frames of a run: none finds its queue full, so that timing plays no part.
PARAMETERS = CoreParameters(ports=9, bus_w=256, queue_bytes=65536, ingress_bytes=8192)
N_FRAMES = 80
NAMES = ("uplink", "pf", *(f"vf{i}" for i in range(PARAMETERS.ports - 2)))
QUIET_CYCLES = 1500
LIMIT_US = 3000


def outcome_of(oracle, switch, frame):
    """Return the reason and the copies by port."""
    name = NAMES[frame.port]
    if name not in {"uplink"} | {port.name for port in switch.ports}:
        return "PORT_DISABLED", {}
    outcome = oracle.forward(name, frame.data, frame.is_bad)
    return outcome.drop or "NONE", {NAMES.index(to): data for to, data in outcome.deliver.items()}


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
@cocotb.parametrize(mode=MODES, idles=[0.0, 0.3], stalls=[0.0, 0.4])
async def copies_and_reasons_are_those_of_the_oracle(dut, mode, idles, stalls):
    rng = random.Random(f"{mode} {idles} {stalls}")
    switch = random_switch(rng, mode, PARAMETERS)
    oracle, streams = ForwardingOracle(switch), Streams(dut)
    await streams.start(switch_writes(switch, PARAMETERS))
    streams.pause(lambda: rng.random() < idles, lambda: rng.random() < stalls)
    expected = [[] for _ in range(PARAMETERS.ports)]
    reasons = [[] for _ in range(PARAMETERS.ports)]
    for serial in range(N_FRAMES):
        frame = random_frame(rng, mode, PARAMETERS, serial)
        # A source of this kind has no frames without bytes, and a limit of its own is tested elsewhere.
        while not frame.data or frame.empty_last_beat or len(frame.data) > PARAMETERS.max_frame_bytes:
            frame = random_frame(rng, mode, PARAMETERS, serial)
        await streams.sources[frame.port].send(stream_frame(frame))
        reason, copies = outcome_of(oracle, switch, frame)
        reasons[frame.port].append(reason)
        for port, data in copies.items():
            expected[port].append((frame.port, data))
    for source in streams.sources:
        await source.wait()
    while sum(map(len, streams.reasons)) < N_FRAMES:
        await RisingEdge(dut.clk)
    for port, sink in enumerate(streams.sinks):
        for _ in expected[port]:
            await sink.wait()
            if sink.count() >= len(expected[port]):
                break
            await ClockCycles(dut.clk, 300)
    await ClockCycles(dut.clk, QUIET_CYCLES)
    assert streams.reasons == reasons
    for port, sink in enumerate(streams.sinks):
        found = []
        while not sink.empty():
            copy = sink.recv_nowait()
            assert not any(copy.tuser) if isinstance(copy.tuser, list) else not copy.tuser
            found.append(bytes(copy.tdata))
        # Frames of one source keep their order; those of several mix as the arbiter had them.
        assert Counter(found) == Counter(data for _, data in expected[port]), port
        for source in range(PARAMETERS.ports):
            own = [data for sender, data in expected[port] if sender == source]
            assert is_within(own, found), (source, port)


def is_within(part, whole):
    """Tell whether a list is a subsequence of another."""
    rest = iter(whole)
    return all(any(each == other for other in rest) for each in part)


@pytest.mark.usefixtures("quick_build")
def test_streams(simulate):
    assert simulate(BENCH, (BENCH,), **bench_parameters(PARAMETERS)) == 16

"""Inside the simulator: full load beat by beat through AXI models, until every copy has come out; for benches."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import cocotb

from cocotb_tests.axi_streams import Streams, stream_frame
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.load import LOADS, address_of, load_frames, open_writes


@cocotb.test()
async def run_load(dut: Any) -> None:
    """Send frames and take their copies; each frame has one."""
    n_frames, load = int(os.environ["STREAM_FRAMES"]), os.environ["STREAM_LOAD"]
    streams = Streams(dut)
    names = set(CoreParameters.__dataclass_fields__) - {"ports"}
    parameters = CoreParameters(
        ports=streams.n_ports, **{name: getattr(dut, name.upper()).value.to_unsigned() for name in names}
    )
    await streams.start((access.address, access.data) for access in open_writes(parameters))
    frames = load_frames(n_frames, LOADS[load], streams.n_ports, 0)
    for frame in frames:
        await streams.sources[frame.port].send(stream_frame(frame))
    expected = {frame.data for frame in frames}
    assert len(expected) == n_frames
    port_of = {address_of(port, streams.n_ports).to_bytes(6, "big"): port for port in range(streams.n_ports)}
    n_copies = Counter(port_of[frame.data[:6]] for frame in frames)
    for port, sink in enumerate(streams.sinks):
        for _ in range(n_copies[port]):
            expected.remove(bytes((await sink.recv()).tdata))

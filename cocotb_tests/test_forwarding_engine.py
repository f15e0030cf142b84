"""Parser, tables, classification and forwarding together, against the second implementation of the decision."""

from __future__ import annotations

import random
from collections import Counter

import cocotb

from cocotb_tests.backend import MODES
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.module_bench import LIMIT, ModuleBench
from cocotb_tests.register_bus import IDLE, write_registers
from cocotb_tests.traffic import random_frame, random_switch
from hwmodel.forwarding.drop_reason import DropReason
from tests.oracles.forwarding_oracle import ForwardingOracle

SMALL = CoreParameters(ports=5, priorities=4, mac_entries=24, vlan_entries=6, list_entries=7)
LENGTH_W = 14
HEADER_BYTES, LOOKUP_CYCLES = 26, 6
NAMES = ("uplink", "pf", *(f"vf{i}" for i in range(SMALL.ports - 2)))


def expect(oracle, switch, frame):
    """Return what the engine is to say: reason, ports, queue."""
    name, is_bad = NAMES[frame.port], frame.is_bad or frame.empty_last_beat
    if name not in {"uplink"} | {port.name for port in switch.ports}:
        return DropReason.PORT_DISABLED, 0, None
    outcome = oracle.forward(name, frame.data, is_bad)
    if outcome.drop not in ("PORT_DISABLED", "BAD_FRAME", "RUNT") and is_too_long(frame, switch):
        return DropReason.OVERSIZE, 0, None
    ports = sum(1 << NAMES.index(to) for to in outcome.deliver)
    queue = outcome.priority * SMALL.priorities // 8
    return DropReason[outcome.drop or "NONE"], ports, queue if ports else None


def is_too_long(frame, switch):
    """Tell whether a frame is longer than the core takes, tags not counted."""
    at, outer = 12, {"vn_tag": ("8926", 6), "e_tag": ("893f", 8)}.get(switch.mode)
    if frame.port == 0 and outer and frame.data[12:14].hex() == outer[0]:
        at += outer[1]
    if frame.data[at : at + 2].hex() == "8100":
        at += 4
    return len(frame.data) - (at - 12) > SMALL.max_frame_bytes


@cocotb.test(**LIMIT)
@cocotb.parametrize(mode=MODES, idles=[0.0, 0.5])
async def frames_are_decided_six_cycles_later(dut, mode, idles):
    bench = ModuleBench(dut)
    await bench.start(**IDLE, header_valid=0, header=0, header_info=0)
    rng, seen = random.Random(f"{mode} {idles}"), Counter()
    for _ in range(4):
        switch = random_switch(rng, mode, SMALL)
        oracle = ForwardingOracle(switch)
        await write_registers(bench, switch_writes(switch, SMALL))
        due = {}
        for serial in range(400):
            frame = random_frame(rng, mode, SMALL, serial)
            while not frame.data or len(frame.data) > SMALL.store_bytes:
                frame = random_frame(rng, mode, SMALL, serial)
            is_here = not bench.chance(idles)
            header = frame.data[:HEADER_BYTES].ljust(HEADER_BYTES, b"\xa5")
            is_bad = frame.is_bad or frame.empty_last_beat
            info = frame.port << LENGTH_W + 2 | is_bad << LENGTH_W | len(frame.data)
            await bench.settle(header_valid=is_here, header=int.from_bytes(header, "little"), header_info=info)
            if is_here:
                due[bench.cycle + LOOKUP_CYCLES] = frame
            assert bench.get("decided_valid") == (bench.cycle in due)
            if bench.cycle in due:
                decided = due.pop(bench.cycle)
                reason, ports, queue = expect(oracle, switch, decided)
                said = DropReason(bench.get("decided_reason")), bench.get("decided_egress")
                assert said == (reason, ports), (switch, decided)
                assert bench.get("decided_port") == decided.port
                assert bench.get("decided_length") == len(decided.data)
                assert bench.get("decided_words") == -(-len(decided.data) // SMALL.word_bytes)
                if queue is not None:
                    assert bench.get("decided_queue") == queue
                seen[reason.name] += 1
            await bench.next_cycle()
        await bench.settle(header_valid=0)
    assert seen["NONE"] > 100
    assert len(seen) > 8, seen


def test_forwarding_engine(simulate):
    names = ("ports", "priorities", "mac_entries", "vlan_entries", "list_entries", "max_frame_bytes")
    parameters = {name.upper(): getattr(SMALL, name) for name in names}
    assert simulate("forwarding_engine", **parameters) == 8

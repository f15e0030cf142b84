"""Whatever comes from a wire, the frames around it arrive as if it had not come.

The traffic without faults says what should leave; the reasons are those of docs/forwarding.md, written down by hand.
Beside that, every cycle is the twin's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from cocotb_tests.backend import MODES
from cocotb_tests.batch_files import Frame
from cocotb_tests.bench_switch import OUTSIDE, c_tag, e_tag, frame, insert, s_tag, switch, vn_tag
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.stages import plain_stage
from cocotb_tests.traffic import station_names
from hwmodel.forwarding.drop_reason import DropReason

# The FIFOs hold little more than the longest frame, so that a fault cannot hide in room that nobody needs.
PARAMETERS = CoreParameters(ingress_bytes=1664)
SOURCES = (0, 3)
MAX_BYTES, STORE_BYTES = 1514, 1526
LONGEST_BYTES = 16376  # ten times what a FIFO holds
GOOD_AROUND, GOOD_ELSEWHERE = 2, 25
SERIAL_BYTES = 4
NAMES = station_names(PARAMETERS)


def outer_tag(mode, port):
    """Return the tag with which a mode's bridge addresses a station."""
    return {"vn_tag": vn_tag(dvif=port, direction=1), "e_tag": e_tag(port)}.get(mode, b"")


def good_frame(mode, port, serial):
    """Return a frame that one port gets; it ends with its source and a number."""
    to, source = (NAMES[port % len(NAMES)], NAMES[port - 1]) if port else (NAMES[serial % len(NAMES)], OUTSIDE)
    tag = b"" if port else outer_tag(mode, serial % len(NAMES) + 1)
    raw = frame(to, source, *([tag] if tag else []), length=64 + serial * 37 % 90)
    return Frame(port, raw + bytes([port]) + serial.to_bytes(SERIAL_BYTES, "big"))


def faults_of_any_frame(raw):
    """Give frames that are wrong whatever the mode, made of a good one, and why each is dropped."""
    whole = raw[:12] + b"\x08\x00" + bytes(range(256)) * 70
    n_tags = len(raw) - len(raw.replace(outer_of(raw), b"", 1))
    long = insert(whole, outer_of(raw))
    yield Frame(0, b"", empty_last_beat=True), "BAD_FRAME"
    for n_bytes in (1, 7, 8, 9, 12, 13):
        yield Frame(0, raw[:n_bytes]), "RUNT"
    yield Frame(0, raw[:8], is_bad=True), "BAD_FRAME"
    yield Frame(0, raw, is_bad=True), "BAD_FRAME"
    yield Frame(0, raw[:64], empty_last_beat=True), "BAD_FRAME"
    for n_bytes in (MAX_BYTES + n_tags + 1, STORE_BYTES, STORE_BYTES + 1, STORE_BYTES + 8, 3000, LONGEST_BYTES):
        yield Frame(0, long[:n_bytes]), "OVERSIZE"
    yield Frame(0, long[:LONGEST_BYTES], is_bad=True), "BAD_FRAME"
    # No tlast: frames run together until one that has it.
    padded = raw.ljust(-(-len(raw) // 8) * 8, b"\0")
    yield Frame(0, padded * 40), "OVERSIZE"


def outer_of(raw):
    """Return the outer tag that a frame begins with."""
    return {b"\x89\x26": raw[12:18], b"\x89\x3f": raw[12:20]}.get(raw[12:14], b"")


def tag_faults(mode, raw, from_uplink):
    """Give frames whose tags are wrong in a mode, and why each is dropped."""
    plain = raw[:12] + raw[12 + len(outer_of(raw)) :]
    own = outer_of(raw)
    for cut in range(4):
        yield Frame(0, raw[:12] + own + c_tag(1)[: 2 + cut]), "RUNT"
    yield Frame(0, raw[:12] + own + c_tag(1) + b"\x08"), "RUNT"
    for cut in range(len(own)):
        yield Frame(0, raw[: 12 + cut]), "RUNT"
    every_bit = insert(plain, own, c_tag(4095, 7, 1))
    if mode in ("veb", "vepa"):
        yield Frame(0, every_bit), "VLAN_MEMBER"
    if not from_uplink:
        for tag in (
            vn_tag(1, 2, 1),
            e_tag(2),
            s_tag(1),
            bytes.fromhex("8926ffffffff"),
            bytes.fromhex("893fffffffffffff"),
        ):
            yield Frame(0, insert(plain, tag)), "FORBIDDEN_TAG"
        yield Frame(0, b"\xff" * 64), "BAD_SOURCE"
    elif mode == "vn_tag":
        for tag in (b"", e_tag(2), s_tag(1)):
            yield Frame(0, insert(plain, tag)), "VNTAG_MISSING"
        yield Frame(0, b"\xff" * 64), "VNTAG_MISSING"
        yield Frame(0, insert(plain, bytes.fromhex("8926ffffffff"))), "VNTAG_VERSION"
        yield Frame(0, insert(plain, vn_tag(dvif=2))), "VNTAG_DIRECTION"
        for keys in (
            {"dvif": 77},
            {"dvif": 0},
            {"dvif": 4095},
            {"dvif": 2, "pointer": 1},
            {"dvif": 16383, "pointer": 1},
        ):
            yield Frame(0, insert(plain, vn_tag(direction=1, **keys))), "VNTAG_UNKNOWN_VIF"
    elif mode == "e_tag":
        for tag in (b"", vn_tag(dvif=2, direction=1), s_tag(1)):
            yield Frame(0, insert(plain, tag)), "ETAG_MISSING"
        yield Frame(0, b"\xff" * 64), "ETAG_MISSING"
        for tag in (bytes.fromhex("893fffffffffffff"), e_tag(77), e_tag(0), e_tag(0xFFFFF), e_tag(2, 1)):
            yield Frame(0, insert(plain, tag)), "ETAG_UNKNOWN_ECID"
    else:
        # Payload to this mode; the address is nobody's.
        stranger = (0x02DD_0000_0099).to_bytes(6, "big") + plain[6:]
        for tag in (vn_tag(dvif=2, direction=1), e_tag(2), s_tag(1)):
            yield Frame(0, insert(stranger, tag)), "UNKNOWN_UNICAST"
        yield Frame(0, b"\xff" * 64), "NONE"


def faulty_traffic(mode):
    """Return frames of all ports without and with faults among them, and the reasons by port in the second case."""
    good, mixed, reasons = [], [], defaultdict(list)

    def add(port, *, fault=None):
        if fault is None:
            good.append(good_frame(mode, port, len(good)))
        mixed.append(good[-1] if fault is None else replace(fault[0], port=port))
        reasons[port].append("NONE" if fault is None else fault[1])

    for port in SOURCES:
        raw = good_frame(mode, port, 1).data
        add(port)
        for fault in (*faults_of_any_frame(raw), *tag_faults(mode, raw, port == 0)):
            add(port, fault=fault)
            for _ in range(GOOD_AROUND):
                add(port)
    for i in range(GOOD_ELSEWHERE * PARAMETERS.ports):
        if i % PARAMETERS.ports not in SOURCES:
            add(i % PARAMETERS.ports)
    return good, mixed, reasons


def flows(outcome):
    """Return the bytes of the copies of good frames by destination and source, and all others by destination."""
    by_flow, others = defaultdict(list), Counter()
    for port in range(PARAMETERS.ports):
        for data in outcome.copies_of(port)[1]:
            if data == b"\xff" * 64:
                others[port] += 1
            else:
                by_flow[port, data[-SERIAL_BYTES - 1]].append(data)
    return by_flow, others


@pytest.mark.parametrize("mode", MODES)
def test_faults_on_the_wire_change_nothing_for_other_frames(simulator, run_folder, mode):
    core = read_dut(OWN_CORE).core_with(PARAMETERS.verilog())
    good, mixed, reasons = faulty_traffic(mode)
    stages = [plain_stage(core, switch(*NAMES, mode=mode), frames) for frames in (good, mixed)]
    clean, dirty = CoreBench.of(simulator, core, run_folder).run(stages)
    for stage, outcome in zip(stages, (clean, dirty), strict=True):
        divergence, _ = compare(core, stage, outcome)
        assert divergence is None, divergence
        assert not outcome.events["full"].any()
    expected, _ = flows(clean)
    found, others = flows(dirty)
    assert sum(map(len, expected.values())) == len(good)
    assert found == expected
    # The one fault that passes: from the uplink, where no source address is wrong, all ones are a broadcast.
    assert others == (dict.fromkeys(range(1, PARAMETERS.ports), 1) if mode in ("veb", "vepa") else {})
    for port in range(PARAMETERS.ports):
        events = dirty.events[dirty.events["port"] == port]
        assert [DropReason(int(event["reason"])).name for event in events] == reasons[port], port
    assert all(len(set(reasons[port])) > 4 for port in SOURCES)

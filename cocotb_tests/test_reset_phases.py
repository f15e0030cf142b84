"""A reset of one to three cycles in each cycle of frames and accesses: what follows is what follows the first reset.

frame_bench lets the core go on for some cycles between a cut and the reset; here the reset falls where it is aimed.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.bench_switch import Station, Switch
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.load import load_frames
from cocotb_tests.module_bench import LIMIT, PERIOD_NS, ModuleBench
from cocotb_tests.rule_watch import CHECKED_CORE, PARTS, watch_rules
from cocotb_tests.simulators import RTL, Design, SimulationError
from cocotb_tests.traffic import station_names

PARAMETERS = CoreParameters(
    ports=3, bus_w=64, ingress_bytes=280, queue_bytes=296, max_frame_bytes=150, mac_entries=3, vlan_entries=2,
    list_entries=1,
)  # fmt: skip
PORTS, BEAT_BYTES = 3, 8
FRAMES_A_PORT, FRAME_BYTES = 2, 60
FILLING_FRAMES, FILLING_CYCLES = 9, 100  # six for each port, of which its queue and its reader hold five
PHASES, LONGEST_RESET = 66, 3
ANSWER_WAITS = 2  # cycles, so that a reset finds answers that are not taken
IDLE = {
    "s_axis_tvalid": 0, "s_axis_tdata": 0, "s_axis_tkeep": 0, "s_axis_tlast": 0, "s_axis_tuser": 0,
    "s_axil_awvalid": 0, "s_axil_awaddr": 0, "s_axil_wvalid": 0, "s_axil_wdata": 0, "s_axil_wstrb": 0xF,
    "s_axil_arvalid": 0, "s_axil_araddr": 0, "s_axil_bready": 0, "s_axil_rready": 0, "m_axis_tready": 0,
}  # fmt: skip
# What is said, and what it is said of, whose value means nothing without it.
SAID = {
    "s_axis_tready": (), "s_axil_awready": (), "s_axil_wready": (), "s_axil_arready": (),
    "s_axil_bvalid": ("s_axil_bresp",), "s_axil_rvalid": ("s_axil_rresp", "s_axil_rdata"),
    "write_valid": ("write_address", "write_data"),
    "event_valid": ("event_port", "event_reason", "event_ports", "event_full"), "m_axis_tvalid": (),
}  # fmt: skip


class Played:
    """Frames and register accesses as they are offered from one cycle on, each as soon as it may."""

    def __init__(self, bench, frames, writes, reads, answer_waits=ANSWER_WAITS, takes=(0b111, 0b101)):
        self.bench, self.answer_waits, self.takes = bench, answer_waits, takes
        self.beats = [[beat for f in frames if f.port == port for beat in beats_of(f.data)] for port in range(PORTS)]
        self.addresses, self.data, self.reads = [a for a, _ in writes], [d for _, d in writes], list(reads)
        self.answered = {"b": 0, "r": 0}  # cycles for which an answer has waited
        self.n_written = 0

    async def cycles(self, n_cycles):
        """Play some cycles to their ends; return what the core says in each."""
        said = []
        for _ in range(n_cycles):
            said.append(await self.cycle())
            await self.bench.next_cycle()
        return said

    async def cycle(self):
        """Play one cycle; return what the core says in it."""
        inputs = dict(IDLE, m_axis_tready=self.takes[self.bench.cycle % 2])
        for port, beats in enumerate(self.beats):
            if beats:
                data, keep, last = beats[0]
                inputs["s_axis_tvalid"] |= 1 << port
                inputs["s_axis_tdata"] |= data << 64 * port
                inputs["s_axis_tkeep"] |= keep << 8 * port
                inputs["s_axis_tlast"] |= last << port
        for channel, words in (("aw", self.addresses), ("w", self.data), ("ar", self.reads)):
            if words:
                inputs[f"s_axil_{channel}valid"] = 1
                inputs["s_axil_wdata" if channel == "w" else f"s_axil_{channel}addr"] = words[0]
        for channel, waited in self.answered.items():
            inputs[f"s_axil_{channel}ready"] = int(waited >= self.answer_waits)
        await self.bench.settle(**inputs)
        said = outputs(self.bench)
        for port, beats in enumerate(self.beats):
            if inputs["s_axis_tvalid"] & said["s_axis_tready"] & 1 << port:
                beats.pop(0)
        for channel, words in (("aw", self.addresses), ("w", self.data), ("ar", self.reads)):
            if words and said[f"s_axil_{channel}ready"]:
                words.pop(0)
        for channel, waited in self.answered.items():
            taken = waited >= self.answer_waits and said[f"s_axil_{channel}valid"]
            self.n_written += bool(taken and channel == "b")
            self.answered[channel] = 0 if taken else waited + bool(said[f"s_axil_{channel}valid"])
        return said


def beats_of(data):
    """Return a frame's beats: data, tkeep, tlast."""
    parts = [data[i : i + BEAT_BYTES] for i in range(0, len(data), BEAT_BYTES)]
    return [(int.from_bytes(p, "little"), (1 << len(p)) - 1, int(p is parts[-1])) for p in parts]


def outputs(bench):
    """Return all outputs that mean something in this cycle; X in one is an error."""
    said = {name: bench.get(name) for name in SAID}
    for name, values in SAID.items():
        said.update({value: bench.get(value) for value in values if said[name]})
    for port in range(PORTS):
        if said["m_axis_tvalid"] >> port & 1:
            keep = bench.part("m_axis_tkeep", 8 * port, 8)
            kept = [bench.part("m_axis_tdata", 64 * port + 8 * i, 8) for i in range(8) if keep >> i & 1]
            said[f"copy {port}"] = keep, kept, bench.part("m_axis_tlast", port, 1)
    return said


def disturbing(bench):
    """Return what a reset falls into: frames between all ports, and reads and writes at the same time."""
    reads = [regs.CORE_BASE + regs.CORE_MODE, regs.VLAN_BASE, 0xF000, regs.COUNTER_BASE + regs.COUNTER_RECEIVED] * 9
    frames = load_frames(PORTS * FRAMES_A_PORT, lambda rng: FRAME_BYTES, PORTS, 0)
    played = Played(bench, frames, [], reads)
    played.addresses = [regs.ADDRESS_BASE + 8, regs.LIST_BASE, 0xF000] * 9
    played.data = [0xFFFFFFFF] * len(played.addresses)
    return played


def following(bench):
    """Return what shows the state after a reset: frames at disabled ports, reads, an entry of its last word."""
    words = [regs.PORT_BASE, regs.ADDRESS_BASE, regs.ADDRESS_BASE + 4, regs.ADDRESS_BASE + 8, regs.LIST_BASE]
    counters = [regs.COUNTER_BASE + port * regs.COUNTER_STRIDE + regs.COUNTER_RECEIVED + 4 for port in range(PORTS)]
    played = Played(bench, load_frames(PORTS, lambda rng: FRAME_BYTES, PORTS, 0), [], [*counters, *words, *words])
    played.addresses, played.data = [regs.ADDRESS_BASE + 8], [1]
    return played


async def set_up(bench, mode="veb"):
    """Let each port send to each other, from any address."""
    stations = tuple(Station(name, spoof_check=False) for name in station_names(PARAMETERS))
    words = switch_writes(Switch(ports=stations, mode=mode), PARAMETERS)
    writes = [(word.address, word.data) for word in words if word.data]
    played = Played(bench, [], writes, [], answer_waits=0)
    while played.n_written < len(writes):
        await played.cycles(1)


def filling(bench):
    """Return what shows how much room the queues have: frames for all, more than they hold, and none leaves."""
    frames = load_frames(FILLING_FRAMES, lambda rng: FRAME_BYTES, PORTS, 0, broadcast_one_in=1)
    return Played(bench, frames, [], [], takes=(0, 0))


async def reset(bench, n_cycles):
    """Reset the core for some cycles, in which nothing is offered."""
    bench.dut.reset.value = 1
    for _ in range(n_cycles):
        await bench.settle(**IDLE)
        await bench.next_cycle()
    bench.dut.reset.value, bench.cycle = 0, 0


async def seen_after_reset(bench, n_cycles):
    """Reset the core for some cycles; return what it says then."""
    await reset(bench, n_cycles)
    played = following(bench)
    said = await played.cycles(90)
    assert not played.reads
    await set_up(bench)
    played, bench.cycle = filling(bench), 0
    said += await played.cycles(FILLING_CYCLES)
    assert not any(played.beats)
    return said


@cocotb.test(**LIMIT)
async def a_reset_in_any_cycle_leaves_nothing(dut):
    bench = ModuleBench(dut)
    await bench.start(**IDLE)
    watch_rules(dut, PERIOD_NS)
    fresh = await seen_after_reset(bench, LONGEST_RESET)
    n_full = sum(said["event_full"].bit_count() for said in fresh if said["event_valid"])
    assert n_full == PORTS, "each port has room for all but one"
    n_in, n_out = 0, 0
    # Above a VN-Tag bridge what stations send goes out by the uplink, whatever the reset has left in the tables.
    resets = [(phase, 1, "vn_tag") for phase in range(PHASES)]
    resets += [(phase, 1 + phase % LONGEST_RESET, "veb") for phase in range(PHASES)]
    for phase, n_cycles, mode in resets:
        await reset(bench, 1)
        await set_up(bench, mode)
        played = disturbing(bench)
        for _ in range(phase):
            said = await played.cycle()
            n_in += any(played.beats)
            n_out += said["m_axis_tvalid"] != 0
            await bench.next_cycle()
        found = await seen_after_reset(bench, n_cycles)
        for cycle, (now, then) in enumerate(zip(found, fresh, strict=True)):
            assert now == then, f"cycle {cycle} after a reset of {n_cycles} in cycle {phase}: {now} instead of {then}"
    assert n_in > PHASES
    assert n_out > PHASES


@pytest.mark.usefixtures("quick_build")
def test_a_reset_in_any_cycle_leaves_nothing(simulate):
    assert simulate(CHECKED_CORE, PARTS, **PARAMETERS.verilog()) == 1


# Each holds what it should lose; at power-up, where there is nothing to hold, it is reset as it should.
@pytest.mark.parametrize(
    ("file", "name", "said"),
    [
        ("axi_lite_registers.v", "answering", "rvalid without a request"),  # by a protocol checker
        ("ingress_fifo.v", "has_head", "non-0/1 values"),  # a frame that nobody has described
    ],
    ids=["read", "frame"],
)
@pytest.mark.usefixtures("quick_build")
def test_what_survives_a_reset_is_found(simulator, run_folder, tmp_path, file, name, said):
    shutil.copytree(RTL, tmp_path / "rtl", ignore=shutil.ignore_patterns("*.py"))
    source = tmp_path / "rtl" / file
    text = source.read_text(encoding="utf-8")
    line = f"            {name} <= 1'b0;\n"
    assert text.count(line) == 1
    source.write_text(text.replace(line, f"            {name} <= {name} === 1'b1;\n"), encoding="utf-8")
    design = replace(Design.of_folder(tmp_path / "rtl"), builds=tmp_path / "builds")
    build = simulator.build(CHECKED_CORE, PARTS, PARAMETERS.verilog(), design=design)
    with pytest.raises(SimulationError, match=said):
        build.run("cocotb_tests.test_reset_phases", run_folder)

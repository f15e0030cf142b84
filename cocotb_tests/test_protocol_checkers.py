"""The checkers of rtl/checkers/ name each broken rule and nothing else, and a fault in them does not go unseen."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import cocotb
import pytest
from cocotb.types import LogicArray

from cocotb_tests.fault_switch import Place, switched
from cocotb_tests.module_bench import ModuleBench
from cocotb_tests.mutation_operators import all_changes
from cocotb_tests.places import CHECKERS
from cocotb_tests.protocol import RULES, RULES_OF_X, STREAM_RULES
from cocotb_tests.protocol_oracle import NOTHING, LiteOracle, StreamOracle
from cocotb_tests.protocol_traffic import DATA_BITS, READ_BITS, WRITE_BITS, lite_cycles, stream_cycles
from cocotb_tests.simulators import Design

PORTS = 3
STREAM, LITE = "axi_stream_checker", "axi_lite_checker"
OF_PROOFS = re.compile(r"`ifdef PROVES_PROTOCOLS.*?`else\n(.*?)`endif\n", re.DOTALL)
SURVIVORS = "survivors.json"
# Changes that change nothing, by the begin of the line and what becomes of it.
SAME = {
    STREAM: {
        # Happens once, before a fault is chosen, and then comes a reset.
        ("initial is_first", "`1'b0` becomes `1'b1`"),
        ("broken = 8'd0;", "`8'd0` becomes `8'd1`"),
        ("broken = 8'd0;", "`broken = 8'd0;` becomes `;`"),
        ("for (p = 0; p < PORTS; p = p + 1) chances[p]", "`6'd0` becomes `6'd1`"),
        ("for (p = 0; p < PORTS; p = p + 1) chances[p]", "`chances[p] = 6'd0;` becomes `;`"),
        # Conditions that save time: what they guard asks again, or nobody looks at it.
        ("if (!reset && tvalid != 0)", "`&&` becomes `||`"),
        ("if (!reset && tvalid != 0)", "`!reset && tvalid != 0` becomes `1'b1`"),
        ("if ((^tvalid) === 1'bx)", "`(^tvalid) === 1'bx` becomes `1'b1`"),
        ("if (waiting != 0)", "`waiting != 0` becomes `1'b1`"),
        ("if ((was_idle & tvalid & tready) != 0)", "`&` becomes `|`"),
        ("if ((was_idle & tvalid & tready) != 0)", "`(was_idle & tvalid & tready) != 0` becomes `1'b1`"),
        # A beat right after a reset is against another rule.
        ("was_idle <= {PORTS{1'b0}};", "`1'b0` becomes `1'b1`"),
        ("was_idle <= {PORTS{1'b0}};", "`was_idle <= {PORTS{1'b0}};` becomes `;`"),
    },
    LITE: {("initial broken", "`8'd0` becomes `8'd1`")},
}
# Changes that change nothing where there is no X.
SAME_WITHOUT_X = {
    STREAM: {
        ("if ((^tvalid) === 1'bx)", "`==` becomes `!=`"),
        ("if ((^tvalid) === 1'bx)", "`(^tvalid) === 1'bx` becomes `1'b0`"),
        ("for (p = 0; p < PORTS; p = p + 1) if (tvalid[p] === 1'bx)", "`==` becomes `!=`"),
        ("for (p = 0; p < PORTS; p = p + 1) if (tvalid[p] === 1'bx)", "`tvalid[p] === 1'bx` becomes `1'b1`"),
        ("for (p = 0; p < PORTS; p = p + 1) if (tvalid[p] === 1'bx)", "`tvalid[p] === 1'bx` becomes `1'b0`"),
    },
    LITE: {
        ("else if ((^{awready", "`broken <= UNDEFINED;` becomes `;`"),
        ("else if ((^{awready", "`(^{awready, wready, arready, bvalid, rvalid}) === 1'bx` becomes `1'b0`"),
        ("else if (bvalid && (^bresp)", "`||` becomes `&&`"),
        ("else if (bvalid && (^bresp)", "`broken <= UNDEFINED;` becomes `;`"),
        (
            "else if (bvalid && (^bresp)",
            "`bvalid && (^bresp) === 1'bx || rvalid && (^{rresp, rdata}) === 1'bx` becomes `1'b0`",
        ),
    },
}


def bits(value, width):
    """Return a number's bits; of None, undefined ones."""
    return "X" * width if value is None else f"{value:0{width}b}"


def stream_inputs(beats):
    """Return the checker's inputs as bits, port 0 last."""
    ports = list(reversed(beats))
    return {
        "tvalid": "".join(beat.valid for beat in ports),
        "tready": "".join(beat.ready for beat in ports),
        "tdata": "".join(bits(beat.value, DATA_BITS) for beat in ports),
        "tkeep": "".join(bits(beat.rest >> 2, 8) for beat in ports),
        "tlast": "".join(bits(beat.rest >> 1 & 1, 1) for beat in ports),
        "tuser": "".join(bits(beat.rest & 1, 1) for beat in ports),
    }


def lite_inputs(accesses):
    """Return the checker's inputs as bits."""
    (awvalid, awready), (wvalid, wready), (arvalid, arready) = accesses.asked
    write, read, value = accesses.write, accesses.read, bits(accesses.read.value, READ_BITS)
    return {
        "awvalid": awvalid, "awready": awready, "wvalid": wvalid, "wready": wready, "arvalid": arvalid,
        "arready": arready, "bvalid": write.valid, "bready": write.ready, "bresp": bits(write.value, WRITE_BITS),
        "rvalid": read.valid, "rready": read.ready, "rresp": value[:2], "rdata": value[2:],
    }  # fmt: skip


def is_stream(dut):
    return hasattr(dut, "broken_port")


def has_x():
    return "verilator" not in cocotb.SIM_NAME.lower()


def cycles_for(dut):
    """Return cycles for a checker: reset, inputs, and what may be named after each."""
    if is_stream(dut):
        cycles, oracle, inputs_of = stream_cycles(PORTS, has_x()), StreamOracle(PORTS), stream_inputs
    else:
        cycles, oracle, inputs_of = lite_cycles(has_x()), LiteOracle(), lite_inputs
    found = []
    for reset, seen in cycles:
        inputs = {name: text.upper() for name, text in inputs_of(seen).items()}
        values = {name: LogicArray(text) if "X" in text else int(text, 2) for name, text in inputs.items()}
        found.append((reset, values, oracle.step(reset, seen)))
    return found


async def play(bench, cycles):
    """Return the first cycle after which the checker names what it should not, or None, and all that it named."""
    dut, named, before = bench.dut, set(), (0, 0)
    inputs = {name: getattr(dut, name) for name in cycles[0][1]}
    for number, (reset, values, may_be) in enumerate(cycles):
        dut.reset.value = int(reset)
        for name, value in values.items():
            inputs[name].value = value
        await bench.next_cycle()
        if not dut.broken.value.is_resolvable:
            return number, named
        rule = int(dut.broken.value)
        now = rule, int(dut.broken_port.value) if rule and is_stream(dut) else 0
        # The first that was named stays.
        if now not in may_be or (not reset and before not in ((0, 0), now)):
            return number, named
        before = now
        named.add(now)
    return None, named


async def started(dut):
    cycles, bench = cycles_for(dut), ModuleBench(dut)
    await bench.start(**cycles[0][1])
    return bench, cycles


@cocotb.test()
async def each_broken_rule_is_named(dut):
    bench, cycles = await started(dut)
    number, named = await play(bench, cycles)
    assert number is None, f"after cycle {number}: {bench.get('broken')}, not one of {sorted(cycles[number][2])}"
    assert named >= {at for _, _, may_be in cycles if len(may_be) == 1 for at in may_be}
    own = {rule for rule in RULES if (rule < STREAM_RULES) == is_stream(dut) and (has_x() or rule not in RULES_OF_X)}
    assert {rule for rule, _ in named} - {0} == own
    if is_stream(dut):
        assert {port for rule, port in named if rule} == set(range(PORTS))
        assert len(named - NOTHING) == PORTS * len(own)


@cocotb.test()
async def planted_faults_are_found(dut):
    bench, cycles = await started(dut)
    survivors = []
    for number in range(1, int(os.environ["FAULTS"]) + 1):
        dut.planted_fault.value = number
        if (await play(bench, cycles))[0] is None:
            survivors.append(number)
    Path(SURVIVORS).write_text(json.dumps(survivors), encoding="utf-8")


def with_faults(checker):
    """Return what a simulation sees of a checker with all faults that can be chosen, and these with their lines."""
    text = OF_PROOFS.sub(r"\1", (CHECKERS / f"{checker}.v").read_text(encoding="utf-8"))
    changes = dict(enumerate(all_changes(text), 1))
    places = {number: Place(each.offset, each.text, each.replacement) for number, each in changes.items()}
    chosen = sorted(switched(text, places)[1])
    lines = text.splitlines()
    faults = [(lines[changes[number].line - 1].strip(), changes[number].what) for number in chosen]
    return switched(text, {i: places[number] for i, number in enumerate(chosen, 1)})[0], faults


@pytest.mark.parametrize(("checker", "parameters"), [(STREAM, {"PORTS": PORTS}), (LITE, {})], ids=[STREAM, LITE])
def test_a_checker_names_each_broken_rule_and_no_fault_of_it_survives(
    simulator, run_folder, tmp_path, checker, parameters
):
    text, faults = with_faults(checker)
    source = tmp_path / f"{checker}.v"
    source.write_text(text, encoding="utf-8")
    build = simulator.build(checker, (), parameters, design=Design((source,), builds=tmp_path / "builds"))
    environment = {"FAULTS": str(len(faults))}
    assert build.run("cocotb_tests.test_protocol_checkers", run_folder, environment) == 2
    same = SAME[checker] | (SAME_WITHOUT_X[checker] if simulator.name == "verilator" else set())
    survivors = [faults[number - 1] for number in json.loads((run_folder / SURVIVORS).read_text(encoding="utf-8"))]
    known = {each: {(begin, what) for begin, what in same if each[0].startswith(begin) and each[1] == what}
             for each in survivors}  # fmt: skip
    assert [each for each in survivors if not known[each]] == []
    assert set().union(*known.values()) == same
    assert len(faults) > 80

"""The rules of AXI4-Stream and AXI4-Lite that rtl/checkers/ watch in every run, by their numbers there."""

from __future__ import annotations

from cocotb_tests.batch_files import Outcome
from cocotb_tests.divergence import Divergence

# In rtl/checkers/, for a simulator to build.
CHECKERS = ("axi_stream_checker", "axi_lite_checker")
BEAT, ANSWER = "a beat that waits for tready", "an answer that waits for its ready"
RULES = {
    1: ("AXI4-Stream", f"{BEAT} stays on offer", "tvalid fell"),
    2: ("AXI4-Stream", f"{BEAT} keeps its bytes", "tdata changed"),
    3: ("AXI4-Stream", f"{BEAT} keeps what goes with it", "tkeep, tlast or tuser changed"),
    4: ("AXI4-Stream", "no beat is offered right after a reset", "tvalid was high"),
    5: ("AXI4-Stream", "a beat is offered without waiting for tready", "tvalid came with tready each time"),
    6: ("AXI4-Stream", "handshakes are defined", "X at tvalid"),
    16: ("AXI4-Lite", f"{ANSWER} stays", "bvalid fell"),
    17: ("AXI4-Lite", f"{ANSWER} keeps its value", "bresp changed"),
    18: (
        "AXI4-Lite",
        "a write is answered after its address and its data were taken, once",
        "bvalid without a request",
    ),
    19: ("AXI4-Lite", f"{ANSWER} stays", "rvalid fell"),
    20: ("AXI4-Lite", f"{ANSWER} keeps its value", "rdata or rresp changed"),
    21: ("AXI4-Lite", "a read is answered after its address was taken, once", "rvalid without a request"),
    22: ("AXI4-Lite", "handshakes and answers are defined", "X"),
}
RULES_OF_X = (6, 22)  # which a simulator of two states, as Verilator is, cannot see broken
STREAM_RULES = 16  # those below are about a port's stream


def broken_rule(outcome: Outcome) -> Divergence | None:
    """Say which rule the core broke first, or None."""
    return None if outcome.rule == 0 else divergence_of(outcome.rule, outcome.rule_port, outcome.last_cycle)


def divergence_of(rule: int, port: int, cycle: int) -> Divergence:
    """Say what is wrong where a rule is broken."""
    protocol, wanted, found = RULES[rule]
    where = f" at port {port}" if rule < STREAM_RULES else ""
    return Divergence(protocol + where, cycle, wanted, found)

"""The kernels of the forwarding decision behind one call; the switches and frames are those of the co-verification."""

from __future__ import annotations

import numpy as np

from hwmodel.forwarding.decide import DECISION, decide, limit
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.parse import HEADER, parse, read_behind
from hwmodel.forwarding.rewrite import egress_bytes, rewrite
from hwmodel.simulation.fill.switch_tables import build_tables, port_list, port_numbers
from tests.oracles.forwarding_oracle import Outcome

GUARD = 0xA5


class Bench:
    """Pass frames through the kernels."""

    def __init__(self, config):
        self.tables = build_tables(config)
        self.number = port_numbers(config)
        self.name = {number: name for name, number in self.number.items()}
        self.header = np.zeros(1, HEADER).view(np.recarray)
        self.decision = np.zeros(1, DECISION).view(np.recarray)

    def send(self, port, raw, *, is_bad=False, refused=False):
        """Give the outcome of a frame; `refused`: the policer, if one is to be asked, says no."""
        tables, header, decision = self.tables[0], self.header[0], self.decision[0]
        received = np.frombuffer(raw, np.uint8).copy()
        parse(tables, self.number[port], received, len(raw), header)
        header.is_bad = is_bad
        if tables.reads_packets:
            read_behind(received, len(raw), header)
        decide(tables, header, decision)
        if refused and decision.policer >= 0:
            limit(tables, header, decision)
        deliver, mirrored = port_list(decision.egress), port_list(decision.mirrored)
        assert (len(deliver), len(mirrored)) == (decision.n_copies, decision.n_mirrored)
        return Outcome(
            DropReason(int(decision.reason)).name if decision.reason else None,
            {self.name[number]: self.copy(received, number) for number in deliver},
            {self.name[number]: self.copy(received, number) for number in mirrored},
            int(decision.vlan),
            int(decision.priority),
            None if decision.policer < 0 else int(decision.policer),
        )

    def copy(self, received, number):
        header, decision = self.header[0], self.decision[0]
        out = np.full(len(received) + 12 + 8, GUARD, np.uint8)
        n_bytes = rewrite(received, len(received), header, decision, number, out)
        assert n_bytes == egress_bytes(header, decision, number)
        assert (out[n_bytes:] == GUARD).all(), "written beyond the end"
        return out[:n_bytes].tobytes()


def drops(config, port, raw, **keys):
    """Give the drop reason of one frame at a fresh switch, None if it is delivered."""
    return Bench(config).send(port, raw, **keys).drop


def receivers(config, port, raw, **keys):
    """Give the names of the ports that get one frame at a fresh switch."""
    return set(Bench(config).send(port, raw, **keys).deliver)

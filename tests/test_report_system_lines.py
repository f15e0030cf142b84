"""The tables of servers and of the bridge's ports line by line, of results whose numbers were worked out by hand."""

from __future__ import annotations

import re

import pytest

from hwmodel.words.summary import adapter_lines, bridge_lines
from hwmodel.words.text_table import MOST_ROWS
from tests.sample_system import LINE_GBPS, reflected_result, sample_adapter, sample_bridge, sample_port, sample_system


def cells(line):
    return re.split(r"  +", line.text)


def port_rows(*ports, **changes):
    """Return the table of a bridge's ports, and the lines behind it."""
    lines = list(bridge_lines(reflected_result(bridges=(sample_bridge(*ports, **changes),))))
    n_rows = 1 + min(len(ports), MOST_ROWS + 1)
    return [cells(line) for line in lines[:n_rows]], [line.text for line in lines[n_rows:]]


def test_in_and_out_of_a_port_are_told_apart():
    (header, row), _ = port_rows(
        sample_port("a", LINE_GBPS / 4, LINE_GBPS, queue_mean_bytes=12.345, queue_max_bytes=65_536)
    )
    assert header == ["bridge port", "in Gb/s", "out Gb/s", "in %", "out %", "queue mean, B", "largest, B",
                      "drops, frames"]  # fmt: skip
    # A quarter of 9.870 Gb/s (10 * 1518 / 1538), and all of it; nothing dropped is a dash.
    assert row == ["a", "2.467", "9.870", "25.0", "100.0", "12.3", "65,536", "-"]


def test_each_port_has_its_own_drops_and_the_bridge_all_of_them():
    ports = (
        sample_port("a", 1.0, 1.0, drops={"QUEUE_FULL": 3}),
        sample_port("outside", 1.0, 1.0, drops={"ACL_DENY": 1_000}),
    )
    (_, *rows), behind = port_rows(*ports, drops={"QUEUE_FULL": 3, "ACL_DENY": 1_000})
    assert [row[-1] for row in rows] == ["QUEUE_FULL 3", "ACL_DENY 1,000"]
    assert "Bridge, drops, frames, whole run: ACL_DENY 1,000, QUEUE_FULL 3" in behind
    assert "Bridge, drops, frames, whole run: none" in port_rows(*ports)[1]


@pytest.mark.parametrize(("n_ports", "more"), [(MOST_ROWS + 1, ""), (MOST_ROWS + 4, "... and 3 more ports")])
def test_so_many_ports_are_listed_and_the_rest_counted(n_ports, more):
    """As many servers as are listed, and outside."""
    rows, behind = port_rows(*(sample_port(f"s{number}", 1.0, 1.0) for number in range(n_ports)))
    assert len(rows) == 1 + MOST_ROWS + 1
    assert (behind[0] == more) if more else not behind[0].startswith("...")


def test_a_learning_bridge_alone_is_said_to_flood():
    starts = [line.split(":")[0] for line in port_rows(sample_port("a", 1.0, 1.0))[1][1:]]
    assert starts == ["Bridge, whole run", "Bridge, flooded", "Bridge, learning", "Bridge, drops, frames, whole run"]


def test_a_result_without_a_bridge_has_no_line():
    assert list(bridge_lines(reflected_result(bridges=()))) == []


def test_servers_are_told_with_their_own_shares():
    """Shares of the window: of the wire 1/8 in and half out; of the cores a quarter of one."""
    busy = {"wire.tx": 0.5, "wire.rx": 0.125}
    adapter = sample_adapter("b", "wire.tx", tx_gbps=1.5, rx_gbps=None, utilization=busy)
    _, first, second, note = adapter_lines(sample_system(adapters=(sample_adapter("a"), adapter)))
    assert cells(first)[:3] == ["a", "9.870", "1.250"]
    assert cells(second)[:8] == ["b", "1.500", "-", "100.0", "95.0", "50.0", "12.5", "0.250"]
    assert note.text.startswith("(tx, rx: of the server's VMs;")


@pytest.mark.parametrize(("n_servers", "more"), [(MOST_ROWS, []), (MOST_ROWS + 3, ["... and 3 more servers"])])
def test_so_many_servers_are_listed_and_the_rest_counted(n_servers, more):
    lines = list(adapter_lines(sample_system(*(f"s{number}" for number in range(n_servers)))))
    assert len(lines) == 1 + MOST_ROWS + len(more) + 1
    assert [line.text for line in lines if line.text.startswith("...")] == more
    assert [line.look for line in lines[:2]] == ["heading", "plain"]

"""PCIe switches, function by function: when a TLP may leave, whose turn it is, when credits are back."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.records import NEVER
from hwmodel.machine.pcie.tree_credits import give_back
from hwmodel.machine.pcie.tree_end import count_landed, note_landing
from hwmodel.machine.pcie.tree_state import NO_ONE, POSTED, SECOND, TREES
from hwmodel.machine.pcie_trees import leaves_fs, may_go, next_turn, stand
from hwmodel.machine.time.clock import LANE
from hwmodel.machine.time.events import first_fs, insert


@pytest.fixture
def trees() -> Any:
    """Return a switch with two lower ports, of which the first has three TLPs in a turn."""
    found = zeros(1, TREES)[0]
    found.n_switches = 1
    params = found.switch[0].params
    params.n_ports, params.latency_fs = 2, 1000
    found.switch[0].turn = 1
    for number, weight in enumerate((3, 1)):
        found.port[number].params.weight = weight
    return found


@pytest.mark.parametrize(
    ("cuts_through", "out_fs", "leaves"),
    [
        (1, 100, 1000 + 1000),  # as long as it comes: a latency behind its first byte
        (1, 400, 1000 + 1000),  # longer: the same
        (1, 40, 1060 + 1000),  # shorter: so that its last byte leaves a latency behind the last that comes
        (0, 40, 1100 + 1000),
    ],
)
def test_no_byte_leaves_before_it_is_there(trees: Any, cuts_through: int, out_fs: int, leaves: int) -> None:
    trees.switch[0].params.cuts_through = cuts_through
    assert leaves_fs(trees.switch[0], 1000, 1100, out_fs) == leaves


def test_a_port_with_weight_three_has_three_of_four_turns(trees: Any) -> None:
    for port in (0, 1):
        for at in range(8):
            stand(trees, trees.port[port].waiting[POSTED], at, 280, 256, port, at, NO_ONE)
    order = []
    for _ in range(8):
        chosen = next_turn(trees, trees.switch[0], 100)
        order.append(chosen // 2)
        trees.port[chosen // 2].waiting[POSTED].head += 1
    assert order == [0, 0, 0, 1, 0, 0, 0, 1]


def test_a_read_without_credits_lets_a_write_by_and_no_write_a_read(trees: Any) -> None:
    switch, port = trees.switch[0], trees.port[0]
    assert first_fs(port.waiting[POSTED]) == NEVER
    stand(trees, port.waiting[SECOND], 10, 24, 0, 0, 0, NO_ONE)
    stand(trees, port.waiting[POSTED], 20, 280, 256, 0, 1, NO_ONE)
    assert [may_go(port, switch.up, now) for now in (9, 10, 30)] == [-1, SECOND, SECOND]
    for way in (SECOND, POSTED):
        switch.up.credits[way].params.headers_limit = 1
    switch.up.credits[SECOND].headers_used = 1
    assert [may_go(port, switch.up, now) for now in (10, 30)] == [-1, POSTED]
    switch.up.credits[SECOND].headers_used, switch.up.credits[POSTED].headers_used = 0, 1
    port.waiting[SECOND].ring[0].at_fs = 25  # the write stands before it, and waits
    assert may_go(port, switch.up, 30) == -1


def test_tlps_are_counted_as_they_have_landed(trees: Any) -> None:
    switch = trees.switch[0]
    switch.params.dllp_period = 1  # an Ack for each
    for at_fs in (10, 20, 30):
        note_landing(switch.up.landings, at_fs)
    count_landed(switch, switch.up.landings, switch.up, switch.down, 20)
    assert (int(switch.up.landings.head), int(switch.down.due_dllps)) == (2, 2)


def test_credits_are_given_back_in_the_order_of_their_times(trees: Any) -> None:
    returns, credit = zeros(1, LANE)[0], trees.switch[0].down.credits[SECOND]
    for at_fs in (300, 100, 200):
        insert(returns, at_fs, at_fs // 10)
    credit.headers_used, credit.data_used = 3, 2 + 1 + 2
    give_back(credit, returns, 50, 249)  # each 50 fs later than noted: that of 200 is not back yet
    assert (int(credit.headers_used), int(credit.data_used), first_fs(returns)) == (2, 4, 200)
    give_back(credit, returns, 50, 350)
    assert (int(credit.headers_used), int(credit.data_used), first_fs(returns)) == (0, 0, NEVER)

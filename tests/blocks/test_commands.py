"""Commands: what they write, when, and what they do beside it, at an adapter and at bridges."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.compiled.far_tables import give, zeros
from hwmodel.compiled.records import NEVER, offset_of
from hwmodel.forwarding.police import police
from hwmodel.machine.adapter.adapter_state import FUNCTION_PARAMS
from hwmodel.machine.adapter.commands import obey_due
from hwmodel.machine.network.bridge_commands import obey_bridge_due
from hwmodel.machine.network.bridge_state import BRIDGE
from hwmodel.machine.server import SERVER, fresh_state
from hwmodel.machine.time.commands import PLAIN, POLICER, SHAPER, TABLE, VLAN, next_command_fs
from hwmodel.simulation.fill.refill import OF_BRIDGE, OF_SERVER, Region, places
from tests.blocks.idle_machine import make_room

BYTE_PER_10_FS = 8 * 10**14  # a second's bits


def command(record, at_fs, kind, part, word, *values):
    commands = record.commands
    at, first = int(commands.tail), int(commands.n_values)
    commands["ring"][at] = (at_fs, kind, part, word, len(values), first)
    commands["value"][first : first + len(values)] = values
    commands.tail, commands.n_values = at + 1, first + len(values)


def word_of(*names):
    at, dtype = 0, SERVER
    for name in names:
        at += offset_of(dtype, name)
        dtype = dtype[name].base
    return at // 8


@pytest.fixture
def state():
    state = fresh_state()
    make_room(state[0])
    return state


def test_what_is_due_is_written_in_order_and_the_rest_waits(state):
    nic, words = state[0], state.view(np.int64)
    weight = word_of("port", "mac", "params", "fs_per_byte_num")
    for at_fs, value in ((5, 1), (7, 2), (7, 3), (9, 4)):
        command(nic, at_fs, PLAIN, 0, weight, value)
    seen = []
    for now_fs in (4, 5, 7, 8, 9):
        obey_due(nic, words, now_fs)
        seen.append((int(nic.port[0].mac.params.fs_per_byte_num), next_command_fs(nic.commands)))
    assert seen == [(0, 5), (1, 7), (3, 9), (3, 9), (4, NEVER)]


def test_a_table_is_another_generation_and_a_vlan_its_own(state):
    nic, words, switch = state[0], state.view(np.int64), state[0].port[0].switch
    headers = nic.headers
    headers.generation = switch.others_changed = 1
    command(nic, 0, VLAN, 7, word_of("port", "switch", "tables", "vlan") + 6 * 7, 5, 0, 0)
    command(nic, 1, TABLE, 0, word_of("port", "switch", "tables", "mode"), 2)
    command(nic, 2, PLAIN, 0, word_of("function"), 9)
    obey_due(nic, words, 0)
    assert (headers.generation, switch.others_changed, int(switch.vlan_changed[7])) == (2, 1, 2)
    assert int(switch.tables.vlan[7].members.word[0]) == 5
    obey_due(nic, words, 2)
    assert (headers.generation, switch.others_changed, int(switch.vlan_changed[7])) == (3, 3, 2)
    assert (switch.tables.mode, nic.function[0].params.adapter_port) == (2, 9)


def test_a_policer_earns_by_its_old_rate_and_a_new_one_is_full(state):
    nic, words = state[0], state.view(np.int64)
    bucket, word = nic.traffic.policer[0], word_of("traffic", "policer")
    command(nic, 10, POLICER, 0, word, BYTE_PER_10_FS, 1000)
    command(nic, 35, POLICER, 0, word, BYTE_PER_10_FS // 2, 500)
    obey_due(nic, words, 10)
    assert (bucket.tokens, bucket.last_fs) == (1000, 10)
    bucket.tokens = 100
    obey_due(nic, words, 35)
    assert (bucket.tokens, bucket.params.burst, bucket.last_fs) == (102, 500, 35)
    assert police(bucket, 45, 103)  # half a byte by either rate


def test_a_smaller_burst_takes_the_tokens_above_it(state):
    nic, words = state[0], state.view(np.int64)
    word = word_of("traffic", "policer")
    command(nic, 0, POLICER, 0, word, BYTE_PER_10_FS, 1000)
    command(nic, 0, POLICER, 0, word, BYTE_PER_10_FS, 300)
    obey_due(nic, words, 0)
    assert nic.traffic.policer[0].tokens == 300


def test_a_limit_begins_and_ends_but_a_changed_one_keeps_what_was_charged(state):
    nic, words, function = state[0], state.view(np.int64), state[0].function[2]
    word = word_of("function") + 2 * SERVER["function"].subdtype[0].itemsize // 8
    word += offset_of(FUNCTION_PARAMS, "shaper_num") // 8
    for at_fs, values in ((100, (8, 1, 40)), (200, (16, 1, 40)), (300, (0, 0, 0))):
        command(nic, at_fs, SHAPER, 2, word, *values)
    obey_due(nic, words, 100)
    assert function.eligible_at_fs == -NEVER
    function.eligible_at_fs, function.is_shaped, function.ready_queues = 999, 1, 1
    nic.scheduler.n_shaped_waiting = 1
    obey_due(nic, words, 200)
    assert (function.eligible_at_fs, function.is_shaped, function.params.shaper_num) == (999, 1, 16)
    obey_due(nic, words, 300)
    assert (function.is_shaped, nic.scheduler.n_ready, nic.reads_due) == (0, 1, 1)


def test_bridges_have_one_generation_of_all_tables():
    bridges = zeros(1, BRIDGE)
    give(bridges[0].commands.ring, 2)
    give(bridges[0].commands.value, 2)
    bridge, word = bridges[0], offset_of(BRIDGE, "box") // 8
    bridge.generation = 1
    command(bridge, 5, PLAIN, 0, word, 411)
    command(bridge, 6, TABLE, 0, offset_of(BRIDGE, "rules") // 8, 3)
    obey_bridge_due(bridge, bridges.view(np.int64), None, 5)
    assert (bridge.box[0].params.latency_fs, bridge.generation, bridge.rules.n_acl_entries) == (411, 1, 0)
    obey_bridge_due(bridge, bridges.view(np.int64), None, 6)
    assert (bridge.generation, bridge.rules.n_acl_entries) == (2, 3)


@pytest.mark.parametrize(("regions", "record"), [(OF_SERVER, SERVER), (OF_BRIDGE, BRIDGE)], ids=["server", "bridge"])
def test_regions_lie_apart_and_on_whole_words(regions, record):
    """No word is written by two kinds of commands, and none that a region says nothing of."""
    of_each = [places(region, record) for region in regions if region.path != ("home",)]
    found = [set(np.add.outer(*each).ravel().tolist()) for each in of_each]
    assert sum(map(len, found)) == len(set().union(*found))
    assert all(offset_of(record, region.path[0]) % 8 == 0 for region in regions)


def test_the_words_of_a_region_are_where_it_says():
    state = fresh_state()
    state[0].function[3].params.weight = 77
    region = Region(("function", "params"), ("weight",))
    (found,) = np.argwhere(region.of(state) == 77)
    assert found.tolist() == [3, 0]
    assert state.view(np.int64)[np.add.outer(*places(region, SERVER))[3, 0]] == 77

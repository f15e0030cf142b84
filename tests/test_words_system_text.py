"""The summary of what has a bridge: nothing told twice as much as it is, each server and each port in a row."""

from __future__ import annotations

import dataclasses
import re

import pytest

from hwmodel.results import QueueDepth, check_balance
from hwmodel.results.losses import loss_sentence
from hwmodel.results.reading import frame_balance, headline, latency_note
from hwmodel.results.summary import adapter_lines, bridge_lines, summary
from hwmodel.words.quantities import MOST_ROWS
from tests.sample_result import sample_result
from tests.sample_system import (
    LINE_GBPS,
    reflected_result,
    sample_adapter,
    sample_bridge,
    sample_port,
    sample_system,
)


def full_summary(result):
    return summary(result, verbose=True)


def row_of(text: str, table: str, name: str) -> dict[str, str]:
    """Return a row of a table by its header: the first that begins with a name, below the line that begins so."""
    lines = text.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith(f"{table}  "))
    row = next(line for line in lines[at + 1 :] if line.startswith(f"{name}  "))
    return dict(zip(re.split(r"  +", lines[at]), re.split(r"  +", row), strict=True))


def test_what_comes_back_over_the_bridge_is_told_as_a_part_of_what_is_delivered():
    assert headline(reflected_result()) == (
        "9.87 Gb/s to VMs, 0.81 Mpps (9.87 Gb/s over the bridge); limited by wire.tx (100.0 % busy)"
    )
    assert "to the wire" not in headline(reflected_result())


def test_stations_outside_are_told_by_what_the_port_to_them_sent():
    ports = sample_port("adapter", 9.5, 8.0), sample_port("outside", 0.5, 1.5)
    text = headline(reflected_result(bridges=(sample_bridge(*ports),)))
    assert text.startswith("9.87 Gb/s to VMs, 0.81 Mpps, 1.50 Gb/s to stations outside (9.50 Gb/s over the bridge)")
    totals = dataclasses.replace(reflected_result().totals, gbps=0.0, mpps=0.0)
    drops = {"UNKNOWN_UNICAST": 9}
    alone = headline(reflected_result(bridges=(sample_bridge(*ports),), totals=totals, drops=drops))
    sent_on = "9.50 Gb/s sent on by the bridge, copies that drop behind it included"  # 8 of it came to nobody
    assert alone.startswith(f"1.50 Gb/s to stations outside ({sent_on}); ")


def test_tags_on_the_wire_are_not_told_as_copies_that_drop():
    """64 B with 6 B of VN-Tag: 4 Gb/s delivered are 4.375 over the bridge; what drops in the bridge is not in it."""
    totals = dataclasses.replace(reflected_result().totals, gbps=4.0, mpps=4e3 / 512)
    bridge = dataclasses.replace(sample_bridge(sample_port("adapter", 4.375, 4.375)), drops={"QUEUE_FULL": 7})
    for drops, way in (
        ({"QUEUE_FULL": 7}, "over the bridge, with tags and padding"),
        ({"QUEUE_FULL": 7, "NO_DESCRIPTOR": 1}, "sent on by the bridge, copies that drop behind it included"),
    ):
        text = headline(reflected_result(bridges=(bridge,), totals=totals, drops=drops))
        assert text.startswith(f"4.00 Gb/s to VMs, 7.81 Mpps (4.38 Gb/s {way}); ")


def test_what_drops_in_an_extender_drops_behind_the_bridge():
    ports = sample_port("f", 9.5, 9.5, device="bridge"), sample_port("a", 1.0, 1.0, device="f", drops={"QUEUE_FULL": 7})
    bridge = dataclasses.replace(sample_bridge(*ports), drops={"QUEUE_FULL": 7})
    totals = dataclasses.replace(reflected_result().totals, gbps=1.0, mpps=1e3 / 12_144)
    text = headline(reflected_result(bridges=(bridge,), totals=totals, drops={"QUEUE_FULL": 7}))
    assert "(9.50 Gb/s sent on by the bridge, copies that drop behind it included)" in text


def test_what_waits_behind_a_bridge_is_not_told_as_tags():
    """1518 B: tags of at most 12 B are 0.8 %; what an adapter has got 5 % more of than its VMs still waits in it."""
    totals = dataclasses.replace(reflected_result().totals, gbps=4.0, mpps=4e3 / 12_144)
    for over, way in (
        (4.05, "over the bridge"),
        (4.1, "over the bridge, with tags and padding"),
        (4.2, "sent on by the bridge, some of which still waits behind it"),
    ):
        bridge = sample_bridge(sample_port("adapter", over, over))
        text = headline(reflected_result(bridges=(bridge,), totals=totals))
        assert text.startswith(f"4.00 Gb/s to VMs, 0.33 Mpps ({over:.2f} Gb/s {way}); ")


def test_a_window_without_rates_says_so():
    bridge = sample_bridge(*(sample_port(name, 0.0, 0.0) for name in ("adapter", "outside")))
    silent = dataclasses.replace(
        bridge, ports=tuple(dataclasses.replace(port, in_gbps=None, out_gbps=None) for port in bridge.ports)
    )
    totals = dataclasses.replace(reflected_result().totals, gbps=None, mpps=None)
    result = reflected_result(bridges=(silent,), totals=totals)
    assert headline(result).startswith("Throughput to VMs not measured; ")
    row = row_of(full_summary(result), "bridge port", "adapter")
    assert (row["in Gb/s"], row["out Gb/s"]) == ("-", "-")


def test_the_balance_has_the_frames_that_flooding_made():
    assert frame_balance(sample_system()) == (
        "30,000 offered + 4,000 made by flooding = 29,000 delivered + 1,000 dropped + 4,000 in flight; "
        "3,000 delivered outside; 9,000 came to adapters over the bridge"
    )
    assert check_balance(sample_system()) == [] == check_balance(reflected_result())
    assert "made" not in frame_balance(sample_result())


def test_frames_for_a_group_are_not_called_flooded():
    """Of a pattern of groups beside flooded frames, or of a capture, it is not known which of the copies are which."""
    base = sample_system()
    for own in ({"pattern": "broadcast"}, {"pattern": None, "pcap": "in.pcap"}):
        config = {**base.config, "workload": base.config["workload"] | own}
        assert "4,000 made by copying" in frame_balance(sample_system(config=config))


def test_what_was_lost_is_a_share_of_all_frames_that_there_were():
    lost = loss_sentence(sample_system())
    share = 100 * 1_000 / sample_system().due_frames
    assert lost.startswith("Of ") and f" {share:.1f} % " in lost and "QUEUE_FULL 1,000" in lost
    # Reasons for as many are in the order of their names, as in the sentence on the limit.
    even = dataclasses.replace(sample_system(), drops={"VLAN_MEMBER": 400, "OVERSIZE": 200, "ACL_DENY": 400})
    assert re.findall("[A-Z_]{5,} [0-9]+", loss_sentence(even)) == ["ACL_DENY 400", "VLAN_MEMBER 400", "OVERSIZE 200"]


def test_each_port_has_a_row_with_its_rates_its_queue_and_its_drops():
    text = full_summary(sample_system())
    assert row_of(text, "bridge port", "outside") == {
        "bridge port": "outside", "in Gb/s": "0.000", "out Gb/s": "9.870", "in %": "0.0", "out %": "100.0",
        "queue mean, B": "1,514", "largest, B": "3,028", "drops, frames": "QUEUE_FULL 1,000",
    }  # fmt: skip
    assert "Bridge, whole run: 4,000 frames forwarded, 4,000 frames more made by copying\n" in text
    assert "Bridge, flooded: 4,000 frames (100.0 % of those forwarded), their address unknown\n" in text
    assert "Bridge, learning: 1 address known at the end of the run\n" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flooded_frames": 4}, "Bridge, flooded: 4 frames (below 0.1 % of those"),
        ({"flooded_frames": 0}, "Bridge, flooded: 0 frames (0.0 %"),
        ({"flooded_frames": 0, "forwarded_frames": 0}, "Bridge, flooded: 0 frames (0.0 %"),
        (
            {"flooded_frames": 1, "forwarded_frames": 1, "replicated_frames": 1},
            "Bridge, whole run: 1 frame forwarded, 1 frame more made by copying\nBridge, flooded: 1 frame (100.0 % of",
        ),
        ({"moved": 2, "aged": 3}, "8 addresses known at the end of the run; moved 2 times, aged 3 times\n"),
        ({"not_learned": 5}, "at the end of the run; not learned 5 times, the table being full\n"),
    ],
)
def test_what_a_bridge_learned_and_flooded(changes, words):
    assert words in full_summary(reflected_result(bridges=(sample_bridge(sample_port("adapter", 1, 1), **changes),)))


def test_a_controlling_bridge_is_not_said_to_learn():
    bridge = dataclasses.replace(reflected_result().bridges[0], kind="controlling")
    text = full_summary(reflected_result(bridges=(bridge,)))
    assert "Bridge, controlling: knows each station by its virtual interface, and learns nothing\n" in text
    assert "Bridge, flooded" not in text


def test_one_server_keeps_all_that_its_summary_had():
    text = full_summary(reflected_result())
    for words in ("PCIe link, each frame", "Link busy: up", "Wire: out 9.870 Gb/s", "Queues, mean / largest", "vf7"):
        assert words in text
    assert "of a group frame each copy" not in text  # a copy at each end of the wire is no group's


def test_each_server_has_a_row_with_its_own_limit():
    adapters = (sample_adapter("a"), sample_adapter("b", "pcie.up", tx_gbps=None))
    text = full_summary(sample_system(adapters=adapters))
    assert row_of(text, "server", "a") == {
        "server": "a", "tx Gb/s": "9.870", "rx Gb/s": "1.250", "PCIe up %": "100.0", "down %": "95.0",
        "wire out %": "100.0", "in %": "12.5", "cores": "0.250", "fullest of its own": "wire.tx 100.0 %",
    }  # fmt: skip
    row = row_of(text, "server", "b")
    assert (row["tx Gb/s"], row["fullest of its own"]) == ("-", "pcie.up 100.0 %")


def test_no_summary_says_none():
    for result in (sample_system(), reflected_result()):
        assert "None" not in full_summary(result) and "nan" not in full_summary(result)


def test_of_many_servers_the_first_are_listed():
    names = [f"s{at}" for at in range(40)]
    text = full_summary(sample_system(*names))
    assert "... and 24 more servers\n" in text and "... and 24 more ports\n" in text
    assert len(text.splitlines()) < 90


def test_lines_of_tables_fit_a_terminal():
    text = full_summary(sample_system(*(f"server_number_{at}" for at in range(8))))
    table = text[text.index("\nserver ") : text.index("\nDrops")]
    assert max(map(len, table.splitlines())) <= 110


def test_a_full_ring_of_any_server_stands_beside_the_latency():
    assert "full Tx ring" in latency_note(sample_system())
    roomy = [sample_adapter(name, queues={"tx_ring": QueueDepth(mean=2.0, max=9)}) for name in "ab"]
    config = sample_system().config
    assert latency_note(sample_system(adapters=tuple(roomy), config=config)) == ""
    short = {**config, "servers": [{"name": "a", "set": {}}, {"name": "b", "set": {"nic.tx_ring": 10}}]}
    assert "full Tx ring" in latency_note(sample_system(adapters=tuple(roomy), config=short))


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

"""Counters of functions and rings: hand counts of a small capture, captures of runs, the result's other figures."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapReader

from hwmodel.cli import main
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.report import render_page
from hwmodel.results import Result
from hwmodel.results.counters import (
    ETHTOOL_NAMES,
    FunctionCounters,
    IpLink,
    LinkReceived,
    LinkSent,
    VfLink,
    VfReceived,
)
from hwmodel.results.counters_text import counters_text
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.counters import LOST_AS, NOT_COUNTED, REFUSED, STATISTICS, counters_of
from tests.run_cases import (
    BATCHES_OF_ONE,
    BROADCAST,
    OUTSIDE,
    POLLED,
    finished,
    frame,
    logged,
    merged,
    read_capture,
    write_capture,
)
from tests.sample_result import sample_result
from tests.test_wire_rss import WITH_PORTS, packet

FCS = 4
DOCUMENT = Path(__file__).parents[1] / "docs" / "counters.md"
GROUP = "33:33:00:00:00:01"
# By sender and target; those of `vf1` to itself, and from outside to nobody and too long, go nowhere.
REPLAYED = [
    frame("vf0", "vf1", 60),
    frame("vf0", "vf1", 400),
    frame("vf0", "vf1", 1514),
    frame("vf1", "vf0", 100),
    frame("vf0", BROADCAST, 200),
    frame("vf1", GROUP, 300),
    frame(OUTSIDE, "vf0", 500),
    frame(OUTSIDE, BROADCAST, 60),
    frame(OUTSIDE, GROUP, 70),
    frame("vf1", OUTSIDE, 1000),
    frame("vf1", "vf1", 60),
    frame(OUTSIDE, "vf0", 1515),
    frame(OUTSIDE, "02:dd:00:00:00:01", 80),
    frame("vf0", "vf1", 104, c_tag=1),  # without its tag at vf1
]


def replayed(folder: Path, *frames: bytes, **machine: Any) -> Result:
    capture = write_capture(folder / "in.pcap", [(number * 5000, raw) for number, raw in enumerate(frames)])
    run = {"workload": {"pcap": str(capture)}, "run": {"duration": "1s"}}
    return simulate(config_from_mapping(merged(BATCHES_OF_ONE, {"nic": {"vfs": 2}}, run, machine)), counters=True)


def test_a_small_capture_is_counted_as_by_hand(tmp_path: Path) -> None:
    """Group frames go to all but their sender, out on the wire too; each count is a sum over REPLAYED."""
    found = replayed(tmp_path, *REPLAYED).counters
    vf0, vf1, pf = (found[name] for name in ("vf0", "vf1", "pf"))
    assert dict(vf0.ethtool) == {
        "rx_packets": 5, "rx_bytes": 100 + 300 + 500 + 60 + 70, "multicast": 2,
        "tx_packets": 5, "tx_bytes": 60 + 400 + 1514 + 200 + 104,
        "rx_queue_0_packets": 5, "rx_queue_0_bytes": 1030, "tx_queue_0_packets": 5, "tx_queue_0_bytes": 2278,
    }  # fmt: skip
    assert asdict(vf0.ip.rx) == {"bytes": 1030, "packets": 5, "dropped": 0, "missed": 0, "mcast": 2}
    assert asdict(vf0.ip.tx) == {"bytes": 2278, "packets": 5, "dropped": 0}
    assert asdict(vf1.ip.rx)["bytes"] == 60 + 400 + 1514 + 200 + 60 + 70 + 100
    assert (vf1.ethtool["rx_packets"], vf1.ethtool["multicast"]) == (7, 1)
    assert (vf1.ethtool["tx_packets"], vf1.ethtool["tx_bytes"]) == (4, 100 + 300 + 1000 + 60)
    own = {name: value for name, value in pf.ethtool.items() if "queue" not in name}
    assert own == {
        "rx_packets": 4, "rx_bytes": 200 + 300 + 60 + 70, "tx_packets": 0, "tx_bytes": 0,
        "rx_pkts_nic": 3, "rx_bytes_nic": 500 + 60 + 70 + 3 * FCS, "multicast": 1, "broadcast": 1,
        "tx_pkts_nic": 3, "tx_bytes_nic": 200 + 300 + 1000 + 3 * FCS,
        "rx_missed_errors": 0, "rx_long_length_errors": 1, "rx_no_dma_resources": 0,
    }  # fmt: skip
    assert asdict(pf.ip.vfs["vf1"]) == {
        "rx": {"bytes": 2404 + 7 * FCS, "packets": 7, "mcast": 1, "bcast": 2, "dropped": 0},
        "tx": {"bytes": 1460 + 4 * FCS, "packets": 4, "dropped": 1},
    }
    assert pf.ip.vfs["vf0"].tx.dropped == 0


def test_rings_count_the_frames_that_published_hashes_send_there(tmp_path: Path) -> None:
    """Each vector with ports comes as often as its number says: its ring is the hash modulo the rings."""
    frames, at_ring = [], Counter[int]()
    for number, row in enumerate(WITH_PORTS, start=1):
        raw = frame("vf0", "vf1")[:12] + bytes(Ether(type=0x0800 if row["ip_version"] == "4" else 0x86DD))[12:]
        frames += number * [(raw + bytes(packet(row))).ljust(90, b"\0")]
        at_ring[int(row["expected_hash"], 16) % 4] += number
    found = replayed(tmp_path, *frames, nic={**BATCHES_OF_ONE["nic"], "vfs": 2, "queues_per_vf": 4}).counters
    assert len(at_ring) > 2
    for ring in range(4):
        assert found["vf1"].ethtool[f"rx_queue_{ring}_packets"] == at_ring[ring]
        assert found["vf1"].ethtool[f"rx_queue_{ring}_bytes"] == 90 * at_ring[ring]
        assert found["vf0"].ethtool[f"tx_queue_{ring}_packets"] == at_ring[ring]


SHORT = {"run": {"warmup": "20us", "duration": "300us"}}
SLOW = {"driver": {"frame_time": "1us"}, "nic": {"vfs": 3, "rx_ring": 64, "queues_per_vf": 2}}
CASES: dict[str, dict[str, Any]] = {
    "several rings": {"nic": {"strict": False,
                              "vfs": 3, "queues_per_vf": 4}, "workload": {"pattern": "uniform", "frame_bytes": 64}},
    "broadcasts": {"nic": {"vfs": 3}, "workload": {"pattern": "broadcast", "load": "2Gbps", "frame_bytes": 300}},
    "no descriptors, mirrors": {
        **SLOW,
        "switch": {"mirrors": [{"to": "pf", "vlan": 1}, {"to": "vf0", "from": "vf1"}]},
        "workload": {"pattern": "incast", "frame_bytes": 300, "load": "2Gbps"},
    },
    "no room, from the wire": {
        "pcie": {"generation": 1, "lanes": 1}, "nic": {"vfs": 2, "rx_buffer": "16KiB"},
        "workload": {"load": "1Mbps", "frame_bytes": 1000,
                     "external": {"rate": "8Gbps", "frame_bytes": 1518, "to": ["vf0", "vf1"]}},
    },
    "no room before the pipeline": {
        "nic": {"vfs": 2, "rx_buffer": "4KiB", "max_pps": 200_000},
        "workload": {"load": "1Mbps", "frame_bytes": 1000, "external": {"rate": "8Gbps", "frame_bytes": 1000}},
    },
    "a full ring, and a rate limit": {
        "nic": {"vfs": 2, "tx_ring": 64},
        "switch": {"ports": [{"name": "vf0", "rate_limit": "500Mbps"}]},
        "workload": {"load": "4Gbps", "on_full": "drop", "frame_bytes": 500},
    },
    "long frames in several buffers": {
        "nic": {"vfs": 2, "queues_per_vf": 2}, "host": {"buffer_bytes": "2KiB"},
        "switch": {"ports": [{"name": name, "max_frame": "9018B"} for name in ("vf0", "vf1")]},
        "workload": {"load": "6Gbps", "frame_bytes": 9018},
    },
    "several servers": {
        "servers": [{"name": "a"}, {"name": "b", "set": {"nic.vfs": 3}}], "nic": {"vfs": 2}, "bridge": {},
        "workload": {"pattern": "uniform", "load": "2Gbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    },
    "two adapters in a server": {
        "servers": [{"name": "a", "adapters": [{"name": "x"}, {"name": "y"}]}, {"name": "b"}], "nic": {"vfs": 2},
        "bridge": {}, "workload": {"pattern": "uniform", "load": "2Gbps", "frame_bytes": 300},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_counters_are_what_flows_and_drops_say(name: str) -> None:
    run, result = finished(POLLED, SHORT, CASES[name])
    counters = counters_of(run.machine.servers)
    n_bytes = run.config.workload.frame_bytes - FCS
    mirrored, drops = ({vm.name: getattr(vm, what) for vm in result.vms} for what in ("mirrored", "drops"))
    for function, own in counters.items():
        got = sum(flow.delivered for flow in result.flows if flow.to == function) + mirrored.get(function, 0)
        assert own.ethtool["rx_packets"] == own.ip.rx.packets == got
        assert own.ethtool["tx_bytes"] == own.ethtool["tx_packets"] * n_bytes
        assert own.ip.tx.dropped == drops.get(function, {}).get("TX_RING_FULL", 0)
        check_rings(own, run.config.nic.queues_per_vf)
    assert sum(own.ip.rx.packets for own in counters.values()) > 30
    # What was read is at the switch, or waits for its turn there.
    switched = sum(int(server.nic.ledger.counts.switched) for server in run.machine.servers)
    assert 0 <= sum(own.ethtool["tx_packets"] for own in counters.values()) - switched < 50
    check_losses(counters, result)
    check_port(counters, run, result)


def check_rings(own: FunctionCounters, n_rings: int) -> None:
    for direction in ("rx", "tx"):
        rings = [
            tuple(own.ethtool[f"{direction}_queue_{ring}_{what}"] for what in ("packets", "bytes"))
            for ring in range(n_rings)
        ]
        whole = own.ethtool[f"{direction}_packets"], own.ethtool[f"{direction}_bytes"]
        assert tuple(map(sum, zip(*rings, strict=True))) == whole
        assert f"{direction}_queue_{n_rings}_packets" not in own.ethtool


def check_losses(counters: dict[str, FunctionCounters], result: Result) -> None:
    """Compare with the reasons of the result, of the frames themselves and of mirrored copies."""
    pfs = [own for own in counters.values() if own.ip.vfs]
    for reason, name in (("NO_DESCRIPTOR", "rx_no_dma_resources"), ("RX_BUFFER_FULL", "rx_missed_errors")):
        lost = result.drops.get(reason, 0) + result.mirrored_drops.get(reason, 0)
        assert sum(pf.ethtool[name] for pf in pfs) == lost
    assert sum(own.ip.rx.dropped for own in counters.values()) == sum(pf.ethtool["rx_no_dma_resources"] for pf in pfs)
    for vm in result.vms:
        own = counters[vm.name].ip.rx
        if not result.mirrored_drops:
            assert (own.dropped, own.missed) == tuple(
                vm.drops.get(reason, 0) for reason in ("NO_DESCRIPTOR", "RX_BUFFER_FULL")
            )


def check_port(counters: dict[str, FunctionCounters], run: Any, result: Result) -> None:
    """Compare with what came by the wire and left by it."""
    if run.machine.system is not None:
        return
    pf, totals = counters["pf"].ethtool, result.totals
    assert pf["rx_pkts_nic"] + pf["rx_missed_errors"] + waiting_at_the_pipeline(run) == totals.from_wire
    assert pf["tx_pkts_nic"] == totals.delivered_to_wire
    external = run.config.workload.external
    if totals.from_wire and external is not None:
        assert pf["rx_bytes_nic"] == pf["rx_pkts_nic"] * external.frame_bytes


def waiting_at_the_pipeline(run: Any) -> int:
    nic = run.state[0]
    places = np.arange(int(nic.pipe_head), int(nic.pipe_tail)) % len(nic["pipe"])
    return int((nic["pipe"]["is_wire"][places] != 0).sum())


def test_the_cases_lose_what_they_are_there_for() -> None:
    lost = {
        "no descriptors, mirrors": "NO_DESCRIPTOR",
        "a full ring, and a rate limit": "TX_RING_FULL",
        "no room, from the wire": "RX_BUFFER_FULL",
        "no room before the pipeline": "RX_BUFFER_FULL",
    }
    for name, reason in lost.items():
        result = finished(POLLED, SHORT, CASES[name])[1]
        assert result.drops[reason] > 20, name


def test_counters_are_what_captures_of_the_run_say(tmp_path: Path) -> None:
    """Frames at VMs by their address in the capture of deliveries, frames at the port by that of the wire."""
    machine = {"nic": {"vfs": 2, "queues_per_vf": 2},
               "workload": {"pattern": "uniform", "load": "2Gbps", "wire_share": 0.3, "external": {"rate": "1Gbps"},
                            "sizes": [[64, 3], [700, 1]], "frame_bytes": None}}  # fmt: skip
    config = config_from_mapping(merged(BATCHES_OF_ONE, SHORT, machine))
    got, wire = str(tmp_path / "got.pcap"), str(tmp_path / "wire.pcapng")
    result = simulate(config, pcap_path=got, pcap_hops={"uplink": wire}, counters=True)
    frames, n_bytes = Counter[str](), Counter[str]()
    with RawPcapReader(got) as reader:
        for data, _ in reader:
            to = f"vf{data[5] - 2}" if data[:5] == bytes([2, 0, 0, 0, 0]) else "outside"
            frames[to] += 1
            n_bytes[to] += len(data)
    for name in ("vf0", "vf1"):
        own = result.counters[name].ethtool
        assert (own["rx_packets"], own["rx_bytes"]) == (frames[name], n_bytes[name])
    with RawPcapReader(wire) as reader:
        passed = [data for data, _ in reader]
    pf = result.counters["pf"].ethtool
    assert pf["tx_pkts_nic"] == frames["outside"] > 10
    assert pf["rx_pkts_nic"] + pf["tx_pkts_nic"] == len(passed)
    assert pf["rx_bytes_nic"] + pf["tx_bytes_nic"] == sum(max(60, len(data)) + FCS for data in passed)


def test_a_reset_leaves_what_was_counted() -> None:
    """A function that goes and comes: all deliveries of the run count, those before it went among them."""
    machine = {"nic": {"vfs": 2, "queues_per_vf": 2}, "workload": {"pattern": "uniform", "frame_bytes": 500}}
    off = {50_000: {"off": ["vf0"]}, 80_000: {}, 120_000: {"off": ["pf", "vf0", "vf1"]}, 150_000: {}}
    run, _, rows = logged(POLLED, SHORT, machine, changes=off)
    counters = counters_of(run.machine.servers)
    at_vf0 = rows.egress_port == 2
    assert (at_vf0 & (rows.at_fs < 50 * 10**9)).any() and (at_vf0 & (rows.at_fs > 150 * 10**9)).any()
    for port, name in ((2, "vf0"), (3, "vf1")):
        own = counters[name].ethtool
        assert own["rx_packets"] == (rows.egress_port == port).sum()
        assert own["rx_bytes"] == (rows.frame_bytes[rows.egress_port == port] - FCS).sum()
        check_rings(counters[name], 2)
    # Nobody counts what is lost with a function.
    lost = run.state[0]["ledger"]["function"]["drops"][:, DropReason.FUNCTION_RESET].sum()
    assert lost > 100 and all(own.ip.rx.dropped == own.ip.rx.missed == 0 for own in counters.values())


def test_series_count_what_captures_say_and_add_up(tmp_path: Path) -> None:
    """By interval; behind the last whole one comes what the counters of the run have more."""
    machine = {"nic": {"vfs": 3}, "workload": {"pattern": "broadcast", "load": "1Gbps", "frame_bytes": 300},
               "scenario": [{"at": "100us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}}]}  # fmt: skip
    pcap = str(tmp_path / "got.pcap")
    config = config_from_mapping(merged(POLLED, {"run": {"warmup": "25us", "duration": "203us"}}, machine))
    result = simulate(config, pcap_path=pcap)
    series = result.series
    assert series is not None and set(series.counters) == set(series.vms)
    n, end_ns = series.n_intervals, series.n_intervals * series.interval_ns
    frames = Counter(int(at_ns // series.interval_ns) for at_ns, _ in read_capture(pcap))
    told = [sum(own["rx_packets"][at] for own in series.counters.values()) for at in range(n)]
    by_wire = Counter[int]()
    for at in range(n):
        by_wire[at] = frames[at] - told[at]
    assert all(0 <= left <= told[at] for at, left in by_wire.items())  # a copy of each frame leaves by the wire
    assert series.counters["vf1"]["rx_packets"] == tuple(
        round(mpps * series.interval_ns / 1e3) for mpps in series.vms["vf1"].rx_mpps
    )
    assert result.window.end_ns > end_ns
    for name, own in series.counters.items():
        assert list(own) == list(STATISTICS)
        rx, tx = result.counters[name].ip.rx, result.counters[name].ip.tx
        sums = {key: sum(grown) for key, grown in own.items()}
        assert own["rx_bytes"] == tuple(296 * frames for frames in own["rx_packets"])
        assert 0 <= rx.packets - sums["rx_packets"] < 20 and 0 <= tx.packets - sums["tx_packets"] < 20
        assert sums["multicast"] == 0 < sums["rx_packets"]


def test_a_scenario_tells_them_always_another_run_where_asked() -> None:
    machine = merged(POLLED, {"nic": {"vfs": 2}, "run": {"warmup": "5us", "duration": "20us"}})
    plain, asked = (simulate(config_from_mapping(machine), counters=counters) for counters in (False, True))
    assert "counters" not in plain.to_mapping() and set(asked.counters) == {"pf", "vf0", "vf1"}
    assert replace(asked, counters={}).to_json(include_host_run=False) == plain.to_json(include_host_run=False)
    changed = simulate(config_from_mapping({**machine, "scenario": [{"at": "1us", "set": {}}]}))
    assert changed.counters == asked.counters
    assert plain.scalars() == asked.scalars()


def test_every_reason_is_counted_somewhere_or_said_not_to_be() -> None:
    """The page's table of reasons has each once, and says of each what the model does."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| (.+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    said = {reason: where for reasons, where in rows for reason in re.findall(r"`([A-Z_]+)`", reasons)}
    assert sorted(said) == sorted(reason.name for reason in DropReason if reason != DropReason.NONE)
    assert sum(len(re.findall(r"`([A-Z_]+)`", reasons)) for reasons, _ in rows) == len(said)
    for reason in DropReason:
        if reason in LOST_AS:
            assert f"`{LOST_AS[reason]}`" in said[reason.name]
        elif reason in REFUSED:
            assert "TX dropped" in said[reason.name]
        elif reason != DropReason.NONE:
            assert reason in NOT_COUNTED and said[reason.name].startswith("nowhere")


def test_the_page_of_counters_explains_each_name() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \|(.+)", document, re.MULTILINE)
    explained, beside = (set(re.findall(r"`([a-z_]+)`", " ".join(cells))) for cells in zip(*rows, strict=True))
    assert set(ETHTOOL_NAMES) <= explained and set(STATISTICS) <= explained | beside


def test_the_command_prints_them_as_the_tools_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, stored = tmp_path / "c.yaml", tmp_path / "r.json"
    config.write_text(
        "nic: {preset: null, vfs: 2, queues_per_vf: 11}\ndriver: {preset: dpdk}\nrun: {warmup: 5us, duration: 50us}\n"
    )
    assert main(["run", str(config), "--counters", "--json", str(stored)]) == 0
    printed = capsys.readouterr().out
    result = Result.from_json(stored.read_text())
    assert printed.endswith(counters_text(result) + "\n") and printed.startswith(result.summary().splitlines()[0])
    blocks = re.findall(r"^NIC statistics of (\S+):\n((?:     \S+: \d+\n)+)", printed, re.MULTILINE)
    names = {name: [line.split(":")[0].strip() for line in block.splitlines()] for name, block in blocks}
    assert names["vf0"][:7] == ["rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "multicast",
                                "tx_queue_0_packets", "tx_queue_0_bytes"]  # fmt: skip
    assert names["vf0"][-2:] == ["rx_queue_10_packets", "rx_queue_10_bytes"]
    for name, block in blocks:
        assert dict(line.split(": ") for line in block.replace("     ", "").splitlines()) == {
            key: str(value) for key, value in result.counters[name].ethtool.items()
        }
    shown = printed.split("\nvf1:\n")[1].split()
    rx, tx = result.counters["vf1"].ip.rx, result.counters["vf1"].ip.tx
    assert shown[:11] == ["RX:", "bytes", "packets", "dropped", "missed", "mcast",
                          str(rx.bytes), str(rx.packets), "0", "0", "0"]  # fmt: skip
    assert shown[11:] == ["TX:", "bytes", "packets", "dropped", str(tx.bytes), str(tx.packets), "0"]
    assert main(["run", str(config), "--json", "-"]) == 0
    assert "counters" not in json.loads(capsys.readouterr().out)


def test_stored_counters_are_read_back_and_checked(tmp_path: Path) -> None:
    counters = replayed(tmp_path, *REPLAYED).counters
    text = replace(sample_result(), counters=counters).to_json()
    assert Result.from_json(text).counters == counters
    assert Result.from_json(text).to_json() == text
    document = json.loads(text)
    document["counters"]["vf0"]["ip"]["rx"]["packets"] = -1
    del document["counters"]["pf"]["ethtool"]
    with pytest.raises(InputError) as caught:
        Result.from_json(json.dumps(document))
    assert [line.split(": ", 1)[1] for line in caught.value.lines] == [
        "counters.pf.ethtool: is missing",
        "counters.vf0.ip.rx.packets: expected a count from 0 to 2^63 - 1, found -1",
    ]


@pytest.mark.usefixtures("no_figures")
def test_the_page_has_a_table_of_them_where_the_result_has() -> None:
    sent = LinkSent(bytes=7, packets=1, dropped=0)
    vf = VfLink(rx=VfReceived(bytes=1, packets=1, mcast=0, bcast=0, dropped=0), tx=sent)
    received = LinkReceived(bytes=98765, packets=9, dropped=1, missed=2, mcast=3)
    pf = FunctionCounters(ethtool={"rx_pkts_nic": 54321}, ip=IpLink(rx=received, tx=sent, vfs={"vf0": vf}))
    page = render_page([replace(sample_result(), counters={"pf": pf}), sample_result()], ["run 1", "run 2"])
    assert page.count("<summary>Counters of the whole run") == 1
    row = re.search(r"<tr><th[^>]*>pf</th>((?:<td[^>]*>[^<]*</td>)+)</tr>", page)
    assert row is not None
    assert re.findall(r">([^<]+)<", row[1]) == ["98,765", "9", "1", "2", "3", "7", "1", "0"]
    assert "54,321" in page

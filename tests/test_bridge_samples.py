"""Samples of bridges: datagrams as real ones are, what tshark reads, estimates within their own errors."""

from __future__ import annotations

import copy
import math
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.machine.counts.passed_flows import drawn
from hwmodel.machine.network.bridge_state import SAMPLER
from hwmodel.results import check_balance
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.virtual_switch_use import SAMPLED, estimates
from hwmodel.simulation.fill.random_streams import BRIDGE_SAMPLES, random_words
from hwmodel.wire.samples import (
    Counters,
    Sample,
    Told,
    counter_sample,
    flow_sample,
    ipfix_message,
    packet_report,
    sflow_datagram,
    told_by_ipfix,
    told_by_sflow,
)
from tests.pcapng_frames import passed_at
from tests.switch_cases import tshark_rows

VECTORS = Path(__file__).parent / "vectors" / "sflow_ovs.txt"
NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
AGENT = IPv4Address("10.255.0.1")
BASE: dict[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "nic": {"vfs": 2},
    "driver": {"preset": "dpdk"},
    "switch": {"ports": [{"name": "vf1", "port_vlan": 20, "vlans": [20], "default_priority": 5}]},
    "bridge": {"announce": True, "samples": [{"from": "a", "one_in": 8, "every": "100us"}]},
    "workload": {
        "pattern": "flows", "arrivals": "poisson", "frame_bytes": 200,
        "flows": [["a.vf0", "b.vf0", "1Gbps"], ["a.vf1", "b.vf1", "1Gbps"]],
    },
    "run": {"warmup": "0ns", "duration": "1ms"},
}  # fmt: skip


def with_sampler(**keys: Any) -> dict[str, Any]:
    document = copy.deepcopy(BASE)
    document["bridge"]["samples"][0] |= keys
    return document


def run(document: dict[str, Any], folder: Path, *names: str) -> tuple[Any, dict[str, list[Any]]]:
    paths = {name: str(folder / f"{name}.pcapng") for name in (*names, "a", "outside")}
    result = simulate(config_from_mapping(document), pcap_hops=paths)
    assert check_balance(result) == []
    return result, {name: passed_at(path) for name, path in paths.items()}


def payloads(passed: list[Any], port: int) -> Iterator[bytes]:
    """Yield what datagrams to a port of UDP hold, behind Ethernet and IPv4 without options."""
    for one in passed:
        at = 18 if one.raw[12:14] == b"\x81\x00" else 14
        is_udp = not one.came and one.raw[at - 2 : at] == b"\x08\x00" and one.raw[at + 9] == 17
        if is_udp and int.from_bytes(one.raw[at + 22 : at + 24], "big") == port:
            yield one.raw[at + 28 :]


# ---- Bytes ----


def vectors() -> list[bytes]:
    lines = VECTORS.read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if not line.startswith("#")]


def test_what_open_vswitch_sends_is_read():
    told = [one for data in vectors() for one in told_by_sflow(data)]
    assert [(one.number, one.one_in, one.pool, one.frame_bytes, len(one.head)) for one in told] == [
        (1, 1, 1, 102, 98), (2, 1, 2, 112, 108), (3, 1, 3, 64, 60), (4, 1, 4, 102, 98), (5, 1, 5, 112, 108),
        (6, 1, 6, 64, 60),
    ]  # fmt: skip
    assert told[0].head.hex().startswith("02ff0000000902000000000208004500")


def test_records_are_those_of_open_vswitch():
    """All behind the output interface; the head before it names interfaces, which theirs numbers otherwise."""
    first, second = told_by_sflow(vectors()[0])
    data, at = vectors()[0], 28
    for one, vlan, priority in ((first, 0, 0), (second, 12, 5)):
        length = int.from_bytes(data[at + 4 : at + 8], "big")
        ours = flow_sample(Sample(0, 1, vlan, priority, one.pool, one.frame_bytes, one.head), one.number, 1)
        assert len(ours) == 8 + length and ours[:12] == data[at : at + 12]
        assert ours[36:] == data[at + 36 : at + 8 + length]
        at += 8 + length
    assert at == len(data)
    head = sflow_datagram(IPv4Address("127.0.0.1"), 2, 2000 * 10**12, [b"", b""])
    assert head == data[:28]


HEADS = st.binary(min_size=14, max_size=256)
SAMPLES = st.lists(
    st.builds(Sample, st.integers(0, 10**18), st.integers(1, 1000), st.integers(0, 4095), st.integers(0, 7),
              st.integers(1, 1 << 32), st.integers(64, 65535), HEADS), max_size=6,
)  # fmt: skip


@given(SAMPLES, st.integers(1, 1 << 20))
def test_a_collector_reads_what_was_told(samples, one_in):
    told = [Told(number, one_in, one.pool % 2**32, one.frame_bytes, one.head) for number, one in enumerate(samples, 1)]
    parts = [flow_sample(one, number, one_in) for number, one in enumerate(samples, 1)]
    counters = counter_sample(Counters(1, 10**10, 1, 2, 3, 4, 5, 6), 1)
    data = sflow_datagram(AGENT, 1, 0, [*parts, counters])
    assert list(told_by_sflow(data)) == told
    message = ipfix_message(1, 10, 0, one_in, [packet_report(one) for one in samples])
    assert [(one.frame_bytes, one.head) for one in told_by_ipfix(message)] == [
        (one.frame_bytes, one.head) for one in samples
    ]
    assert all(math.isclose(one.one_in, one_in) for one in told_by_ipfix(message))
    for cut in (data[:20], message[:20]):
        with pytest.raises(ValueError, match=r"sFlow|IPFIX"):
            list((told_by_sflow if cut is not message[:20] else told_by_ipfix)(cut))


# ---- Estimates ----


@njit
def draw_all(row, one_in, n_bytes):
    for i in range(len(n_bytes)):
        drawn(row[0], one_in, row[0], n_bytes[i])


def test_estimates_are_within_their_own_errors_in_400_runs():
    """The machine's draw and numbers, frames of three lengths; 95 % are within 1.96 standard errors of the truth."""
    rng, within = np.random.default_rng(1), {"frames": 0, "bytes": 0}
    n_runs = 400
    for run_number in range(n_runs):
        one_in = int(rng.integers(2, 12))
        n_bytes = rng.choice([64, 600, 1518], 3000, p=[0.5, 0.3, 0.2])
        row = np.zeros(1, SAMPLER)
        row["rng"][0] = random_words(run_number, BRIDGE_SAMPLES)
        draw_all(row, one_in, n_bytes)
        told = estimates(one_in, {name: int(row[name][0]) for name in SAMPLED})
        assert (told["frames"], told["bytes"]) == (3000, n_bytes.sum())
        for what in within:
            within[what] += abs(told[f"estimated_{what}"] - told[what]) <= 1.96 * told[f"{what}_error"]
    # A share of 0.95 has a standard error of 0.011 over 400.
    assert all(0.917 <= found / n_runs <= 0.983 for found in within.values()), within


# ---- Runs ----


def test_sflow_tells_of_frames_as_they_came(tmp_path):
    result, passed = run(with_sampler(), tmp_path)
    told = [one for data in payloads(passed["outside"], 6343) for one in told_by_sflow(data)]
    (own,) = result.bridges[0].samples
    assert own.frames == next(port for port in result.bridges[0].ports if port.name == "a").in_frames
    assert own.samples - 30 < len(told) <= own.samples > 40
    assert own.estimated_frames == 8 * own.samples and own.frames_error == math.sqrt(56 * own.samples)
    came = [one.raw for one in passed["a"] if one.came]
    for one in told:
        raw = came[one.pool - 1]
        assert (one.head, one.frame_bytes) == (raw[:128], len(raw) + 4)
    assert [one.number for one in told] == list(range(1, 1 + len(told)))
    assert {one.one_in for one in told} == {8}


def test_a_vm_collects_ipfix_and_counters_are_told(tmp_path):
    document = with_sampler(protocol="ipfix", collector="b.vf1", header_bytes=60)
    document["bridge"]["samples"].append({"from": "b", "one_in": 1, "every": "250us", "counters": True})
    result, passed = run(document, tmp_path, "b")
    told = [one for data in payloads(passed["b"], 4739) for one in told_by_ipfix(data)]
    assert len(told) > 30 and {len(one.head) for one in told} == {60}
    # Datagrams count as offered, and as delivered, of no flow.
    of_flows = [sum(getattr(flow, name) for flow in result.flows) for name in ("offered", "delivered")]
    assert result.totals.offered_frames - of_flows[0] == len(result.agent_actions) > 9
    assert result.totals.delivered_frames - of_flows[1] > 5
    datagrams = list(payloads(passed["outside"], 6343))
    assert len(datagrams) in (3, 4)  # b sends nothing, and is counted four times
    assert all(data[28:32] == (2).to_bytes(4, "big") for data in datagrams)
    assert result.bridges[0].samples[1].frames == 0


@NEEDS_TSHARK
@pytest.mark.parametrize("protocol", ["sflow", "ipfix"])
def test_tshark_has_no_complaint(tmp_path, protocol):
    run(with_sampler(protocol=protocol, counters=protocol == "sflow"), tmp_path)
    path, name = tmp_path / "outside.pcapng", {"sflow": "sflow", "ipfix": "cflow"}[protocol]
    options = ("-Y", name, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    rows = tshark_rows(path, ["ip.checksum.status", "udp.checksum.status", "_ws.malformed", "vlan.id"], *options)
    assert len(rows) > 5 and all(row["_ws.malformed"] == "" for row in rows)
    assert {(row["ip.checksum.status"].split(",")[0], row["udp.checksum.status"]) for row in rows} == {("1", "1")}
    command = ["tshark", "-n", "-r", str(path), "-q", "-z", "expert,warn"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == ""
    fields = {"sflow": ["sflow_245.version", "sflow.flow_sample.sampling_rate"],
              "ipfix": ["cflow.version", "cflow.sampling_probability"]}[protocol]  # fmt: skip
    first = tshark_rows(path, fields, *options)[-1]
    assert first[fields[0]] == {"sflow": "5", "ipfix": "10"}[protocol]


def test_threads_and_seeds(tmp_path):
    document = with_sampler()
    one, two = (
        simulate(config_from_mapping(document), threads=threads).to_json(include_host_run=False) for threads in (1, 2)
    )
    assert one == two


@pytest.mark.parametrize(("keys", "said"), [
    ({"from": "c"}, "there is no port c at this bridge"),
    ({"collector": "c.vf0"}, "nobody is c.vf0, so there is no such collector"),
    ({"protocol": "ipfix", "counters": True}, "packet reports of IPFIX tell no counters"),
    ({"one_in": 0}, "one_in"),
    ({"header_bytes": 13}, "header_bytes"),
    ({"protocol": "netflow"}, "protocol"),
])  # fmt: skip
def test_what_a_file_may_not_say(keys, said):
    with pytest.raises(InputError) as caught:
        config_from_mapping(with_sampler(**keys))
    assert any(said in line for line in caught.value.lines), caught.value.lines


def test_a_port_has_one_sampler():
    document = with_sampler()
    document["bridge"]["samples"].append({"from": "a", "one_in": 9})
    with pytest.raises(InputError, match="a is sampled already"):
        config_from_mapping(document)

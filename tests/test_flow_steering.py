"""Queues of received frames, as a second implementation of the filters finds them; RSS; flows that find no room."""

from __future__ import annotations

import random
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import numpy as np
import pytest

from hwmodel import simulate
from hwmodel.config import config_from_mapping
from hwmodel.config.names import uplink_of
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.offered import read_packets
from hwmodel.wire.frame_scan import RSS_PREFIX_BYTES, scan_headers
from hwmodel.workload import Records, Workload
from hwmodel.workload.traffic import FrameTemplate
from tests.oracles.flow_queues import flow_hashes, look, queue_of

POOLS = ["vf0", "vf1"]
MACS = {"vf0": "020000000002", "vf1": "020000000003"}
NUMBERS = {"vf0": 2, "vf1": 3}
V4, V6 = ["10.0.0.1", "10.0.0.2", "192.0.2.9"], ["2001:db8::1", "2001:db8::2"]
PORTS = [80, 443, 5001, 40000]
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "other": 1}
QUIET = {"pattern": "none", "external": {"rate": "1Gbps"}}


def packet(to: str, source: Any, destination: Any, protocol: int, ports: tuple[int, int], **how: Any) -> bytes:
    """Build a frame with an IP packet; `how`: vid, options (bytes of them), fragment (offset and flags)."""
    tag = b"\x81\x00" + how["vid"].to_bytes(2, "big") if how.get("vid") else b""
    options = how.get("options", b"")
    if source.version == 4:
        ip = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 40, 7, how.get("fragment", 0), 64, protocol, 99)
        body = b"\x08\x00" + ip + source.packed + destination.packed + options
    else:
        body = b"\x86\xdd" + struct.pack(">IHBB", 6 << 28 | 77, 20, protocol, 64) + source.packed + destination.packed
    return (bytes.fromhex(MACS[to] + "02ff00000001") + tag + body + struct.pack(">HHI", *ports, 5)).ljust(90, b"\0")


def drawn_packet(chance: random.Random) -> bytes:
    version = chance.choice([4, 4, 6])
    ends = [IPv4Address(chance.choice(V4)) if version == 4 else IPv6Address(chance.choice(V6)) for _ in range(2)]
    how: dict[str, Any] = {"vid": chance.choice([0, 0, 1, 5])}
    if version == 4:
        how |= {"options": bytes(chance.choice([0, 0, 8])), "fragment": chance.choice([0, 0, 0x4000, 0x2000, 5])}
    protocol = PROTOCOLS[chance.choice(list(PROTOCOLS))]
    return packet(chance.choice(POOLS), *ends, protocol, (chance.choice(PORTS), chance.choice(PORTS)), **how)


def templates_of(frames: list[bytes], n_ports: int = 1) -> list[FrameTemplate]:
    """Return the headers of frames from the wire of their pool's port, with what they say of their flows."""
    prefix = np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), -1)[:, :RSS_PREFIX_BYTES]
    valid = np.full(len(frames), prefix.shape[1])
    scan = scan_headers(prefix, valid)
    at = np.arange(len(frames)) * prefix.shape[1]
    packets = read_packets(prefix.tobytes(), at + scan.n_bytes, at + valid, scan.ethertype)
    found = []
    for raw, end, octets, n in zip(
        frames, scan.n_bytes.tolist(), packets["octets"], packets["n_bytes"].tolist(), strict=True
    ):
        to = next(name for name, mac in MACS.items() if raw[:6].hex() == mac)
        source = "uplink" if n_ports == 1 else uplink_of(f"p{POOLS.index(to)}")
        found.append(FrameTemplate(source, to, raw[:end] + octets[:n].tobytes(), n))
    return found


def queues_of(block: dict[str, Any], frames: list[bytes]) -> list[tuple[str, int] | None]:
    """Return of each frame from the wire its pool and queue; None where it is dropped."""
    config = config_from_mapping(block)
    machine = Machine(config, Workload(templates_of(frames, config.port.count), [], Records()), 1)
    nic, found = machine.servers[0].nic, []
    n_queues = config.nic.queues_per_vf
    for template in nic.traffic.template[: len(frames)]:
        if template.reason:
            assert template.reason == DropReason.ACL_DENY and template.n_copies == 0
            found.append(None)
            continue
        assert template.n_copies == 1
        kind = nic.traffic.copy_kind[int(template.first_copy)]
        function, queue = divmod(-1 - int(kind.queue_hash), n_queues)
        found.append((f"vf{function - 1}", queue))
    return found


def adapter(steering: dict[str, Any], n_queues: int = 8, n_ports: int = 1) -> dict[str, Any]:
    """Return an adapter of two VFs; of two Ethernet ports vf0 is at p0, vf1 at p1."""
    return {
        "port": {"count": n_ports},
        "nic": {"preset": "82599", "vfs": 2, "queues_per_vf": n_queues, "steering": steering},
        "switch": {"ports": [{"name": name, "vlans": [1, 5]} for name in POOLS]}, "workload": QUIET,
    }  # fmt: skip


def drawn_flow(chance: random.Random, fields: list[str] | None, pool: str | None) -> dict[str, Any]:
    """Draw what a filter matches: the given fields, or some."""
    version = chance.choice([V4, V4, V6])
    ports = {"source_port": chance.choice(PORTS), "destination_port": chance.choice(PORTS)}
    all_of_it = {"source": chance.choice(version), "destination": chance.choice(version), **ports}
    chosen = [name for name in all_of_it if chance.random() < 0.4] if fields is None else fields
    protocol = chance.choice(["tcp", "udp", "sctp"])
    return {"pool": pool, "protocol": protocol, **{name: all_of_it[name] for name in chosen}}


def distinct(filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out filters that match what one before does."""
    found: dict[str, dict[str, Any]] = {}
    for one in filters:
        found.setdefault(str(sorted((name, value) for name, value in one.items() if name != "queue")), one)
    return list(found.values())


def drawn_steering(chance: random.Random, mode: str) -> dict[str, Any]:
    queue = lambda: chance.randrange(8)  # noqa: E731
    pool = lambda: chance.choice([None, *POOLS])  # noqa: E731
    tuples = [
        {**drawn_flow(chance, None, pool()), "priority": chance.randint(1, 3), "queue": queue()} for _ in range(3)
    ]
    fields = ["source", "destination", "source_port", "destination_port"]
    if mode == "perfect":
        fields = [name for name in fields if chance.random() < 0.6]
    ends = [pool() if mode == "perfect" else chance.choice(POOLS) for _ in range(40 if mode == "perfect" else 400)]
    flows = [{**drawn_flow(chance, fields, end), "queue": chance.choice(["drop", queue(), queue()])} for end in ends]
    return {
        "ethertype_filters": [] if chance.random() < 0.5 else [{"ethertype": 0x86DD, "pool": "vf1", "queue": queue()}],
        "tuple_filters": distinct(tuples) if chance.random() < 0.7 else [],
        "flow_director": {"mode": mode, "filters": distinct(flows)},
        "rss": {"key": chance.randbytes(40).hex(), "entries": 128,
                "table": [queue() for _ in range(chance.choice([3, 8, 128]))]},
    }  # fmt: skip


@pytest.mark.parametrize("n_ports", [1, 2])
@pytest.mark.parametrize("mode", ["perfect", "signature"])
def test_drawn_frames_go_to_the_queues_of_the_filters(mode, n_ports):
    """Of two Ethernet ports an EtherType filter is in the table of its pool's port, and sees no frames of the other."""
    chance = random.Random(mode)
    n_dropped, n_by_pool = 0, set()
    for _ in range(8):
        steering = drawn_steering(chance, mode)
        frames = [drawn_packet(chance) for _ in range(150)]
        wanted = []
        for raw in frames:
            to = next(name for name, mac in MACS.items() if raw[:6].hex() == mac)
            here = [one for one in steering["ethertype_filters"] if n_ports == 1 or one["pool"] == to]
            if any(one["ethertype"] == look(raw).ethertype for one in here):
                to = steering["ethertype_filters"][0]["pool"]
            queue = queue_of(steering | {"ethertype_filters": here}, raw, to, NUMBERS[to])
            wanted.append(None if queue is None else (to, queue))
        assert queues_of(adapter(steering, n_ports=n_ports), frames) == wanted
        n_dropped += wanted.count(None)
        n_by_pool |= set(wanted)
    assert n_dropped > 20 and len(n_by_pool) == 17


def chi_square(counts: list[int]) -> float:
    mean = sum(counts) / len(counts)
    return sum((count - mean) ** 2 / mean for count in counts)


def test_ten_thousand_flows_over_four_queues():
    """Chi-square with three degrees of freedom: above 11.34 in one of a hundred even spreads."""
    chance = random.Random(10_000)
    address = lambda: IPv4Address(chance.getrandbits(32))  # noqa: E731
    frames = [packet("vf0", address(), address(), 6, (chance.randrange(1024, 65536), 443)) for _ in range(10_000)]
    found = queues_of(adapter({}, n_queues=4), frames)
    counts = [found.count(("vf0", queue)) for queue in range(4)]
    assert sum(counts) == 10_000 and 0 < chi_square(counts) < 11.34


def test_connections_spread_over_the_queues_of_a_run():
    block = {
        "nic": {"preset": "82599", "vfs": 2, "queues_per_vf": 4}, "driver": {"preset": "dpdk"},
        "workload": {"pattern": "flows", "flows": [["uplink", "vf0", "4Gbps"]], "connections": 10_000,
                     "frame_bytes": 64},
        "run": {"warmup": "0us", "duration": "2ms"},
    }  # fmt: skip
    result = simulate(config_from_mapping(block), counters=True)
    counts = [result.counters["vf0"].ethtool[f"rx_queue_{queue}_packets"] for queue in range(4)]
    assert sum(counts) > 10_000 and chi_square(counts) < 11.34
    alone = simulate(config_from_mapping(block, {"workload.connections": 1}), counters=True)
    counts = [alone.counters["vf0"].ethtool[f"rx_queue_{queue}_packets"] for queue in range(4)]
    assert sorted(counts)[:3] == [0, 0, 0] < sorted(counts)[3:]


def both_ways(connections: int, changes: dict[str, Any] | None = None, **director: Any) -> Any:
    steering = {"rss": {"table": [0]}, "flow_director": {"mode": "signature", "atr": True, **director}}
    return config_from_mapping({
        "nic": {"preset": "82599", "vfs": 2, "queues_per_vf": 4, "steering": steering},
        "driver": {"preset": "dpdk"},
        "workload": {"connections": connections, "frame_bytes": 64},
        "run": {"warmup": "0us", "duration": "2ms"},
    }, changes or {})  # fmt: skip


def test_flows_come_back_to_the_queue_that_they_send_by():
    """Without a filter all go to queue 0, by the table; with them as many as are sent by each queue."""
    result = simulate(both_ways(1000), counters=True)
    assert result.flow_director.filters == 2000 and result.flow_director.without_room == 0
    assert not any("full" in warning for warning in result.warnings)
    for name in POOLS:
        seen = result.counters[name].ethtool
        assert min(seen[f"rx_queue_{queue}_packets"] for queue in range(1, 4)) > 1000


def test_a_full_table_is_said_and_the_rest_goes_by_the_hash():
    result = simulate(both_ways(5000), counters=True)
    used = result.flow_director
    assert used.filters == used.capacity == 8191  # of 64 KiB
    assert 0 < used.without_room <= 10_000 - 8191
    assert f"all taken, and {used.without_room:,} flows" in " ".join(result.warnings)
    # Filters are those of the flows that began first; the frames of the others are by the table, in queue 0.
    seen = result.counters["vf0"].ethtool
    others = [seen[f"rx_queue_{queue}_packets"] for queue in range(1, 4)]
    assert seen["rx_queue_0_packets"] > max(others)
    larger = simulate(both_ways(5000, memory="128KiB"))
    assert larger.flow_director.without_room == 0 and larger.config["nic"]["rx_buffer"] == "384KiB"


def test_each_port_has_a_table_of_its_own():
    """Two ports hold twice as many signatures; each says for itself when it is full."""
    flows = [["vf0", "vf2", "6Gbps"], ["vf2", "vf0", "6Gbps"], ["vf1", "vf3", "100Mbps"]]
    changes = {"port.count": 2, "nic.vfs": 4, "workload.pattern": "flows", "workload.flows": flows}
    result = simulate(both_ways(5000, changes))
    p0, p1 = result.ports
    assert p0.flow_director.filters == 8191 == p0.flow_director.capacity and p0.flow_director.without_room > 0
    assert 0 < p1.flow_director.filters < 8191 and p1.flow_director.without_room == 0
    assert result.flow_director.filters == 8191 + p1.flow_director.filters
    assert result.flow_director.capacity == 2 * 8191 and result.config["nic"]["rx_buffer"] == "384KiB"
    (said,) = [line for line in result.warnings if "Flow Director" in line]
    assert said.startswith("Flow Director's table of p0 is full: its 8,191 signature filters")


def test_signatures_of_flows_may_be_the_same():
    """Two flows with one signature share a filter: what a perfect filter would tell apart."""
    first = {"pool": "vf0", "protocol": "tcp", "source": "10.0.0.1", "destination": "10.0.0.2",
             "source_port": 1000, "destination_port": 80, "queue": 5}  # fmt: skip
    ends = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
    same = [packet("vf0", *ends, 6, (1000, 80)), packet("vf0", *reversed(ends), 6, (1000, 80))]
    assert len({flow_hashes(look(raw), 2) for raw in same}) == 1  # addresses are added up, in either order
    steering = {"flow_director": {"mode": "signature", "filters": [first]}, "rss": {"table": [1]}}
    assert queues_of(adapter(steering), same) == [("vf0", 5), ("vf0", 5)]
    steering["flow_director"]["mode"] = "perfect"
    assert queues_of(adapter(steering), same) == [("vf0", 5), ("vf0", 1)]


def test_flows_are_told_apart_behind_a_bridge():
    """A header that crosses a bridge says of its flow what it said before: the next adapter's table spreads it."""
    block = {
        "servers": [{"name": "a"}, {"name": "b"}], "bridge": {}, "driver": {"preset": "dpdk"},
        "nic": {"preset": "82599", "vfs": 2, "queues_per_vf": 4},
        "workload": {"pattern": "flows", "flows": [["a.vf0", "b.vf0", "2Gbps"]], "connections": 500,
                     "frame_bytes": 128},
        "run": {"warmup": "0us", "duration": "2ms"},
    }  # fmt: skip
    seen = simulate(config_from_mapping(block), counters=True).counters["b.vf0"].ethtool
    counts = [seen[f"rx_queue_{queue}_packets"] for queue in range(4)]
    assert sum(counts) > 2000 and min(counts) > 0.8 * sum(counts) / 4

"""What passes each wire between servers, two levels of extenders and the controlling bridge, as tshark decodes it."""

from __future__ import annotations

import pytest

from hwmodel.cli import main
from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from tests.run_cases import BATCHES_OF_ONE, merged, write_capture
from tests.switch_cases import wire_rows
from tests.system_beside_simpy import BROADCAST, OUTSIDE, Stations
from tests.test_run_wire_captures import IN, OUT, c_tag, e_tag, tags_of, vn_tag

# a and b are behind lower, this and c behind upper; of each server vf0 and vf1 are in VLAN 10, untagged at their sides.
BEHIND = {"a": "lower", "b": "lower", "c": "upper"}
NUMBERS = {"a": 100, "b": 200, "c": 300}  # of vf0; that of vf1 is one more
GAP_NS = 20_000
MARK = 40  # where a frame's number stands, behind all tags: bytes from the end


def config_of(mode, capture=None):
    servers = []
    for name, number in NUMBERS.items():
        changes = {"pf": {"enabled": False}}
        for at in range(2):
            changes[f"vf{at}"] = {"vif": number + at, "ecid": number + at, "port_vlan": 10, "vlans": [10]}
        servers.append({"name": name, "set": {"switch.ports": changes}})
    bridge = {
        "kind": "controlling",
        "latency": "500ns",
        "propagation": "10ns",
        "extenders": {
            "lower": {"behind": "upper", "rate": "25Gbps", "latency": "300ns"},
            "upper": {"rate": "40Gbps", "latency": "700ns"},
        },
        "ports": {name: {"behind": behind} for name, behind in BEHIND.items()},
    }
    system = {"nic": {"vfs": 2}, "switch": {"mode": mode}, "servers": servers, "bridge": bridge}
    workload = {} if capture is None else {"pcap": str(capture)}
    run = {"warmup": "auto", "duration": "1ms"}
    return config_from_mapping(merged(BATCHES_OF_ONE, system, {"workload": workload, "run": run}))


def hops_of(folder, mode, ways):
    """Replay a frame of 80 B for each (sender, target, C-TAG); return what passed each wire, as tshark has it."""
    macs = Stations(config_of(mode)).macs
    frames = []
    for number, (sender, target, tag) in enumerate(ways):
        ends = macs[target].to_bytes(6, "big") + macs[sender].to_bytes(6, "big")
        raw = ends + bytes.fromhex(tag) + b"\x88\xb5"
        frames.append((number * GAP_NS, raw.ljust(80 - MARK, b"\xa5") + bytes([number]) * MARK))
    config = config_of(mode, write_capture(folder / "in.pcap", frames))
    names = ["a", "b", "c", "outside", "lower", "upper"]
    paths = {name: str(folder / f"{name}.pcapng") for name in names}
    simulate(config, pcap_hops=paths)
    return {name: wire_rows(path, name) for name, path in paths.items()}


WAYS = [
    ("a.vf0", "b.vf1", ""),
    ("a.vf0", BROADCAST, ""),
    ("c.vf1", "a.vf1", ""),
    ("b.vf0", OUTSIDE, "8100600a"),
    (OUTSIDE, "c.vf0", "8100a00a"),
]


@pytest.fixture(scope="module")
def with_e_tags(tmp_path_factory):
    return hops_of(tmp_path_factory.mktemp("e_tags"), "e_tag", WAYS)


def test_e_tags_at_every_wire(with_e_tags):
    """The tag of a frame stays as it is through all extenders; one copy of a group is on each wire, with one list."""
    found = {name: tags_of(rows) for name, rows in with_e_tags.items()}
    group = with_e_tags["upper"][3][2]["etag.ecid_base"][0]
    up = [(0, IN, e_tag(100)), (1, IN, e_tag(100)), (2, IN, e_tag(301)), (3, IN, c_tag(10, 3) | e_tag(200, priority=3))]
    to_b, to_all, to_a = e_tag(201, 100), e_tag(group, 100, group=1), e_tag(101, 301)
    from_outside = e_tag(300, priority=5)
    assert found["a"] == [up[0], up[1], (1, OUT, to_all), (2, OUT, to_a)]
    assert found["b"] == [(0, OUT, to_b), (1, OUT, to_all), up[3]]
    assert found["c"] == [(1, OUT, to_all), up[2], (4, OUT, from_outside)]
    assert found["lower"] == [up[0], (0, OUT, to_b), up[1], (1, OUT, to_all), (2, OUT, to_a), up[3]]
    assert found["upper"] == [
        up[0], (0, OUT, to_b), up[1], (1, OUT, to_all), up[2], (2, OUT, to_a), up[3], (4, OUT, from_outside),
    ]  # fmt: skip
    assert found["outside"] == [(1, OUT, c_tag(10)), (3, OUT, c_tag(10, 3)), (4, IN, c_tag(10, 5))]


def test_vn_tags_at_every_wire(tmp_path):
    """L says that the source is behind the same port of the bridge, be it that of another adapter."""
    hops = hops_of(tmp_path, "vn_tag", WAYS)
    found = {name: tags_of(rows) for name, rows in hops.items()}
    group = hops["upper"][3][2]["vntag.dst"][0]
    up = [
        (0, IN, vn_tag(0, 100)),
        (1, IN, vn_tag(0, 100)),
        (2, IN, vn_tag(0, 301)),
        (3, IN, c_tag(10, 3) | vn_tag(0, 200)),
    ]
    to_b, to_all, to_a = vn_tag(1, 100, 201), vn_tag(1, 100, group, pointer=1), vn_tag(1, 301, 101)
    assert found["a"] == [up[0], up[1], (1, OUT, to_all), (2, OUT, to_a)]
    assert found["b"] == [(0, OUT, to_b), (1, OUT, to_all), up[3]]
    assert found["c"] == [(1, OUT, to_all), up[2], (4, OUT, vn_tag(1, 0, 300))]
    assert found["upper"] == [
        up[0], (0, OUT, to_b), up[1], (1, OUT, to_all), up[2], (2, OUT, to_a), up[3], (4, OUT, vn_tag(1, 0, 300)),
    ]  # fmt: skip


def test_times_by_hand(with_e_tags):
    """At the upper end of its wire a frame has passed as its last byte has come or left."""
    at = {(name, *row[:2]): row[3] for name, rows in with_e_tags.items() for row in rows}
    bits, plain_bits = (80 + 8 + 4 + 20) * 8, (80 + 4 + 20) * 8
    # Frame 0 from a to the bridge: lower has it at `a`'s port, upper at `lower`'s, the bridge at `upper`'s; and back.
    times = [at["a", 0, IN]]
    for name, latency_ns, gbps in (("lower", 300, 25), ("upper", 700, 40)):
        times.append(times[-1] + latency_ns + bits / gbps + 10)
        assert at[name, 0, IN] == pytest.approx(times[-1], abs=1.5)
    for name, latency_ns, gbps in (("upper", 500, 40), ("lower", 710, 25), ("b", 310, 10)):
        times.append(times[-1] + latency_ns + bits / gbps)  # 10 ns of the latency are the wire's
        assert at[name, 0, OUT] == pytest.approx(times[-1], abs=1.5)
    left = at["b", 3, IN] + 300 + bits_of_tagged(25) + 10 + 700 + bits_of_tagged(40) + 10 + 500 + plain_bits / 10
    assert at["outside", 3, OUT] == pytest.approx(left, abs=1.5)


def bits_of_tagged(gbps):
    """Return the time in ns of a frame that has its C-TAG and the E-TAG."""
    return (80 + 8 + 4 + 20) * 8 / gbps


def test_wires_are_known_by_name(tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text(
        "switch: {mode: e_tag}\nbridge: {kind: controlling, extenders: {fex1: {}}, ports: {adapter: {behind: fex1}}}",
        encoding="utf-8",
    )
    assert main(["run", str(config), "--pcap-hop", f"fex2={tmp_path / 'x.pcapng'}"]) == 2
    line = "--pcap-hop: there is no wire 'fex2'; one of adapter, outside, fex1 (did you mean fex1?)"
    assert capsys.readouterr().err.splitlines()[-1] == line

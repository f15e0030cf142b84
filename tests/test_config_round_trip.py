"""The resolved form is a configuration itself: loading it, from a mapping or from JSON text, changes nothing."""

from __future__ import annotations

import hashlib
import json
import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.config.model import HASH_DIGITS
from hwmodel.errors import InputError
from tests.config_cases import CONFIGS, SHIPPED, load

DEMO = CONFIGS / "sriov_10g_gen2x4.yaml"


def powers_of_two(least: int, most: int) -> st.SearchStrategy[int]:
    return st.sampled_from([1 << bit for bit in range(least.bit_length() - 1, most.bit_length())])


def quantities(strategy: st.SearchStrategy[int], unit: str) -> st.SearchStrategy[str]:
    return strategy.map(lambda number: f"{number}{unit}")


def some(**keys: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Draw a mapping with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


TIMES = quantities(st.integers(0, 10**6), "ps")
RATES = quantities(st.integers(10**3, 10**9), "Kbps")
VLANS = st.lists(st.integers(1, 4094), max_size=4, unique=True)
STATION = some(
    port_vlan=st.integers(1, 4094),
    vlans=VLANS,
    untagged=VLANS,
    admit=st.sampled_from(["all", "tagged", "untagged"]),
    accept=st.lists(st.sampled_from(["broadcast", "multicast"]), unique=True),
    groups=st.lists(st.just("01:00:5e:00:00:01"), max_size=1),
    promiscuous=st.booleans(),
    max_frame=st.sampled_from(["1518B", "9728B", "4KiB"]),
    rate_limit=st.none() | RATES,
    weight=st.integers(1, 65535),
    s_channel=st.none() | st.sampled_from([1, 20]),
)
VFS = [f"vf{k}" for k in range(6)]
PORTS = st.lists(st.tuples(st.sampled_from(["pf", *VFS]), STATION), unique_by=lambda port: port[0]).map(
    lambda ports: [{"name": name, **entry} for name, entry in ports]
)
SIZES = st.lists(st.tuples(st.integers(64, 1518), st.integers(1, 99)), min_size=1, max_size=4)
CONFIGURATIONS = st.fixed_dictionaries(
    {
        "nic": st.fixed_dictionaries(
            {"vfs": st.just(6), "preset": st.sampled_from(["82576", 82599, "X540", "X550", "XL710", None])},
            optional={
                "tx_ring": powers_of_two(64, 4096),
                "rx_ring": st.integers(7, 128).map(lambda n: 32 * n),  # of 32: the XL710's rings
                "writeback_timeout": st.none() | quantities(st.integers(1, 999), "us"),
                "max_pps": st.none() | st.integers(1, 10**9),
                "tx_buffer": quantities(st.integers(10, 999), "KiB"),
            },
        ),
    },
    optional={
        "pcie": some(
            generation=st.integers(1, 3),
            lanes=st.sampled_from([1, 2, 4, 8, 12, 16, 32]),
            max_payload=quantities(powers_of_two(128, 4096), "B"),
            tags=st.integers(1, 256),
            propagation=TIMES,
            credits=some(ph=st.integers(0, 127), pd=st.just(0) | st.integers(256, 2047), **{"return": TIMES}),
        ),
        "host": some(
            read_latency=TIMES,
            jitter=st.just({"kind": "histogram", "bins": [["0ns", 9], ["0.3us", 1]]})
            | st.fixed_dictionaries({"kind": st.just("uniform"), "range": TIMES}),
            iotlb=st.none() | st.just({"entries": 64, "miss": "100ns"}),
            write_drain=st.none() | RATES,
        ),
        "driver": some(preset=st.sampled_from(["kernel", "dpdk", None]), frame_time=TIMES, moderation=TIMES),
        "switch": some(
            mode=st.sampled_from(["veb", "vepa", "vn_tag", "e_tag", "multichannel"]),
            ports=PORTS,
            uplink=some(native_vlan=st.none() | st.integers(1, 4094), vlans=st.just("all") | VLANS),
            addresses=st.just([{"vlan": 5, "mac": "02:00:00:00:00:AA", "ports": ["vf0", "pf"]}]),
            vif_lists=st.just({1: ["vf0"], "2": ["vf1", "pf"]}),
            ecid_lists=st.just([{"group": 1, "ecid": 0x1000, "ports": ["vf0"]}]),
            mirrors=st.just([{"to": "vf3", "from": "vf0", "direction": "egress"}, {"to": "pf", "vlan": 7}]),
            acl=st.just(
                [
                    {"port": "vf0", "ethertype": "0x0806", "action": "priority", "priority": 7},
                    {"source": "01:00:00:00:00:00", "vlan": 3, "action": "deny"},
                    {"action": "police", "rate": "1.5Gbps", "burst": "64KiB"},
                ]
            ),
        ).map(lambda switch: {**switch, "s_channels": {1: "veb", "20": "vepa"}}),
        "port": some(rate=quantities(st.integers(1, 100), "Gbps")),
        "workload": some(
            load=st.just("saturate") | st.floats(1e-9, 32) | RATES,
            sizes=SIZES,
            wire_share=st.floats(0, 1),
            mean_burst=st.floats(1, 10**6),
            arrivals=st.sampled_from(["periodic", "poisson"]),
            external=st.none() | st.fixed_dictionaries({"rate": st.just("500Mbps")}, optional={"to": st.just(["vf1"])}),
        ),
        "run": some(
            warmup=st.just("auto") | TIMES,
            frames=st.none() | st.integers(1, 10**12),
            seed=st.integers(0, 2**62),
            clocks=st.just("exact") | st.integers(0, 10**6).map(lambda ppb: f"{ppb}ppb"),
            precision=st.none() | st.decimals("0.000001", "99.999999", places=6).map(lambda share: f"{share}%"),
        ),
    },
)


@given(CONFIGURATIONS)
def test_the_resolved_form_loads_as_the_same_configuration(mapping):
    config = config_from_mapping(mapping)
    resolved = config.resolved()
    again = config_from_mapping(resolved)
    assert again == config
    assert again.resolved() == resolved
    from_text = load(json.dumps(resolved, indent=1))
    assert from_text == config
    assert from_text.config_hash() == config.config_hash()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configurations_come_back(path):
    config = load_config(path)
    again = load(json.dumps(config.resolved(), ensure_ascii=False))
    assert again == config
    assert again.config_hash() == config.config_hash()


def test_the_resolved_form_writes_units_out():
    resolved = config_from_mapping({"nic": {"vfs": 2}, "workload": {"load": "2500Mbps"}}).resolved()
    assert list(resolved) == ["pcie", "host", "nic", "driver", "switch", "port", "workload", "run"]
    assert resolved["pcie"]["max_payload"] == "256B"
    assert resolved["pcie"]["credits"] == {
        "ph": 0, "pd": 0, "nph": 0, "npd": 0, "cplh": 0, "cpld": 0, "return": "200ns",
    }  # fmt: skip
    assert resolved["nic"]["tx_buffer"] == "160KiB"
    assert resolved["port"] == {"rate": "10Gbps"}
    assert resolved["workload"]["load"] == "2.5Gbps"
    length = {"warmup": "auto", "duration": "20ms", "frames": None, "precision": None}
    assert resolved["run"] == length | {"seed": 1, "clocks": "50ppm"}
    assert [port["macs"] for port in resolved["switch"]["ports"]] == [[f"02:00:00:00:00:0{n}"] for n in (1, 2, 3)]
    json.dumps(resolved, allow_nan=False)


def test_the_hash_is_that_of_the_canonical_text():
    config = config_from_mapping({})
    text = json.dumps(config.resolved(), sort_keys=True, separators=(",", ":"))
    assert config.config_hash() == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert len(config.config_hash()) == HASH_DIGITS
    assert re.fullmatch("[0-9a-f]{16}", config.config_hash())


@pytest.mark.parametrize(
    ("key", "value"), [("pcie.lanes", 8), ("run.seed", 2), ("switch.ports.vf0.weight", 2), ("host.cores", 9)]
)
def test_any_change_changes_the_hash(key, value):
    assert load_config(DEMO, {key: value}).config_hash() != load_config(DEMO).config_hash()


def test_how_a_value_is_typed_does_not_change_the_hash():
    as_typed = load_config(DEMO, ["run.duration=20000us", "pcie.max_payload=0.25KiB"])
    assert as_typed.config_hash() == load_config(DEMO).config_hash()


def test_a_capture_counts_by_its_content(tmp_path):
    original = load_config(CONFIGS / "sriov_pcap.yaml").config_hash()
    for name in ("sriov_pcap.yaml", "example.pcap"):
        shutil.copy(CONFIGS / name, tmp_path)
    assert load_config(tmp_path / "sriov_pcap.yaml").config_hash() == original
    content = (tmp_path / "example.pcap").read_bytes()
    (tmp_path / "example.pcap").write_bytes(content[:-1])
    assert load_config(tmp_path / "sriov_pcap.yaml").config_hash() != original


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5000)
    | st.floats()
    | st.sampled_from(
        ["10Gbps", "64B", "1us", "vf0", "all", "on", "02:00:00:00:00:02", "saturate", "none", "auto", ""]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "kind", "1", "to", "x"]), inner)
    ),
    max_leaves=6,
)


def keys_in(mapping: dict[str, object], prefix: str = "") -> list[str]:
    return [
        found
        for name, value in mapping.items()
        for found in [prefix + name, *(keys_in(value, f"{prefix}{name}.") if isinstance(value, dict) else [])]
    ]


KEYS = keys_in(config_from_mapping({}).resolved())
ODD_KEYS = [
    "switch.ports.vf0",
    "switch.ports.0.name",
    "workload.flows.0",
    "x",
    "switch.ports.vf3.macs",
    "host.iotlb.miss",
    "servers",
    "servers.0",
    "servers.a.set",
    "servers.a.set.pcie.lanes",
    "servers.b.set.switch.ports.vf0",
    "bridge",
    "bridge.kind",
    "bridge.ports.outside",
    "bridge.ports.a.rate",
    "bridge.policy",
]
TWO_SERVERS = {"servers": [{"name": "a"}, {"name": "b", "set": {"nic.vfs": 4}}], "bridge.kind": "learning"}


@given(st.dictionaries(st.sampled_from(KEYS + ODD_KEYS), VALUES, min_size=1, max_size=4), st.booleans())
def test_any_value_for_any_key_is_taken_or_refused_in_lines(changes, of_two):
    try:
        config = load_config(DEMO, {**(TWO_SERVERS if of_two else {}), **changes})
    except InputError as refusal:
        assert all(line.startswith(("--set ", str(DEMO))) for line in refusal.lines)
    else:
        assert isinstance(config, Config)
        assert config_from_mapping(config.resolved()) == config


@given(st.text(alphabet=" \n:-{}[]'\"#&*!|>?%@,abc10.", max_size=40))
def test_any_text_is_a_configuration_or_refused_in_lines(text):
    try:
        load(text)
    except InputError as refusal:
        assert refusal.lines

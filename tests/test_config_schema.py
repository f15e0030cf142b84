"""The JSON schema and the reference: complete, current, and agreeing with what is accepted."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from docs_site.configuration import tables
from hwmodel.config import Config, config_from_mapping, json_schema, load_config
from hwmodel.config.agents import ROLES
from hwmodel.config.document import read_document
from hwmodel.config.schema import default_text, derived_text, fields, schema_text, user_text
from hwmodel.config.switch import Port
from hwmodel.errors import InputError
from tests.config_cases import CONFIGS, SHIPPED

LIMIT = {"switch.ports.vf0.rate_limit": "1Gbps"}
SCHEMA_LINE = "# yaml-language-server: $schema=schema.json\n"


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_shipped_schema_is_current():
    shipped = json.loads((CONFIGS / "schema.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(schema_text()), "write it anew: hwmodel schema --json configs/schema.json"


def values_of(schema):
    """Yield each list of values that a key may have."""
    for key, within in schema.items() if isinstance(schema, dict) else ():
        if key == "enum":
            yield within
        yield from values_of(within)
    for within in schema if isinstance(schema, list) else ():
        yield from values_of(within)


def test_no_value_is_the_word_for_none_and_none_stands_twice_in_the_reference():
    assert not [values for values in values_of(json_schema()) if "null" in values]
    rows = [row for row in tables().splitlines() if row.startswith("| `")]
    twice = [row for row in rows if len(re.findall(r"`null`", row.split(" | ")[1])) > 1]
    assert len(rows) > 100 and twice == []
    with pytest.raises(InputError, match=r"'nul' is not one of pointer, .*, hyper_v$"):
        load_config({"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"preset": "nul"}}})


def test_there_are_configurations_to_start_from():
    assert {
        "sriov_10g_gen2x4.yaml", "sriov_10g_gen2x8.yaml", "sriov_40g_gen3x8.yaml", "sriov_ideal.yaml",
        "sriov_imix.yaml", "sriov_pcap.yaml", "burst_5g.yaml", "east_west.yaml", "two_servers.yaml", "two_racks.yaml",
        "switch_bridge.yaml", "switch_vn_tag.yaml",
    } <= {path.name for path in SHIPPED}  # fmt: skip


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configurations_load_and_are_valid(path, validator):
    config = load_config(path)
    assert list(validator.iter_errors(read_document(path).data)) == []
    assert list(validator.iter_errors(config.resolved())) == []
    text = path.read_text(encoding="utf-8")
    assert text.startswith(SCHEMA_LINE)
    assert text.count("\n#") >= 2, "a file says what it is for"


def test_the_demo_writes_out_what_its_closed_form_needs():
    demo = read_document(CONFIGS / "sriov_10g_gen2x4.yaml").data
    written = {**demo["nic"], **demo["driver"]}
    batches = (
        "tx_doorbell_batch", "fetch_batch", "rx_fetch_batch", "tx_writeback_batch", "rx_writeback_batch",
        "refill_batch", "rx_interrupt_batch", "tx_interrupt_batch",
    )  # fmt: skip
    assert [written[name] for name in batches] == [8] * 8
    assert (written["writeback_timeout"], written["moderation"]) == (None, "0us")
    assert demo["driver"]["preset"] is None, "no costs of a core, no masked interrupts"
    assert demo["pcie"] == {
        "generation": 2, "lanes": 4, "max_payload": "256B", "max_read_request": "512B",
        "read_completion_boundary": "64B", "tags": 32, "dllp_model": "tlp4",
    }  # fmt: skip
    assert demo["nic"]["preset"] == "82599"


def test_the_ideal_configuration_limits_nothing_but_the_link():
    config = load_config(CONFIGS / "sriov_ideal.yaml")
    assert (config.pcie.tags, config.nic.tx_ring, config.nic.rx_ring) == (256, 4096, 4096)
    assert (config.nic.tx_buffer_bytes, config.nic.rx_buffer_bytes) == (2**20, 2**21)
    assert (config.nic.rx_prefetch, config.nic.descriptor_cache, config.nic.max_pps) == (64, 64, None)
    assert config.host.cores == config.nic.vfs
    credits = config.pcie.credits
    assert (credits.ph, credits.pd, credits.nph, credits.npd, credits.cplh, credits.cpld) == (0,) * 6


REFUSED_BY_BOTH = [
    {"pcie": {"lanes": 3}},
    {"pcie": {"max_payload": 256}},
    {"pcie": {"max_payload": "500ns"}},
    {"pcie": {"max_payloads": "256B"}},
    {"pcie": {"ecrc": "on"}},
    {"pcie": {"tags": "32"}},
    {"nic": {"vfs": 0}},
    {"nic": {"preset": "82598"}},
    {"switch": {"mode": "vep"}},
    {"switch": {"ports": [{"vlans": [1]}]}},
    {"switch": {"ports": [{"name": "uplink"}]}},
    {"switch": {"ports": [{"name": "vf0", "macs": ["02"]}]}},
    {"switch": {"vif_lists": {"x": ["vf0"]}}},
    {"switch": {"uplink": {"vlans": "some"}}},
    {"workload": {"load": -1}},
    {"workload": {"load": "90%"}},
    {"workload": {"weights": {"vm0": 1}}},
    {"workload": {"load": "much"}},
    {"workload": {"sizes": [[64]]}},
    {"workload": {"flows": [["vf0"]]}},
    {"workload": {"frame_bytes": 63}},
    {"run": {"warmup": "soon"}},
    {"run": {"precision": 0.01}},
    {"nic": {"queues_per_vf": 2, "steering": {"rss": {"key": "6d5a"}}}},
    {"nic": {"queues_per_vf": 2, "steering": {"rss": {"key": "x" * 80}}}},
    {"servers": [{"set": {}}]},
    {"servers": [{"name": "1a"}]},
    {"servers": [{"name": "a", "set": {"workload.load": 1}}]},
    {"bridge": {"kind": "extender"}},
    {"bridges": [{"ports": {}}, {"name": "b"}]},
    {"bridges": [{"name": "left", "ports": {"t": {"to": "right"}}}, {"name": "right"}]},
    {"bridge": {"ports": {"a b": {}}}},
    {"bridge": {"ports": {"outside": {"rate": "1s"}}}},
    {"bridge": {"policy": [{"port": "uplink", "action": "deny"}]}},
    {"lanes": 8},
]


@pytest.mark.parametrize("mapping", REFUSED_BY_BOTH, ids=json.dumps)
def test_what_the_schema_refuses_is_refused(mapping, validator):
    assert list(validator.iter_errors(mapping))
    with pytest.raises(Exception, match=r"configuration: "):
        config_from_mapping(mapping)


TAKEN_BY_BOTH = [
    {"pcie": None},
    {"pcie": {"max_payload": " +256 B "}},
    {"nic": {"preset": 82599}},
    {"nic": {"preset": 82599, "queues_per_vf": 2, "steering": {"rss": {"key": ":".join(["6D 5a"] * 20)}}}},
    {"nic": {"preset": None}},
    {"pcie": {"errors": "none"}},
    {"workload": {"load": 0.5, "sizes": [[64, 1], ["128B", 2]], "wire_share": 1}},
    {"workload": {"flows": [["vf0", "uplink", "1.5Gbps"], ["vf1", "vf2"]], "pattern": "flows"}},
    {"workload": {"load": 0}},
    {"workload": {"load": "2.5Mpps", "weights": {"vf0": 4, "pf": 0.5}}},
    {"workload": {"load": "90% of ceiling", "zipf": 1.2}},
    {"workload": {"flows": [["vf0", "vf1", "2Kpps"]], "pattern": "flows"}},
    {"workload": {"pattern": "none", "external": {"rate": "1Gbps"}}},
    {"workload": {"pattern": None, "external": {"rate": "1Gbps"}}},
    {"switch": {"s_channels": {"10": "veb"}, "uplink": {"vlans": [1, 2], "native_vlan": None}}},
    {"host": {"iotlb": {"entries": 64, "miss": "100ns"}, "jitter": {"kind": "histogram", "bins": [["0ns", 1]]}}},
    {"nic": {"strict": False}, "switch": {"acl": [{"action": "deny", "ethertype": 2054}]}},
    {"bridge": None, "servers": []},
    {"bridge": {"ports": {"outside": {"rate": "40Gbps", "native_vlan": None}}, "policy": [{"action": "permit"}]}},
    {"servers": [{"name": "a"}, {"name": "b-2", "set": {"pcie.lanes": 8, "nic": {"vfs": 4}, "host": None}}]},
    {"servers": [{"name": "a"}], "workload": {"pattern": "flows", "flows": [["a.vf0", "uplink"], ["a.pf", "a.vf1"]]}},
]


@pytest.mark.parametrize("mapping", TAKEN_BY_BOTH, ids=json.dumps)
def test_what_is_taken_is_valid(mapping, validator):
    assert list(validator.iter_errors(mapping)) == []
    config_from_mapping(mapping)


def properties_of(schema: dict, found: list[tuple[str, dict]]) -> list[tuple[str, dict]]:
    for name, definition in [("", schema), *schema["$defs"].items()]:
        found.extend((f"{name}.{key}", value) for key, value in definition["properties"].items())
    return found


def test_every_key_is_described_and_has_the_words_of_the_contract():
    properties = dict(properties_of(json_schema(), []))
    assert [key for key, value in properties.items() if len(value["description"]) < 12] == []
    keys = {key.rpartition(".")[2] for key in properties}
    contract = """
        pcie generation lanes max_payload max_read_request read_completion_boundary tags dllp_model arbitration
        propagation address_bits credits ph pd nph npd return errors host read_latency jitter kind
        completion_bytes buffer_bytes buffer_offset write_drain iotlb cores nic preset vfs queues_per_vf tx_ring
        rx_ring fetch_batch rx_fetch_batch rx_prefetch tx_writeback_batch rx_writeback_batch writeback_timeout
        descriptor_cache store_rate tx_buffer rx_buffer max_pps rate_limit_window drop_enable driver tx_doorbell_batch
        refill_batch rx_interrupt_batch tx_interrupt_batch moderation frame_time switch mode timing scheduler
        bus_bits clock queue_bytes priorities uplink native_vlan vlans ports addresses vif_lists ecid_lists
        group ecid s_channels mirrors to from direction acl port rate workload pattern frame_bytes sizes load
        arrivals on_full flows pcap pcap_time external wire_share weights zipf peak_rate mean_burst burst_length run
        warmup duration frames precision seed name macs port_vlan untagged admit spoof_check loopback self_loopback
        accept groups promiscuous default trusted enabled max_frame ethertype_filter default_priority rate_limit weight
        vif s_channel servers set bridge hairpin native_vlan latency forwarding buffer sharing table ageing policy
    """
    assert set(contract.split()) <= keys


def test_every_key_stands_in_the_reference():
    text = tables()
    for key in dict(properties_of(json_schema(), [])):
        assert f"| `{key.rpartition('.')[2]}` |" in text or f"## {key.lstrip('.')}" in text


OF_SENDS = {
    "workload.segment_bytes": "64KiB", "nic.rsc": {}, "nic.header_split": "128B", "driver.send_time": "1us",
    "driver.descriptor_time": "50ns", "driver.send_byte_time": "0.1ns", "driver.tso_context": "changed",
    "driver.vms": {"vf1": {}}, "nic.preset": None, "nic.tx_descriptor": "64B", "nic.completion_entry": "64B",
    "nic.doorbell": "8B",
}  # fmt: skip


def is_of_sends(key: str) -> bool:
    """Tell whether a key is said only where something is sent or received as a whole, or has another size."""
    of_driver = ("send_time", "descriptor_time", "send_byte_time", "tso_context")
    of_others = (
        "nic.rsc", "nic.header_split", "workload.segment_bytes", "workload.mss", "workload.header_bytes",
        "nic.tx_descriptor", "nic.completion_entry", "nic.doorbell",
    )  # fmt: skip
    return key.startswith(of_others) or key.rsplit(".", maxsplit=1)[-1] in of_driver


def configs_with_flow_control():
    """Return configurations with flow control at the adapter, at a bridge, at one of several, by their first block."""
    pfc = {"nic.arbitration": {"classes": [{"percent": 100}]}, "nic.flow_control.mode": "pfc"}
    received = [{"at": "1us", "quanta": 1, "priorities": [0], "port": "p0"}]
    left = {"name": "left", "ports": {"a": {}, "t": {"to": "right.t"}}, "flow_control": {"mode": "pfc"}}
    right = {"name": "right", "ports": {"t": {}, "outside": {}}}
    return {
        "nic": config_from_mapping({}, pfc | {"nic.flow_control.received": received}),
        "bridge": config_from_mapping({}, {"bridge.flow_control": {"mode": "pfc"}}),
        "bridges": config_from_mapping({"servers": [{"name": "a"}], "bridges": [left, right]}),
    }


def configs_with_events():
    """Return a configuration for each kind of event that has keys of its own, and one with a condition."""
    events = {
        "mailbox": {"from": "vf0", "message": "set_lpe", "max_frame": "1518B", "times": 2, "every": "1us"},
        "pf": {"vf": "vf0", "rate_limit": "1Gbps", "min_rate": "1Gbps"},
        "flood": {"from": "vf0", "every": "1us", "for": "2us"},
        "bus_master": {"of": "vf0", "on": False},
    }  # fmt: skip
    found = {kind: config_from_mapping({"scenario": [{"at": "0ms", kind: said}]}) for kind, said in events.items()}
    when = {"of": "vf0", "figure": "delivered", "above": 1, "within": "1us", "from": "1us"}
    waiting = {"when": when, "set": {}}
    return found | {"when": config_from_mapping({"scenario": [waiting]})}


def configs_with_agents() -> dict[str, Config]:
    """Return a configuration for each key of agents with another attribute."""
    rule = {"when": {"silence": "x", "for": "1us"}, "send": {"to": "guard", "message": "x"}}
    watch = {"when": {"of": "vf0", "figure": "drops", "above": 1, "within": "1us", "from": "1us"}, "set": LIMIT}
    frames = {"when": {"frame": {"to": "vf0", "from": "vf1"}},
              "send": {"frame": {"from": "vf0", "to": "vf1", "ethertype": 0x88B6}}}  # fmt: skip
    of_agents = {"within": watch, "from": watch, "set": watch, "every": {**rule, "when": {"every": "1us"}}}
    of_agents["frame.from"] = frames
    return {
        key: config_from_mapping(
            {"agents": {"guard": {"work": "1us", "rules": [of_agents.get(key, rule)]}}, "management": {}}
        )
        for key in ("work", "within", "from", "for", "every", "set", "latency", "spread", "frame.from")
    }


ROUNDS = {"count": 2, "first_gap": "1ms", "step": "1ms", "most_gap": "9ms"}


def configs_with_roles() -> dict[str, Config]:
    """Return a configuration for each part that an agent has in place of rules; it has the name that the table has."""
    times = dict.fromkeys(("pre_associate", "reserve", "associate", "de_associate"), "1ms")
    ends = {
        "vdp_station": {"by": "pf", "silent_from": "1ms", "vms": {"vf1": {"vlan": 1, "type": 2, **times}}},
        "vdp_bridge": {"silent_from": "1ms", "refuse": [{"type": 1, "code": 1}]},
        "announcer": {**dict.fromkeys(("rarp", "arp", "nd"), ROUNDS), "vms": {"vf1": {"at": "1ms"}}},
    }
    bridge = {"bridge": {"ports": {"adapter": {"vlans": [1]}}}}
    bond = {"nic": {"mode": "vswitch"}, "port": {"count": 2},
            "host": {"virtual_switch": {"bond": {"mode": "source_mac"}}}}  # fmt: skip
    beside = [bridge] * len(ends) + [bond, bond]
    ends |= {"lacp": {}, "lacp_partner": {}}
    return {
        role: config_from_mapping({**rest, "agents": {"guard": {role: own}}})
        for rest, (role, own) in zip(beside, ends.items(), strict=True)
    }


def of_agents(key: str) -> str:
    """Return the name of the configuration that has a key of agents."""
    role = [*key.split("."), ""][2]
    if role in ROLES:
        return role
    return "frame.from" if key.endswith("frame.from") else key.rpartition(".")[2]


TREE = {"switches": [{"name": "s1"}], "slots": {"x": {"behind": "s1"}}}
OF_CONTROL = {
    "profiles": {"web": {}}, "vms": [{"name": "web1", "at": "vf1", "profile": "web"}], "bridge": {},
    "control": {
        "starts": {"web1": "1s"}, "changes": [{"at": "1s", "profile": "web", "becomes": "web"}],
        "network_manager": {"poll": "1s"}, "modules": {"fails": "1s"}, "vdp": {"silent_from": "1s"},
    },
}  # fmt: skip
OF_ADAPTERS = re.compile("adapters|tree")


# One entry of each list and block that is empty unless it is given.
ENTRIES = {
    "nic.strict": False,
    "switch.ports": [{"name": "all", "receive_limit": "1Gbps", "credits": {"refill": 9, "max": 99}}],
    "nic.arbitration": {"classes": [{"percent": 100}]}, "switch.mirrors": [{"to": "vf0", "from": "vf1"}],
    "switch.acl": [{"action": "deny"}], "host.iotlb": {"entries": 64, "miss": "100ns"},
    "host.stall": {"every": "1ms", "for": "1us"},
    "workload.external": {"rate": "1Gbps"}, "servers": [{"name": "a"}], "bridge.policy": [{"action": "deny"}],
    "bridge.mirrors": [{"from": "a", "to": "outside"}], "bridge.samples": [{"from": "a", "one_in": 9}],
    "workload.incast_to": "a.vf0", "switch.mode": "multichannel", "switch.s_channels": {10: "veb"},
    "bridge.ports.a.s_channels": {10: {}}, "host.cache": {"size": "1MiB"}, "nic.dma": {},
    "driver.vms": {"vf1": {}}, "nic.steering": {"flow_director": {}},
    "host.virtual_switch": {"flow_cache": {}, "bond": {}, "learning": {}},
    "profiles.web": dict.fromkeys(("rate_limit", "min_rate", "receive_limit"), "1Gbps") | {"receive_burst": "9KiB"},
    "scenario": [{"at": "0ms", "set": {"pcie.lanes": 8}}],
}  # fmt: skip


def test_the_table_of_attributes_is_right():
    controlling = {
        "switch.mode": "e_tag", "bridge": {"kind": "controlling", "extenders": {"fex0": {}}},
        "bridge.ports.adapter.behind": "fex0",
    }  # fmt: skip
    wire, right = {"to": "right.t"}, {"name": "right", "ports": {"t": {}, "outside": {}}}
    channels, policy = {"s_channels": {10: {}}}, [{"action": "deny"}]
    extended = {"extenders": {"fex0": {}}, "ports": {"a": {"behind": "fex0"}, "t": wire}}
    joined = {
        "servers": [{"name": "a"}], "switch.mode": "multichannel", "switch.s_channels": {10: "veb"},
        "bridges": [{"name": "left", "ports": {"a": channels, "t": wire}, "policy": policy,
                     "mirrors": [{"from": "a", "to": "t"}], "samples": [{"from": "a", "one_in": 9}]}, right],
    }  # fmt: skip
    joined_extenders = {
        "servers": [{"name": "a"}], "switch.mode": "e_tag",
        "bridges": [{"name": "left", "kind": "controlling", **extended}, right],
    }  # fmt: skip
    made = (config_from_mapping({}, changes) for changes in (ENTRIES, controlling, joined, joined_extenders))
    config, with_extenders, with_bridges, with_both = made
    with_sends, with_control = config_from_mapping({}, OF_SENDS), config_from_mapping(OF_CONTROL)
    with_adapters = config_from_mapping({"servers": [{"name": "a", "adapters": [{"name": "x"}], "tree": TREE}]})
    with_hosts, with_event = config_from_mapping({"servers": [{"name": "a"}], "multi_root": {}}), configs_with_events()
    with_flow_control = configs_with_flow_control()
    with_agents = configs_with_agents() | configs_with_roles()
    text = re.sub(r"\badapter\b", "a", tables())  # whose port is named after its server
    table = dict(re.findall(r'^\| `([\w.\[\]]+)` \| `([\w.\["\]]+)` \|$', text, re.MULTILINE))
    assert len(table) > 200  # the pattern finds the table's rows
    for key, attribute in table.items():
        has_extenders = "extenders" in key
        if "flow_control" in key:
            held = with_flow_control[key.split(".")[0].partition("[")[0]]
        elif key.startswith("bridges"):
            held = with_both if has_extenders else with_bridges
        elif key.startswith("multi_root"):
            held = with_hosts
        elif key.startswith(tuple(f"scenario[0].{kind}" for kind in with_event)):
            held = with_event[key.split(".")[1]]
        elif is_of_sends(key):
            held = with_sends
        elif key.startswith("control"):
            held = with_control
        elif key.startswith(("agents", "management")):
            held = with_agents[of_agents(key)]
        else:
            held = with_extenders if has_extenders else with_adapters if OF_ADAPTERS.search(key) else config
        written = held.resolved()
        for step, name in zip(re.findall(r"\w+", key), re.findall(r"\w+", attribute), strict=True):
            written = written[int(step)] if isinstance(written, list) else written[step]
            is_attribute = not isinstance(held, dict | tuple)
            held = getattr(held, name) if is_attribute else held[int(name) if name.isdigit() else name]
        assert (written is None) == (held is None), key


@pytest.mark.strict_devices
def test_defaults_are_those_that_hold():
    """A default in the schema is what an empty configuration resolves to, where no preset is in between."""
    resolved = config_from_mapping({"nic": {"preset": None}, "driver": {"preset": None}}).resolved()
    schema = json_schema()
    for block in resolved:
        reference = schema["properties"][block]["anyOf"][0]["$ref"].rpartition("/")[2]
        for key, value in schema["$defs"][reference]["properties"].items():
            if "default" in value and key != "preset":
                as_typed = config_from_mapping(
                    {"nic": {"preset": None}, "driver": {"preset": None}} | {block: {key: value["default"], **(
                        {"preset": None} if block in ("nic", "driver") else {})}}
                )  # fmt: skip
                assert as_typed.resolved() == resolved, f"{block}.{key}"


def test_texts_of_defaults():
    by_key = {key: field for _, key, field, _ in fields(Port)}
    assert derived_text(by_key["vif"]).startswith("the port's number")
    assert derived_text(by_key["weight"]) is None
    assert default_text(Port, "weight", by_key["weight"]) == "1"
    assert default_text(Port, "name", by_key["name"]) == ""
    assert [user_text(value) for value in (None, True, "1us", [1])] == ["null", "true", "1us", "[1]"]
    assert [key for _, key, _, _ in fields(Config)] == [
        "pcie", "host", "nic", "driver", "switch", "port", "servers", "multi_root", "bridge", "bridges", "vms",
        "profiles", "workload", "run", "scenario", "agents", "management", "control",
    ]  # fmt: skip
